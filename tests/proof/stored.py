"""The turns as the database has them."""

from __future__ import annotations

import asyncio
import contextlib
import time

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.values import ChannelRef, Outcome, ThreadRef
from core.database import Database, now_ms
from core.errors import DatabaseUnavailable
from core.tables import TurnRow
from tests.proof.history import Key, Stored

_LOOK_SECONDS = 0.2
_OPEN = ("waiting", "running")


async def stored(database: Database) -> list[Stored]:
    """All of them, as they are now."""
    async with database.reading() as connection:
        rows = (await connection.execute(select(TurnRow.__table__))).all()
    turns = []
    for row in rows:
        thread = ThreadRef(ChannelRef(row.platform, row.workspace_id, row.channel_id), row.thread_id)
        outcome = Outcome(row.status) if row.status in set(Outcome) else None
        turns.append(
            Stored(
                row.turn_id,
                Key(thread, row.message_id),
                outcome,
                row.answered_with,
                erased=row.erased_at is not None,
                begun=row.attempt > 0,
                texts=sum(text is not None for text in (row.answer, row.context, row.reference)),
            )
        )
    return turns


async def count(database: Database, *statuses: str) -> int:
    """How many turns are in one of these states."""
    counted = select(func.count()).where(TurnRow.status.in_(statuses))
    async with database.reading() as connection:
        return int((await connection.execute(counted)).scalar_one())


async def all_ended(database: Database, seconds: float) -> None:
    """Wait until no turn is open. AssertionError, with what is open, if that takes too long."""
    end = time.monotonic() + seconds
    while True:
        # a connection may be one to a server that was killed before, and still tells us so
        with contextlib.suppress(DatabaseUnavailable):
            if not await count(database, *_OPEN):
                return
        if time.monotonic() > end:
            raise AssertionError(f"still open: {await _open(database)}")
        await asyncio.sleep(_LOOK_SECONDS)


async def _open(database: Database) -> list[str]:
    due = (TurnRow.due_at - now_ms()) / 1000
    columns = (TurnRow.turn_id, TurnRow.status, TurnRow.attempt, TurnRow.failures, due, TurnRow.thread_id)
    async with database.reading() as connection:
        rows = await connection.execute(select(*columns).where(TurnRow.status.in_(_OPEN)))
        return [str(tuple(row)) for row in rows]


async def let_leases_end(database: Database) -> None:
    """The time of all leases is over. Only while nobody runs."""
    ended = update(TurnRow).where(TurnRow.status == "running").values(lease_until=0)

    async def unit(connection: AsyncConnection) -> None:
        await connection.execute(ended)

    await database.write(unit)
