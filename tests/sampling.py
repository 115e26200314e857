"""Combinations of which the ordinary run takes a share, and the long run (`-m long`) the rest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest


def sampled(*axes: Sequence[Any], one_in: int) -> list[Any]:
    """Every combination as a parameter set, one in so many for the ordinary run.

    Along an axis of at least `one_in` values each value of the others meets one in so many of them, so none is left
    out. A value that is a tuple fills several arguments.
    """
    chosen = []
    for place in product(*map(range, map(len, axes))):
        values = (axis[at] for axis, at in zip(axes, place, strict=True))
        flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        chosen.append(pytest.param(*flat, marks=[pytest.mark.long] if sum(place) % one_in else []))
    return chosen
