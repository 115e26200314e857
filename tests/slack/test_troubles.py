"""Whatever Slack does to a call of an answer: the asker sees one outcome, the text whole and once, or the reason.

The ordinary run meets every call, fault and error; every combination is a long run: `pytest -m long -n 2 <this file>`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bots.slack.calls import Calls
from bots.slack.web_client import Slack
from core.bootstrap import App
from core.errors import NotYet
from core.secret import Secret
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import head, in_two, says, sends
from tests.fakes.slack_faults import Fault
from tests.fakes.slack_values import Message, Stream
from tests.sampling import sampled
from tests.slack.house import World
from tests.slack.outcomes import Seen, answers, outcome, told
from tests.turns import ended

SAID = lines(6)

_ALWAYS = ("users.info", "conversations.info", "conversations.replies")
_STREAMED = ("chat.startStream", "chat.appendStream", "chat.stopStream")
_POSTED = ("chat.startStream", "chat.postMessage", "chat.update")
CALLS = [(method, True) for method in (*_ALWAYS, *_STREAMED)] + [(method, False) for method in (*_ALWAYS, *_POSTED)]
FAULTS: dict[str, dict[str, Any]] = {
    "429, 1 s": {"status": 429, "retry_after": 1},
    "500": {"status": 500},
    "HTML": {"html": True},
    "no object": {"body": b'["busy"]'},
    "502 HTML": {"html": True, "status": 502},
    "lost before": {"drop": "before"},
    "lost after": {"drop": "after"},
    "fatal_error": {"error": "fatal_error"},
    "twice lost after": {"drop": "after", "times": 2},
}


@pytest.fixture
def transport() -> str:
    """What answers meet does not depend on how questions arrive."""
    return "http"


async def ask(world: World, chat: FakeChat, said: str = SAID) -> Message:
    """A question in a thread of two, so that the thread is read as well."""
    world.slack.allows("ratelimited")
    chat.will(*[says(*said.splitlines(keepends=True), delay=0.01)] * 4)
    root = await world.slack.says(world.bob, world.general, "It does not work.")
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?", thread=root.ts)
    return root


@pytest.mark.parametrize(("method", "streaming", "fault"), sampled(CALLS, list(FAULTS), one_in=4))
async def test_one_failed_call(
    world: World, app: App, chat: FakeChat, method: str, streaming: bool, fault: str
) -> None:
    world.slack.native_streaming = streaming
    spoiled = world.slack.fail(method, **FAULTS[fault])
    root = await ask(world, chat)
    assert await ended(app) == ["answered"]
    assert met(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE


@pytest.mark.parametrize(("method", "streaming"), [("chat.appendStream", True), ("chat.update", False)])
async def test_a_429_that_does_not_say_how_long(
    world: World, app: App, chat: FakeChat, method: str, streaming: bool
) -> None:
    world.slack.native_streaming = streaming
    spoiled = world.slack.fail(method, status=429)
    root = await ask(world, chat)
    assert await ended(app) == ["answered"]
    assert met(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE


async def test_a_pause_that_slack_asks_for_holds_for_every_process(world: World, app: App) -> None:
    world.slack.allows("ratelimited")
    world.slack.fail("chat.postMessage", status=429, retry_after=30)
    slack, processes = Slack(world.slack.api_url), [Calls(app.allowances) for _ in range(2)]
    client = slack.client(Secret(world.askrepo.token))
    for calls in (*processes, *processes):
        with pytest.raises(NotYet):
            await calls.call(
                client, world.place.workspace, "chat.postMessage", caller="us", channel=world.general.id, text="a"
            )
    await slack.close()
    assert len(world.slack.called("chat.postMessage")) == 1


_STREAM_ERRORS = [
    "message_not_in_streaming_state",
    "message_not_owned_by_app",
    "message_not_found",
    "channel_type_not_supported",
    "invalid_chunks",
    "invalid_blocks",
    "msg_too_long",
    "msg_blocks_too_many",
    "an_error_of_tomorrow",
]


@pytest.mark.parametrize(("method", "error"), sampled(_STREAMED, _STREAM_ERRORS, one_in=3))
async def test_a_stream_that_slack_refuses_goes_on_as_a_post(
    world: World, app: App, chat: FakeChat, method: str, error: str
) -> None:
    spoiled = world.slack.fail(method, error=error)
    if error == "message_not_in_streaming_state":
        world.slack.allows("streaming_state_conflict")  # for the stream goes on, whatever the fault says
    root = await ask(world, chat)
    assert await ended(app) == ["answered"]
    assert met(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE


_EDIT_ERRORS = [
    "edit_window_closed",
    "cant_update_message",
    "message_not_found",
    "block_mismatch",
    "is_inactive",
    "streaming_state_conflict",
    "msg_too_long",
    "an_error_of_tomorrow",
]


@pytest.mark.parametrize(("error", "times"), sampled(_EDIT_ERRORS, [1, -1], one_in=2))
async def test_a_post_that_cannot_be_edited_is_replaced(
    world: World, app: App, chat: FakeChat, error: str, times: int
) -> None:
    world.slack.native_streaming = False
    spoiled = world.slack.fail("chat.update", error=error, times=times)
    root = await ask(world, chat)
    assert await ended(app) == ["answered"]
    assert met(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE
    if error == "streaming_state_conflict" and times == 1:
        assert world.slack.called("chat.delete") == []  # ended, it can be edited


@pytest.mark.parametrize(
    ("method", "fault"),
    sampled(
        ["chat.delete", "chat.postMessage", "conversations.replies"],
        ["500", "429, 1 s", "lost before", "lost after"],
        one_in=2,
    ),
)
async def test_replacing_a_post_fails_in_turn(world: World, app: App, chat: FakeChat, method: str, fault: str) -> None:
    world.slack.native_streaming = False
    world.slack.fail("chat.update", error="edit_window_closed", times=-1)
    begun = {"chat.postMessage": 1, "conversations.replies": 1}.get(method, 0)
    spoiled = world.slack.fail(method, after=begun, **FAULTS[fault])
    if method == "conversations.replies":
        world.slack.fail("chat.postMessage", after=1, drop="after")  # else nobody looks for it
    root = await ask(world, chat)
    assert await ended(app) == ["answered"]
    assert met(spoiled)
    assert outcome(world, root, SAID) is Seen.WHOLE


_NO_PERMISSION = "I need a permission I do not have."
_POST_ERRORS = {
    "cannot_reply_to_message": "That place takes no messages of mine.",
    "restricted_action": _NO_PERMISSION,
    "restricted_action_thread_locked": "The thread is locked",
    "restricted_action_non_threadable_channel": _NO_PERMISSION,
    "restricted_action_thread_only_channel": _NO_PERMISSION,
    "restricted_action_read_only_channel": _NO_PERMISSION,
    "messages_tab_disabled": "That place takes no messages of mine.",
    "missing_scope": _NO_PERMISSION,
    "not_in_channel": "Invite me",
    "is_archived": "The channel is archived",
}


@pytest.mark.parametrize(("error", "streaming"), sampled(list(_POST_ERRORS), [True, False], one_in=2))
async def test_a_thread_that_takes_no_reply(
    world: World, app: App, chat: FakeChat, error: str, streaming: bool
) -> None:
    world.slack.native_streaming = streaming
    spoiled = [world.slack.fail(method, error=error, times=-1) for method in ("chat.startStream", "chat.postMessage")]
    root = await ask(world, chat)
    assert await ended(app) == ["failed"]
    assert all(map(met, spoiled))
    assert outcome(world, root, SAID) is Seen.NOTICE
    assert _POST_ERRORS[error] in told(world, root)[0].body
    assert len(chat.requests) <= 1  # asked beside the first sign


async def test_a_place_that_is_gone_ends_the_asking_beside_it(world: World, app: App, chat: FakeChat) -> None:
    """Whatever /chat does: it may be silent for a minute."""
    world.slack.allows("is_archived")
    chat.will(sends(head(200, "Transfer-Encoding: chunked"), "stall"))
    for method in ("chat.startStream", "chat.postMessage"):
        world.slack.fail(method, error="is_archived", times=-1)
    root = await ask(world, chat)
    request = await chat.arrival()
    assert await ended(app) == ["failed"]
    assert outcome(world, root, SAID) is Seen.NOTICE
    await request.disconnected.wait()


@pytest.mark.parametrize(
    ("method", "streaming", "fault"),
    sampled([("chat.startStream", True), ("chat.postMessage", False)], ["lost after", "lost before"], one_in=2),
)
async def test_what_never_works_is_told_once(
    world: World, app: App, chat: FakeChat, method: str, streaming: bool, fault: str
) -> None:
    """Each attempt fails, until there is no more: the asker is told, or at last reads why."""
    world.slack.native_streaming = streaming
    spoiled = world.slack.fail(method, **{**FAULTS[fault], "times": -1})
    root = await ask(world, chat)
    await ended(app, seconds=60)
    assert met(spoiled)
    outcome(world, root, SAID)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("what", ["kicked", "archived"])
async def test_a_place_that_is_lost_in_mid_answer(
    world: World, app: App, chat: FakeChat, what: str, streaming: bool
) -> None:
    world.slack.native_streaming = streaming
    root, gate = await begun(world, chat)
    if what == "kicked":
        await world.slack.kicks_bot(world.general)
    else:
        await world.slack.archives(world.general, world.alice)
    gate.set()
    assert await ended(app) == ["failed"]
    assert outcome(world, root, SAID, reachable=False) is Seen.NOTICE


@pytest.mark.parametrize("streaming", [True, False])
async def test_our_post_is_deleted_in_mid_answer(world: World, app: App, chat: FakeChat, streaming: bool) -> None:
    world.slack.native_streaming = streaming
    root, gate = await begun(world, chat)
    (post,) = answers(world, root)
    await world.slack.deletes(post)
    gate.set()
    assert await ended(app) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE


async def test_a_person_ends_the_stream(world: World, app: App, chat: FakeChat) -> None:
    chat.will(says(*lines(10_000).splitlines(keepends=True), delay=0.02))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    await world.slack.until(lambda: any("Line 2 of" in post.body for post in answers(world, root)))
    (post,) = answers(world, root)
    await world.slack.stops(world.alice, post)
    assert await ended(app) == ["stopped"]
    (post,) = answers(world, root)
    assert post.body.startswith(lines(3).removesuffix("And that is all."))
    assert post.body.count("Line 0 ") == 1
    assert "Stopped, as you asked." in post.body


@pytest.mark.parametrize("known", [True, False])
async def test_the_next_question_goes_on_where_slack_tells_late_of_the_stop_before(
    world: World, app: App, chat: FakeChat, known: bool
) -> None:
    """The first answer has ended, and the event of its button comes when the second is being given."""
    held, gate = asyncio.Event(), asyncio.Event()
    chat.will(in_two(SAID, held), in_two(SAID, gate))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    await world.slack.until(lambda: any("Line 2 of" in post.body for post in answers(world, root)))
    (post,) = answers(world, root)
    await world.slack.says(world.alice, world.general, "and then?", thread=root.ts)
    world.slack.subscriptions.discard("agent_session_stopped")
    await world.slack.stops(world.alice, post)
    held.set()
    await world.slack.until(lambda: any("Line 2 of" in each.body for each in answers(world, root) if each is not post))
    event: dict[str, Any] = {"type": "agent_session_stopped", "channel": world.general.id, "user": world.alice.id}
    event |= {"thread_ts": root.ts, "streaming_message_ts": [post.ts if known else root.ts]}
    world.slack.subscriptions.add("agent_session_stopped")
    await world.slack.deliver(event, world.askrepo, world.general)
    gate.set()
    assert await ended(app) == ["answered", "answered"]


async def begun(world: World, chat: FakeChat) -> tuple[Message, asyncio.Event]:
    """A question whose answer is shown as far as its third line, where it can be."""
    gate = asyncio.Event()
    chat.will(in_two(SAID, gate))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    if world.slack.native_streaming:
        await world.slack.until(lambda: any("Line 2 of" in post.body for post in answers(world, root)))
    else:
        await chat.arrival()
        await world.slack.until(lambda: answers(world, root))
    return root, gate


def met(fault: Fault) -> bool:
    """Whether the fault has struck: a test of one that did not says nothing."""
    return fault.struck


def test_the_judge_sees_what_is_wrong(world: World) -> None:
    slack, general, bot = world.slack, world.general, world.askrepo.bot
    retry = {"type": "actions", "elements": [{"type": "button", "action_id": "retry", "text": {"text": "Retry"}}]}
    stop = {"type": "actions", "elements": [{"type": "button", "action_id": "stop", "text": {"text": "Stop"}}]}
    root = Message(slack.now_ts(), general, world.alice, "why?")
    general.add(root)

    def judged(*posts: tuple[str, list[dict[str, Any]]], notices: int = 0, open_stream: bool = False) -> Seen | None:
        general.replies.clear()
        general.ephemerals.clear()
        for markdown, blocks in posts:
            post = Message(slack.now_ts(), general, bot, markdown=markdown, blocks=blocks, thread_ts=root.ts)
            post.bot_id, post.stream = world.askrepo.bot_id, Stream(slack.clock()) if open_stream else None
            general.add(post)
        for _ in range(notices):
            general.ephemerals.append(Message(slack.now_ts(), general, bot, "Sorry.", ephemeral_to=world.alice))
        try:
            return outcome(world, root, SAID)
        except AssertionError:
            return None

    half = SAID[:30]
    assert judged((SAID, [retry])) is Seen.WHOLE
    assert judged(("It failed.", [retry])) is Seen.FAILURE
    assert judged(notices=1) is Seen.NOTICE
    assert judged((half, []), (SAID[30:], [retry])) is Seen.WHOLE
    assert judged() is None
    assert judged((SAID, [])) is None
    assert judged((SAID, [retry, stop])) is None
    assert judged((SAID + SAID, [retry])) is None
    assert judged((half, [retry])) is None
    assert judged((SAID, []), (SAID, [retry])) is None
    assert judged((SAID, [retry]), (SAID, [retry])) is None
    assert judged((SAID, [retry]), ("Looking through the code…", [])) is None
    assert judged((half, []), ("It failed.", [retry])) is None
    assert judged((SAID, [retry]), notices=1) is None
    assert judged((half, []), notices=1) is None
    assert judged(notices=2) is None
    assert judged((SAID, [retry]), open_stream=True) is None
