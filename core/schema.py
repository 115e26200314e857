"""The schema's revisions: brought up to date by one process at a time, refused when newer than this program."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from alembic import command
from core import logs
from core.database import Database
from core.errors import DatabaseTooNew, DatabaseUnreadable

log = logs.get(__name__)

_WAIT_SECONDS = 3  # for another's lock on a table
_AGAIN_SECONDS = 5  # those who stood in line meanwhile go on
_NOT_AVAILABLE = "55P03"  # lock_not_available
_LOCK = 0x61736B72  # any number that nobody else locks in the same database
_HERE = Path(__file__).resolve().parent
_BESIDE = _HERE / "migrations"  # in an installed wheel
_CHECKOUT = _HERE.parent / "alembic"


class State(Enum):
    """How far a database's schema is."""

    EMPTY = auto()
    BEHIND = auto()
    CURRENT = auto()


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration of our revisions, for `alembic.command`, working on the connection given."""
    made = Config()
    folder = _BESIDE if _BESIDE.is_dir() else _CHECKOUT
    made.set_main_option("script_location", str(folder).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


async def upgrade(database: Database) -> bool:
    """Bring the schema up to date; True if anything was done.

    Processes that start together wait for each other, and one of them does it. A table that somebody reads for long is
    waited for as well, without holding anybody up. Raises DatabaseTooNew, changing nothing, and DatabaseUnreadable for
    a database that holds something else.
    """
    if await state(database) is State.CURRENT:
        return False  # most starts: no lock is waited for that a busy SQLite file may not give in time
    engine = database.engine_for_schema()
    try:
        with database.translated():
            while (done := await _tried(database, engine)) is None:
                log.warning("the schema waits: a table is in use, by a backup perhaps", again_in=_AGAIN_SECONDS)
                await asyncio.sleep(_AGAIN_SECONDS)
            return done
    finally:
        await engine.dispose()


async def state(database: Database) -> State:
    """How far the schema is. Nothing is changed; raises what `upgrade` raises."""
    async with database.reading() as connection:
        return await connection.run_sync(_state, database.where)


async def _tried(database: Database, engine: AsyncEngine) -> bool | None:
    """Whether anything was done; None where a table was in use for too long, and nothing was."""
    try:
        async with engine.begin() as connection:
            await _take_lock(database, connection)
            return await connection.run_sync(_upgrade, database.where)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
            raise
    return None


async def _take_lock(database: Database, connection: AsyncConnection) -> None:
    """Held until the transaction ends. SQLite's BEGIN IMMEDIATE has taken it already.

    Revisions wait only briefly for table locks: every live query would queue behind one that waits.
    """
    if not database.is_sqlite:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'"))


def _upgrade(connection: Connection, where: str) -> bool:
    if _state(connection, where) is State.CURRENT:
        return False
    command.upgrade(config(connection), "head")
    return True


def _state(connection: Connection, where: str) -> State:
    revisions = ScriptDirectory.from_config(config())
    current = MigrationContext.configure(connection).get_current_revision()
    if current == revisions.get_current_head():
        return State.CURRENT
    if current is None and set(inspect(connection).get_table_names()) - {"alembic_version"}:
        raise DatabaseUnreadable(where, "it holds tables, but none of askrepo's making")
    if current is not None and current not in {each.revision for each in revisions.walk_revisions()}:
        raise DatabaseTooNew(where, "it was written by a newer askrepo")
    return State.EMPTY if current is None else State.BEHIND
