"""PostgreSQL killed and started again while questions come in: nothing lost, doubled or misplaced.

The processes of askrepo live on: they refuse what they cannot keep, so that Slack delivers it again.

pytest -m long -n 0 -s tests/proof/test_database_kills.py
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proof.postmaster import postmaster
from tests.proof.stage import staged

RATE = 10.0  # questions a second
EXIT_SECONDS = 25.0


@dataclass(frozen=True)
class Outages:
    """Seconds: of all, between two kills, and of being away; and how many workspaces ask. At least two kills."""

    all: float
    pause: tuple[float, float]
    away: tuple[float, float]
    workspaces: int


SAMPLE, ALL = Outages(0, (0.5, 1.5), (0.1, 0.5), 10), Outages(900, (5, 40), (0.1, 5), 60)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("outages", [SAMPLE, pytest.param(ALL, marks=pytest.mark.long)], ids=["sample", "all"])
async def test_postgresql_killed_while_people_ask(forks: Path, tmp_path: Path, outages: Outages) -> None:
    with postmaster() as server:
        async with staged(forks, tmp_path, server.url, processes=2, workspaces=outages.workspaces) as stage:
            await stage.fleet.start()
            end, kills = time.monotonic() + outages.all, 0
            async with stage.crowd.asking(RATE, stage.app.database):
                while time.monotonic() < end or kills < 2:
                    await asyncio.sleep(stage.dice.uniform(*outages.pause))
                    await server.kill(stage.dice.choice((signal.SIGQUIT, signal.SIGKILL)))
                    kills += 1
                    await asyncio.sleep(stage.dice.uniform(*outages.away))
                    await server.start()
            found = await stage.over()
            print(f"{kills} kills")
            stage.holds(found)
            # nobody's process died: whoever read a notice twice did so because its first reply never came
            assert found.told_twice <= stage.fleet.times("a notice is in doubt"), f"seed {stage.seed}"
            assert await stage.fleet.end(signal.SIGTERM, EXIT_SECONDS) == [0, 0]
