"""Pure: which connection is to be replaced, and why. One that answers pings may still be deaf."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CONNECTIONS = 2  # while one is replaced, three; Slack allows ten for all processes of an app together
_DEAF_SECONDS, _DEAF_MISSED = 60.0, 8  # Slack picks any connection: eight others in a row are chance once in 256
_QUIET_GAPS, _QUIET_SHORTEST, _QUIET_LONGEST = 20, 60.0, 600.0


class Why(StrEnum):
    """Why a connection is replaced."""

    LOST = "lost"
    ASKED = "slack asks for it"
    OFF = "socket mode is switched off"
    OLD = "old"
    DEAF = "deaf"
    QUIET = "quiet"


@dataclass(slots=True)
class Heard:
    """What one connection has heard. Times are of one clock, in seconds.

    `last`: its last envelope, or its beginning; `missed`: how many the other one got since; `ends`: when it is old.
    """

    last: float
    ends: float
    missed: int = 0


class Silence:
    """How long it is still, with no envelope anywhere, before that is suspicious."""

    def __init__(self, now: float) -> None:
        self.since = now
        self._arrivals: deque[float] = deque(maxlen=16)
        self._suspected = 0

    def broken(self, now: float) -> None:
        """An envelope arrived."""
        self.since, self._suspected = now, 0
        self._arrivals.append(now)

    def suspected(self) -> None:
        """A connection was replaced because of it. It was likely just a quiet time: the next is suspected later."""
        self._suspected += 1

    @property
    def patience(self) -> float:
        """Twenty times the usual gap between envelopes, a minute at least and ten at most."""
        if len(self._arrivals) < _DEAF_MISSED:
            return _QUIET_LONGEST
        gap = (self._arrivals[-1] - self._arrivals[0]) / (len(self._arrivals) - 1)
        shortest = max(_QUIET_GAPS * gap, _QUIET_SHORTEST)
        return min(shortest * 2.0 ** min(self._suspected // CONNECTIONS, 10), _QUIET_LONGEST)


def due(connections: Sequence[Heard], silence: Silence, now: float) -> tuple[int, Why] | None:
    """Which of the connections should be replaced now: one at a time."""
    for index, each in enumerate(connections):
        if now >= each.ends:
            return index, Why.OLD
        if each.missed >= _DEAF_MISSED and now - each.last >= _DEAF_SECONDS:
            return index, Why.DEAF
    still = now - silence.since >= silence.patience
    index = min(range(len(connections)), key=lambda each: connections[each].last)
    return (index, Why.QUIET) if still and now - connections[index].last >= silence.patience else None
