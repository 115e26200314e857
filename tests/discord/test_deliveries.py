"""One delivery: where an answer is posted, what is found again, and how one person is told something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from bots.discord.delivery import DiscordDelivery
from bots.discord.posting import Posting
from bots.discord.reference import Invocation, Reference
from bots.discord.rest import Rest
from core import bootstrap
from core.bootstrap import App
from core.channels.access import Audience, Standing
from core.conversation.values import Notice, Offer, Outcome, Question, ThreadRef
from core.errors import (
    DeliveryFailed,
    DeliveryUncertain,
    Gone,
    NotAttached,
    NotYet,
    PlaceGone,
    PostGone,
    PostUnknown,
)
from core.relay.claims import Scope
from core.relay.delivery import ECHO, Footer, Post
from tests.discord.answering import answering, commanded, delivery, question, rest, settings
from tests.discord.house import World
from tests.discord.outcomes import said, told
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.discord_values import FORUM, REPLY, SUPPRESS_EMBEDS, VOICE, Channel, Message
from tests.turns import ended

TURN = "0123456789abcdef0123456789abcdef"
DONE = Footer(Outcome.ANSWERED, "github.com/acme/widgets", None, 1.0)
POST = ("POST", "/channels/{channel_id}/messages")
THREAD = ("POST", "/channels/{channel_id}/messages/{message_id}/threads")
TYPING = ("POST", "/channels/{channel_id}/typing")


@dataclass
class Desk:
    """A delivery, and what it delivers to."""

    delivery: DiscordDelivery
    rest: Rest
    parts: App


@pytest.fixture
async def desk(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[Desk]:
    async with bootstrap.opened(settings(chat, sqlite_url)) as parts, rest(world.discord, parts.allowances) as opened:
        yield Desk(delivery(opened), opened, parts)


def post(asked: Question, number: int = 0, post_id: str | None = None, *, attached: bool = False) -> Post:
    return Post(asked, TURN, number, post_id, attached=attached)


async def asks(world: World, text: str = "why?") -> Message:
    return await world.discord.says(world.alice, world.general, f"{world.discord.bot} {text}")


def thread_of(world: World, message: Message) -> Channel:
    thread = world.thread(message)
    assert thread is not None
    return thread


# where an answer is posted


async def test_a_question_in_a_channel_opens_a_thread(world: World, desk: Desk) -> None:
    root = await asks(world, "**why** does it\nfail?")
    await desk.delivery.show(post(question(world, root)), "", None)
    thread = thread_of(world, root)
    assert thread.name == "why does it fail?"
    assert thread.thread is not None
    assert thread.thread.auto_archive_duration == 1440
    (sign,) = world.discord.answers(thread)
    assert sign.flags & SUPPRESS_EMBEDS
    await desk.delivery.show(post(question(world, root), 1), "more", None)
    assert len(world.discord.called(*THREAD)) == 1


@pytest.mark.parametrize("kind", ["thread", "private thread", "forum", "direct", "voice"])
async def test_a_question_elsewhere_is_answered_where_it_is(world: World, desk: Desk, kind: str) -> None:
    reference, place = Reference(in_thread=True, outsider=False), world.general
    match kind:
        case "thread":
            place = await world.discord.opens_thread(world.bob, world.general)
        case "private thread":
            place = await world.discord.opens_thread(world.bob, world.general, private=True)
            world.discord.adds_to_thread(place, world.discord.bot)
            world.discord.adds_to_thread(place, world.alice)
        case "forum":
            forum = world.discord.channel(world.guild, "help", type=FORUM)
            place = await world.discord.opens_post(world.bob, forum, "Help", "It does not work.")
        case "direct":
            place, reference = world.discord.dm(world.alice), Reference(direct=True)
        case "voice":
            place = world.discord.channel(world.guild, "talk", type=VOICE)
    root = await world.discord.says(world.alice, place, f"{world.discord.bot} why?")
    asked = replace(question(world, root, reference), thread=ThreadRef(world.place, place.id))
    around = await desk.delivery.survey(asked, first=False, since=None)
    assert around.standing is Standing.MEMBER
    assert around.audience is (Audience.DIRECT if kind == "direct" else Audience.PUBLIC)
    post_id = await desk.delivery.show(post(asked), "It is.", DONE)
    assert [each.id for each in world.discord.answers(place)] == [post_id]
    assert world.discord.called(*THREAD) == []


async def test_a_command_is_shown_before_it_is_answered(world: World, desk: Desk) -> None:
    asked = commanded(world, world.alice, "Why **so**?", Reference(outsider=False))
    assert await desk.delivery.find(asked, TURN) == {}
    echo = await desk.delivery.show(post(asked, ECHO), asked.text, None)
    shown = world.general.messages[echo]
    assert shown.content == f"-# {world.alice} asks\nWhy **so**?"
    moved = replace(asked, thread=ThreadRef(world.place, echo))
    await desk.delivery.show(post(moved), "So.", DONE)
    thread = thread_of(world, shown)
    assert [said(each) for each in world.discord.answers(thread)] == ["So."]
    assert thread.name == "Why so?"


async def test_what_is_asked_about_a_message_is_answered_in_its_thread(world: World, desk: Desk) -> None:
    about = await world.discord.says(world.bob, world.general, "It fails.")
    asked = commanded(world, world.alice, "Why?", Reference(outsider=False))
    asked = replace(asked, thread=ThreadRef(world.place, about.id))
    await desk.delivery.show(post(asked, ECHO), asked.text, None)
    await desk.delivery.show(post(asked), "So.", DONE)
    shown = [said(each) for each in world.discord.answers(thread_of(world, about))]
    assert shown == [f"-# {world.alice} asks\nWhy?", "So."]
    assert world.discord.answers(world.general) == []


# once, and found again


@pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "before"}, {"status": 500}], ids=str)
async def test_a_post_that_is_tried_again_is_there_once(world: World, desk: Desk, fault: dict[str, object]) -> None:
    root = await asks(world)
    world.discord.fail(*POST, **fault)  # type: ignore[arg-type]
    with pytest.raises(DeliveryUncertain):
        await desk.delivery.show(post(question(world, root)), "So", None)
    post_id = await desk.delivery.show(post(question(world, root)), "So it is", None)
    assert [(each.id, each.content) for each in world.discord.answers(thread_of(world, root))] == [
        (post_id, "So it is")
    ]


async def test_a_thread_whose_opening_is_in_doubt_is_opened_again(world: World, desk: Desk) -> None:
    root = await asks(world)
    world.discord.fail(*THREAD, drop="after")
    await desk.delivery.show(post(question(world, root)), "So", None)
    assert len(world.discord.threads(world.general)) == 1


async def test_nothing_waits_long_for_the_sign_that_somebody_types(world: World, desk: Desk) -> None:
    gate = asyncio.Event()
    world.discord.fail(*TYPING, hold=gate)
    asked = question(world, await asks(world))
    looked = asyncio.create_task(desk.delivery.survey(asked, first=True, since=None))
    await asyncio.wait({looked}, timeout=10)
    assert looked.done(), "it waits as long as a connection takes"
    assert (await looked).standing is Standing.MEMBER
    assert not desk.rest.busy
    gate.set()


async def test_a_name_that_a_server_does_not_take(world: World, desk: Desk) -> None:
    """Servers in Server Discovery take some words in no name, `1488` among them."""
    world.discord.allows(50035)
    world.discord.fail(*THREAD, code=50035)
    root = await asks(world, "what is error 1488?")
    await desk.delivery.show(post(question(world, root)), "So", None)
    assert thread_of(world, root).name == "Question"
    world.discord.fail(*THREAD, code=50035, times=2)
    with pytest.raises(DeliveryFailed):
        await desk.delivery.show(post(question(world, await asks(world))), "So", None)


async def test_another_process_finds_what_was_posted(world: World, desk: Desk) -> None:
    root = await asks(world)
    asked = question(world, root)
    shown = [await desk.delivery.show(post(asked, number), f"Part {number}", None) for number in range(2)]
    shown.append(await desk.delivery.show(post(asked, 8, attached=True), "The whole", None))
    shown.append(await desk.delivery.show(post(asked, 2), "Part 2", DONE))
    await desk.delivery.show(replace(post(asked), turn_id="of another turn"), "Not this", None)
    await world.discord.says(world.bob, thread_of(world, root), "Nor this.")
    other = delivery(desk.rest)
    assert await other.find(asked, TURN) == {0: shown[0], 1: shown[1], 8: shown[2], 2: shown[3]}
    assert await other.find(asked, "a turn without posts") == {}


async def test_nothing_is_found_where_no_thread_is(world: World, desk: Desk) -> None:
    root = await asks(world)
    assert await desk.delivery.find(question(world, root), TURN) == {}


async def test_nobody_can_know_where_a_thread_is_gone(world: World, desk: Desk) -> None:
    thread = await world.discord.opens_thread(world.bob, world.general)
    root = await world.discord.says(world.alice, thread, f"{world.discord.bot} why?")
    await world.discord.deletes_channel(thread)
    with pytest.raises(PlaceGone):
        await desk.delivery.find(question(world, root), TURN)


async def test_nobody_can_know_where_what_was_posted_may_not_be_read(world: World, desk: Desk) -> None:
    asked = question(world, await asks(world))
    await desk.delivery.show(post(asked), "So", None)
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY")  # then Discord shows an empty thread
    with pytest.raises(PostUnknown):
        await desk.delivery.find(asked, TURN)


async def test_a_post_that_is_gone_is_posted_anew(world: World, desk: Desk) -> None:
    asked = question(world, await asks(world))
    first = await desk.delivery.show(post(asked), "So", None)
    await desk.delivery.withdraw(post(asked, 0, first))
    await desk.delivery.withdraw(post(asked, 0, first))
    second = await desk.delivery.show(post(asked), "So", None)
    await world.discord.deletes(thread_of(world, world.general.messages[asked.message_id]).messages[second])
    with pytest.raises(PostGone):
        await desk.delivery.show(post(asked, 0, second), "So", None)
    third = await desk.delivery.show(post(asked), "So", None)
    assert len({first, second, third}) == 3


async def test_another_process_posts_anew_what_it_does_not_know_to_be_gone(world: World, desk: Desk) -> None:
    """Discord still has its nonce, and returns the message as if it were there."""
    asked = question(world, await asks(world))
    first = await desk.delivery.show(post(asked), "So", None)
    await desk.delivery.withdraw(post(asked, 0, first))
    second = await delivery(desk.rest).show(post(asked), "So it is", None)
    thread = thread_of(world, world.general.messages[asked.message_id])
    assert [each.id for each in world.discord.answers(thread)] == [second]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_nonce_of_a_message_that_is_gone(world: World, desk: Desk, times: int) -> None:
    """Discord may look for the message that it knows by its nonce, and not find it (discord-api-docs#6647)."""
    world.discord.allows(10008)
    asked = question(world, await asks(world))
    world.discord.fail(*POST, code=10008, times=times)
    shown = await desk.delivery.show(post(asked), "So", None)
    (there,) = world.discord.answers(thread_of(world, world.general.messages[asked.message_id]))
    assert there.id == shown
    nonces = [call.body["nonce"] for call in world.discord.called(*POST)]
    assert len(set(nonces)) == len(nonces) == times + 1


async def test_every_nonce_is_of_a_message_that_is_gone(world: World, desk: Desk) -> None:
    world.discord.allows(10008)
    world.discord.fail(*POST, code=10008, times=-1)
    with pytest.raises(DeliveryFailed):
        await desk.delivery.show(post(question(world, await asks(world))), "So", None)
    assert len(world.discord.called(*POST)) < 20


@pytest.mark.parametrize("fault", [{"code": 40005}, {"status": 413, "html": True}, {"code": 50013}], ids=str)
async def test_a_file_that_discord_does_not_take(world: World, desk: Desk, fault: dict[str, object]) -> None:
    world.discord.allows(40005)
    world.discord.fail(*POST, **fault)  # type: ignore[arg-type]
    with pytest.raises(NotAttached):
        await desk.delivery.show(post(question(world, await asks(world)), 8, attached=True), "text", None)


# telling one person


async def test_a_notice_answers_the_question(world: World, desk: Desk) -> None:
    root = await asks(world)
    notice = Notice("Run `/askrepo map owner/name`.", Offer.MAP)
    for _ in range(2):
        await desk.delivery.tell(question(world, root), TURN, notice)
    (shown,) = told(world, root)
    assert (shown.type, shown.reference) == (REPLY, root)
    assert shown.content == "Run `/askrepo-map repository:owner/name`."
    assert list(shown.buttons) == ["Map a repository"]


async def test_the_same_words_to_two_people_are_two_notices(world: World, desk: Desk) -> None:
    """Words about a message belong to no turn; Discord takes a nonce that it knows for a repetition."""
    asked = [await asks(world, "stop"), await asks(world, "stop")]
    asked.append(await world.discord.says(world.bob, world.general, f"{world.discord.bot} stop"))
    asked.append(await world.discord.says(world.bob, world.discord.channel(world.guild, "elsewhere"), "stop"))
    for each in asked:
        await desk.delivery.tell(question(world, each), "", Notice("Nothing is answered."))
    assert [[notice.reference for notice in told(world, each) if notice.reference is each] for each in asked] == [
        [each] for each in asked
    ]


async def test_a_notice_whose_question_is_gone_is_no_reply(world: World, desk: Desk) -> None:
    root = await asks(world)
    await world.discord.deletes(root)
    await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    assert [each.content for each in world.discord.answers(world.general)] == ["Sorry."]


async def test_a_notice_where_history_cannot_be_read_is_no_reply(world: World, desk: Desk) -> None:
    root = await asks(world)
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY")
    await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    assert [each.content for each in world.discord.answers(world.general)] == ["Sorry."]


async def test_a_lost_answer_to_a_notice(world: World, desk: Desk) -> None:
    root = await asks(world)
    world.discord.fail(*POST, drop="after")
    with pytest.raises(DeliveryUncertain):
        await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    assert len(told(world, root)) == 1


async def test_a_notice_that_was_posted_long_before_its_answer_was_lost_stays_a_reply(world: World, desk: Desk) -> None:
    root = await asks(world)
    late = Posting(desk.rest, lambda: time.time() + 60)
    reply: dict[str, object] = {"content": "Sorry."}
    reply["message_reference"] = {"message_id": root.id, "fail_if_not_exists": False}
    for _ in range(2):
        await late.post(world.general.id, reply, subject="a notice", caller="a turn")
    (shown,) = told(world, root)
    assert (shown.type, shown.reference, shown.content) == (REPLY, root, "Sorry.")


async def test_what_is_found_posted_is_not_posted_again_to_be_changed(world: World, desk: Desk) -> None:
    """A hundred who did kept each other waiting until nobody knew their posts any more."""
    late = Posting(desk.rest, lambda: time.time() + 60)
    first = await late.post(world.general.id, {"content": "One."}, subject="a post", caller="a turn")
    world.discord.fail("PATCH", "/channels/{channel_id}/messages/{message_id}", status=429, retry_after=0.05)
    assert await late.post(world.general.id, {"content": "Two."}, subject="a post", caller="a turn") == first
    assert [each.content for each in world.discord.answers(world.general)] == ["Two."]


@pytest.mark.parametrize("permission", ["SEND_MESSAGES", "VIEW_CHANNEL"])
async def test_where_nothing_can_be_written_a_direct_message(world: World, desk: Desk, permission: str) -> None:
    root = await asks(world)
    await world.discord.denies(world.general, permission)
    await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    assert [each.content for each in world.discord.answers(world.discord.dm(world.alice))] == ["Sorry."]


async def test_a_direct_message_that_has_to_wait_is_not_begun_anew(world: World, desk: Desk) -> None:
    root, alone = await asks(world), world.discord.dm(world.alice)
    await world.discord.denies(world.general, "SEND_MESSAGES")
    world.discord.fail(*POST, status=429, retry_after=0.05, at=alone.id)
    await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    assert [each.content for each in world.discord.answers(alone)] == ["Sorry."]


async def test_a_guild_where_nothing_can_be_written_keeps_no_other_waiting(world: World, desk: Desk) -> None:
    """Somebody has many channels that take nothing of ours, and mentions us in each again and again."""
    hostile = replace(world, guild=world.discord.guild("hostile"))
    mallory = world.discord.user(hostile.guild, "mallory")
    for number in range(30):
        place = world.discord.channel(hostile.guild, f"place-{number}")
        await world.discord.denies(place, "SEND_MESSAGES", "CREATE_PUBLIC_THREADS")
        for _ in range(2):
            root = await world.discord.says(mallory, place, f"{world.discord.bot} why?")
            with pytest.raises((PlaceGone, NotYet)):
                await answered(hostile, desk, root)
    await answered(world, desk, await asks(world))


async def test_a_guild_where_only_threads_can_be_written_to_waits_for_nothing(world: World, desk: Desk) -> None:
    """That somebody types cannot be shown there, which costs no more than what is tried of it."""
    for number in range(12):
        place = world.discord.channel(world.guild, f"place-{number}")
        await world.discord.denies(place, "SEND_MESSAGES")
        await answered(world, desk, await world.discord.says(world.alice, place, f"{world.discord.bot} why?"))
    assert 0 < len(world.discord.invalid) < 10


async def answered(here: World, desk: Desk, root: Message) -> None:
    """Answer a question, or raise NotYet where it would have to wait."""
    await desk.delivery.survey(question(here, root), first=True, since=None)
    await desk.delivery.show(post(question(here, root)), "So.", DONE)


async def test_somebody_who_takes_no_direct_messages(world: World, desk: Desk) -> None:
    root = await asks(world)
    await world.discord.kicks_bot(world.guild)
    world.alice.dms_open = False
    with pytest.raises(PlaceGone):
        await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))


