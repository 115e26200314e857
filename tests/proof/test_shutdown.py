"""SIGTERM while answers are being written: the processes end in time, and others finish the same posts.

pytest -m long -n 0 -s tests/proof/test_shutdown.py
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.fakes.slack_values import Message
from tests.proof.stage import Stage, staged
from tests.proof.stored import count

EXIT_SECONDS = 25.0  # after 30 a platform that replaces processes kills them
LIVE_WITHIN = 240.0
CASES = [
    pytest.param("sqlite", 20, 1, id="sample", marks=pytest.mark.long),
    *(pytest.param(database, 500, 3, marks=pytest.mark.long) for database in ("sqlite", "postgresql")),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("database_url", "answers", "processes"), CASES, indirect=["database_url"])
async def test_sigterm_while_many_answers_are_written(
    database_url: str, forks: Path, tmp_path: Path, answers: int, processes: int
) -> None:
    async with staged(forks, tmp_path, database_url, processes=processes, workspaces=answers // 5) as stage:
        crowd, fleet = stage.crowd, stage.fleet
        crowd.gate = asyncio.Event()
        await fleet.start()
        await crowd.ask_all(answers)
        await stage.slack.until(lambda: live(stage) == answers, LIVE_WITHIN)
        begun = posts(stage)
        assert await fleet.end(signal.SIGTERM, EXIT_SECONDS) == [0] * processes
        assert await count(stage.app.database, "running") == 0
        assert await count(stage.app.database, "waiting") == answers
        crowd.gate.set()
        await fleet.start()
        found = await stage.over()
        stage.holds(found)
        assert found.outcomes["answered"] == answers
        assert posts(stage) == begun


def live(stage: Stage) -> int:
    """How many answers have a post, and come from /chat just now."""
    return min(len(posts(stage)), len({each.word for each in stage.crowd.heard}))


def posts(stage: Stage) -> list[Message]:
    """What askrepo shows."""
    return [post for place in stage.crowd.places for post in place.channel.messages.values() if post.bot_id]
