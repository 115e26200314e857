"""Turns on virtual time while everything fails; each run prints what replays it.

The ordinary run takes a fortieth of them. All 200,000: `pytest -m long -n 2 -s tests/proof/test_simulation.py`.
"""

from __future__ import annotations

import random

import pytest

from core import logs
from tests.proof.simulation import simulate

LEAST_FAULTS = 5  # of each turn, on average


def holds(seed: int, turns: int) -> None:
    logs.configure("critical", "console")  # of what fails there are thousands of lines
    result = simulate(seed, turns)
    print(result.line(), f"python -m tests.proof.simulation --seed {seed} --turns {turns} --each {turns}", sep="\n")
    assert result.problems == []
    assert sum(result.outcomes.values()) > turns * 0.9
    assert result.outcomes["answered"] > turns * 0.3
    assert result.each() > LEAST_FAULTS


@pytest.mark.parametrize("number", range(5))
def test_a_sample_on_virtual_time(number: int) -> None:
    holds(random.randrange(2**32), 1_000)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", range(100))
def test_two_hundred_thousand_turns(number: int) -> None:
    holds(number, 2_000)


def test_a_seed_gives_the_same_run_again() -> None:
    first, second = (simulate(7, 30).history.events for _ in range(2))
    assert [(type(event), event.at) for event in first] == [(type(event), event.at) for event in second]
