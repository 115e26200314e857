"""A crowd that asks, the processes that answer it, and all that stands around them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from core import bootstrap, logs
from core.bootstrap import App
from core.settings import Settings
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.proof.crowd import Crowd
from tests.proof.fleet import Fleet, environment
from tests.proof.seen import Seen, seen
from tests.proof.stored import all_ended

_ENDED_WITHIN = 300.0  # seconds after the last trouble
_ACKNOWLEDGED_WITHIN = 30.0  # how fast a busy machine is, is not asked here


@dataclass
class Stage:
    """`app` is a process that neither receives nor answers. What is random comes from `dice`."""

    seed: int
    dice: random.Random
    slack: FakeSlack
    crowd: Crowd
    fleet: Fleet
    app: App

    async def over(self) -> Seen:
        """What became of all questions, once everything was delivered and answered."""
        await self.crowd.delivered()
        await all_ended(self.app.database, _ENDED_WITHIN)
        await self.slack.told()
        found = await seen(self.crowd, self.app.database)
        print(f"seed {self.seed}: {found.line()}", *found.problems[:20], sep="\n")
        return found

    def holds(self, found: Seen) -> None:
        """Fail unless nothing was lost, doubled or misplaced. How much is answered depends on the machine."""
        assert found.problems == [], f"seed {self.seed}\n{self.fleet.said()}"
        assert found.outcomes["answered"] > 0


@asynccontextmanager
async def staged(
    forks: Path, folder: Path, database_url: str, *, processes: int = 3, workspaces: int, pieces: int = 4
) -> AsyncIterator[Stage]:
    """Everything is there, but no process runs yet. The seed is printed."""
    logs.configure("error", "console")
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with FakeSlack() as slack:
        slack.pushing.deadline = _ACKNOWLEDGED_WITHIN
        crowd = Crowd(slack, dice, pieces=pieces)
        async with FakeChat(default=crowd.answer) as chat:
            crowd.populate(workspaces)
            given = environment(slack, chat, database_url)
            async with bootstrap.opened(Settings.model_validate(given)) as app:
                await crowd.set_up(app)
                fleet = Fleet(forks, folder, given, slack, processes)
                crowd.route = fleet.route
                try:
                    yield Stage(seed, dice, slack, crowd, fleet, app)
                finally:
                    await fleet.close()
