"""A thread for what may block for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue


class Apart:
    """Does one thing after the other in a thread that nobody waits for, so that none keeps the process from ending."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)

    async def do(self, act: Callable[[], None]) -> None:
        """Do this, and raise what it raises. Cancelled, what has begun goes on; what has not, never is done."""
        if self._thread.ident is None:
            self._thread.start()
        done: Future[None] = Future()
        self._waiting.put((act, done))
        await asyncio.wrap_future(done)

    def _work(self) -> None:
        while True:
            act, done = self._waiting.get()
            if done.set_running_or_notify_cancel():
                try:
                    act()
                except Exception as error:
                    done.set_exception(error)
                else:
                    done.set_result(None)
