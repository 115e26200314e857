"""Random checks by number: the same seed and number make the same check, whatever ran before it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from random import Random

Check = Callable[[int, Random], None]


def fuzz(check: Check, seed: int, numbers: range) -> None:
    """Make the checks of these numbers; one that fails says how to repeat it."""
    for number in numbers:
        random = Random(f"{seed} {number}")
        try:
            check(number, random)
        except Exception as error:
            error.add_note(f"seed {seed}, number {number}: ASKREPO_FUZZ_SEED={seed}")
            raise


def half_a_million(check: Check) -> None:
    """Make 500,000 checks, from a seed of today or the one in ASKREPO_FUZZ_SEED."""
    seed = int(os.environ.get("ASKREPO_FUZZ_SEED") or time.time())
    print(f"seed {seed}")
    started = time.monotonic()
    fuzz(check, seed, range(500_000))
    print(f"500,000 answers, seed {seed}, {time.monotonic() - started:.0f} s")
