"""What every connection to the database is told when it is opened, and when it begins a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


def set_up_postgresql(engine: AsyncEngine, seconds: float) -> None:
    """A machine that vanishes within a transaction keeps its locks no longer than that: else nobody could claim."""

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET idle_in_transaction_session_timeout = {int(seconds * 1000)}")
        cursor.close()
        connection.commit()  # a rollback would take it back


def set_up_sqlite(engine: AsyncEngine, pragmas: Sequence[str], *, immediate: bool) -> None:
    """Transactions are begun by us: the driver's own begin late and upgrade badly."""

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    begin = "BEGIN IMMEDIATE" if immediate else "BEGIN"

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        # straight to the driver: by a cursor of SQLAlchemy's it takes a third of a short transaction
        connection.connection.dbapi_connection.run_async(lambda driver: driver.execute(begin))
