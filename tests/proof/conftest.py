"""Fixtures of the proof."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.processes import forking


@pytest.fixture(scope="module")
def forks() -> Iterator[Path]:
    """The socket of a process that forks askrepo."""
    with forking() as path:
        yield path
