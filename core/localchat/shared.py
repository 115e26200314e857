"""Work done once for all who ask for it, which goes on when they have gone: whoever asks next finds it further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Shared(Generic[Result]):
    """The work under way, by key. What it came to is told to those who wait, and kept by nobody."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Result]] = {}

    async def of(self, key: Hashable, work: Callable[[], Coroutine[None, None, Result]]) -> Result:
        """The result of the work under this key, begun now where there is none. Raises what the work raises."""
        return await asyncio.shield(self.begun(key, work))

    def begun(self, key: Hashable, work: Callable[[], Coroutine[None, None, Result]]) -> asyncio.Task[Result]:
        """The work under this key, begun now where there is none, to be waited for and never cancelled."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(work())
            self._running[key] = task
            task.add_done_callback(partial(self._done, key))
        return task

    def cancel(self) -> None:
        """Cancels all work; those who wait for it are cancelled with it."""
        for task in self._running.values():
            task.cancel()

    async def ended(self) -> None:
        """Returns when all work has ended, in whatever way."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _done(self, key: Hashable, task: asyncio.Task[Result]) -> None:
        """Forgets the work, and fetches its error, which nobody may be left to hear."""
        del self._running[key]
        if not task.cancelled():
            task.exception()
