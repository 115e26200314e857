"""Virtual time: an event loop that never waits, and SQLite that answers at once and reads the same clock."""

from __future__ import annotations

import asyncio
import selectors
import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar
from unittest import mock

from sqlalchemy import URL, AsyncAdaptedQueuePool, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import await_only

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


class _Cursor(sqlite3.Cursor):
    """Holds its rows as soon as it has executed, as those of the real driver do."""

    server_side = False
    rows: deque[Any]

    def execute(self, *arguments: Any) -> _Cursor:
        super().execute(*arguments)
        self.rows = deque(super().fetchall()) if self.description else deque()
        return self

    def executemany(self, *arguments: Any) -> _Cursor:
        super().executemany(*arguments)
        self.rows = deque()
        return self

    def fetchone(self) -> Any:
        return self.rows.popleft() if self.rows else None

    def fetchall(self) -> list[Any]:
        rows, self.rows = list(self.rows), deque()
        return rows

    async def _async_soft_close(self) -> None: ...


class _Connection(sqlite3.Connection):
    loop: VirtualLoop
    changes = 0

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def run_async(self, act: Callable[[_Connection], Any]) -> Any:
        """Act on the driver's own connection, which is this one."""
        return act(self)

    def commit(self) -> None:
        super().commit()
        if self.total_changes != self.changes:
            self.changes = self.total_changes
            self.loop.committed(self)


class _Nothing:
    """To be awaited without waiting."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_NOTHING = _Nothing()


def _dialect(loop: VirtualLoop) -> type[SQLiteDialect_pysqlite]:
    class Dialect(SQLiteDialect_pysqlite):
        is_async = True
        supports_statement_cache = True

        @classmethod
        def import_dbapi(cls) -> ModuleType:
            return sqlite3

        @classmethod
        def get_pool_class(cls, url: URL) -> type[Pool]:
            return AsyncAdaptedQueuePool

        def connect(self, *arguments: Any, **options: Any) -> Any:
            connection = sqlite3.connect(*arguments, factory=_Connection, **options)
            connection.loop = loop
            connection.create_function("julianday", 1, lambda _: loop.wall() / 86_400 + _UNIX_IN_JULIAN_DAYS)
            return connection

        def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            await_only(_NOTHING)  # the engine wants to see that its driver is one that waits
            cursor.execute(statement, parameters)

        def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
            await_only(_NOTHING)
            cursor.executemany(statement, parameters)

    return Dialect


@contextmanager
def virtual_sqlite(loop: VirtualLoop) -> Iterator[None]:
    """SQLite in the loop's own thread, on the loop's clock: takes the driver's place, below the real engine."""
    dialect = _dialect(loop)
    with mock.patch.dict(registry.impls, {"sqlite.aiosqlite": lambda: dialect}):
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
