"""Places in the lines before a platform's limits."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from core.cipher import Keyring
from core.database import Database
from core.errors import NotYet
from core.relay.limits import Allowances
from core.relay.line import Lines, Pace
from core.relay.patience import patiently
from core.workspaces import Workspaces
from tests.channels.places import WORKSPACE
from tests.proof.virtual import VirtualLoop

NAME = "requests"


def test_whoever_is_patient_asks_again_in_a_long_pause() -> None:
    """It may have been reckoned by a clock that was wrong."""
    loop, asked = VirtualLoop(), list[float]()

    async def act() -> str:
        asked.append(round(loop.time()))
        if len(asked) < 4:
            raise NotYet(3_600.0 if len(asked) < 3 else 5.0)
        return "done"

    assert loop.run_until_complete(patiently(act)) == "done"
    assert asked == [0, 30, 60, 65]
    loop.close()


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


async def test_those_who_come_back_as_told_are_served_in_the_order_they_came(lines: Lines) -> None:
    pace, callers = Pace(per_minute=600, burst=1), [str(number) for number in range(20)]
    called: list[str] = []

    async def come(caller: str) -> None:
        await patiently(lambda: lines.stand(WORKSPACE, NAME, pace, caller))
        called.append(caller)
        lines.leave(WORKSPACE, NAME, caller)

    for caller in callers:
        with contextlib.suppress(NotYet):
            await lines.stand(WORKSPACE, NAME, pace, caller)
    async with asyncio.timeout(30):
        await asyncio.gather(*map(come, callers))
    moved = [abs(called.index(caller) - place) for place, caller in enumerate(callers)]
    assert max(moved) <= 10, called  # those whose timers a slow machine sees at the same moment may change places
    assert not lines.waited_in


async def test_a_process_that_dies_takes_hardly_any_of_the_pace_with_it(database: Database, keyring: Keyring) -> None:
    """Twenty callers wait in the first of two processes, the last of them for twenty seconds; then it is no more."""
    dead, alive = (Lines(Allowances(database, Workspaces(database, keyring))) for _ in range(2))
    pace = Pace(per_minute=60, burst=1)
    standing = (dead.stand(WORKSPACE, NAME, pace, str(number)) for number in range(20))
    await asyncio.gather(*standing, return_exceptions=True)
    with pytest.raises(NotYet) as told:
        await alive.stand(WORKSPACE, NAME, pace, "living")
    assert told.value.seconds <= 3.1


async def test_those_who_come_together_do_not_come_back_together(lines: Lines) -> None:
    pace = Pace(per_minute=30, burst=1)
    standing = (lines.stand(WORKSPACE, NAME, pace, str(number)) for number in range(10))
    told = await asyncio.gather(*standing, return_exceptions=True)
    waits = sorted(each.seconds for each in told if isinstance(each, NotYet))
    assert len(waits) == 9
    assert all(later - sooner > 0.5 for sooner, later in pairwise(waits))


async def test_who_is_late_is_passed_over(lines: Lines) -> None:
    pace, waiting = Pace(per_minute=600, burst=1), list[str]()
    for caller in map(str, range(30)):
        try:
            await lines.stand(WORKSPACE, NAME, pace, caller)
        except NotYet:
            waiting.append(caller)
    async with asyncio.timeout(10):
        await patiently(lambda: lines.stand(WORKSPACE, NAME, pace, waiting[-1]))  # and nobody else comes back


async def test_who_is_not_patient_takes_no_place(lines: Lines) -> None:
    """Nor does it go before those who wait, and it is told when it could have called."""
    pace, told = Pace(per_minute=30, burst=1), dict[str, float]()
    for caller in ("first", "second", "third", "hurried", "fourth"):
        with contextlib.suppress(NotYet):
            await lines.stand(WORKSPACE, NAME, replace(pace, patient=caller != "hurried"), caller)
    for caller in ("third", "hurried", "fourth", "fifth"):
        with pytest.raises(NotYet) as not_yet:
            await lines.stand(WORKSPACE, NAME, replace(pace, patient=caller != "hurried"), caller)
        told[caller] = not_yet.value.seconds
    assert told["third"] + 1.5 < told["fourth"] < told["third"] + 2.5
    assert told["fourth"] + 1.5 < told["fifth"] < told["fourth"] + 2.5
    assert told["hurried"] > told["fourth"] + 2.5


async def test_two_processes_share_however_far_they_are_from_the_database(database: Database, keyring: Keyring) -> None:
    """Twenty callers each, for fifty calls, twenty a second. Of two that come at the same time the far one is later."""

    class Far(Allowances):
        async def reserve(self, *args: Any, **kwargs: Any) -> float:
            await asyncio.sleep(0.01)
            return await super().reserve(*args, **kwargs)

    near, far = (Lines(kind(database, Workspaces(database, keyring))) for kind in (Allowances, Far))
    pace, called = Pace(per_minute=1_200, burst=1), list[str]()

    async def keep_coming(lines: Lines, name: str, caller: str) -> None:
        while len(called) < 50:
            await patiently(lambda: lines.stand(WORKSPACE, NAME, pace, caller))
            called.append(name)
            lines.leave(WORKSPACE, NAME, caller)

    async with asyncio.timeout(60):
        both = [(lines, name) for lines, name in ((near, "near"), (far, "far")) for _ in range(20)]
        await asyncio.gather(*(keep_coming(*each, str(number)) for number, each in enumerate(both)))
    assert called[10:50].count("far") >= 5  # a share, on a slow machine too; the first come before there is a line


async def test_after_a_pause_those_who_waited_stand_in_line_again(database: Database, keyring: Keyring) -> None:
    allowances = Allowances(database, Workspaces(database, keyring))
    lines, pace = Lines(allowances), Pace(per_minute=60, burst=1, soon=0.5)
    callers = ("first", "second", "third")
    for caller in callers:
        with contextlib.suppress(NotYet):
            await lines.stand(WORKSPACE, NAME, pace, caller)
    await allowances.hold_back(WORKSPACE, NAME, 30)
    told = []
    for caller in callers:
        with pytest.raises(NotYet):
            await lines.stand(WORKSPACE, NAME, replace(pace, soon=600), caller)
        with pytest.raises(NotYet) as not_yet:
            await lines.stand(WORKSPACE, NAME, replace(pace, soon=0), caller)
        told.append(not_yet.value.seconds)
    assert told[0] > 25
    assert told[0] < told[1] < told[2]


async def test_nobody_is_remembered_for_ever(database: Database, keyring: Keyring) -> None:
    now = 0.0
    lines = Lines(Allowances(database, Workspaces(database, keyring)), lambda: now)
    pace = Pace(per_minute=60, burst=1)
    for caller in map(str, range(20)):
        with contextlib.suppress(NotYet):
            await lines.stand(WORKSPACE, NAME, pace, caller)
    now = 3_600.0
    await lines.stand(WORKSPACE, "others", pace, "another")
    lines.leave(WORKSPACE, "others", "another")
    assert not lines.waited_in


async def test_who_is_cancelled_gives_the_place_up(lines: Lines) -> None:
    pace = Pace(per_minute=60, burst=1, soon=600)
    await lines.stand(WORKSPACE, NAME, pace, "first")
    lines.leave(WORKSPACE, NAME, "first")
    standing = asyncio.create_task(lines.stand(WORKSPACE, NAME, pace, "second"))
    async with asyncio.timeout(10):
        while not lines.waited_in:  # noqa: ASYNC110 - it is told to nobody
            await asyncio.sleep(0.01)
    standing.cancel()
    await asyncio.gather(standing, return_exceptions=True)
    assert not lines.waited_in
