"""Tells people who have waited long where they stand in line, once each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sqlalchemy import Update, and_, func, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core import logs, wording
from core.conversation.values import Notice, WorkspaceRef
from core.database import Database, now_ms
from core.errors import CipherError, DeliveryError
from core.relay.claims import KEY, NOW, Open, Scope, open_turn
from core.relay.delivery import Delivery
from core.relay.planning import Planning
from core.scope import in_workspace, of_turn
from core.statuses import WAITING
from core.tables import TurnRow

log = logs.get(__name__)

_LONG_MS = 10_000  # in line, or after its turn should have come
_OLDEST_MS = 120_000  # so that those who wait for very long are not looked at each time
_MOST = 20  # told at a time
_UNTOUCHED = and_(TurnRow.status == WAITING, TurnRow.attempt == 0, TurnRow.declined.is_(None))


class Places:
    """The places of waiting turns in the line of their workspace."""

    def __init__(self, database: Database, planning: Planning, deliveries: Mapping[str, Delivery]) -> None:
        self._database = database
        self._planning = planning
        self._deliveries = deliveries

    async def tell(self, scope: Scope) -> None:
        """Tell those who have come to wait for long, each person about one question. Raises DatabaseError."""
        people: set[tuple[WorkspaceRef, str]] = set()
        for waiting in await self.long_waiting(scope):
            if (waiting.workspace, waiting.asker_id) in people:
                continue
            number = await self._number(waiting)
            if number is not None:
                people.add((waiting.workspace, waiting.asker_id))
                await self._tell(waiting, number)

    async def long_waiting(self, scope: Scope) -> list[Open]:
        """Turns that have come to wait for long, in the order of the line; each turn once. Raises DatabaseError."""

        async def unit(connection: AsyncConnection) -> list[Open]:
            rows = (await connection.execute(long_waiting_statement(scope))).all()
            return [open_turn(row) for row in sorted(rows, key=lambda row: (row.line_at, row.position))]

        return await self._database.write(unit)

    async def _number(self, waiting: Open) -> int | None:
        """Its place just before it is told; None where its turn has come, since telling the others takes time."""
        own = select(TurnRow.line_at).where(of_turn(TurnRow, waiting.workspace, waiting.turn_id), _UNTOUCHED)
        async with self._database.reading() as connection:
            line_at = (await connection.execute(own)).scalar_one_or_none()
            if line_at is None:
                return None
            before = select(func.count()).where(
                in_workspace(TurnRow, waiting.workspace), TurnRow.status == WAITING, TurnRow.line_at < line_at
            )
            return int((await connection.execute(before)).scalar_one()) + 1

    async def _tell(self, waiting: Open, number: int) -> None:
        try:
            question = await self._planning.question(waiting)
            delivery = self._deliveries[waiting.workspace.platform]
            await delivery.tell(question, waiting.turn_id, Notice(wording.place_in_line(number)))
        except (CipherError, DeliveryError) as error:
            log.info("its place in line was not told", turn=waiting.turn_id, reason=str(error))


@lru_cache(maxsize=64)
def long_waiting_statement(scope: Scope) -> Update:
    """Mark the turns whose place in line is to be told, and return them: by now their turn should have come."""
    due, oldest = NOW - _LONG_MS, NOW - _OLDEST_MS
    untold = and_(_UNTOUCHED, ~TurnRow.place_told)
    found = (
        select(*KEY)
        .where(untold, TurnRow.line_at <= due, TurnRow.line_at > oldest, scope.condition())
        .order_by(TurnRow.line_at)
        .limit(_MOST)
    )
    return (
        update(TurnRow)
        .where(tuple_(*KEY).in_(found), untold)
        .values(place_told=true())
        .returning(TurnRow.__table__, now_ms().label("now"))
    )
