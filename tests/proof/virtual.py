"""Virtual time: an event loop that never waits, and SQLite that answers at once and reads the same clock."""

from __future__ import annotations

import asyncio
import selectors
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

from sqlalchemy.dialects import registry

from core import sqlite as inline

Result = TypeVar("Result")

# what the wall clocks show when a loop begins: far ahead of the real one, by which no question is old then
EPOCH = 4_000_000_000.0
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
    """A loop whose time passes only while nothing is to be done. It reads no sockets.

    `committed` is called after each commit that changed anything, with the connection that made it.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.committed: Callable[[sqlite3.Connection], None] = lambda _: None
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def wall(self) -> float:
        """Seconds since 1970, as every clock of this world shows them."""
        return EPOCH + self.now


class _Connection(inline.Connection):
    loop: VirtualLoop
    changes = 0

    def commit(self) -> None:
        super().commit()
        if self.total_changes != self.changes:
            self.changes = self.total_changes
            self.loop.committed(self)


def _dialect(loop: VirtualLoop) -> type[inline.Dialect]:
    class Dialect(inline.Dialect):
        connection_class = _Connection
        supports_statement_cache = True  # SQLAlchemy asks each class of its own

        def open(self, path: str, **options: Any) -> inline.Connection:
            connection = super().open(path, **options)
            assert isinstance(connection, _Connection)
            connection.loop = loop
            connection.create_function("julianday", 1, lambda _: loop.wall() / 86_400 + _UNIX_IN_JULIAN_DAYS)
            return connection

        def waited_for(self, act: Callable[[], Any]) -> Any:
            return act()

    return Dialect


@contextmanager
def virtual_sqlite(loop: VirtualLoop) -> Iterator[None]:
    """SQLite in the loop's own thread, on the loop's clock: takes the driver's place, below the real engine."""
    dialect = _dialect(loop)
    with mock.patch.dict(registry.impls, {f"sqlite.{inline.DRIVER}": lambda: dialect}):
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
