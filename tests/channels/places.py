"""Places, and the tables behind them, for the tests of channels."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from core.channels.mappings import Mappings
from core.channels.suspensions import suspension_of
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.database import Database
from core.tables import AuditRow, Base

WORKSPACE = WorkspaceRef("slack", "T1")
CHANNEL = ChannelRef("slack", "T1", "C1")
THREAD = ThreadRef(CHANNEL, "1700000000.000100")


async def rows(database: Database, table: type[Base]) -> list[Row[Any]]:
    """Everything in a table, as it is stored."""
    async with database.reading() as connection:
        return list((await connection.execute(select(table.__table__))).all())


async def audited(database: Database, *, channel_id: str | None = "C1") -> list[tuple[str, str, str]]:
    """(actor, action, detail) of the changes recorded for a channel, in their order."""
    found = select(AuditRow.actor, AuditRow.action, AuditRow.detail, AuditRow.channel_id).order_by(AuditRow.at)
    async with database.reading() as connection:
        return [(row.actor, row.action, row.detail) for row in await connection.execute(found) if row[3] == channel_id]


async def confirmed(mappings: Mappings, channel: ChannelRef, *, actor: str) -> bool:
    """Confirm the suspension that is there now; whether there was one."""
    return await mappings.confirm(channel, suspension_of(await mappings.list(channel)), actor=actor)
