"""What a person, a channel, a workspace and a token may take, and in which order questions are answered.

Whoever asks more than their share waits behind everybody who does not: each question stands in line where it would
stand if its person, its channel and its workspace asked at an even rate (Zhang's virtual clock, 1990), and costs a
channel or workspace nothing where it is above its person's own share. All defaults stand here.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from core.conversation.values import Question
from core.errors import Level

_REMEMBERED = 50_000  # clocks; the one that ran longest ago goes first, and was due again by then
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Rate:
    """Questions: in any minute `per_minute` and `burst` together."""

    per_minute: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds from one question to the next, asked evenly."""
        return 60 / self.per_minute

    @property
    def ahead(self) -> float:
        """Seconds that a clock may be ahead of the time before nothing more is taken."""
        return (self.burst - 1) * self.interval


@dataclass(frozen=True, slots=True)
class Share:
    """What one of them may take: answers at once, by all processes together, and questions, of each that receives."""

    at_once: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class Shares:
    """What everybody may take. A person counts in each workspace anew."""

    person: Share = Share(5, Rate(10, 20))
    channel: Share = Share(50, Rate(60, 120))
    workspace: Share = Share(200, Rate(600, 1_200))
    token: Rate = Rate(600, 1_200)  # of a stored one, by all processes together
    waiting: int = 20_000  # questions in line, of the whole installation; beyond, the platforms are to send them again


_EVER = Rate(math.inf, 1)
# for a console: its one user keeps nobody from asking, and what is piped in may be many lines
UNHURRIED = Shares(person=Share(5, _EVER), channel=Share(50, _EVER), workspace=Share(200, _EVER))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a question stands in line: `behind` seconds later than it came, or not at all, for a limit it met."""

    behind: float
    limit: Level | None = None
    seconds: float = 0.0  # until the limit takes questions again


class Line:
    """The line at the door of one process. It remembers nothing across a restart: then everybody starts afresh."""

    def __init__(self, shares: Shares, clock: Callable[[], float] = time.monotonic) -> None:
        rates = (shares.person.rate, shares.channel.rate, shares.workspace.rate)
        levels = zip((Level.PERSON, Level.CHANNEL, Level.WORKSPACE), rates, strict=True)
        self._levels = [(level, rate.interval, rate.ahead) for level, rate in levels]
        self._clock = clock
        self._due: OrderedDict[Hashable, float] = OrderedDict()

    def join(self, question: Question) -> Standing:
        """Take the place of a question. One that meets a limit takes none, and costs nobody anything."""
        now, due, keys = self._clock(), self._due, _keys(question)
        behind = 0.0
        for key, (level, _, most) in zip(keys, self._levels, strict=True):
            ahead = due.get(key, now) - now
            if ahead > most + _ROUNDING:
                return Standing(ahead, level, ahead - most)
            behind = max(behind, ahead)
        for key, (_, interval, _) in zip(keys, self._levels, strict=True):
            due[key] = max(due.pop(key, now), now) + interval
        _bound(due)
        return Standing(behind)

    def leave(self, question: Question, standing: Standing) -> None:
        """Give the place back: it was a question that had been taken before, or could not be taken."""
        if standing.limit is not None:
            return
        for key, (_, interval, _) in zip(_keys(question), self._levels, strict=True):
            if key in self._due:
                self._due[key] -= interval


def _keys(question: Question) -> tuple[Hashable, ...]:
    """Its person, its channel and its workspace."""
    channel = question.thread.channel
    workspace = channel.platform, channel.workspace_id
    # plain tuples: this is done for every question before it is acknowledged
    return ("person", *workspace, question.asker.user_id), ("channel", *workspace, channel.channel_id), workspace


def _bound(times: OrderedDict[Hashable, float]) -> None:
    while len(times) > _REMEMBERED:
        times.popitem(last=False)