async def test_a_failure_that_is_about_the_call_goes_nowhere_else(world: World, desk: Desk) -> None:
    root = await asks(world)
    world.discord.allows(50035)
    world.discord.fail(*POST, code=50035)
    with pytest.raises(DeliveryFailed):
        await desk.delivery.tell(question(world, root), TURN, Notice("Sorry."))
    assert told(world, root) == []


async def test_a_command_is_answered_in_private_while_its_token_lives(world: World, desk: Desk) -> None:
    root = await asks(world)
    sign = await desk.delivery.show(post(question(world, root)), "", None)
    interaction = await world.discord.clicks(world.alice, thread_of(world, root).messages[sign], "Stop")
    await desk.rest.respond(interaction.id, interaction.token, {"type": 5, "data": {"flags": 64}})
    for age, private in ((0.0, 1), (15 * 60.0, 0)):
        invocation = Invocation(world.discord.application_id, interaction.token, time.time() - age)
        asked = commanded(world, world.alice, "why?", Reference(outsider=False, command=invocation))
        await desk.delivery.tell(asked, TURN, Notice(f"Sorry, {age}."))
        shown = world.discord.ephemerals(thread_of(world, root), world.alice)
        assert len([each for each in shown if each.content == f"Sorry, {age}."]) == private
    (public,) = world.discord.answers(world.general)
    assert public.content == f"{world.alice} Sorry, 900.0."


