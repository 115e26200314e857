"""When a process may begin a new session: Discord allows 1,000 in 24 hours, and resets the token of a bot beyond that.

So what may be begun is counted in the database, for all processes and over their restarts: a crash loop comes nowhere
near, while ordinary restarts do not wait.
https://docs.discord.com/developers/events/gateway#identifying
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bots.discord.fields import number
from bots.discord.rest import BOT, Rest
from bots.fields import mapping, text
from core import logs
from core.errors import AllowanceSpent, DatabaseUnavailable, PlatformAway
from core.relay.limits import Allowances

_A_DAY = 200  # sessions of one shard, those begun at once among them
_AT_ONCE = 20
_SHARE = 0.8  # of what Discord allows in a day, whatever the number of shards
RESERVE = 20  # sessions that Discord allows and we never begin
_LONGEST_PAUSE_SECONDS = 300.0  # until it is asked again
_NEAR_SECONDS = 1.0  # a session is not reserved further ahead: what is reserved and not begun is lost
_AGAIN_SECONDS = 15.0
_APART_SECONDS = 5.5  # Discord counts five from arrival to arrival, and one may be longer on its way than the next
_SOON_SECONDS = 20.0  # to wait for those that are begun before
_HELD_OPEN_SECONDS = 30.0  # nobody reads the connection while it waits: after 82 s without a heartbeat it is closed
_AWAY_SECONDS = 1.0

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """What GET /gateway/bot says: where to connect, in how many shards, and how many sessions may be begun.

    `remaining` of `total` are left until the count begins anew, `resets_in` seconds from now. `abreast` sessions may be
    begun every five seconds, each for shards of another remainder.
    """

    url: str
    shards: int
    total: int
    remaining: int
    resets_in: float
    abreast: int


@dataclass(frozen=True, slots=True)
class Budget:
    """How many sessions we begin: so many at once, then so many a day, evenly."""

    at_once: int
    a_day: int


def budget(shards: int, total: int) -> Budget:
    """What we allow ourselves with so many shards in all, where Discord allows `total` sessions in 24 hours."""
    most = max(shards + 1, min(_A_DAY * shards, int(total * _SHARE)))
    at_once = min(most - 1, max(shards, min(_AT_ONCE * shards, most // 4)))
    return Budget(at_once, most - at_once)


def door(told: object) -> Door:
    """What Discord answered. Raises PlatformAway for what cannot be used."""
    answer = mapping(told)
    limit = mapping(answer.get("session_start_limit"))
    url, shards = text(answer.get("url")), number(answer.get("shards"))
    total, remaining, resets, abreast = (
        number(limit.get(name)) for name in ("total", "remaining", "reset_after", "max_concurrency")
    )
    if not url or not shards or shards < 1 or total is None or remaining is None:
        raise PlatformAway("Discord does not say where its gateway is")
    return Door(url, shards, total, remaining, max(0, resets or 0) / 1000, max(1, abreast or 1))


class Identifying:
    """Waits until a session may be begun. `pause` waits."""

    def __init__(
        self, rest: Rest, allowances: Allowances, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._rest = rest
        self._allowances = allowances
        self._pause = pause

    async def door(self) -> Door:
        """Where to connect, once Discord allows more than a few new sessions. Raises what Rest raises."""
        while True:
            found = door(await self._rest.patiently("GET", "/gateway/bot"))
            if found.remaining > RESERVE:
                return found
            log.error("Discord allows hardly any new session", remaining=found.remaining, resets_in=found.resets_in)
            await self._pause(min(_LONGEST_PAUSE_SECONDS, max(1.0, found.resets_in)))

    async def wait(self, shard: int, count: int, found: Door) -> None:
        """Return when a session for one of so many shards may be begun; then it counts as begun.

        Raises TimeoutError where it may not for so long that the connection has to be made anew.
        """
        allowed, abreast = budget(count, found.total), f"identify {shard % found.abreast}"
        waited = 0.0
        while waited < _HELD_OPEN_SECONDS:
            try:
                apart = await self._allowances.reserve(
                    BOT, abreast, per_minute=60 / _APART_SECONDS, burst=1, within=_SOON_SECONDS
                )
                ahead = await self._allowances.reserve(
                    BOT, "identify", per_minute=allowed.a_day / 1_440, burst=allowed.at_once, within=_NEAR_SECONDS
                )
            except AllowanceSpent:
                log.warning("too many sessions were begun lately; waiting", shard=shard)
                pause = _AGAIN_SECONDS
            except DatabaseUnavailable as error:  # who cannot keep what is asked need not hear it
                log.warning("no session is begun yet", shard=shard, reason=str(error))
                pause = _AWAY_SECONDS
            else:
                await self._pause(max(ahead, apart))
                return
            await self._pause(pause)
            waited += pause
        raise TimeoutError
