"""The rims of one simulated process: its database, its way to the platform, its /chat client."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels.access import Audience, Standing
from core.chat.contract import Message
from core.chat.progress import Delta, Finished, Progress
from core.conversation.values import Notice, Question, ThreadRef
from core.database import Database, Result, Unit
from core.errors import BrokenOff, ChatError, ChatTimeout, Deadline, RateLimited, ServiceUnavailable
from core.relay.claims import Claim
from core.relay.delivery import Footer, Limits, Post, Surroundings
from core.secret import Secret
from tests.fakes.platform import Shown
from tests.proof.faults import Faults, Life
from tests.proof.history import Called, History, Key, Leased, Posted, Told
from tests.proof.marks import generation_of, mark

WORD = re.compile(r"word-\d+")
_AROUND = Surroundings(Standing.MEMBER, Audience.PRIVATE)
_PIECES = 12  # of an answer, at most
_FILLING = "and so on and so forth "  # of each piece
PLACE_IN_LINE = "Your question is"  # begins what is said about a place in line, which is no outcome


class Clock(Protocol):
    """The time of a world."""

    def time(self) -> float:
        """Seconds that only rise."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """When a request was let go of, and by which worker, if that is known."""

    at: float
    worker: str = ""


@dataclass
class World:
    """What all processes share."""

    loop: Clock
    faults: Faults
    history: History
    posts: dict[ThreadRef, dict[str, Shown]] = field(default_factory=lambda: defaultdict(dict))
    keys: dict[str, Key] = field(default_factory=dict)  # by the word of the question
    words: dict[Key, list[str]] = field(default_factory=dict)  # of a question, as its author worded it each time
    secrets: dict[str, str] = field(default_factory=dict)  # tokens, by their labels
    first_text: dict[Key, float] = field(default_factory=dict)  # when /chat had sent the first text to a question
    generations: int = 0
    shown: int = 0
    written_down: bool = False  # the database tells what it went through (journal.py)

    def called(self, repository: str, token: str, messages: Sequence[tuple[str, str]], sent: Sent) -> list[str]:
        """/chat was asked with these messages (role and text): the pieces of its answer."""
        words = tuple(word for _, text in messages for word in WORD.findall(text))
        asked = tuple(word for role, text in messages if role == "user" for word in WORD.findall(text))
        last, now = asked[-1], self.loop.time()
        key = self.keys[last]
        self.generations += 1
        many = self.faults.dice.randrange(1, _PIECES)
        self.history.events.append(
            Called(now, key, repository, token, words, self.generations, sent.at, sent.worker, asked)
        )
        return [f"{mark(self.generations, last, number, many)} {_FILLING}" for number in range(many)]


class SimDatabase(Database):
    """A process's database; each unit may be refused, or done without a reply."""

    worker = ""

    def __init__(self, url: Secret, world: World, life: Life) -> None:
        super().__init__(url)
        self._world = world
        self._life = life

    @contextlib.asynccontextmanager
    async def reading(self, *, urgent: bool = False) -> AsyncIterator[AsyncConnection]:
        await self._life.to_database()
        async with super().reading(urgent=urgent) as connection:
            await asyncio.sleep(0)  # whoever is cancelled here holds a connection
            yield connection

    async def write(self, unit: Unit[Result], *, urgent: bool = False, lasting: bool = True) -> Result:
        await self._life.to_database()
        result = await super().write(unit, urgent=urgent, lasting=lasting)
        if not self._world.written_down and isinstance(result, list):
            self._leased(each for each in result if isinstance(each, Claim))
        await self._life.step()
        self._world.faults.database_after()
        return result

    async def _write_group(self, group: Sequence[tuple[Unit[Any], bool]]) -> Sequence[Any]:
        await asyncio.sleep(0)  # whoever is cancelled here cannot know whether it is committed
        done = await super()._write_group(group)
        await asyncio.sleep(0)
        return done

    def _leased(self, claims: Iterable[Claim]) -> None:
        now = self._world.loop.time()
        self._world.history.events += [Leased(now, each.turn_id, each.attempt, self.worker) for each in claims]

    def held(self) -> int:
        """Connections that were taken from the pools and not given back."""
        pools = {each.engine.pool for each in (self._reader, self._writer, self._urgent)}
        return sum(cast("QueuePool", pool).checkedout() for pool in pools)


class SimDelivery:
    """A process's way to the platform."""

    name = "slack"
    limits = Limits(200, 1.2)  # characters: many answers need two posts or three
    worker = ""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life

    def connect(self, step: object = None) -> SimDelivery:
        """It is the way of one process already."""
        return self

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        await self._begin()
        return _AROUND

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        await self._begin()
        world, thread = self._world, post.question.thread
        world.shown += 1
        post_id = post.post_id or f"post-{world.shown}"
        world.posts[thread][post_id] = Shown(post.turn_id, post.number, text, footer, post.attached)
        now = world.loop.time()
        world.history.events.append(Posted(now, post.turn_id, thread, self.worker, generation_of(text)))
        await self._end()
        return post_id

    async def withdraw(self, post: Post) -> None:
        await self._begin()
        self._world.posts[post.question.thread].pop(post.post_id or "", None)
        await self._end()

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        await self._begin()
        world, doubted = self._world, True
        try:
            await self._end()
            doubted = False
        finally:
            if not notice.text.startswith(PLACE_IN_LINE):
                at = world.loop.time()
                world.history.events.append(Told(at, turn_id, question.thread, self.worker, doubted))

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        await self._begin()
        shown = self._world.posts[question.thread].items()
        return {each.number: post_id for post_id, each in shown if each.turn_id == turn_id}

    async def _begin(self) -> None:
        await self._life.step()
        self._world.faults.platform_before(self._world.loop.time())

    async def _end(self) -> None:
        if self._world.faults.falls("kill"):
            self._life.dead.set()
        self._life.alive()
        self._world.faults.platform_after()


class SimChat:
    """A process's /chat client. Each answer is a generation of its own, and says so in each of its pieces."""

    worker = ""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life

    async def aclose(self) -> None:
        """Nothing is open."""

    async def ask(
        self,
        repository: str,
        messages: Sequence[Message],
        token: Secret | None,
        ready: Callable[[], Awaitable[None]] | None = None,
        *,
        model: str | None = None,
        every: float = 0.0,
    ) -> AsyncGenerator[Progress, None]:
        if ready is not None:
            await ready()
        world, faults = self._world, self._world.faults
        sent = Sent(world.loop.time(), self.worker)
        await self._life.step()
        said = [(message.role, message.content) for message in messages]
        pieces = world.called(repository, token.reveal() if token is not None else "", said, sent)
        key, text = world.keys[WORD.findall(messages[-1].content)[-1]], ""
        broken = faults.dice.randrange(len(pieces)) if faults.falls("broken") else None
        for number, piece in enumerate(pieces):
            await asyncio.sleep(faults.seconds(0, 25) if faults.falls("silent") else faults.seconds(0, 1.2))
            self._life.alive()
            if number == broken:
                raise _trouble(faults.dice.randrange(4), text)
            text += piece
            world.first_text.setdefault(key, world.loop.time())
            yield Delta(piece)
        yield Finished(text, "sim")


def _trouble(kind: int, partial: str) -> ChatError:
    if partial:
        return BrokenOff("as the script says", partial=partial)
    return (ServiceUnavailable(""), RateLimited(""), ChatTimeout(Deadline.TOTAL, 300.0), BrokenOff(""))[kind]