@pytest.mark.parametrize("about", [False, True])
async def test_what_is_told_late_stands_under_nothing_but_the_askers_own(world: World, desk: Desk, about: bool) -> None:
    """A thread begins with the post that shows a command's question, or with what somebody else wrote."""
    written = await world.discord.says(world.bob, world.general, "It fails.")
    invocation = Invocation(world.discord.application_id, "old", time.time() - 15 * 60.0)
    asked = commanded(world, world.alice, "Why?", Reference(outsider=False, command=invocation))
    begun = written.id if about else await desk.delivery.show(post(asked, ECHO), asked.text, None)
    await desk.delivery.tell(replace(asked, thread=ThreadRef(world.place, begun)), TURN, Notice("Too late."))
    notice = world.discord.answers(world.general)[-1]
    if about:
        assert (notice.reference, notice.content) == (None, f"{world.alice} Too late.")
    else:
        assert (notice.reference, notice.content) == (world.general.messages[begun], "Too late.")


async def test_a_token_that_is_dead_already(world: World, desk: Desk) -> None:
    invocation = Invocation(world.discord.application_id, "dead", time.time())
    asked = commanded(world, world.alice, "why?", Reference(outsider=False, command=invocation))
    world.discord.allows(50027, 10015)
    await desk.delivery.tell(asked, TURN, Notice("Sorry."))
    assert [each.content for each in world.discord.answers(world.general)] == [f"{world.alice} Sorry."]


