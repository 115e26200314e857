"""Questions over real HTTP, from Slack's request to the answer in the thread."""

from __future__ import annotations

import pytest

from core.bootstrap import App
from core.conversation.values import ThreadRef
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack_chat import POST_TEXT
from tests.fakes.slack_values import Message
from tests.slack import house
from tests.slack.askers import quiet
from tests.slack.house import World, answered
from tests.turns import ended


async def test_a_mention_is_answered_in_its_thread(world: World, app: App, chat: FakeChat) -> None:
    chat.will(says("It lives in ", "`core/login.py`.\n", "And nowhere else."))
    question = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} where is login?")
    (answer,) = await answered(world, question)
    assert answer.body.startswith("It lives in `core/login.py`.\nAnd nowhere else.")
    (asked,) = chat.requests
    assert asked.questions == ["where is login?"]


async def test_a_command_shows_its_question_and_is_answered_below_it(world: World, app: App, chat: FakeChat) -> None:
    chat.will(says("In the router."))
    world.slack.allows_pings_of(world.alice)
    await world.slack.command(world.alice, world.general, "where are routes?")
    await world.slack.until(lambda: len(world.slack.posts(world.general)) == 2)
    root, _ = world.slack.posts(world.general)
    assert "where are routes?" in root.shown
    assert f"<@{world.alice.id}>" in root.shown
    (answer,) = await answered(world, root)
    assert answer.body.startswith("In the router.")


async def test_nothing_that_is_posted_shows_a_preview(world: World, app: App, chat: FakeChat) -> None:
    """Slack would fetch what is linked, and tell its owner that somebody read it."""
    world.slack.native_streaming = False
    chat.will(says("See https://example.com/owned."))
    world.slack.allows_pings_of(world.alice)
    await world.slack.command(world.alice, world.general, "what is https://example.com/asked?")
    assert await ended(app) == ["answered"]
    posted = [call.arguments for call in world.slack.called("chat.postMessage")]
    assert [(each.get("unfurl_links"), each.get("unfurl_media")) for each in posted] == [(False, False)] * 2


async def test_a_direct_message_takes_the_workspaces_default(world: World, app: App, chat: FakeChat) -> None:
    await app.mappings.set_default(world.place.workspace, "github.com/calcom/cal.com", actor=world.alice.id)
    chat.will(says("Privately: yes."))
    question = await world.slack.says(world.alice, world.slack.dm(world.alice), "does it?")
    (answer,) = await answered(world, question)
    assert answer.body.startswith("Privately: yes.")


async def test_follow_ups_by_two_people(world: World, app: App, chat: FakeChat) -> None:
    slack, general = world.slack, world.general
    root = await slack.says(world.alice, general, f"{world.askrepo.bot} one?")
    await answered(world, root)
    for number, (who, text) in enumerate(
        [(world.alice, "two?"), (world.bob, f"{world.askrepo.bot} three?"), (world.bob, "four?")], start=2
    ):
        await slack.says(who, general, text, thread=root.ts)
        await answered(world, root, number)
    assert [request.questions[-1] for request in chat.requests] == ["one?", "two?", "three?", "four?"]
    assert len(chat.requests[-1].messages) == 7


async def test_people_who_talk_to_each_other_are_left_alone(world: World, app: App, chat: FakeChat) -> None:
    slack, general = world.slack, world.general
    root = await slack.says(world.alice, general, f"{world.askrepo.bot} one?")
    await answered(world, root)
    await slack.says(world.bob, general, "I know that one", thread=root.ts)
    await slack.says(world.alice, general, "really?", thread=root.ts)
    await slack.says(world.alice, general, f"{world.askrepo.bot} two?", thread=root.ts)
    await answered(world, root, 2)
    assert [request.questions[-1] for request in chat.requests] == ["one?", "two?"]


