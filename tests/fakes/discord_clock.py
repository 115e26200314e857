"""The time of the fake Discord, its ids, and the waiting for something to happen in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_EPOCH = 1_420_070_400_000  # milliseconds: the first second of 2015


class Clock:
    """Passes like the real one, until it is frozen; can be set ahead."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._ahead = 0.0
        self._frozen: float | None = None
        self._last = 0

    def clock(self) -> float:
        """Seconds; what limits, interactions and nonces expire by."""
        return (time.monotonic() if self._frozen is None else self._frozen) + self._ahead

    def passing(self) -> float:
        """Seconds that pass even while the fake is frozen; what rate limits go by."""
        return time.monotonic() + self._ahead

    def freeze(self) -> None:
        """From now on time passes by `advance` alone: no slow machine refills a bucket or ends an interaction."""
        self._frozen = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Let the time of the fake pass; nothing waits."""
        self._ahead += seconds
        self.change()

    def age(self, snowflake: str) -> float:
        """Seconds since this id was given."""
        return self.wall() - ((int(snowflake) >> 22) + _EPOCH) / 1_000

    def snowflake(self) -> str:
        """The id of something that is made now: never the same twice, and always above the last."""
        milliseconds = int(self.wall() * 1_000) - _EPOCH
        self._last = max(self._last + 1, milliseconds << 22)
        return str(self._last)

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def now(self) -> str:
        """ISO 8601, as Discord writes times."""
        moment = datetime.fromtimestamp(self.wall(), UTC)
        return moment.isoformat(timespec="microseconds")

    def change(self) -> None:
        """Wake everybody in `until`."""
        self.changed.set()

    async def until(self, seen: Callable[[], Any], seconds: float = 60.0) -> None:
        """Wait for `seen`; it is looked at after every change."""
        async with asyncio.timeout(seconds):
            while not seen():
                self.changed.clear()
                await self.changed.wait()

    def skip_millisecond(self) -> None:
        """The next id is of a later millisecond, which is what shards go by."""
        self._last += 1 << 22
