"""The ways a question can go in Slack: how it is asked, what /chat says, how that is shown, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial

from bots.slack.incoming import Asked, of_event
from bots.slack.interactions import Commanded, of_command
from core import wording
from core.conversation.values import UNSAID, Question, ThreadRef
from core.errors import BrokenOff, GaveUp
from core.relay.pages import pages
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, chunked, head, stream
from tests.fakes.slack_values import Message
from tests.fakes.slack_views import trigger
from tests.slack.house import World
from tests.slack.outcomes import Seen, answers, outcome, told

_CHARACTERS = 9_000  # of a post
_STREAM_SECONDS = 300.0  # then Slack ends it
_MOST = 6  # posts of an answer; above that its beginning, and a file


STREAMED = frozenset({"chat.startStream", "chat.appendStream", "chat.stopStream"})
ROLLED = frozenset({"chat.startStream", "chat.stopStream"})  # each post is told all that it holds at once
POSTED = frozenset({"chat.postMessage", "chat.update"})
EDITED = frozenset({"conversations.replies", "chat.stopStream", "chat.update"})  # by somebody who took over


class How(Enum):
    """How it is asked."""

    MENTION = auto()
    FOLLOW_UP = auto()  # a reply without a mention, below an answer
    OVERTAKEN = auto()  # a reply that was written before the answer that now stands below it
    COMMAND = auto()

    @property
    def is_reply(self) -> bool:
        """Whether another question of the thread is answered before."""
        return self in {How.FOLLOW_UP, How.OVERTAKEN}


class End(Enum):
    """How it ends."""

    ANSWER = "answered"
    BROKEN_OFF = "failed"
    GIVEN_UP = "failed, after too many attempts"
    REFUSED = "refused"

    @property
    def recorded(self) -> str:
        """As the turn has it."""
        return self.value.partition(",")[0]


@dataclass(frozen=True)
class Way:
    """One way. `inherited`: a process has died of it before, when people saw the first half of its answer.

    `seconds` pass on Slack's clock from a death to what follows: after 300 a stream has ended by itself. `calls` are
    among those that it takes.
    """

    name: str
    how: How = How.MENTION
    end: End = End.ANSWER
    lines: int = 6
    streaming: bool = True
    inherited: bool = False
    seconds: float = 60.0
    calls: frozenset[str] = STREAMED

    def __str__(self) -> str:
        return self.name

    @property
    def streams_end(self) -> bool:
        """Whether none that a dead process began is still open."""
        return self.seconds > _STREAM_SECONDS

    @property
    def asks(self) -> tuple[int, int]:
        """How often /chat is asked, at least and at most, where one process dies of it that was not meant to."""
        if self.end is End.REFUSED:
            return 0, 0
        if self.end is End.GIVEN_UP:
            return 1, 1
        return 1 + self.inherited, 2 + self.inherited

    def said(self, generation: int) -> str:
        """What /chat says when it is asked for the so-manieth time: no line stands in any other answer."""
        return (
            lines(self.lines).replace("the answer", f"answer {generation}").replace("is all", f"is all of {generation}")
        )

    def half(self, generation: int) -> str:
        """What it says until people have seen it."""
        return "".join(self.said(generation).splitlines(keepends=True)[: self.lines // 2])

    def shown(self, generation: int) -> str:
        """What people read in the end."""
        match self.end:
            case End.BROKEN_OFF:
                half = self.half(generation)
                return f"{half}\n\n{wording.sentence(BrokenOff('', partial=half))}"
            case End.GIVEN_UP:
                return wording.sentence(GaveUp())
        return self.said(generation)


async def asked(world: World, how: How, text: str) -> tuple[Question, Message | None]:
    """Somebody asks: the question as it is heard, and the root of its thread if that is there already."""
    slack, alice, general = world.slack, world.alice, world.general
    match how:
        case How.COMMAND:
            return _commanded(world, text), None
        case How.MENTION:
            root = await slack.says(alice, general, f"{world.askrepo.bot} {text}")
            return _heard(world, root), root
    root = next(post for post in slack.posts(general) if post.author is alice)
    return _heard(world, await slack.says(alice, general, text, thread=root)), root


def _heard(world: World, message: Message) -> Question:
    event = world.slack._message_event(message)
    found = of_event(world.slack.envelope(event, world.askrepo, world.general))
    assert isinstance(found, Asked)
    return found.question


def _commanded(world: World, text: str) -> Question:
    slack, alice = world.slack, world.alice
    command = of_command(
        {
            "team_id": world.team.id,
            "channel_id": world.general.id,
            "user_id": alice.id,
            "text": text,
            "response_url": slack.responses.new(world.askrepo, world.general, alice),
            "trigger_id": trigger(slack, alice, world.team),
        }
    )
    assert isinstance(command, Commanded)
    unsaid, now = f"{UNSAID}{command.trigger_id}", datetime.now(UTC)
    order = int(now.timestamp() * 1_000_000)
    return Question(
        ThreadRef(command.channel, unsaid), unsaid, order, command.asker, text, now, command.reference.encode()
    )


class Speaker:
    """What /chat says: half of an answer, and once people have seen that, the rest. Of the half, too, the beginning.

    So something is added to what was shown, whether that began with the text or with a sign alone. An asker for whom
    something is `over` while it waits gets the rest as well: people may never see its half.
    """

    def __init__(self, way: Way) -> None:
        self.way = way
        self.world: World
        self.chat: FakeChat
        self.over = asyncio.Event()
        self.half_seen = asyncio.Event()

    def begin(self, world: World) -> World:
        """The next question is asked there."""
        self.world = world
        self.over, self.half_seen = asyncio.Event(), asyncio.Event()
        return world

    def generations(self, text: str) -> int:
        """How often this question has been put to it."""
        return sum(request.questions == [text] for request in self.chat.requests)

    async def __call__(self, exchange: Exchange) -> None:
        way, generation = self.way, self.generations(exchange.request.question)
        half, whole = way.half(generation), way.said(generation)
        over = asyncio.Event() if self.over.is_set() else self.over  # it was over for somebody else
        begun = "".join(half.splitlines(keepends=True)[:-1])
        first, *rest = stream([begun, half.removeprefix(begun), whole.removeprefix(half)])
        await exchange.send(head(200, "Transfer-Encoding: chunked") + chunked(first))
        for said in (begun, half):
            await exchange.send(chunked(rest.pop(0)))
            last = said.splitlines()[-1]
            await either(self.world.slack.until(partial(_stands, self.world, last)), over.wait())
        self.half_seen.set()
        if way.end is End.BROKEN_OFF:
            await exchange.finish("reset")
            return
        await exchange.send(b"".join(map(chunked, [*rest, b""])))


async def either(*waits: Awaitable[object]) -> None:
    """Return when one of them does, or raise what it raises."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