async def test_called_late_it_reads_the_thread(world: World, app: App, chat: FakeChat) -> None:
    slack, general = world.slack, world.general
    root = await slack.says(world.bob, general, "Login fails with error 4711.")
    await slack.says(world.bob, general, "Only on Mondays.", thread=root.ts)
    await slack.says(world.alice, general, f"{world.askrepo.bot} why?", thread=root.ts)
    await answered(world, root)
    (asked,) = chat.requests
    assert asked.questions[0].startswith("why?")
    assert asked.questions[0].index("error 4711") < asked.questions[0].index("Only on Mondays.")
    await slack.says(world.alice, general, "since when?", thread=root.ts)
    await answered(world, root, 2)
    assert "error 4711" in chat.requests[-1].messages[0]["content"]
    assert len(slack.called("conversations.replies")) == 1


async def test_text_files_are_context_and_others_are_named(world: World, app: App, chat: FakeChat) -> None:
    slack = world.slack
    trace = slack.file(world.alice, "trace.txt", "Traceback: KeyError 'user'\n")
    picture = slack.file(world.alice, "screen.png", b"\x89PNG\0", "image/png")
    question = await slack.says(
        world.alice, world.general, f"{world.askrepo.bot} what is this?", files=[trace, picture]
    )
    (answer,) = await answered(world, question)
    (asked,) = chat.requests
    assert "KeyError 'user'" in asked.questions[0]
    assert "screen.png" in answer.body


async def test_a_message_that_is_shared_with_a_question_is_what_it_is_about(
    world: World, app: App, chat: FakeChat
) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    shared = {"is_share": True, "is_msg_unfurl": True, "author_name": "CI", "text": "ERROR login.py:42\nKeyError"}
    root = await slack.says(world.bob, general, "Login fails with error 4711.")
    await slack.says(world.alice, general, f"{bot} what is this?", thread=root.ts, attachments=[shared])
    await answered(world, root)
    (asked,) = chat.requests
    assert asked.questions[0].startswith("what is this?")
    assert "error 4711" in asked.questions[0]
    assert asked.questions[0].endswith("It is about this message:\n\n> ERROR login.py:42\n> KeyError")


@pytest.mark.parametrize("word", ["stop", "Stop!"])
async def test_stop(world: World, app: App, chat: FakeChat, word: str) -> None:
    slack, general = world.slack, world.general
    chat.will(says("The beginning.\n", *["and on "] * 10_000, delay=0.02))
    root = await slack.says(world.alice, general, f"{world.askrepo.bot} tell me everything")
    await slack.until(lambda: any("The beginning." in post.body for post in slack.thread(general, root.ts)[1:]))
    await slack.says(world.alice, general, f"{world.askrepo.bot} {word}", thread=root.ts)
    (answer,) = await answered(world, root)
    assert "Stopped, as you asked." in answer.body


async def test_retry_new_and_mute(world: World, app: App, chat: FakeChat) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    chat.will(says("First."), says("Second."), says("Third."))
    root = await slack.says(world.alice, general, f"{bot} one?")
    await answered(world, root)
    await slack.says(world.alice, general, f"{bot} retry", thread=root.ts)
    await slack.until(lambda: "Second." in slack.thread(general, root.ts)[1].body)
    (answer,) = await answered(world, root)
    assert "First." not in answer.body
    await slack.says(world.alice, general, f"{bot} mute", thread=root.ts)
    await slack.says(world.alice, general, "nobody hears this", thread=root.ts)
    await slack.says(world.alice, general, f"{bot} new", thread=root.ts)
    await slack.says(world.alice, general, f"{bot} two?", thread=root.ts)
    await answered(world, root, 2)
    assert [request.questions for request in chat.requests] == [["one?"], ["one?"], ["two?"]]


async def test_an_edited_question_is_answered_as_it_is_now(world: World, app: App, chat: FakeChat) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    chat.will(says("About the old one.\n", *["and on "] * 10_000, delay=0.02), says("About the new one."))
    root = await slack.says(world.alice, general, f"{bot} old?")
    await slack.until(lambda: any("old one." in post.body for post in slack.thread(general, root.ts)[1:]))
    await slack.edits(root, f"{bot} new?")
    await slack.until(lambda: "About the new one." in slack.thread(general, root.ts)[1].body)
    (answer,) = await answered(world, root)
    assert "old one" not in answer.body


