"""The stored threads of a channel: which one was last, which ones still wait for an answer."""

from __future__ import annotations

from sqlalchemy import and_, func, select

from core.conversation.values import ChannelRef, Outcome, ThreadRef
from core.database import Database
from core.scope import in_channel
from core.tables import TurnRow

_ENDED = tuple(outcome.value for outcome in Outcome)


class Threads:
    """The threads of this installation that something was asked in. Every method raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, channel: ChannelRef) -> ThreadRef | None:
        """The thread of the channel's last question."""
        return next(iter(await self._threads(channel, unfinished=False, most=1)), None)

    async def unfinished(self, channel: ChannelRef, *, most: int = 20) -> list[ThreadRef]:
        """The threads that hold a question without an outcome, the newest first."""
        return await self._threads(channel, unfinished=True, most=most)

    async def _threads(self, channel: ChannelRef, *, unfinished: bool, most: int) -> list[ThreadRef]:
        condition = in_channel(TurnRow, channel)
        if unfinished:
            condition = and_(condition, TurnRow.status.not_in(_ENDED))
        found = (
            select(TurnRow.thread_id)
            .where(condition)
            .group_by(TurnRow.thread_id)
            .order_by(func.max(TurnRow.position).desc())
            .limit(most)
        )
        async with self._database.reading() as connection:
            return [ThreadRef(channel, thread_id) for thread_id in (await connection.execute(found)).scalars()]
