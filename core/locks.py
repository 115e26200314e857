"""One lock for the whole installation: turns are claimed under it, and what a claim goes by is changed under it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_CLAIMS = 0x636C6169


async def lock_claims(connection: AsyncConnection) -> None:
    """Within a unit: wait until no claim is under way, and let none begin before this unit is committed.

    Take it before the rows of any turn: whoever claims waits for those. SQLite has one writer as it is.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CLAIMS})
