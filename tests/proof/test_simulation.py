"""Turns on virtual time while everything fails; each run prints what replays it.

The ordinary run takes a fortieth of them. All 200,000: `pytest -m long -n 2 -s tests/proof/test_simulation.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from core import logs
from tests.proof.result import Tally
from tests.proof.simulation import simulate

LEAST_FAULTS = 5  # of each turn, on average


def holds(seeds: Iterable[int], turns: int, workspaces: int) -> None:
    """Judges all runs together."""
    logs.configure("critical", "console")  # of what fails there are thousands of lines
    total = Tally()
    for seed in seeds:
        result = simulate(seed, turns, workspaces=workspaces)
        print(result.line())
        print(
            f"python -m tests.proof.simulation --seed {seed} --turns {turns} --each {turns} --workspaces {workspaces}"
        )
        total.add(result)
    print(total.line())
    assert total.problems == []
    assert total.share() > 0.9
    assert total.share("answered") > 0.2  # half of them in the unluckiest runs
    assert total.each() > LEAST_FAULTS


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("number", range(5))
def test_a_sample_on_virtual_time(number: int) -> None:
    holds([random.randrange(2**32)], 1_000, workspaces=40)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("half", range(2))
def test_two_hundred_thousand_turns(half: int) -> None:
    holds(range(half * 50, half * 50 + 50), 2_000, workspaces=200)


def test_a_seed_gives_the_same_run_again() -> None:
    first, second = (simulate(7, 30, workspaces=40).history.events for _ in range(2))
    assert first == second