async def test_an_edit_that_is_delivered_again_behind_a_later_one_changes_nothing(
    world: World, app: App, chat: FakeChat
) -> None:
    """Slack sends again what could not be stored, minutes later, and what came after it at once."""
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    chat.will(says("In it."))
    root = await slack.says(world.alice, general, f"{bot} first?")
    await answered(world, root)
    before = slack.message_json(root)
    await slack.edits(root, f"{bot} second?")
    again = [slack._hidden(root, "changed", before), slack._message_event(root, type="app_mention")]
    slack.advance(2)
    await slack.edits(root, f"{bot} third?")
    for event in again:
        assert (await slack.deliver(event, world.askrepo, general)).acknowledged
    (turn,) = await app.history.turns(ThreadRef(world.place, root.ts))
    assert turn.question.text == "third?"


async def test_an_answered_question_that_is_edited_can_be_asked_again(world: World, app: App, chat: FakeChat) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    root = await slack.says(world.alice, general, f"{bot} old?")
    await answered(world, root)
    await slack.edits(root, f"{bot} new?")
    await slack.until(lambda: slack.ephemerals(general, world.alice))
    (offer,) = slack.ephemerals(general, world.alice)
    assert [button["text"]["text"] for button in offer.buttons] == ["Ask again"]
    assert len(chat.requests) == 1


@pytest.mark.parametrize("direct", [False, True])
async def test_a_refused_question_that_is_edited_can_be_asked_again(
    world: World, app: App, chat: FakeChat, direct: bool
) -> None:
    """Nobody has replied in its thread, where Slack shows nothing that is private."""
    slack = world.slack
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="U")
    channel, call = (slack.dm(world.alice), "") if direct else (world.general, f"{world.askrepo.bot} ")
    root = await slack.says(world.alice, channel, f"{call}in:wrong where is login?")
    assert await ended(app) == ["refused"]
    await slack.edits(root, f"{call}where is login?")
    await slack.until(lambda: len(slack.ephemerals(channel, world.alice)) == 2)
    _, offer = slack.ephemerals(channel, world.alice)
    assert [button["text"]["text"] for button in offer.buttons] == ["Ask again"]
    await slack.clicks(world.alice, offer, "again")
    await answered(world, root)
    assert [request.question for request in chat.requests] == ["where is login?"]


