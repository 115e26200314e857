"""Places in the lines before a platform's limits."""

from __future__ import annotations

import asyncio

import pytest

from core.database import Database
from core.errors import NotYet
from core.relay.limits import Allowances
from core.relay.line import Lines, Pace
from core.workspaces import Workspaces
from tests.channels.places import WORKSPACE

NAME = "requests"


@pytest.fixture
def lines(database: Database, workspaces: Workspaces) -> Lines:
    return Lines(Allowances(database, workspaces))


async def test_who_comes_back_finds_the_place_kept(lines: Lines) -> None:
    pace = Pace(per_minute=1, burst=1)
    await lines.stand(WORKSPACE, NAME, pace, "first")
    lines.leave(WORKSPACE, NAME, "first")
    assert not lines.waited_in
    waits = []
    for caller in ("second", "third", "second"):
        with pytest.raises(NotYet) as waited:
            await lines.stand(WORKSPACE, NAME, pace, caller)
        waits.append(waited.value.seconds)
    assert waits[2] <= waits[0] < waits[1]


async def test_who_is_cancelled_gives_the_place_up(lines: Lines) -> None:
    pace = Pace(per_minute=1, burst=1, soon=600)
    await lines.stand(WORKSPACE, NAME, pace, "first")
    lines.leave(WORKSPACE, NAME, "first")
    standing = asyncio.create_task(lines.stand(WORKSPACE, NAME, pace, "second"))
    async with asyncio.timeout(10):
        while not lines.waited_in:  # noqa: ASYNC110 - it is told to nobody
            await asyncio.sleep(0.01)
    standing.cancel()
    await asyncio.gather(standing, return_exceptions=True)
    assert not lines.waited_in