def _stands(world: World, line: str) -> bool:
    return any(line in post.body for post in world.slack.posts(world.general))


def ours(world: World) -> list[Message]:
    """Everything that we have posted in this workspace."""
    posts = [post for channel in world.slack.channels.values() for post in world.slack.posts(channel)]
    return [post for post in posts if post.author is world.askrepo.bot]


def told_alone(world: World) -> list[Message]:
    """What the asker alone was told in the channel."""
    return world.slack.ephemerals(world.general, world.alice)


def judge(world: World, way: Way, root: Message, earlier: list[Message], generation: int) -> None:
    """AssertionError unless people see the one outcome, in this thread and nowhere else, behind what stood there."""
    places = {(post.channel, post.thread_ts) for post in ours(world) if post is not root}
    assert places <= {(root.channel, root.ts)}, "posts in another place"
    assert [post.body for post in answers(world, root) if post in earlier] == [way.said(1)] * len(earlier)
    if len(pages(way.said(1), _CHARACTERS)) > _MOST:
        _judge_file(world, root, way.said(generation))
    else:
        since = max((post.ts for post in earlier), default="")
        seen = outcome(world, root, way.shown(generation), since=since)
        # what gives up tries nothing twice: where its post is in doubt, the asker alone is told
        assert seen is Seen.WHOLE or (way.end is End.GIVEN_UP and seen is Seen.NOTICE)


def _judge_file(world: World, root: Message, said: str) -> None:
    posts = answers(world, root)
    texts = [post.body for post in posts if not post.files]
    assert texts == [page.text for page in pages(said, _CHARACTERS)[:_MOST]]
    assert [file.content.decode() for post in posts for file in post.files] == [said]
    ends = [post for post in posts if any(each["action_id"] == "retry" for each in post.buttons)]
    assert [post.body for post in ends] == texts[-1:]
    assert told(world, root) == []