async def test_the_longest_post_in_the_smallest_pieces_is_asked_and_may_be_edited(
    world: World, app: App, chat: FakeChat
) -> None:
    """Slack makes two elements of rich text of every four characters, and sends them twice where they are edited."""
    slack, general, call = world.slack, world.general, f"{world.askrepo.bot} "
    chat.will(says("In the router."))
    root = await slack.says(world.alice, general, call + "`a` " * ((POST_TEXT - len(call)) // 4))
    await answered(world, root)
    await slack.edits(root, call + "`b` " * ((POST_TEXT - len(call)) // 4))
    await slack.until(lambda: slack.ephemerals(general, world.alice))
    assert [len(request.question) > 39_900 for request in chat.requests] == [True]


async def test_a_mention_added_by_an_edit_asks(world: World, app: App, chat: FakeChat) -> None:
    world.slack.advance(-3_600)
    root = await world.slack.says(world.alice, world.general, "where is login?")
    world.slack.advance(3_600)
    await world.slack.edits(root, f"{world.askrepo.bot} where is login?")
    await answered(world, root)
    await world.slack.unfurls(root)
    assert len(chat.requests) == 1


async def test_a_call_that_gets_its_question_by_an_edit_asks_unless_it_is_long_ago(
    world: World, app: App, chat: FakeChat
) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    slack.advance(-3_700)
    old = await slack.says(world.alice, general, f"{bot}")
    slack.advance(3_700)
    root = await slack.says(world.alice, general, f"{bot}")
    await slack.until(lambda: len(slack.ephemerals(general, world.alice)) == 2)
    await slack.edits(old, f"{bot} where is logout?")
    await slack.edits(root, f"{bot} where is login?")
    await answered(world, root)
    assert [request.question for request in chat.requests] == ["where is login?"]


async def test_an_edited_mention_is_asked_as_it_is_now(world: World, app: App, chat: FakeChat) -> None:
    """Slack tells of it by app_mention too: it was posted long ago, and is asked now."""
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    slack.advance(-1_200)
    root = await slack.says(world.alice, general, f"{bot}")
    slack.advance(1_200)
    await slack.until(lambda: slack.ephemerals(general, world.alice))
    root.text, root.edited = f"{bot} where is login?", slack.now_ts()
    assert (await slack.deliver(slack._message_event(root, type="app_mention"), world.askrepo, general)).acknowledged
    await answered(world, root)
    assert [request.question for request in chat.requests] == ["where is login?"]


@pytest.mark.parametrize("direct", [False, True])
async def test_a_question_that_is_edited_before_it_could_be_accepted_is_asked_once(
    world: World, app: App, chat: FakeChat, direct: bool
) -> None:
    """Its event comes again minutes later, with the words that it had."""
    slack = world.slack
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="U")
    channel, call = (slack.dm(world.alice), "") if direct else (world.general, f"{world.askrepo.bot} ")
    root = Message(slack.now_ts(), channel, world.alice, f"{call}where is login?")
    channel.add(root)
    first = slack._message_event(root, type="message" if direct else "app_mention")
    await slack.edits(root, f"{call}where is logout?")
    await answered(world, root)
    assert (await slack.deliver(first, world.askrepo, channel)).acknowledged
    await quiet(world, app, chat)
    assert [request.question for request in chat.requests] == ["where is logout?", "is all done?"]


async def test_help_is_told_though_slack_is_away_at_first(world: World, app: App) -> None:
    failed = world.slack.fail("chat.postEphemeral", drop="before", times=2)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot}")
    await world.slack.until(lambda: world.slack.ephemerals(world.general, world.alice))
    assert failed.struck


async def test_a_deleted_question_stops_and_is_forgotten(world: World, app: App, chat: FakeChat) -> None:
    slack, general = world.slack, world.general
    chat.will(says("The beginning.\n", *["and on "] * 10_000, delay=0.02))
    root = await slack.says(world.alice, general, f"{world.askrepo.bot} my secret?")
    await slack.until(lambda: any("The beginning." in post.body for post in slack.thread(general, root.ts)[1:]))
    await slack.deletes(root)
    await slack.until(lambda: any("Stopped" in post.body for post in slack.thread(general, root.ts)))


@pytest.mark.parametrize("which", ["the first", "a reply"])
async def test_what_was_read_of_a_post_that_is_deleted_goes_with_no_later_question(
    world: World, app: App, chat: FakeChat, which: str
) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    chat.will(says("One."), says("Two."))
    root = await slack.says(world.bob, general, "Login fails.")
    reply = await slack.says(world.bob, general, "Since noon.", thread=root)
    await slack.says(world.alice, general, f"{bot} why?", thread=root)
    await answered(world, root)
    gone, left = (root, "Since noon.") if which == "the first" else (reply, "Login fails.")
    words = gone.text
    await slack.deletes(gone)
    await slack.says(world.alice, general, f"{bot} and how?", thread=root)
    await answered(world, root, 2)
    first, second = ["\n".join(each["content"] for each in request.json["messages"]) for request in chat.requests]
    assert words in first
    assert left in first
    assert words not in second


async def test_a_command_is_forgotten_with_the_post_that_shows_its_question(
    world: World, app: App, chat: FakeChat
) -> None:
    slack, general = world.slack, world.general
    slack.allows_pings_of(world.alice)
    chat.will(says("The beginning.\n", *["and on "] * 10_000, delay=0.02))
    await slack.command(world.alice, general, "my secret?")
    await slack.until(lambda: any("The beginning." in post.body for post in slack.posts(general)))
    echo = slack.posts(general)[0]
    await slack.deletes(echo)
    await slack.until(lambda: any("Stopped" in post.body for post in slack.thread(general, echo.ts)))
    assert await ended(app) == ["stopped"]
    thread = ThreadRef(world.place, echo.ts)
    assert [(turn.question.text, turn.answer) for turn in await app.history.turns(thread)] == [("", None)]
