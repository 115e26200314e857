"""A strict platform behind the port: it keeps what people see, and refuses what no platform would take."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from core.channels.access import Audience, Standing
from core.conversation.values import Notice, Question, ThreadRef
from core.relay.delivery import ECHO, Footer, Limits, Post, Surroundings

_AROUND = Surroundings(Standing.MEMBER, Audience.PRIVATE)


@dataclass
class Shown:
    """One post as people see it."""

    turn_id: str
    number: int
    text: str
    footer: Footer | None = None
    attached: bool = False


@dataclass
class FakePlatform:
    """Threads of posts and notices."""

    name: str = "slack"
    characters: int = 2_000
    most_posts: int | None = None
    readable: bool = True  # whether `find` is allowed to see anything; some platforms forbid reading threads
    posts: dict[ThreadRef, dict[str, Shown]] = field(default_factory=lambda: defaultdict(dict))
    notices: dict[ThreadRef, list[str]] = field(default_factory=lambda: defaultdict(list))
    told: dict[ThreadRef, list[Notice]] = field(default_factory=lambda: defaultdict(list))
    texts: list[str] = field(default_factory=list)  # of every change, in order
    surroundings: Surroundings = field(default=_AROUND)
    brought: str = ""  # what comes with every question, as files do
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def visible(self, thread: ThreadRef) -> list[Shown]:
        """What the thread shows, in order."""
        return list(self.posts[thread].values())

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until what is shown satisfies `seen`."""
        while not seen():
            self.changed.clear()
            await self.changed.wait()

    def connect(self, step: Callable[[str], Awaitable[None]] | None = None) -> Connection:
        """A process's way to this platform; `step` is awaited before and after each call, with its name."""
        return Connection(self, step)


async def _nothing(name: str) -> None:
    await asyncio.sleep(0)


class Connection:
    """A `Delivery` of one process."""

    def __init__(self, platform: FakePlatform, step: Callable[[str], Awaitable[None]] | None) -> None:
        self._platform = platform
        self._step = step or _nothing
        self._busy: set[str] = set()

    @property
    def limits(self) -> Limits:
        return Limits(self._platform.characters, 0.0, self._platform.most_posts)

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        async with self._call("survey", question.message_id):
            around, brought = self._platform.surroundings, self._platform.brought
            earlier = around.context if first else ""
            return replace(around, context="\n\n".join(filter(None, (earlier, brought))))

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        async with self._call("show", post.turn_id):
            thread = post.question.thread
            post_id = post.post_id or f"post-{len(self._platform.texts)}"
            if post.number == ECHO and thread.thread_id == post.question.message_id:
                thread = replace(thread, thread_id=post_id)  # it begins a thread
            shown = self._platform.posts[thread]
            assert post.attached or len(text) <= self._platform.characters, "msg_too_long"
            assert post.post_id is None or post.post_id in shown, "message_not_found"
            assert post.number in {0, ECHO} or text.strip(), "no_text"
            shown[post_id] = Shown(post.turn_id, post.number, text, footer, post.attached)
            self._platform.texts.append(text)
        return post_id

    async def withdraw(self, post: Post) -> None:
        async with self._call("withdraw", post.turn_id):
            assert post.post_id is not None
            self._platform.posts[post.question.thread].pop(post.post_id, None)

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        async with self._call("tell", turn_id):
            self._platform.notices[question.thread].append(notice.text)
            self._platform.told[question.thread].append(notice)

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        async with self._call("find", turn_id):
            shown = self._platform.posts[question.thread].items()
            return {
                each.number: post_id for post_id, each in shown if each.turn_id == turn_id and self._platform.readable
            }

    @asynccontextmanager
    async def _call(self, name: str, turn_id: str) -> AsyncIterator[None]:
        assert turn_id not in self._busy, "two calls for one answer at once"
        self._busy.add(turn_id)
        try:
            await self._step(f"before {name}")
            yield
            self._platform.changed.set()
            await self._step(f"after {name}")
        finally:
            self._busy.discard(turn_id)
