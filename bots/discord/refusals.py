"""Keeping the number of invalid requests small, whatever Discord answers.

Discord bars an address for 10,000 answers of 401, 403 or 429 within ten minutes, unless the 429 was about a resource
that others use too (https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans).
Nothing here comes near: at most 100 in ten minutes, a 404 for something that was to be changed among them.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from bots.discord.failures import Barred, Reply
from core import logs

log = logs.get(__name__)

_SPAN_SECONDS = 600.0
_CALM = 50  # invalid answers in the span up to which calls are made as usual
_TOGETHER = 55  # those and the calls under way, which may all turn out invalid
_PAUSE_SECONDS = 14.0  # after each that comes on top: some 40 in a span
_SOON_SECONDS = 0.25
_IN_A_ROW = 3  # refusals of one call in one place, before it is not made for a while
_BARRED_SECONDS = 60.0
_REMEMBERED = 10_000


def is_invalid(method: str, reply: Reply) -> bool:
    """Whether Discord counts this answer against us, or we do."""
    if reply.status == 429:
        return reply.scope != "shared"
    return reply.status in {401, 403} or (reply.status == 404 and method != "GET")


class Refusals:
    """The invalid answers to this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] = deque()
        self._in_flight = 0

    def wait(self) -> float:
        """How many seconds to wait before any call; 0.0 where one may be made now."""
        now = self._clock()
        while self._times and self._times[0] <= now - _SPAN_SECONDS:
            self._times.popleft()
        if len(self._times) < _CALM:
            return _SOON_SECONDS if len(self._times) + self._in_flight >= _TOGETHER else 0.0
        if self._in_flight:
            return _SOON_SECONDS
        return max(0.0, self._times[-1] + _PAUSE_SECONDS - now)

    def begin(self) -> None:
        """A call is made."""
        self._in_flight += 1

    def end(self, *, invalid: bool) -> None:
        """It was answered, or will not be."""
        self._in_flight -= 1
        if invalid:
            self._times.append(self._clock())
            if len(self._times) == _CALM:
                log.error("Discord refuses so much that hardly anything is sent any more", refusals=_CALM)


@dataclass
class _Place:
    error: Barred
    times: int = 0
    until: float = 0.0


class Circuits:
    """Places that took nothing several times in a row: what was refused there is not tried again for a minute."""

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
            place.until = self._clock() + _BARRED_SECONDS
        if len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)
