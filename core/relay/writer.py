"""Shows one answer through the port to a platform: paces, fills posts, records them, takes over what is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from io import StringIO

from core import logs
from core.conversation.values import Notice, Question, ThreadRef
from core.errors import (
    DatabaseUnavailable,
    DeliveryFailed,
    DeliveryUncertain,
    NotAttached,
    NotYet,
    PlaceGone,
    PostGone,
)
from core.metrics import Metrics
from core.relay.delivery import ECHO, Delivery, Footer, Post
from core.relay.hold import Hold
from core.relay.pages import Page, pages
from core.relay.patience import patiently
from core.relay.posts import Posts
from core.relay.recording import recorded

log = logs.get(__name__)

_AGAIN_SECONDS = (0.5, 2.0)  # before a finished answer is shown again; it is not to be asked for again so soon
_TOLD_AGAIN_SECONDS = 0.5  # by a database that is away for a moment: no answer begins anew for that


class Writer:
    """Shows one answer: paces changes, fills posts, records each post, and acts only while the lease is held."""

    def __init__(self, delivery: Delivery, posts: Posts, hold: Hold, question: Question, metrics: Metrics) -> None:
        self._delivery = delivery
        self._posts = posts
        self._hold = hold
        self._question = question
        self._metrics = metrics
        self._ids: dict[int, str] = {}
        self._shown: dict[int, tuple[str, bool]] = {}
        self._pages: list[Page] = []
        self._said = StringIO(newline="")
        self._note = ""
        self._in_doubt = False
        self._fileless = False
        self._unattached = 0
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self.pacing: asyncio.Task[None] | None = None

    async def echo(self, move: Callable[[ThreadRef], Awaitable[None]]) -> None:
        """Show a question that came without a post of its own; `move` is told the thread that begins with it."""
        if self._hold.claim.attempt > 1:
            await self._remember()
        asked = self._question
        post_id = self._ids[ECHO] if ECHO in self._ids else await patiently(lambda: self._put(ECHO, asked.text, None))
        if asked.thread.thread_id == asked.message_id:
            thread = replace(asked.thread, thread_id=post_id)
            await move(thread)
            self._question = replace(asked, thread=thread)

    async def begin(self) -> None:
        """Give a visible sign, in a first attempt beside whatever follows, and show text as it is added.

        Finds what earlier attempts left. Raises DeliveryError, LeaseLost, DatabaseError; `pacing`, which shows
        the text, ends with them too.
        """
        if self._hold.claim.attempt > 1:  # nothing is asked for again before its place is known to be there
            await self._take_over(keep=1)
            await self._give_sign()
        self.pacing = asyncio.create_task(self._pace(signed=self._hold.claim.attempt > 1))

    async def _give_sign(self) -> None:
        await patiently(lambda: self._put(0, "", None))

    async def clear(self) -> None:
        """Withdraw whatever earlier attempts left: this turn ends without an answer."""
        await self._take_over(keep=0)

    async def tell(self, notice: Notice) -> None:
        """Show a notice about the question."""
        await patiently(lambda: self._tell(notice))

    async def _tell(self, notice: Notice) -> None:
        turn_id = self._hold.claim.turn_id
        await self._ask_leave()
        try:
            async with self._acting():
                await self._delivery.tell(self._question, turn_id, notice)
        except DeliveryUncertain as error:  # and nobody can look: it is told again, rather than perhaps never
            self._metrics.doubted(self._question.thread.channel.platform)
            log.warning("a notice is in doubt", turn=turn_id, reason=str(error))
            raise

    async def _take_over(self, *, keep: int) -> None:
        """Know what earlier attempts left; the answer starts anew in its first post, so that no two are spliced."""
        await self._remember()
        for number in sorted(number for number in self._ids if number >= keep):
            await patiently(partial(self._withdraw, number))

    async def _remember(self) -> None:
        """Know the posts of this turn that are there, recorded or not."""
        claim = self._hold.claim
        self._ids = await self._posts.of(claim)
        try:
            found = await patiently(lambda: self._delivery.find(self._question, claim.turn_id))
        except PlaceGone:
            if self._in_doubt or 0 not in self._ids:
                raise
            found = {}  # what was recorded is enough to go on with
        for number, post_id in found.items():
            if number not in self._ids and not await self._posts.of_another(claim, post_id):
                await self._posts.record(claim, number, post_id)
                self._ids[number] = post_id
        self._in_doubt = False

    async def _withdraw(self, number: int) -> None:
        async with self._acting():
            await self._delivery.withdraw(self._post(number))
        await self._posts.forget(self._hold.claim, number)
        del self._ids[number]
        self._shown.pop(number, None)

    @property
    def text(self) -> str:
        """The answer so far."""
        return self._said.getvalue()

    def add(self, text: str) -> None:
        """More of the answer; shown when the platform's pace allows."""
        self._said.write(text)
        self._changed.set()

    def note(self, sentence: str) -> None:
        """A sentence that stands in the answer's place until its first text."""
        self._note = sentence
        self._changed.set()

    async def finish(self, text: str, footer: Footer) -> None:
        """Show the whole text and its footer now, and nothing afterwards. Raises DeliveryError, LeaseLost."""
        await self.close()
        for pause in (*_AGAIN_SECONDS, None):
            try:
                await patiently(lambda: self._show(text, footer))
                return
            except DeliveryFailed:
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    async def close(self) -> None:
        """Show nothing more, once the call under way has ended: calls for one answer never overlap."""
        self._closed.set()
        self._changed.set()
        if self.pacing is not None:
            await self.pacing
            self.pacing = None

    async def abandon(self) -> None:
        """Show nothing more at once, when there is an error to raise already. A call under way is broken off."""
        self._closed.set()
        self._changed.set()  # a cancellation can be swallowed by a wait that ends at the same moment
        if self.pacing is not None:
            self.pacing.cancel()
            await asyncio.gather(self.pacing, return_exceptions=True)
            self.pacing = None

    async def _pace(self, *, signed: bool) -> None:
        """Show the latest text at the platform's pace. What fails here is tried again with the next change."""
        if not signed:
            await self._give_sign()
        while True:
            await self._changed.wait()
            if self._closed.is_set():
                return
            self._changed.clear()
            pause = self._delivery.limits.seconds_between
            try:
                await self._show(self.text or self._note, None)
            except NotYet as error:
                pause = error.seconds  # nothing was changed, and whoever comes back late is passed over
                self._changed.set()
            except DeliveryFailed as error:
                log.warning("a change was not shown", turn=self._hold.claim.turn_id, reason=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), pause)

    async def _show(self, text: str, footer: Footer | None) -> None:
        limits = self._delivery.limits
        self._pages = pages(text, limits.characters, self._pages)
        parts = [page.text for page in self._pages] or [""]
        most = limits.posts or len(parts)
        if len(parts) > most and (footer is None or await self._attached(text, most)):
            parts = parts[:most]
            footer = footer and replace(footer, attached=True)
        for number, part in enumerate(parts[:-1]):
            if limits.found_growing and number not in self._ids:
                await self._put(number, part, None)  # and recorded, before it cannot be found any more
            await self._put(number, part, None, full=True)
        await self._put(len(parts) - 1, parts[-1], footer)

    async def _attached(self, text: str, number: int) -> bool:
        """Whether the whole text hangs in the thread as a file; where that cannot be, it is shown in more posts."""
        if self._fileless:
            return False
        try:
            await self._put(number, text, None, attached=True)
        except NotAttached as error:
            log.warning("no file", turn=self._hold.claim.turn_id, reason=str(error))
            self._fileless = True  # the file's number is a post's from now on
            return False
        except DeliveryFailed as error:
            self._unattached += 1
            if self._unattached <= len(_AGAIN_SECONDS):
                raise
            if self._in_doubt:
                await patiently(self._remember)
            self._fileless = number not in self._ids
            log.warning("no file after several tries", turn=self._hold.claim.turn_id, reason=str(error))
            return not self._fileless
        return True

    async def _put(
        self, number: int, part: str, footer: Footer | None, *, full: bool = False, attached: bool = False
    ) -> str:
        if footer is None and self._shown.get(number) == (part, full) and not self._in_doubt:
            return self._ids[number]
        if self._in_doubt:
            await self._remember()
        await self._ask_leave()
        try:
            async with self._acting():
                post = self._post(number, full=full, attached=attached)
                post_id = await self._delivery.show(post, part, footer)
        except PostGone as error:
            log.info("shown in a new post", turn=self._hold.claim.turn_id, reason=str(error))
            await patiently(partial(self._withdraw, number))  # else it would be edited first again, and be gone again
            return await self._put(number, part, footer, full=full, attached=attached)
        except DeliveryUncertain:
            self._metrics.doubted(self._question.thread.channel.platform)
            self._in_doubt = self._in_doubt or number not in self._ids
            raise
        self._shown[number] = part, full
        if self._ids.get(number) != post_id:
            self._ids[number] = post_id
            claim = self._hold.claim
            await recorded(lambda: self._posts.record(claim, number, post_id), claim.turn_id)
        return post_id

    async def _ask_leave(self) -> None:
        """Raise LeaseLost where nothing may be shown any more, and NotYet while the database cannot tell.

        Our own clock is not enough: it stands still while the machine is suspended, and another process goes on.
        """
        with self._awaiting_database():
            await self._posts.check(self._hold.claim)

    @contextlib.asynccontextmanager
    async def _acting(self) -> AsyncIterator[None]:
        """As the hold has it; the platform's pace is kept in the database as well."""
        with self._awaiting_database():
            async with self._hold.acting():
                yield

    @contextlib.contextmanager
    def _awaiting_database(self) -> Iterator[None]:
        """Raise NotYet while it is away and the lease lasts."""
        try:
            yield
        except DatabaseUnavailable:
            self._hold.check()
            raise NotYet(_TOLD_AGAIN_SECONDS) from None

    def _post(self, number: int, *, full: bool = False, attached: bool = False) -> Post:
        return Post(self._question, self._hold.claim.turn_id, number, self._ids.get(number), full, attached)