# who may ask


@pytest.mark.parametrize(
    ("outsider", "standing"), [(False, Standing.MEMBER), (True, Standing.OUTSIDER), (None, Standing.MEMBER)]
)
async def test_the_events_word_on_who_asks(world: World, desk: Desk, outsider: bool | None, standing: Standing) -> None:
    asked = question(world, await asks(world), Reference(outsider=outsider))
    assert (await desk.delivery.survey(asked, first=True, since=None)).standing is standing
    members = world.discord.called("GET", "/guilds/{guild_id}/members/{user_id}")
    assert len(members) == (outsider is None)


async def test_the_events_word_grows_old(world: World, desk: Desk) -> None:
    asked = question(world, await asks(world), Reference(outsider=False))
    asked = replace(asked, asked_at=asked.asked_at.replace(year=2025))
    await world.discord.leaves(world.guild, world.alice)
    assert (await desk.delivery.survey(asked, first=True, since=None)).standing is Standing.OUTSIDER


async def test_a_channel_that_is_not_seen(world: World, desk: Desk) -> None:
    asked = question(world, await asks(world))
    await world.discord.denies(world.general, "VIEW_CHANNEL")
    with pytest.raises(PlaceGone) as caught:
        await desk.delivery.survey(asked, first=True, since=None)
    assert (caught.value.gone, caught.value.permission) == (Gone.PERMISSION, "View Channels")


# with a core


async def test_a_redo_in_another_process_goes_on_in_the_same_post(
    world: World, chat: FakeChat, sqlite_url: str
) -> None:
    chat.will(says("One ", "two.", delay=5), says("One ", "two."))
    given = settings(chat, sqlite_url)
    root = await asks(world)
    async with bootstrap.opened(given) as parts, rest(world.discord, parts.allowances) as opened:
        await parts.mappings.map(world.place, "github.com/acme/widgets", actor=world.alice.id)
        async with parts.worker({"discord": delivery(opened)}, Scope(("discord",))).running(grace=0.1):
            await parts.intake.accept(question(world, root))
            await world.discord.until(lambda: world.thread(root) and world.discord.answers(thread_of(world, root)))
    async with answering(world, given) as parts:
        assert await ended(parts) == ["answered"]
    assert [said(each) for each in world.discord.answers(thread_of(world, root))] == ["One two."]
