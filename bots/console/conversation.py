"""One thread of the console: its questions are accepted, answered here and nowhere else, stopped, asked again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from bots.console import place
from bots.console.delivery import PlainDelivery, TerminalDelivery
from bots.console.parts import Parts
from core import wording
from core.conversation.values import Asker, Notice, Outcome, Question, ThreadRef, Turn
from core.errors import DatabaseError, GaveUp
from core.relay.claims import Scope
from core.relay.worker import Worker

_GRACE_SECONDS = 1.0  # for an answer that is about to end when the console is told to
_CLOSING_SECONDS = 0.5  # until what is still under way then is handed back


class Conversation:
    """Enter `running` before asking; what is under way when it is left is handed back, for `--resume` to go on with.

    `after` is the order of the last question that was asked here; `ended` is set when the console is told to end.
    """

    def __init__(
        self,
        parts: Parts,
        thread: ThreadRef,
        delivery: TerminalDelivery | PlainDelivery,
        *,
        user: str,
        ended: asyncio.Event,
        after: int,
    ) -> None:
        self.thread = thread
        self._parts = parts
        self._delivery = delivery
        self._user = user
        self._ended = ended
        self._worker: Worker = parts.worker({place.PLATFORM: delivery}, Scope((place.PLATFORM,), thread))
        self._order = after
        self._stopped = asyncio.Event()
        self._busy = False

    @property
    def busy(self) -> bool:
        """An answer is under way."""
        return self._busy

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answers while the context is open."""
        try:
            async with self._worker.running(_CLOSING_SECONDS):
                yield
        finally:
            await self._delivery.leave()

    async def turns(self) -> list[Turn]:
        """What was asked here, oldest first."""
        return await self._parts.history.turns(self.thread)

    async def ask(self, text: str) -> Outcome | None:
        """How the question ended; None if the console was told to end first."""
        self._order = max(self._order + 1, time.time_ns())  # a clock set back must not reorder a conversation
        question = Question(self.thread, uuid4().hex, self._order, Asker(self._user), text, datetime.now(UTC))
        accepted = await self._parts.intake.accept(question)
        return (await self._ends([accepted.turn_id or ""]))[0]

    async def finish(self, pending: Sequence[Turn]) -> list[Outcome | None]:
        """How the turns ended that an earlier process left open."""
        return await self._ends([turn.turn_id for turn in pending])

    async def interrupt(self) -> None:
        """Stop the answer that is under way. Raises DatabaseError."""
        await self._worker.stop(self.thread)
        self._stopped.set()

    async def _ends(self, turn_ids: Sequence[str]) -> list[Outcome | None]:
        """The outcomes of these turns, in their order; None where the console was told to end first."""
        known: dict[str, Outcome] = {}
        awaited = {turn_id: asyncio.create_task(self._worker.outcome(turn_id)) for turn_id in turn_ids}
        self._busy = True
        try:
            async with self._delivery.busy():
                while not self._ended.is_set():
                    known |= {turn_id: task.result() for turn_id, task in awaited.items() if task.done()}
                    if len(known) < len(awaited):
                        known |= await self._recorded(set(awaited) - set(known))
                    if len(known) == len(awaited):
                        break
                    await self._change([task for turn_id, task in awaited.items() if turn_id not in known])
                else:
                    await asyncio.wait(awaited.values(), timeout=_GRACE_SECONDS)
                    known |= {turn_id: task.result() for turn_id, task in awaited.items() if task.done()}
        finally:
            self._busy = False
            for task in awaited.values():
                task.cancel()
            await asyncio.gather(*awaited.values(), return_exceptions=True)
        if not self._ended.is_set():  # else the answer may still grow until the worker has closed
            await self._delivery.leave()
        if known and not self._delivery.gone and not self._delivery.ended & set(known):
            # stopped before its first attempt, or given up without a word
            said = wording.stopped() if Outcome.STOPPED in known.values() else wording.sentence(GaveUp())
            await self._delivery.say(Notice(said))
        return [known.get(turn_id) for turn_id in turn_ids]

    async def _recorded(self, turn_ids: Collection[str]) -> dict[str, Outcome]:
        """Outcomes that this worker does not report: turns stopped while they waited, or answered with another."""
        with contextlib.suppress(DatabaseError):  # it is asked again
            turns = await self._parts.history.turns(self.thread, most=len(turn_ids) + 1)
            return {turn.turn_id: turn.outcome for turn in turns if turn.outcome and turn.turn_id in turn_ids}
        return {}

    async def _change(self, awaited: Sequence[asyncio.Task[Outcome]]) -> None:
        """Wait until a turn has ended or was stopped, or the console is to end."""
        signs = [asyncio.create_task(event.wait()) for event in (self._stopped, self._ended)]
        try:
            await asyncio.wait([*awaited, *signs], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for sign in signs:
                sign.cancel()
        self._stopped.clear()
