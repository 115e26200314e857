"""Runs the revisions on the connection that core/schema.py hands over, or, called as `alembic`, on DATABASE_URL."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from sqlalchemy import Connection

from alembic import context
from core import settings
from core.database import Database
from core.tables import Base, UtcDateTime


def render_plain(kind: str, item: Any, autogenerate: Any) -> str | Literal[False]:
    """A revision names no type of ours: it must still run when the type has changed."""
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcDateTime) else False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_plain,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_configured() -> None:
    database = Database(settings.load().database_address())
    engine = database.engine_for_schema()
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()
    await database.close()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    asyncio.run(migrate_configured())
