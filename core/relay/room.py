"""How many more questions may wait, of the whole installation: beyond, they could not be answered in time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.database import Database
from core.errors import LineFull
from core.statuses import WAITING
from core.tables import TurnRow

_LOOK_SECONDS = 1.0  # for so long this process goes by what it has counted


class Room:
    """What one process knows of the room in line."""

    def __init__(self, database: Database, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._most = most
        self._clock = clock
        self._left, self._looked_at = 0, -math.inf

    async def take(self, connection: AsyncConnection, many: int) -> int:
        """How many of so many more may wait. Counted anew once a second, and when there seems to be no room."""
        now = self._clock()
        if self._left < many or now - self._looked_at > _LOOK_SECONDS:
            waiting = select(literal(1)).where(TurnRow.status == WAITING).limit(self._most).subquery()
            counted = (await connection.execute(select(func.count()).select_from(waiting))).scalar_one()
            self._left, self._looked_at = self._most - counted, now
        taken = max(0, min(many, self._left))
        self._left -= taken
        return taken

    def full(self) -> LineFull:
        """What is said to those for whom there is none."""
        return LineFull(self._database.where, "more questions wait than can be answered in time")
