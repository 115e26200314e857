"""Pure: what an answer of Discord's says went wrong, as one of our errors, and how long it asks to wait.

Codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from bots.discord.fields import number
from bots.fields import mapping
from core.errors import DeliveryError, DeliveryFailed, DeliveryUncertain, Gone, NotYet, PlaceGone, PlatformAway

UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MEMBER, UNKNOWN_MESSAGE, UNKNOWN_USER = 10003, 10004, 10007, 10008, 10013
TOO_MANY_EDITS = 30046  # of a message older than an hour
TOO_LARGE = 40005
MISSING_ACCESS, NOT_OURS, DIRECT_REFUSED, MISSING_PERMISSION = 50001, 50005, 50007, 50013
NO_SERVER_IN_COMMON = 50278  # with somebody who is to get a direct message
ARCHIVED, NO_REPLY, HAS_THREAD, LOCKED = 50083, 160002, 160004, 160005
THREADS_FULL, ANNOUNCEMENTS_FULL = 160006, 160007
EMPTY, INVALID_BODY = 50006, 50035
BLOCKED, TITLE_BLOCKED = 200000, 200001  # by AutoMod

MISSHAPEN = frozenset({TOO_LARGE, EMPTY, INVALID_BODY})  # what is refused so in one place is refused in any

_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 86_400.0  # nobody is believed who asks for more than a day
_UNKNOWN_SECONDS = 5.0  # after a refusal for pace that does not say how long
_IN_FRONT_SECONDS = 60.0  # the same, from what stands in front of Discord
LONGEST_WAIT_SECONDS = 600.0  # for more than this an answer is not kept waiting
_GONE = {
    UNKNOWN_CHANNEL: Gone.DELETED,
    UNKNOWN_GUILD: Gone.DELETED,
    MISSING_ACCESS: Gone.PERMISSION,
    DIRECT_REFUSED: Gone.PERMISSION,
    NO_SERVER_IN_COMMON: Gone.LEFT,
    MISSING_PERMISSION: Gone.PERMISSION,
    LOCKED: Gone.LOCKED,
    ARCHIVED: Gone.LOCKED,  # where a new message does not wake it; of older ones, archiving says nothing of the place
    THREADS_FULL: Gone.FULL,
    ANNOUNCEMENTS_FULL: Gone.FULL,
}


class DiscordRefused(DeliveryFailed):
    """Discord answered with a refusal that is about this call. `code` is Discord's number for it, 0 for none."""

    def __init__(self, route: str, status: int, code: int) -> None:
        super().__init__(f"{route}: {status}, code {code}")
        self.status = status
        self.code = code


class Barred(PlaceGone):
    """Discord answered that the place takes nothing of ours. `code` is Discord's number for it."""

    def __init__(self, route: str, code: int) -> None:
        super().__init__(f"{route}: code {code}", gone=_GONE[code])
        self.route = route
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `body` is the decoded JSON, or None where it is none (`json` False) or nothing at all."""

    status: int
    headers: Mapping[str, str]
    body: object
    json: bool = True

    @property
    def code(self) -> int:
        """Discord's number for its refusal."""
        return number(mapping(self.body).get("code")) or 0

    @property
    def scope(self) -> str:
        """Of a 429: `user`, `global` or `shared`. What is no JSON comes from in front of Discord, and is for all."""
        if not self.json or mapping(self.body).get("global") is True:
            return "global"
        return self.headers.get("X-RateLimit-Scope", "user")

    @property
    def too_fast(self) -> bool:
        """Whether it asks to wait before the same is tried again."""
        return self.status == 429 and self.code != TOO_MANY_EDITS

    def retry_after(self) -> float:
        """How many seconds a 429 asks to wait, from one to a day."""
        for given in (mapping(self.body).get("retry_after"), self.headers.get("Retry-After")):
            seconds = _seconds(given)
            if seconds is not None:
                return min(_LONGEST_SECONDS, max(_SHORTEST_SECONDS, seconds))
        return _UNKNOWN_SECONDS if self.json else _IN_FRONT_SECONDS


def paused(route: str, seconds: float) -> DeliveryError:
    """For a call that may not be made for so long: to be waited for, unless it is too long for that."""
    if seconds > LONGEST_WAIT_SECONDS:
        return PlatformAway(f"{route}: asked to wait for {seconds:.0f} s")
    return NotYet(seconds)


def failure(method: str, route: str, reply: Reply) -> DeliveryError | None:
    """What an answer to a call means; None for one that did what was asked. Nothing of its body goes further.

    A 5xx, or an answer that is no JSON, may stand for a call that had its effect, unless it only reads.
    """
    named = f"{method} {route}"
    away: DeliveryError = PlatformAway(f"{named}: {reply.status}")
    if reply.too_fast:
        return paused(named, reply.retry_after())
    if reply.status >= 500 or (reply.status < 300 and not reply.json):
        return away if method == "GET" else DeliveryUncertain(f"{named}: {reply.status}")
    if reply.status < 300:
        return None
    if reply.status != 413 and (not reply.json or reply.status < 400):
        return away  # from something in front of Discord, which did not let it through
    if reply.code not in _GONE or (reply.code == ARCHIVED and method != "POST"):
        return DiscordRefused(named, reply.status, reply.code)
    return Barred(named, reply.code)


def _seconds(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        seconds = float(given)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(seconds) else seconds
