"""Fills a database with turns: stored ones with the posts of their answers, and ones that wait."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.database import Database

_COLUMNS = (
    "platform, workspace_id, turn_id, channel_id, thread_id, message_id, position, asker_id, question, asked_at, "
    "status, attempt, failures, stop_requested, due_at, line_at, place_told, revision, finished_at"
)
# of number n: 50 workspaces, 20 channels and 40 people in each, threads of ten turns
_ROW = (
    "'slack', 'T' || (n % 50), :prefix || n, 'C' || (n / 50 % 20), :prefix || (n / 10000) || '.' || (n % 1000), "
    ":prefix || n, n, 'U' || (n % 2000), {sealed}, CAST('2026-01-01 00:00:00' AS {time}), '{status}', {attempt}, 0, "
    "{false}, n, n, {false}, 0, {finished}"
)
_POST = "'slack', 'T' || (n % 50), :prefix || n, 0, 'p' || n, CAST('2026-01-01 00:01:00' AS {time})"
_WORKSPACES = 50
_CHUNK = 50_000  # turns of one workspace that are added at a time: rows that lie together in every index


async def fill(database: Database, *, stored: int, waiting: int) -> None:
    """Add so many turns that have ended, with a post each, and so many that wait, in 50 workspaces.

    PostgreSQL's planner knows of them then, as it would by its autovacuum; nothing of ours tells SQLite's.
    """
    await database.write(_workspaces)
    for workspace in range(_WORKSPACES):
        for first in range(workspace, stored, _WORKSPACES * _CHUNK):
            await _add(database, "answered", "s", first, min(first + _WORKSPACES * _CHUNK, stored) - 1, _WORKSPACES)
    if waiting:
        await _add(database, "waiting", "w", 0, waiting - 1)
    if not database.is_sqlite:
        await database.write(lambda connection: connection.execute(text("ANALYZE")))


async def _workspaces(connection: AsyncConnection) -> None:
    for number in range(_WORKSPACES):
        await connection.execute(
            text(
                "INSERT INTO workspaces (platform, workspace_id, data_key, created_at) VALUES ('slack', :id, :key, "
                "CAST('2026-01-01 00:00:00' AS timestamp)) ON CONFLICT DO NOTHING"
            ),
            {"id": f"T{number}", "key": b"-"},
        )


async def _add(database: Database, status: str, prefix: str, first: int, last: int, step: int = 1) -> None:
    ended = status == "answered"
    time = "text" if database.is_sqlite else "timestamptz"
    row = _ROW.format(
        sealed="zeroblob(200)" if database.is_sqlite else "decode(repeat('00', 200), 'hex')",
        time=time,
        status=status,
        attempt=int(ended),
        false="0" if database.is_sqlite else "false",
        finished=("'2026-01-01 00:01:00'" if database.is_sqlite else "timestamptz '2026-01-01'") if ended else "NULL",
    )
    if database.is_sqlite:
        numbers = f"WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + {step} FROM s WHERE n <= {last - step})"  # noqa: S608
        source = "s"
    else:
        numbers, source = "", f"generate_series({first}, {last}, {step}) AS n"
    rows = {f"turns ({_COLUMNS})": row} | ({"posts": _POST.format(time=time)} if ended else {})
    for table, values in rows.items():
        statement = f"INSERT INTO {table} {numbers} SELECT {values} FROM {source}"  # noqa: S608 - numbers of ours
        await _run(database, statement.replace(":prefix", f"'{prefix}'"))


async def _run(database: Database, statement: str) -> None:
    await database.write(lambda connection: connection.execute(text(statement)))
