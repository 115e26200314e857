"""What asking /chat yields: a small closed set of frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer's text; never empty."""

    text: str


class Reason(StrEnum):
    """Why a question waits before it is sent again."""

    RATE_LIMITED = "rate limited"
    INDEXING = "indexing"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The question is sent again in `seconds`. Yielded only where waiting has grown long enough to be told."""

    seconds: float
    reason: Reason


@dataclass(frozen=True, slots=True)
class Shortened:
    """The conversation was too long: its oldest `dropped` turns were left out, and it is sent once more."""

    dropped: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole; always the last value, and exactly once.

    `finish_reason` is what the service said, None only in an unstreamed answer: "length" and "content_filter" mean
    that the service itself ended the text early.
    """

    text: str
    model: str | None = None
    finish_reason: str | None = None


Progress = Delta | Waiting | Shortened | Finished
