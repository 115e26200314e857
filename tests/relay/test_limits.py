"""Allowances: in any span no more calls than the burst and the rate allow, by all processes together.

Slots are read on the database's clock, which is this machine's; the bounds checked are lower ones, so that a slow
machine cannot make a test fail.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from sqlalchemy import event, update

from core.cipher import Keyring
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.errors import AllowanceSpent
from core.relay.limits import Allowances
from core.secret import Secret
from core.tables import AllowanceRow
from core.workspaces import Workspaces
from tests.channels.places import WORKSPACE, rows

UPDATE = "chat.update"
OTHER = WorkspaceRef("slack", "T2")
ROUNDING = 0.002  # seconds: two clocks of milliseconds


@pytest.fixture
def allowances(database: Database, workspaces: Workspaces) -> Allowances:
    return Allowances(database, workspaces)


@pytest.fixture
async def processes(database: Database, database_url: str, keyring: Keyring) -> AsyncIterator[list[Allowances]]:
    """The same allowances as three processes see them."""
    others = [Database(Secret(database_url)) for _ in range(2)]
    yield [Allowances(each, Workspaces(each, keyring)) for each in (database, *others)]
    for each in others:
        await each.close()


async def reserve(allowances: Allowances, *, per_minute: float = 60, burst: int = 1, name: str = UPDATE) -> float:
    return await allowances.reserve(WORKSPACE, name, per_minute=per_minute, burst=burst)


def too_early(calls: list[float], began: float, *, interval: float, burst: int) -> list[tuple[int, float]]:
    """The calls that come before the rate allows them, counted from the beginning."""
    bounds = [began + (number - burst + 1) * interval for number in range(len(calls))]
    pairs = enumerate(zip(sorted(calls), bounds, strict=True))
    return [(number, bound - call) for number, (call, bound) in pairs if call < bound - ROUNDING]


async def test_a_burst_is_free_and_then_each_waits_for_the_one_before(allowances: Allowances) -> None:
    began = time.time()
    waits = [await reserve(allowances, per_minute=1, burst=3) for _ in range(6)]
    took = time.time() - began
    assert waits[:3] == [0.0] * 3
    for place, seconds in enumerate(waits[3:], 1):
        assert place * 60 - took - ROUNDING <= seconds <= place * 60 + ROUNDING


async def test_without_a_burst_only_the_first_is_free(allowances: Allowances) -> None:
    assert await reserve(allowances, per_minute=1) == 0.0
    assert await reserve(allowances, per_minute=1) > 0.0


async def test_names_workspaces_and_platforms_have_budgets_of_their_own(allowances: Allowances) -> None:
    for workspace in (WORKSPACE, OTHER, WorkspaceRef("discord", "T1")):
        for name in (UPDATE, "chat.postMessage"):
            assert await allowances.reserve(workspace, name, per_minute=1, burst=1) == 0.0
            assert await allowances.reserve(workspace, name, per_minute=1, burst=1) > 0.0


async def test_no_more_than_burst_and_rate_by_three_processes(processes: list[Allowances], database: Database) -> None:
    """Some callers are cancelled: their slots are lost, never handed out twice."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    interval, burst = dice.choice([0.25, 0.6, 1.2]), dice.randrange(1, 8)
    calls: list[float] = []

    async def caller(allowances: Allowances) -> None:
        for _ in range(dice.randrange(1, 6)):
            await asyncio.sleep(dice.random() / 100)
            seconds = await reserve(allowances, per_minute=60 / interval, burst=burst)
            calls.append(time.time() + seconds)

    async def canceller(task: asyncio.Task[None]) -> None:
        await asyncio.sleep(dice.random() / 50)
        task.cancel()

    began = time.time()
    tasks = [asyncio.create_task(caller(dice.choice(processes))) for _ in range(40)]
    await asyncio.gather(*(canceller(task) for task in dice.sample(tasks, 12)))
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [each for each in ended if each is not None and not isinstance(each, asyncio.CancelledError)] == []
    assert too_early(calls, began, interval=interval, burst=burst) == []
    (row,) = await rows(database, AllowanceRow)
    assert row.free_at / 1000 >= began + (len(calls) - burst + 1) * interval - ROUNDING


async def test_nobody_is_overtaken(allowances: Allowances) -> None:
    """Whoever asks first is served first, and no slot is given twice or left out."""
    await reserve(allowances, name="another")  # the workspace is known from here on
    waits = await asyncio.gather(*(reserve(allowances, per_minute=60, burst=5) for _ in range(100)))
    assert list(waits) == sorted(waits)
    assert waits[:5] == [0.0] * 5
    assert waits[99] > 0.0
    later = [seconds for seconds in waits if seconds > 0.0]
    steps = {round(second - first, 3) for first, second in pairwise(later)}
    assert max(steps) <= 1.0 + ROUNDING


