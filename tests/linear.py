"""Whether work on a text grows with its length, and not with its square."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

_TRIES = 5  # a busy machine spoils one, a quadratic work all of them


def is_linear(work: Callable[[str], object], unit: str, length: int) -> bool:
    """Whether eight times as much of the same takes less than 30 times as long; quadratic work would take 64."""
    long, short = (unit * (most // len(unit) + 1) for most in (length, length // 8))
    return any(_took(work, long[:length]) < 30 * max(_took(work, short[: length // 8]), 1e-3) for _ in range(_TRIES))


def _took(work: Callable[[str], object], text: str) -> float:
    """Seconds of processor time, the better of two; what other tests left behind is not looked through meanwhile."""
    best = 1e9
    gc.disable()
    try:
        for _ in range(2):
            started = time.process_time()
            work(text)
            best = min(best, time.process_time() - started)
    finally:
        gc.enable()
    return best
