"""No look-up reads turns or posts that it does not need: how the databases run each statement of each of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from core import bootstrap
from core.database import Database
from core.settings import Settings
from tests.bench.lookups import Looking, explained
from tests.bench.stored import fill

OPEN_ONLY = ("ix_turns_line", "ix_turns_running", "ix_turns_waiting_thread", "uq_turns_running_thread")
NEXT_CHANNEL = "channel_id>"  # of which the first alone is read
FEW = ("thread_id", "message_id", "turn_id", "asker_id")  # of which few turns have the same
_READS = re.compile(
    r"(SCAN|SEARCH) (turns|posts)|Seq Scan on (turns|posts)"
    r"|Index (Only )?Scan using \w+ on (turns|posts)|Bitmap Index Scan on \w+_(turns|posts)"
)
WHOLE_CHANNEL = {"the channel's newest"}  # the console's alone, when it starts: what one person asked on one machine


async def test_nothing_reads_all_stored_turns(database_url: str, database: Database) -> None:
    given = {"DATABASE_URL": database_url, "ASKREPO_CHAT_URL": "http://127.0.0.1:9", "ASKREPO_SECRET_KEYS": "a" * 43}
    async with bootstrap.opened(Settings.model_validate(given)) as app:
        looking = Looking(app)
        await looking.prepare()
        await fill(app.database, stored=20_000, waiting=1_000)
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plans = {name: await explained(app, act, explain) for name, act in looking.all().items()}
    wasteful = {
        name: found for name, each in plans.items() if (found := [step for plan in each for step in many(plan)])
    }
    assert wasteful.keys() == WHOLE_CHANNEL, wasteful


def many(plan: Sequence[str]) -> list[str]:
    """The steps that go through a whole table, or through all that is of a channel, a workspace or a platform."""
    lines = [line.strip().removeprefix("->").strip() for line in plan]
    # PostgreSQL says in the next line by what it looks in an index
    return [f"{step} {after}" for step, after in pairwise([*lines, ""]) if _reads_many(step, after)]


def _reads_many(step: str, after: str) -> bool:
    if _READS.match(step) is None or any(index in step for index in OPEN_ONLY):
        return False
    by = after if after.startswith("Index Cond") else step
    return not any(column in by for column in FEW) and NEXT_CHANNEL not in by.replace(" ", "")
