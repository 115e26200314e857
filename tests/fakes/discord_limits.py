"""Discord's rate limits: a bucket for each route and major parameter, and 50 requests a second for the whole bot."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.fakes.discord_faults import Scope

Rule = tuple[int, float]  # requests and the seconds of a window, which begins with its first request
_MESSAGES = "/channels/{channel_id}/messages"
_MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token", "interaction_token")
_IN_FLIGHT = 0.25  # seconds of the real clock in which a request may have left before its sender heard of the limit


def _rules() -> dict[tuple[str, str], Rule]:
    """Discord documents none of these and sends them as headers; the figures are what people have seen."""
    return {
        ("POST", _MESSAGES): (5, 5.0),
        ("PATCH", f"{_MESSAGES}/{{message_id}}"): (5, 5.0),
        ("DELETE", f"{_MESSAGES}/{{message_id}}"): (5, 1.0),
        ("POST", "/channels/{channel_id}/typing"): (5, 5.0),
        ("PATCH", "/channels/{channel_id}"): (2, 600.0),
        ("POST", "/webhooks/{webhook_id}/{webhook_token}"): (5, 2.0),
        ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"): (5, 2.0),
        ("PUT", "/applications/{application_id}/commands"): (2, 60.0),
    }


@dataclass
class _Window:
    ends: float
    used: int = 0


@dataclass(frozen=True)
class Verdict:
    """What a request is told. `wait` is None where it may pass; `late`: its sender knew of the limit."""

    headers: dict[str, str]
    wait: float | None = None
    scope: Scope = "user"
    late: bool = False


@dataclass
class Limits:
    """`on`: whether limits hold (headers are sent anyhow). `rules` by method and route, `other` for all else.

    `overall` requests in `overall_seconds` for the whole bot.

    They go by the real clock and `advance`, whether the fake is frozen or not, since the app waits on the real one.
    """

    on: bool = True
    overall: int = 50
    overall_seconds: float = 1.0
    other: Rule = (30, 10.0)
    rules: dict[tuple[str, str], Rule] = field(default_factory=_rules)
    _windows: dict[tuple[str, ...], _Window] = field(default_factory=dict)
    _told: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict)

    def judge(self, method: str, route: str, ids: Mapping[str, str], now: float, *, exempt: bool) -> Verdict:
        """Count a request."""
        key = _key(method, route, ids)
        for told in [key, *([] if exempt else [("global",)])]:
            until, at = self._told.get(told, (0.0, 0.0))
            if now < until:
                scope: Scope = "global" if told == ("global",) else "user"
                late = time.monotonic() - at > _IN_FLIGHT
                return Verdict(self._headers(method, route, key, now), until - now, scope, late)
        if self.on and not exempt and (wait := self._overall(now)):
            return Verdict(self._headers(method, route, key, now), wait, "global")
        most, seconds = self.rules.get((method, route), self.other)
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = _Window(now + seconds)
        if self.on and window.used >= most:
            self.tell(method, route, ids, window.ends - now, now)
            return Verdict(self._headers(method, route, key, now), window.ends - now)
        window.used += 1
        return Verdict(self._headers(method, route, key, now))

    def tell(
        self, method: str, route: str, ids: Mapping[str, str], seconds: float, now: float, scope: Scope = "user"
    ) -> None:
        """A 429 was sent: calls before its end are violations."""
        key = ("global",) if scope == "global" else _key(method, route, ids)
        self._told[key] = (now + seconds, time.monotonic())

    def told_long_ago(self) -> None:
        """Everybody has heard by now: no later call can have left before its sender was told."""
        self._told = {key: (until, -math.inf) for key, (until, _) in self._told.items()}

    def _overall(self, now: float) -> float:
        window = self._windows.get(("global",))
        if window is None or now >= window.ends:
            window = self._windows[("global",)] = _Window(now + self.overall_seconds)
        if window.used >= self.overall:
            self._told[("global",)] = (window.ends, time.monotonic())
            return window.ends - now
        window.used += 1
        return 0.0

    def _headers(self, method: str, route: str, key: tuple[str, ...], now: float) -> dict[str, str]:
        most, seconds = self.rules.get((method, route), self.other)
        window = self._windows.get(key) or _Window(now + seconds)
        left = max(0.0, window.ends - now)
        return {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(max(0, most - window.used) if self.on else most - 1),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(key[0].encode()).hexdigest()[:32],
        }


def _key(method: str, route: str, ids: Mapping[str, str]) -> tuple[str, ...]:
    return (f"{method} {route}", *(ids[name] for name in _MAJOR if name in ids))
