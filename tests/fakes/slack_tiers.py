"""Slack's rate limits: per method, workspace and app; chat.postMessage per channel as well."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

SPECIAL = 600  # methods that Slack's documentation calls special; hundreds a minute
_POST_PER_MINUTE = 300  # chat.postMessage: "several hundred messages per minute" in a workspace
_POST_BURST = 5  # and one a second in a channel, "short bursts" allowed
_IN_FLIGHT = 0.25  # seconds of the real clock in which a request may have left before its sender heard of the limit


@dataclass
class _Bucket:
    rate: float
    size: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until a call is allowed; 0 takes nothing."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.level >= 1 else (1 - self.level) / self.rate


@dataclass
class Tiers:
    """`on`: whether limits hold. `burst`: the part of a minute's calls that may come at once."""

    on: bool = True
    burst: float = 0.25
    _buckets: dict[tuple[str, ...], _Bucket] = field(default_factory=dict)
    _told: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict)

    def refuses(self, team: str, method: str, channel: str, per_minute: int, now: float) -> tuple[int, bool] | None:
        """None, or Retry-After in seconds and whether the caller had been told to wait and did not."""
        if not self.on:
            return None
        buckets = list(self._keys(team, method, channel, per_minute, now))
        waits = [(key, bucket.wait(now)) for key, bucket in buckets]
        for key, wait in waits:
            until, told_at = self._told.get(key, (0.0, 0.0))
            if now < until:
                return math.ceil(until - now), time.monotonic() - told_at > _IN_FLIGHT
            if wait:
                seconds = max(1, math.ceil(wait))
                self._told[key] = (now + seconds, time.monotonic())
                return seconds, False
        for _, bucket in buckets:
            bucket.level -= 1
        return None

    def told_long_ago(self) -> None:
        """Everybody has heard by now: no later call can have left before its sender was told."""
        self._told = {key: (until, -math.inf) for key, (until, _) in self._told.items()}

    def tell(self, team: str, method: str, seconds: int, now: float) -> None:
        """A 429 from elsewhere: calls before its end are violations."""
        self._told[team, method] = (now + seconds, time.monotonic())

    def _keys(
        self, team: str, method: str, channel: str, per_minute: int, now: float
    ) -> Iterator[tuple[tuple[str, ...], _Bucket]]:
        posting = method == "chat.postMessage"
        most = _POST_PER_MINUTE if posting else per_minute
        yield self._bucket((team, method), most / 60, max(1.0, most * self.burst), now)
        if posting:
            yield self._bucket((team, method, channel), 1.0, _POST_BURST, now)

    def _bucket(self, key: tuple[str, ...], rate: float, size: float, now: float) -> tuple[tuple[str, ...], _Bucket]:
        return key, self._buckets.setdefault(key, _Bucket(rate, size, size, now))
