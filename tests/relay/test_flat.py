"""No statement of the queue reads stored turns that it does not need: how the databases run each of them."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from core.database import Database
from core.relay import candidates, insertion, leases, places
from core.relay.claims import Scope, claim_statement
from core.relay.shares import Shares
from tests.bench.stored import fill
from tests.relay.places import thread

SCOPE = Scope(("slack", "discord"))
OPEN_ONLY = ("ix_turns_line", "ix_turns_running")
STATEMENTS: dict[str, ClauseElement] = {
    "whether anything is due": candidates.due_statement(SCOPE),
    "in one thread": candidates.due_statement(Scope(("console",), thread())),
    "who is next": candidates.candidates_statement(SCOPE, Shares(), 40),
    "who is next in one thread": candidates.candidates_statement(Scope(("console",), thread()), Shares(), 4),
    "claim": claim_statement("w", [("slack", "T1", f"w{number}") for number in range(10)]),
    "leases that ended": leases.expired_statement(),
    "who waits for long": places.long_waiting_statement(SCOPE),
}


@pytest.fixture
async def filled(database: Database) -> Database:
    await fill(database, stored=20_000, waiting=1_000)
    return database


async def test_nothing_reads_all_stored_turns(filled: Database) -> None:
    dialect: Dialect = (sqlite if filled.is_sqlite else postgresql).dialect()
    explain = "EXPLAIN QUERY PLAN " if filled.is_sqlite else "EXPLAIN "
    statements = STATEMENTS | ({"which are stored": insertion.stored_statement("[]")} if filled.is_sqlite else {})
    for name, statement in statements.items():
        sql = str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        async with filled.reading() as connection:
            plan = [str(row[-1]) for row in await connection.execute(text(explain + sql.replace("%%", "%")))]
        assert [step for step in plan if reads_all(step)] == [], f"{name}: {plan}"


def reads_all(step: str) -> bool:
    """Whether it goes through a whole table, or through an index that holds more than what is open."""
    words = step.strip().removeprefix("->").split()
    if words[0] == "SCAN":  # SQLite: an index of open turns may be read through, nothing else
        return words[1].startswith("turns") and not any(index in step for index in OPEN_ONLY)
    return "Seq Scan on turns" in step
