"""SQLite in the event loop's own thread: a SQLAlchemy dialect on the standard library's driver.

A statement of ours takes some 30 µs, and a trip to another thread and back twice that; aiosqlite makes three for each.
Only what waits for the disk has a thread: opening, and the commit of what shall last. A reader waits for nobody
(write-ahead log), and a writer for the write lock as the event loop waits.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any

from sqlalchemy import URL, AsyncAdaptedQueuePool, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import await_only

DRIVER = "inline"  # a URL names it: sqlite+inline

_CHECKPOINT_PAGES = 4_000  # of the write-ahead log; beyond that it is brought into the file, which waits for the disk
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05  # seconds, between two tries to take the lock; SQLite's own are alike


class _Nothing:
    """To be awaited without waiting."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_NOTHING = _Nothing()


class Cursor(sqlite3.Cursor):
    """Holds its rows as soon as it has executed: nothing is read from the file later."""

    server_side = False
    _rows: deque[Any]

    def execute(self, *arguments: Any) -> Cursor:
        """Execute a statement, and fetch all it returns."""
        super().execute(*arguments)
        self._rows = deque(super().fetchall()) if self.description else deque()
        return self

    def fetchone(self) -> Any:
        """The next row, or None."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, so many at most."""
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        """The other rows."""
        rows, self._rows = list(self._rows), deque()
        return rows

    async def _async_soft_close(self) -> None: ...


class Connection(sqlite3.Connection):
    """Makes cursors that hold their rows."""

    def cursor(self, factory: Any = Cursor) -> Any:
        """A new cursor."""
        return super().cursor(factory)


class Dialect(SQLiteDialect_pysqlite):
    """`pragmas` are given to each connection.

    With `writes_within` a transaction takes the write lock as it begins, and waits for it so many seconds at most.
    """

    driver = DRIVER
    connection_class = Connection
    is_async = True
    supports_statement_cache = True

    def __init__(self, pragmas: Sequence[str] = (), writes_within: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._pragmas = pragmas
        self._writes_within = writes_within
        self.lasting = True  # whether the disk has what is committed next, when it is
        self._apart = ThreadPoolExecutor(1, "sqlite")

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """The standard library's driver."""
        return sqlite3

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """A pool whose waiting is the event loop's."""
        return AsyncAdaptedQueuePool

    def connect(self, *arguments: Any, **options: Any) -> Any:
        """A connection, opened apart."""
        return self.waited_for(partial(self.open, *arguments, **options))

    def open(self, path: str, **options: Any) -> Connection:
        """A connection of the driver. Transactions are begun by us: the driver's own begin late and upgrade badly."""
        options |= {"isolation_level": None, "factory": self.connection_class}
        connection: Connection = sqlite3.connect(path, **options)
        for pragma in self._pragmas:
            _obey(connection, f"PRAGMA {pragma}")
        if self._writes_within is not None:
            connection.execute("PRAGMA busy_timeout = 0")  # the event loop does the waiting
        return connection

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin a transaction."""
        if self._writes_within is None:
            dbapi_connection.execute("BEGIN")
        else:
            await_only(self._take_lock(dbapi_connection, self._writes_within))

    async def _take_lock(self, connection: sqlite3.Connection, seconds: float) -> None:
        loop, pause = asyncio.get_running_loop(), _SHORTEST_PAUSE
        end = loop.time() + seconds
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.lasting else 'NORMAL'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES if self.lasting else 0}")
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or loop.time() >= end:
                    raise
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commit. A lasting transaction waits until the disk has it; any other returns once the system has it."""
        if self._writes_within is None or not self.lasting:
            dbapi_connection.commit()
        else:
            self.waited_for(dbapi_connection.commit)

    def do_execute(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        """Execute it here and now."""
        await_only(_NOTHING)  # the engine wants to see that its driver is one that waits
        cursor.execute(statement, parameters)

    def do_executemany(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        """Execute it here and now."""
        await_only(_NOTHING)
        cursor.executemany(statement, parameters)

    def waited_for(self, act: Callable[[], Any]) -> Any:
        """What `act` returns, which may wait: in a thread of its own, so that the loop does not."""
        return await_only(self._done(act))

    async def _done(self, act: Callable[[], Any]) -> Any:
        """What `act` returns. It cannot be cancelled, so a cancellation waits until it has ended."""
        acting = asyncio.get_running_loop().run_in_executor(self._apart, act)
        try:
            return await asyncio.shield(acting)
        except asyncio.CancelledError:
            while not acting.done():
                await asyncio.wait({acting})
            raise


def _obey(connection: sqlite3.Connection, pragma: str) -> None:
    """Execute it, waiting for a lock as long as the connection is to wait for one.

    SQLite itself does not: where another process writes a new file, it refuses to begin the write-ahead log at once.
    """
    (milliseconds,) = connection.execute("PRAGMA busy_timeout").fetchone()
    end, pause = time.monotonic() + milliseconds / 1_000, _SHORTEST_PAUSE
    while True:
        try:
            connection.execute(pragma)
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= end:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


registry.register(f"sqlite.{DRIVER}", __name__, Dialect.__name__)