async def test_those_of_a_process_share_a_statement(allowances: Allowances, database: Database) -> None:
    await reserve(allowances)
    statements: list[str] = []
    event.listen(
        database._writer.engine.sync_engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.append(statement),
    )
    await asyncio.gather(*(reserve(allowances) for _ in range(100)))
    assert 1 <= len([each for each in statements if "allowances" in each]) <= 2


async def test_a_pause_saves_no_more_than_the_burst(allowances: Allowances) -> None:
    await reserve(allowances, per_minute=600, burst=3)
    await asyncio.sleep(1.0)  # worth ten calls
    began = time.time()
    waits = await asyncio.gather(*(reserve(allowances, per_minute=600, burst=3) for _ in range(20)))
    ended = time.time()
    assert waits[:3] == [0.0] * 3
    assert too_early([ended + seconds for seconds in waits], began, interval=0.1, burst=3) == []


async def test_after_being_held_back_nobody_calls_before(processes: list[Allowances]) -> None:
    one, two, three = processes
    await reserve(one, per_minute=60, burst=10)
    held = time.time()
    await two.hold_back(WORKSPACE, UPDATE, 30)
    await three.hold_back(WORKSPACE, UPDATE, 5)  # a shorter one does not lift it
    calls = []
    for each in processes * 3:
        seconds = await reserve(each, per_minute=60, burst=10)
        calls.append(time.time() + seconds)
    assert min(calls) >= held + 30 - ROUNDING
    assert too_early(calls, held + 30, interval=1, burst=1) == []  # and then in step, not all at once
    assert await reserve(one, name="another", per_minute=60, burst=10) == 0.0
    assert await one.reserve(OTHER, UPDATE, per_minute=60, burst=10) == 0.0


async def test_holding_back_is_the_first_that_is_heard_of_a_workspace(allowances: Allowances) -> None:
    await allowances.hold_back(OTHER, UPDATE, 60)
    assert await allowances.reserve(OTHER, UPDATE, per_minute=60, burst=10) > 50


async def test_nothing_is_reserved_far_ahead(allowances: Allowances, database: Database) -> None:
    first = await reserve(allowances, per_minute=0.1)
    assert first == 0.0
    assert 590 < await reserve(allowances, per_minute=0.1) <= 600
    before = await rows(database, AllowanceRow)
    tries = await asyncio.gather(*(reserve(allowances, per_minute=0.1) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in tries] == [AllowanceSpent] * 3
    assert await rows(database, AllowanceRow) == before
    assert all(1_190 < each.seconds <= 1_200 for each in tries if isinstance(each, AllowanceSpent))
    assert await reserve(allowances, name="another") == 0.0


@pytest.mark.parametrize("within", [1.0, 600.0])
async def test_a_clock_that_is_set_back_spends_nothing(
    allowances: Allowances, database: Database, within: float
) -> None:
    async def reserved(name: str) -> float:
        return await allowances.reserve(WORKSPACE, name, per_minute=60, burst=2, within=within)

    for name in (UPDATE, "held"):
        await reserved(name)
    await allowances.hold_back(WORKSPACE, "held", 10)
    hour = update(AllowanceRow).values(free_at=AllowanceRow.free_at + 3_600_000)
    await database.write(lambda connection: connection.execute(hour))
    assert [await reserved(UPDATE) for _ in range(2)] == [0.0, 0.0]
    with pytest.raises(AllowanceSpent):
        await reserved("held")  # a pause of hours may have been asked for


async def test_one_kind_that_is_spent_does_not_refuse_another_of_the_same_batch(allowances: Allowances) -> None:
    await allowances.hold_back(WORKSPACE, UPDATE, 10_000)
    spent, free = await asyncio.gather(reserve(allowances), reserve(allowances, name="another"), return_exceptions=True)
    assert isinstance(spent, AllowanceSpent)
    assert free == 0.0


async def test_what_is_wanted_only_soon_takes_no_place_later(allowances: Allowances) -> None:
    await reserve(allowances, name="another")  # the workspace is known from here on
    wanted = [allowances.reserve(WORKSPACE, UPDATE, per_minute=1, burst=3, within=1.0) for _ in range(20)]
    waits = await asyncio.gather(*wanted, return_exceptions=True)
    assert waits[:3] == [0.0] * 3
    assert {type(each) for each in waits[3:]} == {AllowanceSpent}
    assert await reserve(allowances, per_minute=1, burst=3) <= 60.0
