"""Stores the rows of new questions, many at once, but none that is there already.

On SQLite the statement is compiled once and has one row: SQLAlchemy's way through every value, and SQLite's through a
statement as long as its rows, would take as long as storing them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import BigInteger, BindParameter, Select, and_, bindparam, func, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.database import Database, now_ms
from core.relay.claims import KEY
from core.statuses import WAITING
from core.tables import TurnRow

_COLUMNS = (
    *("platform", "workspace_id", "turn_id", "channel_id", "thread_id", "message_id", "position", "asker_id"),
    *("question", "reference", "asked_at", "declined", "edited"),
)


class Insertion:
    """The statement by which questions come in; a unique key alone decides which of them are there already.

    A row has a value for each of these columns, and `behind`, `late_in` and `declined_for`: milliseconds from now, by
    the database's clock.
    """

    def __init__(self, database: Database) -> None:
        statement = database.insert(TurnRow).values(_AS_IT_COMES).on_conflict_do_nothing()
        self._returning = statement.returning(TurnRow.turn_id)
        self._plain = _Plain(statement) if database.is_sqlite else None

    async def run(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> set[str]:
        """Store them; the turns of those that were not there."""
        if self._plain is None:
            return set((await connection.execute(self._returning, rows)).scalars())
        done = await connection.exec_driver_sql(self._plain.sql, [self._plain.values(row) for row in rows])
        if done.rowcount == len(rows):
            return {row["turn_id"] for row in rows}
        keys = json.dumps([[row[column.key] for column in KEY] for row in rows])
        return set((await connection.execute(_stored_statement(), {"keys": keys})).scalars())


@cache
def _stored_statement() -> Select[str]:
    """Those of these turns that are stored; `keys` is a JSON list of their keys. SQLite only."""
    key = func.json_each(bindparam("keys")).table_valued("value")
    same = [column == func.json_extract(key.c.value, f"$[{place}]") for place, column in enumerate(KEY)]
    return select(TurnRow.turn_id).select_from(key).join(TurnRow, and_(*same))


class _Plain:
    """An INSERT of one row as SQLite's driver takes it."""

    def __init__(self, statement: Insert) -> None:
        dialect = sqlite.dialect()
        compiled = statement.compile(dialect=dialect, column_keys=_COLUMNS)
        self.sql = compiled.string
        self._pick = itemgetter(*(compiled.positiontup or ()))
        self._time = cast(
            "Callable[[datetime], str]", TurnRow.asked_at.type.dialect_impl(dialect).bind_processor(dialect)
        )

    def values(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """The values of a row, in their order."""
        return cast("tuple[Any, ...]", self._pick(row | {"asked_at": self._time(row["asked_at"])}))


def _span(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger)


_AS_IT_COMES = {
    "status": WAITING,
    "attempt": literal_column("0"),
    "failures": literal_column("0"),
    "stop_requested": literal_column("false"),
    "due_at": now_ms(),
    "line_at": now_ms() + _span("behind"),
    "late_at": now_ms() + _span("late_in"),
    "declined_until": now_ms() + _span("declined_for"),
}
