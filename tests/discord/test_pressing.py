"""Buttons, and questions that come by a command or a message's menu, over the gateway and real HTTP."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from bots.discord.direct import NO_GUILD
from bots.discord.interactions import NOT_ADDED
from core.bootstrap import App
from core.conversation.values import ChannelRef, ThreadRef
from tests.discord import house
from tests.discord.conftest import Start
from tests.discord.house import World, finished
from tests.discord.people import People, filled
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import in_two, refuses, says
from tests.fakes.discord_values import FORUM, REPLY, VOICE, Channel, Interaction, Message

LINES = "It is\nin the cellar,\nbeside\nthe boiler.\n"
ABOUT = "Ask about this message"


@pytest.fixture
def people(world: World) -> People:
    return People(world.discord, world.general)


async def ask(world: World, text: str = "where is login?") -> Message:
    """A question by mention, answered: the answer."""
    question = await world.discord.says(world.bob, world.general, f"{world.discord.bot} {text}")
    return (await house.answered(world, question))[-1]


async def answers_in(world: World, place: Channel, number: int = 1) -> list[Message]:
    """What the bot said there, once so many answers are whole."""
    await world.discord.until(lambda: sum(map(finished, world.discord.answers(place))) >= number)
    return world.discord.answers(place)


async def recorded(app: App, world: World) -> None:
    """Wait until every answer has its outcome: that can be seen a moment before."""
    while await app.threads.unfinished(world.place):  # noqa: ASYNC110  nothing tells that it is recorded
        await asyncio.sleep(0.01)


async def told(world: World, number: int) -> list[Message]:
    """What the bot said in the channel, once it is so much."""
    await world.discord.until(lambda: len(world.discord.answers(world.general)) >= number)
    return world.discord.answers(world.general)


def asked_so_far(chat: FakeChat) -> list[str]:
    """All questions of the conversation that the newest one belongs to."""
    return [each["content"] for each in chat.requests[-1].messages if each["role"] == "user"]


# under an answer, from another process than the one that wrote it


async def test_retry_answers_again(world: World, start: Start, chat: FakeChat) -> None:
    async with start() as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        answer = await ask(world)
    chat.will(says("Now in the attic."))
    async with start():
        await world.discord.clicks(world.alice, answer, "Retry")
        thread = answer.channel
        await world.discord.until(lambda: any("attic" in each.content for each in world.discord.answers(thread)))
    assert len(chat.requests) == 2


async def test_a_word_of_thanks_once(world: World, start: Start) -> None:
    async with start() as app:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        answer = await ask(world)
    async with start() as app:
        good = await world.discord.clicks(world.bob, answer, "👍")
        await world.discord.until(lambda: good.follow_ups)
        assert "Thank you." in good.follow_ups[0].content
        assert good.follow_ups[0].ephemeral_to is world.bob
        assert await app.feedback.counts(world.place.workspace) == (1, 0)
        bad = await world.discord.clicks(world.bob, answer, "👎")
        other = await world.discord.clicks(world.alice, answer, "👎")
        await world.discord.until(lambda: other.follow_ups)
        while await app.feedback.counts(world.place.workspace) != (0, 2):  # noqa: ASYNC110  he is told nothing
            await asyncio.sleep(0.01)
        assert bad.follow_ups == []
    assert "Retry" in answer.buttons


async def test_stop(world: World, app: App, chat: FakeChat) -> None:
    gate = asyncio.Event()
    chat.will(in_two(LINES, gate))
    question = await world.discord.says(world.bob, world.general, f"{world.discord.bot} where?")

    def running() -> list[Message]:
        thread = world.thread(question)
        return [] if thread is None else [each for each in world.discord.answers(thread) if "Stop" in each.buttons]

    await world.discord.until(running)
    (post,) = running()
    await world.discord.clicks(world.alice, post, "Stop")
    (answer,) = await house.answered(world, question)
    assert "Stopped" in answer.content
    gate.set()
    await recorded(app, world)
    again = await world.discord.clicks(world.alice, _with_stop(answer, post), "Stop")
    await world.discord.until(lambda: again.follow_ups)
    assert "Nothing is being answered here." in again.follow_ups[0].content


def _with_stop(answer: Message, post: Message) -> Message:
    """The message as somebody still sees it whose client is late."""
    turn = next(iter(post.buttons.values())).split(":")[1]
    answer.components = [
        {"type": 1, "components": [{"type": 2, "style": 2, "label": "Stop", "custom_id": f"stop:{turn}:0"}]}
    ]
    return answer


async def test_a_failed_answer_is_asked_again(world: World, app: App, chat: FakeChat) -> None:
    chat.will(refuses(422), says("In the cellar."))
    answer = await ask(world)
    await world.discord.clicks(world.bob, answer, "Retry")
    await world.discord.until(
        lambda: any("In the cellar." in each.content for each in world.discord.answers(answer.channel))
    )


async def test_each_edit_of_a_question_is_offered_to_be_asked_again(world: World, app: App) -> None:
    """Within the minutes for which Discord returns the message that has the same nonce."""
    await ask(world)
    await recorded(app, world)
    (question,) = (each for each in world.discord.posts(world.general) if each.author is world.bob)
    for number, words in enumerate(("where is logout?", "where is login?", "where is logout?"), 1):
        await world.discord.edits(question, f"{world.discord.bot} {words}")
        await told(world, number)
    assert [list(each.buttons) for each in world.discord.answers(world.general)] == [["Ask again"]] * 3


async def test_what_is_asked_again_and_refused_again_is_told_again(world: World, app: App) -> None:
    question = await world.discord.says(world.bob, world.general, f"{world.discord.bot} in:wrong where is login?")
    (refusal,) = await told(world, 1)
    await recorded(app, world)
    await world.discord.edits(question, f"{world.discord.bot} in:wrong where is logout?")
    _, offer = await told(world, 2)
    await world.discord.clicks(world.bob, offer, "Ask again")
    *_, again = await told(world, 3)
    await recorded(app, world)
    assert (again.content, again.type) == (refusal.content, REPLY)
    await world.discord.clicks(world.bob, offer, "Ask again")
    *_, last = await told(world, 4)
    await recorded(app, world)
    assert last.content == refusal.content


async def test_a_press_is_acknowledged_when_what_it_is_for_is_stored(world: World, app: App, chat: FakeChat) -> None:
    """Discord sends it once, and a process that ends a moment later has not lost it."""
    answer, gate = await ask(world), asyncio.Event()
    await recorded(app, world)
    chat.will(in_two(LINES, gate))
    retry = await world.discord.clicks(world.bob, answer, "Retry")
    await world.discord.until(lambda: retry.answered)
    assert await app.threads.unfinished(world.place)
    gate.set()
    await recorded(app, world)


async def test_retry_while_it_is_being_answered(world: World, app: App, chat: FakeChat) -> None:
    answer, gate = await ask(world), asyncio.Event()
    chat.will(in_two(LINES, gate))
    retry = answer.buttons["Retry"]
    await world.discord.clicks(world.bob, answer, "Retry")
    await chat.arrival()
    await chat.arrival()
    answer.components = [{"type": 1, "components": [{"type": 2, "style": 2, "label": "Retry", "custom_id": retry}]}]
    second = await world.discord.clicks(world.alice, answer, "Retry")
    await world.discord.until(lambda: second.follow_ups)
    assert "being answered already" in second.follow_ups[0].content
    gate.set()
    await answers_in(world, answer.channel)


# by command


async def test_a_question_by_command_is_shown_and_answered_in_its_thread(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    said = await people.command(world.bob, "askrepo", {"question": "where is login?"})
    await world.discord.until(lambda: "shown in this channel" in said.content)
    await world.discord.until(lambda: world.discord.answers(world.general))
    echo = world.discord.answers(world.general)[0]
    assert "where is login?" in echo.content
    assert str(world.bob) in echo.content
    await world.discord.until(lambda: world.discord.thread_of(echo))
    thread = world.discord.thread_of(echo)
    assert thread is not None
    (answer,) = await answers_in(world, thread)
    assert [request.questions for request in chat.requests] == [["where is login?"]]
    follow_up = await world.discord.says(world.bob, thread, "and logout?")
    await answers_in(world, thread, 2)
    assert asked_so_far(chat) == ["where is login?", "and logout?"]
    assert (answer.channel, follow_up.channel) == (thread, thread)


@pytest.mark.parametrize("inside", [False, True])
async def test_a_question_by_command_is_forgotten_with_the_post_that_shows_it(
    world: World, people: People, app: App, chat: FakeChat, inside: bool
) -> None:
    discord = world.discord
    place = await discord.opens_thread(world.bob, world.general, "elsewhere") if inside else world.general
    chat.will(in_two(LINES, asyncio.Event(), at=2))
    await people.command(world.bob, "askrepo", {"question": "my secret?"}, place)
    await discord.until(lambda: discord.answers(place))
    (echo, *_) = discord.answers(place)
    thread = place if inside else await thread_from(world, echo)
    await discord.until(lambda: any("in the cellar" in post.content for post in discord.answers(thread)))
    await discord.deletes(echo)
    await discord.until(lambda: any("Stopped" in post.content for post in discord.answers(thread)))
    (turn,) = await app.history.turns(ThreadRef(world.place, thread.id))
    assert turn.question.text == ""


async def thread_from(world: World, message: Message) -> Channel:
    """The thread that began with a message."""
    await world.discord.until(lambda: world.discord.thread_of(message))
    thread = world.discord.thread_of(message)
    assert thread is not None
    return thread


async def test_a_question_by_command_in_a_thread_is_answered_there(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    answer = await ask(world)
    thread = answer.channel
    await recorded(app, world)
    why = await people.command(world.alice, "askrepo-why", channel=thread)
    assert f"this thread: `{house.REPOSITORY}`, **chosen**" in why.content
    said = await people.command(world.alice, "askrepo", {"question": "and logout?"}, thread)
    await world.discord.until(lambda: "shown here" in said.content)
    await answers_in(world, thread, 2)
    assert asked_so_far(chat) == ["where is login?", "and logout?"]
    assert world.discord.answers(world.general) == []


async def test_a_question_by_command_in_a_voice_channel(world: World, people: People, app: App, chat: FakeChat) -> None:
    voice = world.discord.channel(world.guild, "talk", type=VOICE)
    await app.mappings.map(ChannelRef("discord", world.guild.id, voice.id), house.REPOSITORY, actor="U")
    await people.command(world.bob, "askrepo", {"question": "who speaks?"}, voice)
    await answers_in(world, voice)


async def test_where_nothing_is_mapped_the_notice_is_private_and_its_button_maps(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    unmapped = world.discord.channel(world.guild, "random")
    interaction = await people.uses(world.alice, "askrepo", {"question": "where is login?"}, unmapped)
    notice = await people.reply(interaction, 1)
    assert "No repository is mapped here yet." in notice.content
    await world.discord.until(lambda: "shown in this channel" in interaction.shown)
    await people.form(world.alice, await world.discord.clicks(world.alice, notice, "Map a repository"))
    chat.will(says("pong"), says("In the cellar."))
    await world.discord.submits(world.alice, repository="acme/other")
    await world.discord.until(lambda: "about `github.com/acme/other` now." in notice.content)
    await world.discord.until(lambda: world.discord.answers(unmapped))
    thread = None

    def opened() -> bool:
        nonlocal thread
        thread = world.discord.thread_of(world.discord.answers(unmapped)[0])
        return thread is not None

    await world.discord.until(opened)
    assert thread is not None
    assert "In the cellar." in (await answers_in(world, thread))[0].content


async def test_two_processes_that_hear_of_one_interaction_do_it_once(
    world: World, people: People, start: Start, chat: FakeChat
) -> None:
    world.discord.allows(40060)
    async with start() as app, start():
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        for text in ("one?", "two?", "three?"):
            await people.command(world.bob, "askrepo", {"question": text})
        await world.discord.until(lambda: len(world.discord.threads(world.general)) == 3)
        for thread in world.discord.threads(world.general):
            await answers_in(world, thread)
    assert sorted(request.questions[0] for request in chat.requests) == ["one?", "three?", "two?"]


# about a message


async def test_a_message_is_asked_about_in_its_thread(world: World, people: People, app: App, chat: FakeChat) -> None:
    file = world.discord.file("login.py", "raise RuntimeError(4711)")
    text = f"Login of {world.alice} fails with 4711"
    message = await world.discord.says(world.alice, world.general, text, files=[file])
    await world.discord.until(lambda: world.discord.commands.get(""))
    form = await people.form(world.bob, await world.discord.context_command(world.bob, message, ABOUT))
    assert filled(form) == {"question": "Explain this message"}
    said = await people.sent(world.bob, question="why that?")
    await world.discord.until(lambda: "in the thread of that message" in said.content)
    await world.discord.until(lambda: world.discord.thread_of(message))
    thread = world.discord.thread_of(message)
    assert thread is not None
    await answers_in(world, thread)
    (asked,) = chat.requests
    for words in ("why that?", "Login of @Alice fails with 4711", "raise RuntimeError(4711)"):
        assert words in asked.questions[0]
    again = await people.sent(world.bob, form, question="why that?")
    await world.discord.until(lambda: "has expired" in again.content)
    assert len(chat.requests) == 1


async def test_an_alert_is_asked_about(world: World, people: People, app: App, chat: FakeChat) -> None:
    alert = await world.discord.webhook_says(world.general, "")
    alert.embeds = [{"title": "Build 17 failed"}]
    await world.discord.until(lambda: world.discord.commands.get(""))
    await people.form(world.bob, await world.discord.context_command(world.bob, alert, ABOUT))
    await people.sent(world.bob, question="why?")
    await answers_in(world, await thread_from(world, alert))
    assert "> Build 17 failed" in chat.requests[0].questions[0]


async def test_a_message_without_words_is_not_asked_about(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    empty = await world.discord.webhook_says(world.general, "")
    await world.discord.until(lambda: world.discord.commands.get(""))
    said = await people.reply(await world.discord.context_command(world.bob, empty, ABOUT))
    assert said.content.startswith("I can read no text in that message.")


async def test_a_message_of_a_forum_post_is_asked_about_in_that_post(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    forum = world.discord.channel(world.guild, "help", type=FORUM)
    await app.mappings.map(ChannelRef("discord", world.guild.id, forum.id), house.REPOSITORY, actor="U")
    post = await world.discord.opens_post(world.alice, forum, "Login", "It fails with 4711")
    (message,) = world.discord.posts(post)
    await world.discord.until(lambda: world.discord.commands.get(""))
    await people.form(world.bob, await world.discord.context_command(world.bob, message, ABOUT))
    said = await people.sent(world.bob, question=" ")
    await world.discord.until(lambda: "Write a question." in said.content)
    assert filled(await people.again(world.bob, said)) == {"question": " "}
    await world.discord.submits(world.bob, question="why?")
    await answers_in(world, post)
    asked = chat.requests[0].questions[0]
    assert asked.index("The title of this thread:\n\n> Login") < asked.index("It fails with 4711")


# directly


async def test_directly_by_command(world: World, people: People, app: App, chat: FakeChat) -> None:
    direct = world.discord.dm(world.bob)
    said = await people.command(world.bob, "askrepo", {"question": "where?"}, direct)
    await world.discord.until(lambda: said.content.startswith(NO_GUILD[:40]))
    assert chat.requests == []
    help_ = await people.command(world.bob, "askrepo-help", channel=direct)
    assert "/askrepo-map" in help_.content


async def test_a_word_to_somebody_is_said_though_discord_is_away_at_first(world: World, app: App) -> None:
    """It stands for an outcome: no turn is stored for what fits no server."""
    direct = world.discord.dm(world.bob)
    failed = world.discord.fail("POST", "/channels/{channel_id}/messages", status=502, times=2, at=direct.id)
    await world.discord.says(world.bob, direct, "how does it work?")
    await world.discord.until(lambda: world.discord.answers(direct))
    assert failed.struck
    (told,) = world.discord.answers(direct)
    assert told.content.startswith(NO_GUILD[:40])


async def test_directly_by_command_nothing_of_before_is_sent_along(
    world: World, people: People, start: Start, chat: FakeChat
) -> None:
    """What stands there may be of another server, whose code is not for this one's service."""
    direct = world.discord.dm(world.bob)
    await world.discord.says(world.bob, direct, "Of another server: cAnArY")
    async with start() as app:
        await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="U")
        await people.command(world.bob, "askrepo", {"question": "where?"}, direct)
        await answers_in(world, direct)
    assert [request.questions for request in chat.requests] == [["where?"]]


