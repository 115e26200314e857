"""Real processes killed by SIGKILL at any instruction, while questions come in: nothing lost, doubled or misplaced.

Three processes receive and answer. What Slack had no acknowledgement for it delivers again, to one of the others.

pytest -m long -n 0 -s tests/proof/test_kills.py
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import bootstrap, logs
from core.bootstrap import App
from tests.console.processes import forking
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.proof.crowd import Crowd
from tests.proof.fleet import Fleet, environment, settings
from tests.proof.seen import Seen, seen
from tests.proof.stored import all_ended, let_leases_end

RATE = 20.0  # questions a second
ENDED_WITHIN = 300.0  # seconds after the last kill


@dataclass(frozen=True)
class Kills:
    """How often a process is killed, and the seconds between two kills."""

    many: int
    pause: tuple[float, float]


SAMPLE, ALL = Kills(10, (0.1, 0.6)), Kills(500, (0.3, 2.2))  # on each database


@pytest.fixture(scope="module")
def forks() -> Iterator[Path]:
    with forking() as path:
        yield path


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kills", [SAMPLE, pytest.param(ALL, marks=pytest.mark.long)], ids=["sample", "all"])
async def test_processes_killed_while_people_ask(database_url: str, forks: Path, tmp_path: Path, kills: Kills) -> None:
    logs.configure("error", "console")
    seed = random.randrange(2**32)
    print(f"seed {seed}, {kills.many} kills")
    dice = random.Random(seed)
    async with FakeSlack() as slack:
        slack.pushing.deadline = 30.0  # how fast a busy machine acknowledges is not asked here
        crowd = Crowd(slack, dice)
        async with FakeChat(default=crowd.answer) as chat:
            crowd.populate()
            given = environment(slack, chat, database_url)
            fleet = Fleet(forks, tmp_path, given, slack)
            crowd.route = fleet.route
            async with bootstrap.opened(settings(given)) as app:
                await crowd.set_up(app)
                try:
                    found = await _killed(crowd, fleet, app, kills, dice)
                finally:
                    await fleet.close()
    print(found.line(), *found.problems[:20], sep="\n")
    assert found.problems == [], f"seed {seed}\n{fleet.said()}"
    assert found.outcomes["answered"] > found.asked * 0.6
    assert found.unheard <= found.asked // 1_000


async def _killed(crowd: Crowd, fleet: Fleet, app: App, kills: Kills, dice: random.Random) -> Seen:
    await fleet.start()
    async with crowd.asking(RATE, app.database):
        for _ in range(kills.many):
            await asyncio.sleep(dice.uniform(*kills.pause))
            await fleet.kill_one(dice)
    await fleet.end(signal.SIGKILL)
    await let_leases_end(app.database)
    await fleet.start()
    await crowd.delivered()
    await all_ended(app.database, ENDED_WITHIN)
    await crowd.slack.told()
    return await seen(crowd, app.database)
