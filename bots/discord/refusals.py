"""Keeping the number of invalid requests small, whatever Discord answers.

Discord bars an address for 10,000 answers of 401, 403 or 429 within ten minutes, unless the 429 was about a resource
that others use too (https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
Nothing here comes near: at most 100 in ten minutes, a 404 for something that was to be changed among them.

What is done for a guild is held back long before everything is: anybody may add us to a guild of theirs, take every
permission from us there, and ask.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field

from bots.discord.failures import Barred, Reply
from core import logs

log = logs.get(__name__)

_SPAN_SECONDS = 600.0
_SOON_SECONDS = 0.25
_IN_A_ROW = 3  # refusals of one call in one place, before it is not made for a while
_BARRED_SECONDS, _LONGEST_BARRED_SECONDS = 60.0, 600.0
_REMEMBERED = 10_000

_guild: ContextVar[str] = ContextVar("guild", default="")


@dataclass(frozen=True, slots=True)
class _Brake:
    """How many invalid answers there may be in the span."""

    calm: int  # up to so many, calls are made as usual
    together: int  # those and the calls under way, which may all turn out invalid
    pause: float  # seconds after each that comes on top


_OVERALL = _Brake(50, 55, 14.0)  # then some 40 more
_THERE = _Brake(10, 20, 30.0)  # of one guild: at most 40, so that no guild alone brings it to the 50 of all


def counted_for(guild_id: str) -> None:
    """From here on, calls of this task that Discord refuses count against this guild and no other."""
    _guild.set(guild_id)


def is_invalid(method: str, reply: Reply) -> bool:
    """Whether Discord counts this answer against us, or we do."""
    if reply.status == 429:
        return reply.scope != "shared"
    return reply.status in {401, 403} or (reply.status == 404 and method != "GET")


class Refusals:
    """The invalid answers to this process, of each guild and overall."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._overall = _Count(_OVERALL)
        self._guilds: OrderedDict[str, _Count] = OrderedDict()

    def wait(self) -> float:
        """How many seconds to wait before any call of this task; 0.0 where one may be made now."""
        return max(each.wait(self._clock()) for each in (self._overall, self._there()))

    @property
    def wary(self) -> bool:
        """Whether the guild refuses so much that what is not needed is not tried there."""
        return self._there().recent(self._clock()) >= _THERE.calm / 2

    def begin(self) -> None:
        """A call is made."""
        for each in (self._overall, self._there()):
            each.in_flight += 1

    def end(self, invalid: Reply | None) -> None:
        """It was answered, or will not be; with what, where that is invalid."""
        if self._overall.ended(self._clock(), invalid=invalid is not None):
            log.error("Discord refuses so much that hardly anything is sent any more", refusals=_OVERALL.calm)
        # a token is nobody's there, and those who share a bucket may be of any guild
        theirs = invalid is not None and invalid.status not in {401, 429}
        if self._there().ended(self._clock(), invalid=theirs):
            log.warning("a guild refuses so much that hardly anything is sent there", guild=_guild.get())

    def _there(self) -> _Count:
        """The count of the guild that this task works for; a new one where it works for none."""
        if not _guild.get():
            return _Count(_THERE)
        count = self._guilds.setdefault(_guild.get(), _Count(_THERE))
        self._guilds.move_to_end(_guild.get())
        if len(self._guilds) > _REMEMBERED:
            self._guilds.popitem(last=False)
        return count


@dataclass
class _Count:
    brake: _Brake
    in_flight: int = 0
    times: deque[float] = field(default_factory=deque)

    def recent(self, now: float) -> int:
        """How many there were in the span."""
        while self.times and self.times[0] <= now - _SPAN_SECONDS:
            self.times.popleft()
        return len(self.times)

    def wait(self, now: float) -> float:
        """How many seconds to wait before another call."""
        recent = self.recent(now)
        if recent < self.brake.calm:
            return _SOON_SECONDS if recent + self.in_flight >= self.brake.together else 0.0
        if self.in_flight:
            return _SOON_SECONDS
        return max(0.0, self.times[-1] + self.brake.pause - now)

    def ended(self, now: float, *, invalid: bool) -> bool:
        """A call has ended: whether with it they are too many."""
        self.in_flight -= 1
        if invalid:
            self.times.append(now)
        return invalid and len(self.times) == self.brake.calm


@dataclass
class _Place:
    error: Barred
    times: int = 0
    until: float = 0.0


class Circuits:
    """Places that took nothing several times in a row: what was refused there is not tried again for a minute.

    After that it is tried once; where it is refused again, for twice as long.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()

    def check(self, key: Hashable) -> None:
        """Raise what the last such call was refused with, if there is no point in another."""
        place = self._places.get(key)
        if place is not None and place.until > self._clock():
            raise Barred(place.error.route, place.error.code)

    def ended(self, key: Hashable, error: Exception | None) -> None:
        """How such a call ended."""
        if not isinstance(error, Barred):
            self._places.pop(key, None)
            return
        place = self._places.setdefault(key, _Place(error))
        self._places.move_to_end(key)
        place.times += 1
        if place.times >= _IN_A_ROW:
            seconds = _BARRED_SECONDS * 2.0 ** min(place.times - _IN_A_ROW, 10)
            place.until = self._clock() + min(_LONGEST_BARRED_SECONDS, seconds)
        if len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)
