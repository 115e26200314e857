"""Every write of an answer to Slack, and every way in which its reply can be lost: one outcome, whole (DO-07).

Each question has a workspace of its own, so that many are asked at once and none waits for another's pace. The ordinary
run loses one reply of each write; a long run 100 of each write and each way, and 100 long runs the 10,000 of each:

    pytest -m long -n 2 tests/slack/test_lost_replies.py            # all of them, about a day on two cores
    pytest -m long -n 0 "tests/slack/test_lost_replies.py::test_all_of_them[0]"

What one person alone sees leaves no trace in Slack: where such a reply is lost, they may read a sentence twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import pytest

from core import logs
from core.bootstrap import App
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_faults import Fault
from tests.fakes.slack_values import Message
from tests.lost import AT_ONCE, LOST, PATIENCE, QUICK, Case, judged, say_in_two
from tests.slack import house
from tests.slack.askers import keep, serving_all
from tests.slack.house import World
from tests.slack.outcomes import Seen, answers, outcome, told

SAID, MORE = lines(6), lines(600)  # in one post, and in two


@dataclass(frozen=True)
class Write:
    """A call that shows something, and what has to happen for it to be made; `after` so many others of its kind."""

    method: str
    asked: Callable[[World], Awaitable[Message]]
    streams: bool = True
    long: bool = False
    after: int = 0
    private: bool = False


async def mentioned(world: World) -> Message:
    return await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")


async def mentioned_at_length(world: World) -> Message:
    return await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why, at length?")


async def mentioned_where_edits_are_refused(world: World) -> Message:
    world.slack.fail("chat.update", error="edit_window_closed", times=-1, at=world.general.id)
    return await mentioned(world)


async def commanded(world: World) -> Message:
    slack = world.slack
    slack.allows_pings_of(world.alice)
    await slack.command(world.alice, world.general, "where is login?")
    await slack.until(lambda: slack.posts(world.general), PATIENCE)
    return slack.posts(world.general)[0]


WRITES = [
    Write("chat.startStream", mentioned),
    Write("chat.startStream", mentioned_at_length, long=True, after=1),
    Write("chat.appendStream", mentioned),
    Write("chat.stopStream", mentioned),
    Write("chat.postMessage", mentioned, streams=False),
    Write("chat.postMessage", mentioned_at_length, streams=False, long=True, after=1),
    Write("chat.postMessage", commanded),
    Write("chat.update", mentioned, streams=False),
    Write("chat.update", mentioned_at_length, streams=False, long=True, after=1),
    Write("chat.delete", mentioned_where_edits_are_refused, streams=False),
    Write("chat.postEphemeral", mentioned, private=True),
]


def judge(write: Write, lost: str, world: World, root: Message) -> None:
    """It ends as if nothing had been lost."""
    if write.private:
        alone = len(told(world, root))
        assert answers(world, root) == []
        assert alone == 1 if lost.startswith("refused") else alone in {1, 2}
        return
    assert outcome(world, root, MORE if write.long else SAID) is Seen.WHOLE
    begun = [post for post in world.slack.posts(world.general) if post.thread_ts in {None, post.ts}]
    assert begun == [root], "a question that is shown twice"


async def begun(slack: FakeSlack, speaker: Speaker, app: App, write: Write, lost: str) -> Case:
    """Somebody asks in a workspace of their own, about a repository of their own."""
    world = house.world(slack)
    await keep(app, slack, world.askrepo)
    repository = f"github.com/acme/{world.team.id}"
    if not write.private:
        await app.mappings.map(world.place, repository, actor=world.alice.id)
    if not write.streams:
        slack.fail("chat.startStream", error="channel_type_not_supported", times=-1, at=world.general.id)
    fault = slack.fail(write.method, after=write.after, at=world.general.id, **LOST[lost])
    speaker.asked[repository] = world, write, fault
    root = await write.asked(world)
    name = f"{write.method} after {write.after} others, {write.asked.__name__}: {lost}"
    return Case(name, fault, partial(judge, write, lost, world, root))


class Speaker:
    """What /chat says.

    Of a long answer the end follows once its second post is there, of a streamed one once its text is; or once the call
    was made whose reply is lost.
    """

    def __init__(self) -> None:
        self.asked: dict[str, tuple[World, Write, Fault]] = {}  # by the repository

    async def __call__(self, exchange: Exchange) -> None:
        world, write, fault = self.asked[exchange.request.repository]
        if not (write.long or write.streams):
            await says(*SAID.splitlines(keepends=True), delay=0.01)(exchange)
            return
        said = MORE if write.long else SAID
        end = said.rfind("Line")
        seen = partial(world.slack.until, lambda: fault.struck or _stands(world, write), PATIENCE)
        await say_in_two(exchange, (said[:end], said[end:]), seen)


def _stands(world: World, write: Write) -> bool:
    posts = [post for post in world.general.messages.values() if post.bot_id]
    return len(posts) == 2 if write.long else any("Line" in post.body for post in posts)


@pytest.fixture
def speaker(chat: FakeChat) -> Speaker:
    chat._default = speaking = Speaker()
    return speaking


async def lose(
    slack: FakeSlack, chat: FakeChat, speaker: Speaker, database_url: str, wanted: Sequence[tuple[Write, str]]
) -> None:
    """Ask one question for each of these replies, and see that all end as they should."""
    slack.allows("streaming_state_conflict")  # what became of a stream whose reply was lost, nobody knows
    slack.pushing.deadline = PATIENCE  # how fast it acknowledges is not looked at here
    house.world(slack)
    async with house.askrepo(slack, serving_all(slack, chat, database_url)) as app:
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            await judged(app, await asyncio.gather(*(begun(slack, speaker, app, *each) for each in some)), start)
            slack.faults.clear()


async def test_a_reply_of_every_write_is_lost(
    slack: FakeSlack, chat: FakeChat, speaker: Speaker, sqlite_url: str
) -> None:
    """DO-07, a sample: each write in one of three ways."""
    await lose(slack, chat, speaker, sqlite_url, [(write, QUICK[at % len(QUICK)]) for at, write in enumerate(WRITES)])


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", range(100))
async def test_all_of_them(slack: FakeSlack, chat: FakeChat, speaker: Speaker, sqlite_url: str, number: int) -> None:
    """DO-07: each write, in each way, a hundred times; the number is only that of the run."""
    logs.configure("critical", "console")
    await lose(slack, chat, speaker, sqlite_url, [each for each in product(WRITES, LOST) for _ in range(100)])
