"""A new version takes over from the old one while people ask: the first of its processes changes the schema.

pytest -m long -n 0 -s tests/proof/test_upgrade.py
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from core import schema, wording
from core.database import Database
from core.errors import DatabaseTooNew
from core.secret import Secret
from tests.console.processes import Home, forking
from tests.migrations import one_revision_behind
from tests.proof.stage import Stage, staged
from tests.proof.versions import later_versions

EXIT_SECONDS = 25.0
TOGETHER = 5
BETWEEN = 5  # questions at least from one version to the next, however fast the machine is
# database, later versions, questions a second, processes
CASES = [
    pytest.param("postgresql", 1, 5.0, 2, id="sample"),
    *(pytest.param(database, 10, 20.0, 3, marks=pytest.mark.long) for database in ("sqlite", "postgresql")),
]


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("database_url", "versions", "rate", "processes"), CASES, indirect=["database_url"])
async def test_a_new_version_takes_over_while_people_ask(
    database_url: str, forks: Path, tmp_path: Path, versions: int, rate: float, processes: int
) -> None:
    async with staged(forks, tmp_path, database_url, processes=processes, workspaces=30) as stage:
        await stage.fleet.start()
        async with stage.crowd.asking(rate, stage.app.database):
            for house in later_versions(tmp_path, versions):
                await stage.crowd.asks(BETWEEN)
                with forking(house) as newer:
                    assert await stage.fleet.replace_all(newer, EXIT_SECONDS) == [0] * processes
                    await _too_old(stage, forks)
            await stage.crowd.asks(BETWEEN)
        found = await stage.over()
        stage.holds(found)


async def _too_old(stage: Stage, forks: Path) -> None:
    """A process of the old version that starts now says in a sentence why it does not."""
    late = stage.fleet.made(forks)
    await late.process.start()
    assert await late.process.ended() == 1
    (said,) = late.process.log.splitlines()
    assert said.startswith(wording.sentence(DatabaseTooNew("", "")))
    await late.close()


async def test_processes_that_start_together_bring_an_old_database_up_to_date_once(database_url: str) -> None:
    await one_revision_behind(database_url)
    databases = [Database(Secret(database_url), busy_seconds=60) for _ in range(TOGETHER)]
    did = await asyncio.gather(*(schema.upgrade(each) for each in databases))
    assert sorted(did) == [False] * (TOGETHER - 1) + [True]
    for each in databases:
        await each.close()


async def test_a_start_waits_for_no_lock_where_nothing_is_to_be_done(tmp_path: Path) -> None:
    """Else a process that starts beside busy ones ends: they write for longer than it waits."""
    url = Secret(f"sqlite:///{tmp_path}/askrepo.db")
    busy, starting = Database(url), Database(url, busy_seconds=0.05)
    await schema.upgrade(busy)
    assert not await busy.write(lambda connection: schema.upgrade(starting))
    await starting.close()
    await busy.close()


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_real_processes_that_start_together_upgrade_once(
    empty_database_url: str, forks: Path, tmp_path: Path
) -> None:
    """First on an empty database, then again and again on one that is a revision behind."""
    home = Home(forks, tmp_path, tmp_path, {"DATABASE_URL": empty_database_url})
    for number in range(20):
        if number:
            await one_revision_behind(empty_database_url)
        done = await asyncio.gather(*(home.run("db", "upgrade") for _ in range(TOGETHER)))
        assert [each.code for each in done] == [0] * TOGETHER, done
        assert sorted(Counter(each.out for each in done).values()) == [1, TOGETHER - 1], done
