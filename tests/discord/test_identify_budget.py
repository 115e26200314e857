"""How many sessions are begun: counted in the database, over every restart, and never near Discord's own limit.

A whole day of 10,000 restarts (PF-01): `pytest -m long -n 2 tests/discord/test_identify_budget.py`.
"""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import update

from bots.discord.identifying import Budget, Door, Identifying, budget, door
from bots.discord.rest import Rest
from core.database import Database
from core.errors import PlatformAway
from core.relay.limits import Allowances
from core.secret import Secret
from core.tables import AllowanceRow
from core.workspaces import Workspaces
from tests.discord import house
from tests.discord.house import World
from tests.discord.listening import ear, listening
from tests.fakes.chat import FakeChat

DAY = 86_400.0
DOOR = Door("wss://gateway.example", 1, 1_000, 1_000, 0.0, 1)


class Killed(BaseException):
    """The process ends."""


class Day:
    """Time that passes by turning the stored moments back."""

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self._database = database
        self._allowances = Allowances(database, workspaces)
        self.now = 0.0
        self.begun: list[float] = []

    async def passes(self, seconds: float) -> None:
        self.now += seconds
        earlier = update(AllowanceRow).values(free_at=AllowanceRow.free_at - int(seconds * 1_000))
        await self._database.write(lambda connection: connection.execute(earlier))

    async def shards(self, count: int, found: Door) -> list[float]:
        """When a process that begins so many shards, as fast as it may, begins each."""
        identifying, begun = Identifying(self._rest(), self._allowances, pause=self.passes), []
        for shard in range(count):
            await identifying.wait(shard, count, found)
            begun.append(self.now)
        return begun

    def _rest(self) -> Rest:
        return Rest(Secret("x.y.z"), "http://127.0.0.1:9", self._allowances)

    async def process(self, life: float) -> None:
        """A process that begins a session as soon as it may, and is killed after so many seconds."""
        ends, begun = self.now + life, len(self.begun)

        async def pause(seconds: float) -> None:
            if seconds:
                await self.passes(min(seconds, ends - self.now))
            if self.now >= ends:
                raise Killed

        identifying = Identifying(self._rest(), self._allowances, pause=pause)
        with suppress(Killed):
            while len(self.begun) == begun:
                with suppress(TimeoutError):  # then it connects anew
                    await identifying.wait(0, 1, DOOR)
                    self.begun.append(self.now)
            await self.passes(ends - self.now)


@pytest.fixture
def day(database: Database, workspaces: Workspaces) -> Day:
    return Day(database, workspaces)


async def crash_loop(day: Day, starts: int, hours: int) -> None:
    for _ in range(starts):
        await day.process(hours * 3_600 / starts)
    assert day.now == pytest.approx(hours * 3_600)
    assert 20 < len(day.begun) <= 20 + hours * 180 / 24
    assert max(len([each for each in day.begun if at <= each <= at + 3_600]) for at in day.begun) <= 20 + 8


async def test_a_crash_loop_begins_few_sessions(day: Day) -> None:
    """PF-01, for an hour; the count is kept in the database, for no process lives longer than ten seconds."""
    await crash_loop(day, starts=360, hours=1)


@pytest.mark.long
@pytest.mark.timeout(1_800)
async def test_ten_thousand_starts_of_a_day_begin_few_sessions(day: Day) -> None:
    """PF-01, whole."""
    await crash_loop(day, starts=10_000, hours=24)
    assert len(day.begun) <= 200


async def test_a_connection_is_not_held_open_until_it_is_dead(day: Day) -> None:
    """Nobody reads it meanwhile; and what cannot be begun in time counts as no session of the day."""
    for _ in range(20):
        await day.shards(1, DOOR)
    began = day.now
    with pytest.raises(TimeoutError):
        await day.shards(1, DOOR)
    assert day.now - began <= 60


async def test_ordinary_restarts_do_not_wait(day: Day) -> None:
    for _ in range(20):
        await day.process(60)
    assert day.begun == [60.0 * number for number in range(20)]


async def test_shards_begin_one_after_another_and_abreast_where_discord_allows_it(day: Day) -> None:
    assert await day.shards(4, DOOR) == pytest.approx([0, 5.5, 11, 16.5], abs=0.2)
    assert await day.shards(4, Door("wss://x", 4, 1_000, 1_000, 0.0, 16)) == pytest.approx([22] * 4, abs=0.2)


@pytest.mark.parametrize(
    ("shards", "total", "expected"),
    [
        (1, 1_000, Budget(20, 180)),
        (2, 1_000, Budget(40, 360)),
        (16, 1_000, Budget(200, 600)),
        (100, 1_000, Budget(200, 600)),
        (1, 100, Budget(20, 60)),
        (1_000, 10_000, Budget(2_000, 6_000)),
    ],
)
def test_more_shards_need_more_sessions(shards: int, total: int, expected: Budget) -> None:
    assert budget(shards, total) == expected


@pytest.mark.parametrize("seed", range(50))
def test_every_budget_lets_all_shards_begin_and_stays_below_discords(seed: int) -> None:
    chance = random.Random(seed)
    shards = chance.randrange(1, 500)
    total = chance.randrange(max(1_000, 2 * shards), 20_000)
    found = budget(shards, total)
    assert found.at_once >= shards
    assert found.a_day > 0
    assert found.at_once + found.a_day <= total


def test_an_answer_without_a_gateway_is_no_answer() -> None:
    whole = {
        "url": "wss://gateway.example",
        "shards": 2,
        "session_start_limit": {"total": 1_000, "remaining": 999, "reset_after": 1_500, "max_concurrency": 16},
    }
    assert door(whole) == Door("wss://gateway.example", 2, 1_000, 999, 1.5, 16)
    odd: list[object] = [
        None,
        [],
        {},
        {**whole, "url": None},
        {**whole, "shards": 0},
        {**whole, "session_start_limit": {}},
    ]
    for broken in odd:
        with pytest.raises(PlatformAway):
            door(broken)


@pytest.mark.parametrize("remaining", [20, 5, 1, 0])
async def test_the_last_sessions_of_a_day_are_never_begun(
    world: World, chat: FakeChat, tmp_path: Path, remaining: int, capsys: pytest.CaptureFixture[str]
) -> None:
    discord = world.discord
    began = discord.clock()
    discord.gateway.identifies = [began + 700 - DAY] * (1_000 - remaining)
    given = house.settings(discord, chat, f"sqlite:///{tmp_path}/askrepo.db")
    async with ear(discord, given) as made, listening(made):
        (begun,) = discord.gateway.identifies[1_000 - remaining :]
    assert begun - began >= 700
    assert max(made.pauses) <= 300
    assert "hardly any new session" in capsys.readouterr().out
