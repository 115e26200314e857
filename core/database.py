"""The database: SQLite (one file, one grouped writer) or PostgreSQL (by its URL alone), behind the same two calls.

`reading()` gives a connection to read with; `write(unit)` runs a unit of work in a transaction. Units do database work
only: no connection is held across a network await.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy import BigInteger, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from core.batches import Batches
from core.connections import Connections
from core.database_url import libpq, parse_url
from core.errors import DatabaseError, DatabaseUnavailable, DatabaseUnreadable, SettingsError
from core.secret import Secret
from core.sqlite import Dialect
from core.wake import CHANNEL, LOST, listen

Item = TypeVar("Item")
Result = TypeVar("Result")
Unit = Callable[[AsyncConnection], Awaitable[Result]]

_BUSY_SECONDS = 5
_STATEMENT_SECONDS = 30
_REVISION_SECONDS = 120  # at most between two statements of revisions; and for another process's, on SQLite
_POOL, _URGENT = 6, 2  # connections of a process to PostgreSQL, those for what is urgent alone; another one listens
_OLDEST_SECONDS = 180  # the oldest of those; load balancers drop silent ones without a word (Azure after 240 s)
_READERS = 4  # connections that read a SQLite file beside its one writer
_GROUP = 64  # units that share one SQLite transaction at most; what is urgent waits for one such group
_DURABLE = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON")
_RAISED = (*LOST, sqlite3.Error, asyncpg.PostgresError)
# what passes: of SQLite by its code, of PostgreSQL by the class of its SQLSTATE ("Appendix A"): connections, rollbacks,
# resources, states of an object, an operator's doing, the system; and a server that just became another's standby
_PASSING_CODES = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_PROTOCOL}
)
_PASSING_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function it is
    """Milliseconds since 1970 by the database's own clock: leases never trust a worker's clock."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "postgresql")
