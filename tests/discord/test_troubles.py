"""Whatever Discord does to a call of an answer: the asker sees one outcome, the text whole and once, or the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.bootstrap import App
from tests.discord import house
from tests.discord.answering import answering, ask, question, settings
from tests.discord.house import World
from tests.discord.outcomes import Seen, answers, outcome, said, told
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import in_two, says
from tests.fakes.discord_faults import Fault
from tests.fakes.discord_values import Message
from tests.turns import ended

SAID = lines(6)

TYPING = ("POST", "/channels/{channel_id}/typing")
CHANNEL = ("GET", "/channels/{channel_id}")
ROLES = ("GET", "/guilds/{guild_id}/roles")
THREAD = ("POST", "/channels/{channel_id}/messages/{message_id}/threads")
POST = ("POST", "/channels/{channel_id}/messages")
EDIT = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
READ = ("GET", "/channels/{channel_id}/messages")
DELETE = ("DELETE", "/channels/{channel_id}/messages/{message_id}")
FAULTS: dict[str, dict[str, Any]] = {
    "429, 1 s": {"status": 429, "retry_after": 1},
    "429, 0 s": {"status": 429, "retry_after": 0},
    "429, negative": {"status": 429, "body": {"message": "no", "retry_after": -5, "global": False}},
    "429, without a time": {"status": 429},
    "429, shared": {"status": 429, "retry_after": 1, "scope": "shared"},
    "429, global": {"status": 429, "retry_after": 1, "scope": "global"},
    "429, without Via": {"status": 429, "retry_after": 1, "via": False},
    "500": {"status": 500},
    "503": {"status": 503},
    "HTML": {"html": True, "status": 200},
    "502 HTML": {"html": True, "status": 502},
    "lost before": {"drop": "before"},
    "lost after": {"drop": "after"},
    "twice lost after": {"drop": "after", "times": 2},
}
_USUAL = ("429, 1 s", "500", "HTML", "lost before", "lost after")
CASES = [(call, fault) for call in (TYPING, CHANNEL, ROLES, THREAD) for fault in _USUAL]
CASES += [(call, fault) for call in (POST, EDIT) for fault in FAULTS]


@pytest.fixture
async def app(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[App]:
    async with answering(world, settings(chat, sqlite_url)) as parts:
        yield parts


def struck(fault: Fault) -> bool:
    """Whether the fault has struck: a test of one that did not says nothing."""
    return fault.struck


async def asked(world: World, app: App, chat: FakeChat) -> Message:
    chat.will(*[says(*SAID.splitlines(keepends=True), delay=0.01)] * 4)
    return await ask(world, app)


@pytest.mark.parametrize(("call", "fault"), CASES, ids=str)
async def test_one_failed_call(world: World, app: App, chat: FakeChat, call: tuple[str, str], fault: str) -> None:
    spoiled = world.discord.fail(*call, **FAULTS[fault])
    root = await asked(world, app, chat)
    assert await ended(app) == ["answered"]
    assert struck(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE
    if call == TYPING:
        assert len(world.discord.called(*TYPING)) == 1  # an answer does not wait for it


async def test_a_429_that_is_no_json_holds_everything_back(world: World, app: App, chat: FakeChat) -> None:
    """It comes from in front of Discord, and is about the address."""
    spoiled = world.discord.fail(*EDIT, status=429, html=True, via=False, retry_after=2)
    root = await asked(world, app, chat)
    await world.discord.met(spoiled)
    at = world.discord.clock()
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE
    assert all(call.at >= at + 1.9 for call in world.discord.calls if call.at > at)


_POST_GONE = [10008, 50083, 50005, 30046]  # unknown, archived, somebody else's, too old for so many edits


@pytest.mark.parametrize("times", [1, -1])
@pytest.mark.parametrize("code", _POST_GONE)
async def test_a_post_that_cannot_be_edited_is_replaced(
    world: World, app: App, chat: FakeChat, code: int, times: int
) -> None:
    world.discord.allows(code)
    spoiled = world.discord.fail(*EDIT, code=code, times=times)
    root = await asked(world, app, chat)
    assert await ended(app) == ["answered"]
    assert struck(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE


@pytest.mark.parametrize("fault", ["500", "429, 1 s", "lost before", "lost after"])
@pytest.mark.parametrize("call", [DELETE, POST, READ], ids=" ".join)
async def test_replacing_a_post_fails_in_turn(
    world: World, app: App, chat: FakeChat, call: tuple[str, str], fault: str
) -> None:
    world.discord.fail(*EDIT, code=10008)
    spoiled = world.discord.fail(*call, after=1 if call == POST else 0, **FAULTS[fault])
    if call == READ:
        world.discord.fail(*POST, after=1, drop="after")  # else nobody looks for it
    root = await asked(world, app, chat)
    assert await ended(app) == ["answered"]
    assert struck(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE


@pytest.mark.parametrize(("call", "fault"), [(THREAD, "lost before"), (POST, "lost before"), (POST, "500")], ids=str)
async def test_what_never_works_is_told_once(
    world: World, app: App, chat: FakeChat, call: tuple[str, str], fault: str
) -> None:
    """Each attempt fails, until there is no more: the asker is told, or at last reads why."""
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    spoiled = world.discord.fail(*call, **{**FAULTS[fault], "times": -1, "at": root.id})
    await app.intake.accept(question(world, root))
    await ended(app, seconds=90)
    assert struck(spoiled)
    outcome(world, root, SAID, reachable=False)
    assert len(told(world, root)) == 1


# what makes a place unusable


@pytest.mark.parametrize(
    ("permission", "named"),
    [
        ("CREATE_PUBLIC_THREADS", "Create Public Threads"),
        ("SEND_MESSAGES_IN_THREADS", "Send Messages in Threads"),
        ("VIEW_CHANNEL", "View Channels"),
    ],
)
async def test_a_missing_permission_is_said_by_its_name(
    world: World, app: App, chat: FakeChat, permission: str, named: str
) -> None:
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    await world.discord.denies(world.general, permission)
    await app.intake.accept(question(world, root))
    assert await ended(app) == ["failed"]
    assert outcome(world, root, SAID) is Seen.NOTICE
    (notice,) = told(world, root)
    assert f"`{named}`" in notice.content
    assert (notice.channel is world.general) == (permission != "VIEW_CHANNEL")
    assert len(chat.requests) <= 1  # asked beside the first sign


async def test_who_may_not_read_what_was_posted_opens_no_thread(world: World, app: App) -> None:
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    await world.discord.denies(world.general, "READ_MESSAGE_HISTORY")
    await app.intake.accept(question(world, root))
    assert await ended(app) == ["failed"]
    (notice,) = world.discord.answers(world.general)  # a reply is refused as well
    assert "`Read Message History`" in notice.content


async def test_a_permission_that_is_lost_in_mid_answer(world: World, app: App, chat: FakeChat) -> None:
    root, gate = await begun(world, app, chat)
    await world.discord.denies(world.general, "SEND_MESSAGES_IN_THREADS")
    (post,) = answers(world, root)
    await world.discord.deletes(post)  # else edits would go on
    gate.set()
    assert await ended(app) == ["failed"]
    assert outcome(world, root, SAID) is Seen.NOTICE
    assert "`Send Messages in Threads`" in told(world, root)[0].content


@pytest.mark.parametrize("what", ["locked", "thread deleted", "channel deleted"])
async def test_a_place_that_is_lost_in_mid_answer(world: World, app: App, chat: FakeChat, what: str) -> None:
    root, gate = await begun(world, app, chat)
    thread = world.thread(root)
    assert thread is not None
    match what:
        case "locked":
            await world.discord.locks(thread)
        case "thread deleted":
            await world.discord.deletes_channel(thread)
        case "channel deleted":
            await world.discord.deletes_channel(world.general)
    gate.set()
    assert await ended(app) == ["failed"]
    assert outcome(world, root, SAID, reachable=False) is Seen.NOTICE
    (notice,) = told(world, root)
    assert ("locked" in notice.content) == (what == "locked")


async def test_an_archived_thread_is_woken_by_a_new_post(world: World, app: App, chat: FakeChat) -> None:
    root, gate = await begun(world, app, chat)
    thread = world.thread(root)
    assert thread is not None
    await world.discord.archives(thread)
    gate.set()
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE
    assert thread.thread is not None
    assert not thread.thread.archived


async def test_an_archived_thread_that_no_post_wakes_is_as_good_as_locked(
    world: World, app: App, chat: FakeChat
) -> None:
    root, gate = await begun(world, app, chat)
    thread = world.thread(root)
    assert thread is not None
    await world.discord.archives(thread)
    refused = world.discord.fail(*POST, code=50083, times=-1, at=thread.id)
    gate.set()
    assert await ended(app) == ["failed"]
    assert struck(refused)
    assert outcome(world, root, SAID, reachable=False) is Seen.NOTICE
    assert "locked" in told(world, root)[0].content


@pytest.mark.parametrize("code", [50083, 200000])  # archived; blocked by AutoMod
async def test_who_cannot_be_told_there_is_told_in_a_direct_message(
    world: World, app: App, chat: FakeChat, code: int
) -> None:
    await app.mappings.unmap(world.place, house.REPOSITORY, actor="x")
    refused = world.discord.fail(*POST, code=code, times=-1, at=world.general.id)
    root = await ask(world, app)
    assert await ended(app) == ["refused"]
    assert struck(refused)
    assert outcome(world, root, SAID) is Seen.NOTICE
    assert [each.channel for each in told(world, root)] == [world.discord.dm(world.alice)]


async def test_our_post_is_deleted_in_mid_answer(world: World, app: App, chat: FakeChat) -> None:
    root, gate = await begun(world, app, chat)
    (post,) = answers(world, root)
    await world.discord.deletes(post)
    gate.set()
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE


async def test_the_question_is_deleted_in_mid_answer(world: World, app: App, chat: FakeChat) -> None:
    """Its thread stays, so the answer ends there; that it is not wanted any more is for the gateway to hear."""
    root, gate = await begun(world, app, chat)
    thread = world.thread(root)
    await world.discord.deletes(root)
    gate.set()
    assert await ended(app) == ["answered"]
    assert thread is not None
    assert [said(post) for post in world.discord.answers(thread)] == [SAID]


async def test_the_question_is_deleted_before_its_thread_is_there(world: World, app: App, chat: FakeChat) -> None:
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    await world.discord.deletes(root)
    await app.intake.accept(question(world, root))
    assert await ended(app) == ["failed"]
    assert len(chat.requests) <= 1  # asked beside the first sign
    assert world.discord.threads(world.general) == []
    (notice,) = [*told(world, root), *world.discord.answers(world.general)]
    assert "is gone" in notice.content


async def test_a_thread_that_somebody_else_opened_is_used(world: World, app: App, chat: FakeChat) -> None:
    root = await world.discord.says(world.alice, world.general, f"{world.discord.bot} why?")
    thread = await world.discord.opens_thread(world.bob, root, "What Alice asks")
    chat.will(says(SAID))
    await app.intake.accept(question(world, root))
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE
    assert [post.channel for post in answers(world, root)] == [thread]


async def test_a_guild_with_as_many_threads_as_there_can_be(world: World, app: App, chat: FakeChat) -> None:
    world.discord.active_threads = 0
    root = await asked(world, app, chat)
    assert await ended(app) == ["failed"]
    assert outcome(world, root, SAID) is Seen.NOTICE
    assert "as many threads" in told(world, root)[0].content


async def test_nobody_can_be_told_by_a_bot_that_was_kicked(world: World, app: App, chat: FakeChat) -> None:
    """Discord takes direct messages for people of a server in common."""
    root, gate = await begun(world, app, chat)
    await world.discord.kicks_bot(world.guild)
    gate.set()
    assert await ended(app) == ["failed"]
    assert told(world, root) == []


async def begun(world: World, app: App, chat: FakeChat) -> tuple[Message, asyncio.Event]:
    """A question whose answer is shown as far as its third line."""
    gate = asyncio.Event()
    chat.will(in_two(SAID, gate))
    root = await ask(world, app)
    await world.discord.until(lambda: any("Line 2 of" in post.content for post in answers(world, root)))
    return root, gate
