"""The rims of one simulated process: its database, its way to the platform, its /chat client."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

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
from tests.proof.checker import mark
from tests.proof.faults import Faults, Life
from tests.proof.history import Called, History, Key, Leased, Posted, Told
from tests.proof.virtual import VirtualLoop

WORD = re.compile(r"word-\d+")
_AROUND = Surroundings(Standing.MEMBER, Audience.PRIVATE)
PLACE_IN_LINE = "Your question is"  # begins what is said about a place in line, which is no outcome


@dataclass
class World:
    """What all processes share."""

    loop: VirtualLoop
    faults: Faults
    history: History
    posts: dict[ThreadRef, dict[str, Shown]] = field(default_factory=lambda: defaultdict(dict))
    keys: dict[str, Key] = field(default_factory=dict)  # by the word of the question
    first_text: dict[Key, float] = field(default_factory=dict)  # when /chat had sent the first text to a question
    generations: int = 0
    shown: int = 0


class SimDatabase(Database):
    """A process's database; each unit may be refused, or done without a reply."""

    worker = ""

    def __init__(self, url: Secret, world: World, life: Life) -> None:
        super().__init__(url)
        self._world = world
        self._life = life

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        await self._life.step()
        self._world.faults.database_before()
        async with super().reading() as connection:
            yield connection

    async def write(self, unit: Unit[Result], *, urgent: bool = False) -> Result:
        await self._life.step()
        self._world.faults.database_before()
        result = await super().write(unit, urgent=urgent)
        if isinstance(result, list) and all(isinstance(each, Claim) for each in result):
            self._leased(cast("list[Claim]", result))
        await self._life.step()
        self._world.faults.database_after()
        return result

    def _leased(self, claims: Sequence[Claim]) -> None:
        """Seen as they are committed, not as their worker hears of them."""
        now = self._world.loop.time()
        self._world.history.events += [Leased(now, each.turn_id, each.attempt, self.worker) for each in claims]


class SimDelivery:
    """A process's way to the platform."""

    name = "slack"
    limits = Limits(300, 0.5)
    worker = ""

    def __init__(self, world: World, life: Life) -> None:
        self._world = world
        self._life = life

    def connect(self, step: object = None) -> SimDelivery:
        """It is the way of one process already."""
        return self

    async def survey(self, question: Question, *, first: bool) -> Surroundings:
        await self._begin()
        return _AROUND

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        await self._begin()
        world, thread = self._world, post.question.thread
        world.shown += 1
        post_id = post.post_id or f"post-{world.shown}"
        world.posts[thread][post_id] = Shown(post.turn_id, post.number, text, footer, post.attached)
        world.history.events.append(Posted(world.loop.time(), post.turn_id, thread, self.worker))
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
    ) -> AsyncGenerator[Progress, None]:
        await self._life.step()
        if ready is not None:
            await ready()
        world, dice = self._world, self._world.faults.dice
        words = tuple(word for message in messages for word in WORD.findall(message.content))
        last = WORD.findall(messages[-1].content)[-1]
        key, sent = world.keys[last], token.reveal() if token is not None else ""
        world.history.events.append(Called(world.loop.time(), key, repository, sent, words))
        world.generations += 1
        generation, many, text = world.generations, dice.randrange(1, 40), ""
        broken = dice.randrange(many) if world.faults.falls("broken") else None
        for number in range(many):
            await asyncio.sleep(dice.uniform(0, 0.5))
            self._life.alive()
            if number == broken:
                raise _trouble(dice.randrange(4), text)
            piece = mark(generation, last, number, many) + " "
            text += piece
            world.first_text.setdefault(key, world.loop.time())
            yield Delta(piece)
        yield Finished(text, "sim")


def _trouble(kind: int, partial: str) -> ChatError:
    if partial:
        return BrokenOff("as the script says", partial=partial)
    return (ServiceUnavailable(""), RateLimited(""), ChatTimeout(Deadline.TOTAL, 300.0), BrokenOff(""))[kind]
