"""Work that outlives the delivery which began it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from core import logs
from core.errors import AskrepoError

_MOMENT_SECONDS = 1.0  # platforms wait for three to be acknowledged

log = logs.get(__name__)


async def cancelled(task: asyncio.Task[None], again: float) -> None:
    """Cancel the task, again every so many seconds, until it ends: a library may take one cancellation for its own."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=again)
    await asyncio.gather(task, return_exceptions=True)


class Tasks:
    """Work that goes on by itself: awaited at the end, and never lost to the garbage collector."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    async def begin(self, work: Awaitable[object]) -> None:
        """Begin the work and give it a moment to finish: an acknowledged event is not sent again, were we killed."""
        await asyncio.wait({self.start(work)}, timeout=_MOMENT_SECONDS)

    async def attempt(self, work: Awaitable[None]) -> None:
        """As `begin`; what fails within that moment is raised, so that whoever sent the event sends it again."""
        doing = asyncio.ensure_future(work)
        await self.begin(doing)
        if doing.done():
            doing.result()

    def start(self, work: Awaitable[object]) -> asyncio.Task[None]:
        """Begin it now; what fails is logged."""
        task = asyncio.create_task(self._guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _guarded(self, work: Awaitable[object]) -> None:
        try:
            await work
        except AskrepoError as error:
            log.warning("not done", reason=str(error), kind=type(error).__name__)
        except Exception:
            log.exception("not done")

    async def finished(self, seconds: float) -> None:
        """Wait for what runs, so long at most; then end it."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
