"""Virtual time: an event loop that never waits, and SQLite that answers at once and reads the same clock."""

from __future__ import annotations

import asyncio
import selectors
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

import aiosqlite.core

Result = TypeVar("Result")

EPOCH = 1_800_000_000.0  # what the wall clocks show when a loop begins
_UNIX_IN_JULIAN_DAYS = 2_440_587.5


class Stuck(RuntimeError):
    """Nothing is due, and nothing will ever be."""


class _Jumping(selectors.SelectSelector):
    """Passes the time instead of waiting for it."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        self.loop.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only while nothing is to be done. It reads no sockets."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def wall(self) -> float:
        """Seconds since 1970, as every clock of this world shows them."""
        return EPOCH + self.now


class _AtOnce:
    """Takes the place of the queue to aiosqlite's thread: what is put in is done when `put_nowait` returns."""

    def put_nowait(self, item: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = item
        try:
            result = function()
        except Exception as error:
            if future is not None:
                future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _NoThread:
    daemon = True

    def start(self) -> None:
        pass


@contextmanager
def virtual_sqlite(loop: VirtualLoop) -> Iterator[None]:
    """SQLite without threads, on the loop's clock."""

    class Connection(aiosqlite.core.Connection):
        def __init__(self, connector: Callable[[], sqlite3.Connection], *rest: Any, **named: Any) -> None:
            def connected() -> sqlite3.Connection:
                connection = connector()
                connection.create_function("julianday", 1, lambda _: loop.wall() / 86_400 + _UNIX_IN_JULIAN_DAYS)
                return connection

            super().__init__(connected, *rest, **named)
            self._tx = _AtOnce()  # type: ignore[assignment]
            self._thread = _NoThread()  # type: ignore[assignment]

    with mock.patch.object(aiosqlite.core, "Connection", Connection):
        yield


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main` to its end in a world of its own time; what is left running then is dropped."""
    loop = VirtualLoop()
    loop.set_exception_handler(lambda *_: None)  # tasks of killed processes end as they like
    try:
        with virtual_sqlite(loop):
            return loop.run_until_complete(main(loop))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.close()
