"""Revisions beside what goes on."""

from __future__ import annotations

import asyncio

import asyncpg

from core import schema
from core.database import Database
from core.secret import Secret
from tests.migrations import one_revision_behind

SOMEBODY_WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'turns'::regclass)"


async def test_an_upgrade_that_waits_for_a_table_holds_nobody_up(postgres_url: str) -> None:
    """A backup keeps its lock until it ends, and behind a revision's stands every statement of those who live."""
    await one_revision_behind(postgres_url)
    database = Database(Secret(postgres_url))
    backup, living = await asyncpg.connect(postgres_url), await asyncpg.connect(postgres_url)
    until_it_ends = backup.transaction()
    await until_it_ends.start()
    await backup.execute("LOCK TABLE turns IN ACCESS SHARE MODE")
    upgrading = asyncio.create_task(schema.upgrade(database))
    while not await living.fetchval(SOMEBODY_WAITS):
        pass
    await living.execute("INSERT INTO turns SELECT * FROM turns", timeout=10)
    assert not upgrading.done()
    assert await schema.state(database) is schema.State.BEHIND
    await until_it_ends.rollback()
    async with asyncio.timeout(30):
        assert await upgrading
    assert await schema.state(database) is schema.State.CURRENT
    await backup.close()
    await living.close()
    await database.close()
