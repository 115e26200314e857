"""How turns end, as it is recorded."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from core.bootstrap import App
from core.conversation.values import Outcome
from core.tables import TurnRow


async def ended(app: App, number: int = 1, seconds: float = 30.0) -> list[str]:
    """Wait until so many turns have ended, and nothing more can come of them: how."""
    async with asyncio.timeout(seconds):
        while True:
            async with app.database.reading() as connection:
                statuses = list((await connection.execute(select(TurnRow.status))).scalars())
            if len(statuses) >= number and set(statuses) <= set(Outcome):
                return statuses
            await asyncio.sleep(0.05)  # it is recorded after the last that the platform hears of