def _now_postgresql(element: now_ms, compiler: SQLCompiler, **options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"


@compiles(now_ms, "sqlite")
def _now_sqlite(element: now_ms, compiler: SQLCompiler, **options: Any) -> str:
    # 2440587.5 is the Julian day of 1970-01-01; unixepoch('subsec') needs SQLite 3.42
    return "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


class Database:
    """One process's connections. Raises DatabaseUnavailable or DatabaseUnreadable, and no foreign exception.

    `read_only`: it is only looked into; a file that is not there is DatabaseUnreadable, and none is made.
    """

    def __init__(self, url: Secret, *, busy_seconds: float = _BUSY_SECONDS, read_only: bool = False) -> None:
        self._url = parse_url(url)
        self._busy_seconds = busy_seconds
        self._read_only = read_only
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._reader = Connections(self._engine(pool_size=_READERS if self.is_sqlite else _POOL))
        self._writer = Connections(self._engine(pool_size=1, immediate=True)) if self.is_sqlite else self._reader
        self._urgent = self._writer if self.is_sqlite else Connections(self._engine(pool_size=_URGENT))
        self._open = 0  # calls under way
        self._idle = asyncio.Event()
        self._idle.set()
        self._units = Batches[tuple[Unit[Any], bool], Any](self._write_group, _GROUP)

    @property
    def where(self) -> str:
        """The database named for people, without user name and password."""
        if self.is_sqlite:
            return str(self._url.database)
        return f"PostgreSQL database {self._url.database} at {self._url.host or 'the local socket'}"

    @property
    def file(self) -> Path | None:
        """SQLite's file; None with PostgreSQL."""
        return Path(str(self._url.database)) if self.is_sqlite else None

    def engine_for_schema(self) -> AsyncEngine:
        """An engine for revisions alone, in no hurry: SQLite's writes exclude all others, foreign keys are off."""
        return self._engine(pool_size=1, immediate=True, revises=True)

    @contextlib.asynccontextmanager
    async def reading(self, *, urgent: bool = False) -> AsyncIterator[AsyncConnection]:
        """A connection to read with, in one snapshot. What is `urgent` waits for no connection of others."""
        with self.translated(), self._under_way():
            async with (self._urgent if urgent and not self.is_sqlite else self._reader).connect() as connection:
                if not self.is_sqlite:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection

    async def write(self, unit: Unit[Result], *, urgent: bool = False, lasting: bool = True) -> Result:
        """Run `unit` in a transaction and commit it before returning; an exception of it rolls it back.

        On SQLite concurrent units share a transaction, each in its own savepoint. An urgent one, for which a platform
        or a lease waits, goes ahead of all others. A cancelled caller's unit may still be committed. One that is not
        `lasting` survives every end of the process, but SQLite does not wait for the disk: a power failure may undo it.
        """
        with self.translated(), self._under_way():
            if self.is_sqlite:
                return cast("Result", await self._units.add((unit, lasting), urgent=urgent))
            async with (self._urgent if urgent else self._writer).connect() as connection, connection.begin():
                return await unit(connection)

    async def _write_group(self, group: Sequence[tuple[Unit[Any], bool]]) -> Sequence[Any]:
        units = [unit for unit, _ in group]
        cast("Dialect", self._writer.engine.dialect).lasting = any(lasting for _, lasting in group)
        async with self._writer.connect() as connection, connection.begin():
            if len(units) == 1:
                return [await units[0](connection)]
            return [await _in_savepoint(connection, unit) for unit in units]

    def insert(self, table: type[DeclarativeBase]) -> Insert:
        """An INSERT that knows ON CONFLICT, which both databases spell alike."""
        dialect = sqlite if self.is_sqlite else postgresql
        return cast("Insert", dialect.insert(table))

    async def close(self) -> None:
        """Let what is under way finish, then close every connection."""
        await self._idle.wait()
        await self._units.drain()
        for each in (self._urgent, self._writer, self._reader):
            await each.engine.dispose()

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        self._open += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()

    @contextlib.asynccontextmanager
    async def wakes(self, wake: Callable[[], None]) -> AsyncIterator[None]:
        """Call `wake` when another process has accepted questions. PostgreSQL only, and only a hint: poll as well."""
        if self.is_sqlite:
            yield
            return
        listener = asyncio.create_task(listen(libpq(self._url), wake, self._busy_seconds))
        try:
            yield
        finally:
            listener.cancel()
            await asyncio.wait([listener])

    async def announce(self, connection: AsyncConnection) -> None:
        """Within a unit: wake the workers of other processes once it is committed. One a transaction at most."""
        if not self.is_sqlite:
            await connection.exec_driver_sql(f"NOTIFY {CHANNEL}")

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what the drivers raise into DatabaseError."""
        problem: DatabaseError
        try:
            yield
            return
        except IntegrityError:
            raise  # a bug of ours: every expected conflict is an ON CONFLICT
        except DBAPIError as error:
            problem = self._problem(error.orig if isinstance(error.orig, BaseException) else error)
        except _RAISED as error:
            problem = self._problem(error)
        raise problem

    def _problem(self, error: BaseException) -> DatabaseError:
        cause = error.__cause__ or error
        return (DatabaseUnavailable if _passes(cause) else DatabaseUnreadable)(self.where, _reason(cause))

    def _engine(self, *, pool_size: int, immediate: bool = False, revises: bool = False) -> AsyncEngine:
        try:
            if self.is_sqlite:
                self._prepare_file()
                pragmas = [f"busy_timeout = {int(self._busy_seconds * 1000)}"]
                pragmas += ["query_only = ON"] if self._read_only else _DURABLE
                pragmas += [f"foreign_keys = {'OFF' if revises else 'ON'}"]
                given: dict[str, Any] = {"pragmas": pragmas}
                given |= {"writes_within": _REVISION_SECONDS if revises else self._busy_seconds} if immediate else {}
            else:
                waits = {"timeout": self._busy_seconds, "command_timeout": None if revises else _STATEMENT_SECONDS}
                connects = partial(asyncpg.connect, libpq(self._url), **waits)
                given = {"async_creator": connects, "pool_recycle": _OLDEST_SECONDS}
            engine = create_async_engine(self._url, pool_size=pool_size, max_overflow=0, hide_parameters=True, **given)
        except NoSuchModuleError:
            raise SettingsError("DATABASE_URL", "its driver is not supported") from None
        if not self.is_sqlite:
            idle = _REVISION_SECONDS if revises else self._busy_seconds
            event.listen(engine.sync_engine, "connect", partial(self._connected, idle))
            event.listen(engine.sync_engine, "checkout", _still_open)
        return engine

    def _connected(self, seconds: float, connection: Any, record: Any) -> None:
        """A machine that vanishes within a transaction keeps its locks no longer than that: else nobody could claim."""
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = {int(seconds * 1000)}")
        connection.commit()  # a rollback would take it back

    def _prepare_file(self) -> None:
        """The file exists before SQLite opens it, readable by its owner alone.

        One that is there is not opened: closing it would drop the locks of all this process's connections to it, and
        the next process that ends would delete the write-ahead log that they write to.
        """
        path = Path(str(self._url.database))
        if path.is_file() and os.access(path, os.R_OK | os.W_OK):
            return
        problem = ""
        try:
            if not self._read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | (0 if self._read_only else os.O_CREAT), 0o600))
        except OSError as error:
            problem = (error.strerror or "cannot be opened").lower()
        if problem:
            raise DatabaseUnreadable(str(path), problem)


def _still_open(connection: Any, record: Any, proxy: Any) -> None:
    """Replace a connection that its server has ended, and all that are older.

    asyncpg knows of it. SQLAlchemy's own way, pool_pre_ping, asks the server: three round trips before each use.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def _passes(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_CODES
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate is not None:
        # a statement prepared before the tables changed is prepared anew the next time
        return error.sqlstate[:2] in _PASSING_CLASSES or isinstance(error, asyncpg.InvalidCachedStatementError)
    return isinstance(error, LOST)


def _reason(error: BaseException) -> str:
    """What the driver said, in one line, without the statement."""
    if isinstance(error, asyncpg.InvalidPasswordError | asyncpg.InvalidAuthorizationSpecificationError):
        return "user name or password was refused"
    text = (str(error) or type(error).__name__).splitlines()[0].lower()
    return text.rsplit(">: ", 1)[-1][:200]


def padded(items: Sequence[Item]) -> list[Item]:
    """These, one at least, the last of them repeated up to a power of two: for a statement that names each.

    A connection keeps what it has prepared, by its text: of each number of them, on SQLite some 30 KB.
    """
    return [*items, *[items[-1]] * ((1 << (len(items) - 1).bit_length()) - len(items))]


async def _in_savepoint(connection: AsyncConnection, unit: Unit[Any]) -> Any:
    """A unit's result, or its exception as a value, rolled back alone."""
    savepoint = await connection.begin_nested()
    try:
        result = await unit(connection)
    except Exception as error:
        if connection.invalidated or not savepoint.is_active:
            raise
        try:
            await savepoint.rollback()
        except DBAPIError:  # SQLite took the whole transaction back, with the savepoints: it does where a disk is full
            raise error from None
        return error
    await savepoint.commit()
    return result
