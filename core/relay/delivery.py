"""The port to a platform, and the writer that paces what is shown through it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Protocol

from core import logs
from core.conversation.values import Notice, Outcome, Question
from core.errors import AskrepoError, DeliveryFailed
from core.relay.leases import Hold
from core.relay.pages import Page, pages
from core.relay.posts import Posts

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a platform takes: characters of one post, and seconds from one change of an answer to the next."""

    characters: int
    seconds_between: float


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands under a finished answer."""

    outcome: Outcome
    repository: str | None  # None where the turn failed before one was chosen
    model: str | None
    seconds: float  # from asked to answered


@dataclass(frozen=True, slots=True)
class Post:
    """One post of an answer, number 0 first. `post_id` is the platform's, None while it is not there."""

    question: Question
    turn_id: str
    number: int
    post_id: str | None


class Delivery(Protocol):
    """What the core asks of a platform: all of it, nothing optional.

    Each call may raise PlaceGone or DeliveryFailed; the latter is tried again. Calls for one answer come one at a time.
    """

    @property
    def limits(self) -> Limits:
        """What the platform takes."""
        ...

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        """Make the post show exactly this Markdown, posting it if it has no id; return its id.

        The whole text each time, so that a resumed answer and a fresh one are the same call. Empty text is the sign
        that work has begun; `footer` comes with the last post of a finished answer.
        """
        ...

    async def withdraw(self, post: Post) -> None:
        """Remove a post that the answer no longer needs."""
        ...

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """Show a notice about this question, to the asker alone where the platform can."""
        ...

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        """The posts of this turn that are there, number → id; asked after a doubt, before anything is posted anew."""
        ...


class Writer:
    """Shows one answer: paces changes, fills posts, records each post, and acts only while the lease is held."""

    def __init__(self, delivery: Delivery, posts: Posts, hold: Hold, question: Question) -> None:
        self._delivery = delivery
        self._posts = posts
        self._hold = hold
        self._question = question
        self._ids: dict[int, str] = {}
        self._shown: dict[int, str] = {}
        self._pages: list[Page] = []
        self._said = StringIO(newline="")
        self._note = ""
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self._pacing: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Find what earlier attempts left, and give a visible sign. Raises DeliveryError, LeaseLost, DatabaseError."""
        claim = self._hold.claim
        if claim.attempt > 1:
            await self._take_over(keep=1)
        await self._put(0, "", None)
        self._pacing = asyncio.create_task(self._pace())

    async def clear(self) -> None:
        """Withdraw whatever earlier attempts left: this turn ends without an answer."""
        await self._take_over(keep=0)

    async def _take_over(self, *, keep: int) -> None:
        """Know what earlier attempts left; the answer starts anew in its first post, so that no two are spliced."""
        claim = self._hold.claim
        self._ids = await self._posts.of(claim)
        for number, post_id in (await self._delivery.find(self._question, claim.turn_id)).items():
            if number not in self._ids:
                await self._posts.record(claim, number, post_id)
                self._ids[number] = post_id
        for number in sorted(number for number in self._ids if number >= keep):
            async with self._hold.acting():
                await self._delivery.withdraw(self._post(number))
            await self._posts.forget(claim, number)
            del self._ids[number]

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._said.getvalue()

    def add(self, text: str) -> None:
        """More of the answer; shown when the platform's pace allows.

        Raises what has meanwhile kept it from being shown: PlaceGone, LeaseLost, DatabaseError.
        """
        if self._pacing is not None and self._pacing.done():
            self._pacing.result()
        self._said.write(text)
        self._changed.set()

    def note(self, sentence: str) -> None:
        """A sentence that stands in the answer's place until its first text."""
        self._note = sentence
        self._changed.set()

    async def finish(self, text: str, footer: Footer) -> None:
        """Show the whole text and its footer now, and nothing afterwards. Raises DeliveryError, LeaseLost."""
        await self.close()
        await self._show(text, footer)

    async def close(self) -> None:
        """Show nothing more, once the call under way has ended: calls for one answer never overlap."""
        self._closed.set()
        self._changed.set()
        if self._pacing is not None:
            await self._pacing
            self._pacing = None

    async def abandon(self) -> None:
        """`close`, when there is an error to raise already: what kept the pacing is of no more interest."""
        with contextlib.suppress(AskrepoError):
            await self.close()

    async def _pace(self) -> None:
        """Show the latest text at the platform's pace. What fails here is tried again with the next change."""
        while True:
            await self._changed.wait()
            if self._closed.is_set():
                return
            self._changed.clear()
            try:
                await self._show(self.text or self._note, None)
            except DeliveryFailed as error:
                log.warning("a change was not shown", turn=self._hold.claim.turn_id, reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._delivery.limits.seconds_between)

    async def _show(self, text: str, footer: Footer | None) -> None:
        self._pages = pages(text, self._delivery.limits.characters, self._pages)
        parts = [page.text for page in self._pages] or [""]
        for number, part in enumerate(parts):
            await self._put(number, part, footer if number == len(parts) - 1 else None)

    async def _put(self, number: int, part: str, footer: Footer | None) -> None:
        if footer is None and self._shown.get(number) == part:
            return
        async with self._hold.acting():
            post_id = await self._delivery.show(self._post(number), part, footer)
        self._shown[number] = part
        if self._ids.get(number) != post_id:
            self._ids[number] = post_id
            await self._posts.record(self._hold.claim, number, post_id)

    def _post(self, number: int) -> Post:
        return Post(self._question, self._hold.claim.turn_id, number, self._ids.get(number))
