"""How often a route may be called, as the headers of Discord's answers say it to this process.

Discord counts per bucket and major resource: the channel, guild or webhook that a path begins with. Which routes share
a bucket, and its size, only its answers tell, and they may change from one to the next.
https://docs.discord.com/developers/topics/rate-limits
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_UNKNOWN_SECONDS = 0.2  # until the first answer of a route says what its bucket is, one call at a time
_LEAST_SECONDS = 0.02
_LONGEST_WINDOW_SECONDS = 600.0
_BACKOFF_SECONDS = 60.0
_REMEMBERED = 10_000

_SECOND = 43  # requests of this process in any second; Discord takes 50, and on the way some come closer together

Route = tuple[str, str]  # method, and path with names in the place of ids


@dataclass
class _Bucket:
    """`left`: the calls that may still be made before `resets_at`. `limit` is None before the first answer."""

    limit: float | None = None
    left: float = 0.0
    resets_at: float = 0.0
    window: float = 0.0
    in_flight: int = 0
    held_until: float = 0.0
    refusals: int = 0


class Buckets:
    """The buckets of this process. Times are seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._names: dict[Route, str] = {}
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def wait(self, route: Route, major: str) -> float:
        """How long to wait before a call; 0.0 where it may be made now."""
        bucket, now = self._bucket(route, major), self._clock()
        if bucket.held_until > now:
            return bucket.held_until - now
        if bucket.limit is None:
            return _UNKNOWN_SECONDS if bucket.in_flight else 0.0
        if now < bucket.resets_at and bucket.left < 1:
            return max(_LEAST_SECONDS, bucket.resets_at - now)
        return 0.0

    def begin(self, route: Route, major: str) -> None:
        """A call is made."""
        bucket, now = self._bucket(route, major), self._clock()
        if bucket.limit is not None and now >= bucket.resets_at:
            bucket.left, bucket.resets_at = bucket.limit - bucket.in_flight, now + bucket.window
        bucket.left -= 1
        bucket.in_flight += 1

    def end(self, route: Route, major: str, headers: Mapping[str, str] | None) -> None:
        """Its answer has come, with these headers; None for a call that got no answer."""
        bucket = self._bucket(route, major)
        bucket.in_flight = max(0, bucket.in_flight - 1)
        if headers is None:
            return
        bucket.refusals = 0
        bucket = self._named(route, major, headers.get("X-RateLimit-Bucket", ""), bucket)
        limit, left, after = (
            _number(headers.get(f"X-RateLimit-{name}")) for name in ("Limit", "Remaining", "Reset-After")
        )
        if limit is None or left is None or after is None:
            bucket.limit = math.inf if bucket.limit is None else bucket.limit
            return
        resets_at = self._clock() + min(after, _LONGEST_WINDOW_SECONDS)
        left -= bucket.in_flight
        same = bucket.limit is not None and abs(resets_at - bucket.resets_at) < 0.1  # answers may overtake each other
        bucket.left = min(bucket.left, left) if same else left
        bucket.limit, bucket.resets_at = limit, resets_at
        bucket.window = max(bucket.window, min(after, _LONGEST_WINDOW_SECONDS))

    def refused(self, route: Route, major: str, headers: Mapping[str, str], seconds: float) -> float:
        """Its answer was a 429: nothing is called for so long, or longer where it was refused again; how long."""
        bucket, now = self._bucket(route, major), self._clock()
        bucket.in_flight = max(0, bucket.in_flight - 1)
        bucket = self._named(route, major, headers.get("X-RateLimit-Bucket", ""), bucket)
        if bucket.held_until <= now:  # else it was under way when the pause was asked for
            bucket.refusals += 1
        pause = max(seconds, min(_BACKOFF_SECONDS, 2.0 ** (bucket.refusals - 1)))
        bucket.held_until = max(bucket.held_until, now + pause)
        return pause

    def _bucket(self, route: Route, major: str) -> _Bucket:
        key = (self._names.get(route, " ".join(route)), major)
        bucket = self._buckets.setdefault(key, _Bucket())
        self._buckets.move_to_end(key)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket

    def _named(self, route: Route, major: str, name: str, bucket: _Bucket) -> _Bucket:
        """The bucket that the answer named, which is this one where no other route had shown it before."""
        if not name or self._names.get(route) == name:
            return bucket
        self._buckets.pop((self._names.get(route, " ".join(route)), major), None)
        self._names[route] = name
        return self._buckets.setdefault((name, major), bucket)


class Second:
    """The requests of the last second. What was allowed one by one may come together where callers are late."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=_SECOND)

    async def room(self) -> None:
        """Return once another request fits in, which is sent then."""
        now = time.monotonic()
        at = now if len(self._sent) < _SECOND else max(now, self._sent[0] + 1.0)
        self._sent.append(at)
        await asyncio.sleep(at - now)


def _number(given: str | None) -> float | None:
    try:
        number = float(given or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
