"""The two deliveries of the console: onto a terminal's screen, and as plain text into a pipe or file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial

from bots.console.apart import Apart
from bots.console.look import Row, rows
from bots.console.outgoing import Growth, cut, harmless
from bots.console.outlet import Outlet
from bots.console.screen import Screen
from bots.console.sheet import Sheet
from core.channels.access import Audience, Standing
from core.conversation.values import Notice, Outcome, Question
from core.errors import DeliveryFailed, PlaceGone
from core.relay.delivery import Footer, Limits, Post, Surroundings
from core.wording import to_operator

_ENDLESS = 1_000_000_000  # characters of a post: a terminal has no limit, so an answer is one post
_TICK_SECONDS = 0.125
_LEAVING_SECONDS = 1.0  # for the last frame, at a terminal that may be paused


class TerminalDelivery:
    """Shows answers as they grow. One at a time: a console has one thread.

    Writing happens apart: a terminal that is paused (Ctrl-S) blocks, and must hold up neither the lease nor the end.
    """

    limits = Limits(characters=_ENDLESS, seconds_between=0.1, native=to_operator)

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._apart = Apart()
        self._sheet = Sheet(screen)
        self._turn_id = ""
        self.ended: set[str] = set()  # the turns whose end has been shown
        self.gone = False  # nothing can be shown any more

    @contextlib.asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """A sign of life on the screen until the context is left."""
        self._turn_id, self._sheet = "", Sheet(self.screen)
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            await asyncio.wait([ticking])

    async def leave(self) -> None:
        """Nothing more comes of the answer under way: it stays as far as it came."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LEAVING_SECONDS):
                await self._apart.do(self._sheet.leave)

    async def _tick(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone, as the next answer will notice
            while True:
                await self._apart.do(self._sheet.tick)
                await asyncio.sleep(_TICK_SECONDS)

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        """Whoever has the terminal asks; it is like a private channel of theirs, which they may map."""
        return Surroundings(Standing.MEMBER, Audience.PRIVATE)

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        """As the port has it. A terminal cannot edit what has scrolled by: what differs from it is shown below."""
        if self._turn_id and self._turn_id != post.turn_id:
            self._sheet = Sheet(self.screen)
        self._turn_id = post.turn_id
        try:
            if footer is None:
                await self._apart.do(partial(self._sheet.show, text))
            else:
                await self._apart.do(partial(self._sheet.end, text, footer))
                self.ended.add(post.turn_id)
        except OSError as error:
            self.gone = True
            raise DeliveryFailed(error.strerror or "the terminal is gone") from None
        return post.turn_id

    async def withdraw(self, post: Post) -> None:
        """There is never a second post to withdraw."""

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """As the port has it."""
        await self.say(notice)
        self.ended.add(turn_id)

    async def say(self, notice: Notice) -> None:
        """Show a notice. Raises DeliveryFailed."""
        await self.print(self._as_rows(notice))

    reply = remark = say  # one place for all of it

    async def print(self, rows: Sequence[Row]) -> None:
        """Print rows for good. Raises DeliveryFailed."""
        try:
            await self._apart.do(partial(self.screen.paint, rows))
        except OSError as error:
            self.gone = True
            raise DeliveryFailed(error.strerror or "the terminal is gone") from None

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        """Nothing that an earlier process printed can be edited."""
        return {}

    def _as_rows(self, notice: Notice) -> list[Row]:
        pieces, _ = cut(harmless(to_operator(notice.text)), Growth(), whole=True)
        return [each for piece in pieces for each in rows(piece, self.screen.console, self.screen.width)]


class PlainDelivery:
    """Writes each answer once, whole, as the Markdown it is; what answers nothing goes to `remarks`.

    Why there is no answer goes to `failures`, which may be either of the two.
    """

    limits = Limits(characters=_ENDLESS, seconds_between=3_600.0, native=to_operator)

    def __init__(self, answers: Outlet, remarks: Outlet, failures: Outlet) -> None:
        self._answers = answers
        self._remarks = remarks
        self._failures = failures
        self._first = True
        self.ended: set[str] = set()  # the turns whose end has been written
        self.gone = False  # nothing can be written any more

    @contextlib.asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """No sign of life: nobody watches."""
        yield

    async def leave(self) -> None:
        """Nothing was written that could be left."""

    async def survey(self, question: Question, *, first: bool, since: float | None) -> Surroundings:
        """Whoever started the command asks, as in a private channel of theirs."""
        return Surroundings(Standing.MEMBER, Audience.PRIVATE)

    async def show(self, post: Post, text: str, footer: Footer | None) -> str:
        """As the port has it, but nothing before the end."""
        if footer is not None:
            await self._write(self._answers if footer.outcome is Outcome.ANSWERED else self._failures, text)
            self.ended.add(post.turn_id)
        return post.turn_id

    async def withdraw(self, post: Post) -> None:
        """There is never a second post to withdraw."""

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """As the port has it."""
        if self.gone:
            raise PlaceGone("the output is closed")
        await self.say(notice)
        self.ended.add(turn_id)

    async def say(self, notice: Notice) -> None:
        """Write why there is no answer. Raises PlaceGone."""
        await self._write(self._failures, to_operator(notice.text))

    async def reply(self, notice: Notice) -> None:
        """Write what came of a command. Raises PlaceGone."""
        await self._write(self._answers, to_operator(notice.text))

    async def remark(self, notice: Notice) -> None:
        """Write what answers nothing. Raises PlaceGone."""
        await self._write(self._remarks, to_operator(notice.text))

    async def find(self, question: Question, turn_id: str) -> Mapping[int, str]:
        """Nothing written can be edited."""
        return {}

    async def _write(self, outlet: Outlet, text: str) -> None:
        gap = "\n" if outlet is self._answers and not self._first else ""
        self._first = self._first and outlet is not self._answers
        try:
            await outlet.write(f"{gap}{harmless(text).strip()}\n")
        except OSError as error:  # a closed pipe stays closed
            self.gone = True
            raise PlaceGone(error.strerror or "the output is closed") from None
