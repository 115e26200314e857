"""What a check of the installation found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it stands with what was checked."""

    OK = "ok"
    WARNING = "warning"  # askrepo runs, and something will be missed
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for whoever runs askrepo: no secret, no address with a password.

    `fix` is one sentence that says what to do, empty only where all is well.
    """

    level: Level
    subject: str
    words: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to be looked at. `uses` are beginnings of the settings without which that is no use.

    `look` changes nothing. It may raise AskrepoError and OSError, and may be cancelled.
    """

    subject: str
    uses: tuple[str, ...]
    look: Callable[[], Awaitable[Sequence[Finding]]]


def ok(subject: str, words: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, words)


def warning(subject: str, words: str, fix: str) -> Finding:
    """It works, but not all of it."""
    return Finding(Level.WARNING, subject, words, fix)


def wrong(subject: str, words: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(Level.WRONG, subject, words, fix)