async def test_directly_with_a_default(world: World, people: People, app: App, chat: FakeChat) -> None:
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="U")
    direct = world.discord.dm(world.bob)
    said = await people.command(world.bob, "askrepo-help", channel=direct)
    await world.discord.until(lambda: "/askrepo-map" in said.content)
    await people.command(world.bob, "askrepo", {"question": "where?"}, direct)
    answer = (await answers_in(world, direct))[-1]
    assert [request.questions for request in chat.requests] == [["where?"]]
    good = await world.discord.clicks(world.bob, answer, "👍")
    await world.discord.until(lambda: good.follow_ups)
    assert await app.feedback.counts(world.place.workspace) == (1, 0)
    listed = await people.command(world.bob, "askrepo", {"question": "list"}, direct)
    await world.discord.until(lambda: house.REPOSITORY in listed.content)
    for text in ("map acme/other", "default acme/other", "unmap", "token remove workspace"):
        denied = await people.command(world.alice, "askrepo", {"question": text}, world.discord.dm(world.alice))
        await world.discord.until(partial(_is_denied, denied))


def _is_denied(said: Message) -> bool:
    return "a right you do not have" in said.content


# from elsewhere: no call of the service, whoever asks


async def elsewhere(world: World, people: People, channel: Channel, *, user_install: bool) -> list[Interaction]:
    discord = world.discord
    await discord.until(lambda: discord.commands.get(""))
    for each in discord.commands[""]:  # as if a person could have added the app
        each["integration_types"], each["contexts"] = [0, 1], None
    used = [
        await discord.command(world.bob, channel, "askrepo", {"question": "where?"}, user_install=user_install),
        await discord.command(world.bob, channel, "askrepo-list", user_install=user_install),
    ]
    message = await discord.says(world.bob, channel, "It fails.")
    return [*used, await discord.context_command(world.bob, message, ABOUT, user_install=user_install)]


async def test_in_a_server_that_did_not_add_the_bot(world: World, people: People, app: App, chat: FakeChat) -> None:
    foreign = world.discord.guild("foreign", bot=False)
    world.discord.join(foreign, world.bob)
    channel = world.discord.channel(foreign, "general", tell=False)
    for interaction in await elsewhere(world, people, channel, user_install=True):
        assert interaction.shown.startswith(NOT_ADDED[:30])
        assert interaction.ephemeral
    assert chat.requests == []


async def test_who_added_the_app_as_well_is_served_where_the_server_did(
    world: World, people: People, app: App, chat: FakeChat
) -> None:
    question, listed, about = await elsewhere(world, people, world.general, user_install=True)
    assert (question.ephemeral, listed.ephemeral, about.answered) == (True, True, 9)
    await chat.arrival()
