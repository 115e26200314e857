"""Runs claimed turns, many at once; takes over from the dead; hands back when it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from core import logs
from core.conversation.values import Outcome, ThreadRef
from core.errors import (
    AskrepoError,
    DatabaseError,
    DatabaseUnavailable,
    DeliveryFailed,
    LeaseLost,
    PlatformAway,
    SettingsError,
)
from core.metrics import Metrics
from core.relay.answering import Answering
from core.relay.claims import Claim, Scope
from core.relay.hold import Hold
from core.relay.leases import TICK_SECONDS, Leases
from core.relay.places import Places

log = logs.get(__name__)

POLL_SECONDS = 1.0  # the truth; wakes are only hints
_MOST = 300  # answers at once; about what a core can show of those that take fifteen seconds
# more that begin at once would keep the event loop from what else is due, such as acknowledgements
_BEGUN_TOGETHER = 10
_BEGIN_SECONDS = 0.1
_PATIENCE = 3  # ticks after the database was away, so that whoever lives renews before others' leases are ended
_LAST_CLAIM_SECONDS = 3.0  # at the end, for a claim under way
_HAND_BACK_SECONDS = 5.0  # and for handing over, where the database is slow or away


def worker_name() -> str:
    """A name no other process has, now or later."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


class Worker:
    """Answers what is due in its scope until it is told to end."""

    def __init__(
        self,
        leases: Leases,
        answering: Answering,
        places: Places,
        scope: Scope,
        *,
        clock: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = worker_name()
        self._leases = leases
        self._answering = answering
        self._places = places
        self._scope = scope
        self._clock = clock
        self._due = asyncio.Event()
        self._closing = False
        self._running: dict[str, tuple[Hold, asyncio.Task[None]]] = {}
        self._awaited: dict[str, asyncio.Future[Outcome]] = {}
        self._metrics = metrics or Metrics()
        self._metrics.watch(lambda: len(self._running))

    def wake(self) -> None:
        """There may be something to claim."""
        self._due.set()

    async def outcome(self, turn_id: str) -> Outcome:
        """How this turn ends, if it is this worker that ends it. Call it before, or as soon as, it is accepted."""
        future = self._awaited.setdefault(turn_id, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.shield(future)
        finally:
            self._awaited.pop(turn_id, None)

    async def stop(self, thread: ThreadRef, turn_id: str | None = None, *, before: int | None = None) -> bool:
        """Stop the thread's answer, the running one or else the next, or this turn alone. False where there is none.

        As `Leases.stop` has it, `before` included.
        """
        # those known before: what is claimed meanwhile is another answer, or learns of it with its claim
        here = [hold for hold, _ in self._running.values() if hold.claim.thread == thread]
        stopped = await self._leases.stop(thread, turn_id, before=before)
        for hold in here if stopped else []:
            if turn_id in {None, hold.claim.turn_id} and hold.claim.asked_before(before):
                hold.stop.set()
        self.wake()
        return stopped

    @contextlib.asynccontextmanager
    async def running(self, grace: float = 20.0) -> AsyncIterator[None]:
        """Answers while the context is open; at its end, running answers get `grace` seconds, then are handed back."""
        self._closing = False
        claiming = asyncio.create_task(self._keep_claiming())
        renewing = asyncio.create_task(self._keep_renewing())
        telling = asyncio.create_task(self._keep_telling())
        try:
            yield
        finally:
            self._closing = True
            self.wake()
            # not cancelled: a claim whose answer is not awaited would hold its turns for a whole lease
            await asyncio.wait([claiming], timeout=_LAST_CLAIM_SECONDS)
            for task in (claiming, telling):
                task.cancel()
            await asyncio.gather(claiming, telling, return_exceptions=True)
            await self._hand_back(grace)
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _keep_claiming(self) -> None:
        while not self._closing:
            self._due.clear()
            try:
                await self._claim()
            except DatabaseError as error:
                log.warning("cannot claim", reason=str(error))
            except Exception:
                log.exception("cannot claim")  # a worker that stopped claiming unnoticed would answer nothing
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), POLL_SECONDS)

    async def _claim(self) -> None:
        free = _MOST - len(self._running)
        if free <= 0:
            return
        since = self._clock()
        claims = await self._leases.claim(self.name, self._scope, min(free, _BEGUN_TOGETHER))
        if len(claims) == _BEGUN_TOGETHER:
            asyncio.get_running_loop().call_later(_BEGIN_SECONDS, self.wake)
        for claim in claims:
            await self._let_go(claim.turn_id)
            if claim.attempt > 1:
                self._metrics.resumed(claim.workspace.platform)
            hold = Hold(claim, since, self._clock)
            if claim.stop_requested:
                hold.stop.set()
            task = asyncio.create_task(self._turn(hold))
            self._running[claim.turn_id] = (hold, task)

    async def _let_go(self, turn_id: str) -> None:
        """End our own earlier attempt at a turn, whose lease ran out unnoticed."""
        if turn_id in self._running:
            hold, task = self._running[turn_id]
            hold.lost.set()
            task.cancel()
            await asyncio.wait([task])

    async def _turn(self, hold: Hold) -> None:
        claim = hold.claim
        try:
            outcome = await self._answering.answer(hold)
        except LeaseLost as error:
            self._metrics.interrupted(error)
            log.warning("another worker took over, or the question was edited", turn=claim.turn_id)
            hold.lost.set()
        except (DatabaseError, PlatformAway, SettingsError) as error:
            self._metrics.interrupted(error)
            log.warning("put back", turn=claim.turn_id, reason=str(error))
            await self._retry(claim, blame=False)
        except DeliveryFailed as error:
            self._metrics.interrupted(error)
            log.warning("attempt failed", turn=claim.turn_id, failures=claim.failures, reason=str(error))
            await self._retry(claim)
        except Exception as error:
            self._metrics.interrupted(error)
            log.exception("attempt failed", turn=claim.turn_id, failures=claim.failures)
            await self._retry(claim)
        else:
            seconds = max(0.0, (datetime.now(UTC) - claim.asked_at).total_seconds())
            self._metrics.ended(claim.workspace.platform, outcome.value, seconds)
            log.info("turn ended", turn=claim.turn_id, outcome=outcome.value, attempt=claim.attempt)
            future = self._awaited.get(claim.turn_id)
            if future is not None and not future.done():
                future.set_result(outcome)
        finally:
            if self._running.get(claim.turn_id, (None,))[0] is hold:
                del self._running[claim.turn_id]
            if hold.lost.is_set():
                await self._give_back([hold])
            self.wake()

    async def _give_back(self, holds: Sequence[Hold]) -> None:
        """Those that are still ours are answered anew, by whoever claims them; others stay as they are."""
        broken_off = {hold.claim.turn_id for hold in holds if hold.broken_off}
        await _said(lambda: self._leases.hand_back([hold.claim for hold in holds], broken_off=broken_off))

    async def _retry(self, claim: Claim, *, blame: bool = True) -> None:
        await _said(lambda: self._leases.retry(claim, blame=blame))

    async def _keep_renewing(self) -> None:
        patience = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._renew(anyway=patience > 0)
                if patience:
                    patience -= 1
                elif await self._leases.free_expired():
                    self.wake()
            except DatabaseError as error:
                patience = _PATIENCE
                log.warning("cannot renew", reason=str(error))
            except Exception:
                log.exception("cannot renew")

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._places.tell(self._scope)
            except DatabaseError as error:
                log.warning("cannot tell places in line", reason=str(error))
            except Exception:
                log.exception("cannot tell places in line")

    async def _renew(self, *, anyway: bool = False) -> None:
        """Renew what is held; `anyway`, where that is nothing, learn at least whether the database is there."""
        held = dict(self._running)  # those held before the statement: one claimed meanwhile is not missing
        if not held and not anyway:
            return
        since = self._clock()
        kept = await self._leases.renew(self.name, [hold.claim for hold, _ in held.values()])
        for turn_id, (hold, task) in held.items():
            renewed = kept.get(turn_id)
            if renewed is not None and renewed.revision == hold.claim.revision:
                hold.renewed(since)
                if renewed.stop_requested:
                    hold.stop.set()
            elif not hold.ending:
                hold.lost.set()
                task.cancel()

    async def _hand_back(self, grace: float) -> None:
        if self._running:
            await asyncio.wait([task for _, task in self._running.values()], timeout=grace)
        unfinished = list(self._running.values())
        for _, task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait([task for _, task in unfinished], timeout=_HAND_BACK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HAND_BACK_SECONDS):
                    await self._give_back([hold for hold, _ in unfinished])


async def _said(say: Callable[[], Awaitable[None]]) -> None:
    """Tell the database once it is there; give up silently where the turn is not ours any more.

    Otherwise the lease would run out as a dead worker's does, which counts as a failure of the turn.
    """
    while True:
        try:
            await say()
        except DatabaseUnavailable:
            await asyncio.sleep(POLL_SECONDS)
            continue
        except AskrepoError:
            pass
        return
