"""Real processes killed by SIGKILL at any instruction, while questions come in: nothing lost, doubled or misplaced.

Three processes receive and answer. What Slack had no acknowledgement for it delivers again, to one of the others.

pytest -m long -n 0 -s tests/proof/test_kills.py
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proof.stage import staged
from tests.proof.stored import let_leases_end

RATE = 20.0  # questions a second


@dataclass(frozen=True)
class Kills:
    """How often a process is killed, the seconds between two kills, and how many workspaces ask."""

    many: int
    pause: tuple[float, float]
    workspaces: int


# on each database; of three processes that are killed more often too few live long enough to answer all that is asked
SAMPLE, ALL = Kills(10, (0.1, 0.6), 60), Kills(500, (0.5, 2.5), 100)


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kills", [SAMPLE, pytest.param(ALL, marks=pytest.mark.long)], ids=["sample", "all"])
async def test_processes_killed_while_people_ask(database_url: str, forks: Path, tmp_path: Path, kills: Kills) -> None:
    async with staged(forks, tmp_path, database_url, workspaces=kills.workspaces) as stage:
        await stage.fleet.start()
        async with stage.crowd.asking(RATE, stage.app.database):
            for _ in range(kills.many):
                await asyncio.sleep(stage.dice.uniform(*kills.pause))
                await stage.fleet.kill_one(stage.dice)
        await stage.fleet.end(signal.SIGKILL)
        await let_leases_end(stage.app.database)
        await stage.fleet.start()
        found = await stage.over()
        stage.holds(found)
