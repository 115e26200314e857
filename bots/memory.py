"""What a platform said a moment ago, so that it is not asked the same for every question."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_REMEMBERED_SECONDS = 60.0  # somebody who was let in, or a channel that more can read, is seen within this time
_REMEMBERED = 10_000
_AT_ONCE = 64

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Answers of a platform, for a minute, the latest used ones.

    An answer that was under way when it was to be forgotten is asked for again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._under_way: set[Key] = set()
        self._asking = [asyncio.Lock() for _ in range(_AT_ONCE)]

    async def get(self, key: Key, ask: Callable[[], Awaitable[Value]], *, since: float | None = None) -> Value:
        """What was said to this, or is now; an `ask` that fails leaves nothing behind.

        `since`: nothing counts that was asked before this moment. Whoever has to try again keeps to the same one: then
        all who wait share what is said next.
        """
        async with self._asking[hash(key) % len(self._asking)]:  # who asks the same meanwhile waits for the answer
            kept = self._kept.get(key)
            oldest = self._clock() - _REMEMBERED_SECONDS if since is None else since
            if kept is not None and kept[0] > oldest:
                self._kept.move_to_end(key)
                return kept[1]
            asked_at, value = await self._fresh(key, ask)
            self._kept[key] = (asked_at, value)
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
            return value

    async def _fresh(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> tuple[float, Value]:
        """When it was asked and what was said; asked again where something changed meanwhile."""
        while True:
            self._under_way.add(key)
            asked_at = self._clock()
            try:
                value = await ask()
                if key in self._under_way:
                    return asked_at, value
            finally:
                self._under_way.discard(key)

    def forget(self, key: Key) -> None:
        """It may be otherwise now."""
        self._kept.pop(key, None)
        self._under_way.discard(key)
