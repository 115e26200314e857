"""Turns at what only so many may do at once, of which nobody takes all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turns:
    """At most `most` at once, and `of_one` for the hosts of one owner; further ones wait in line."""

    def __init__(self, most: int, *, of_one: int) -> None:
        self._all = asyncio.Semaphore(most)
        self._of_one = of_one
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # of owners with turns

    @asynccontextmanager
    async def of(self, host: str) -> AsyncIterator[None]:
        """A turn for this host while the block runs."""
        owner = ".".join(host.split(".")[-2:])  # who has a domain has all names below it
        own = self._own.setdefault(owner, asyncio.Semaphore(self._of_one))
        async with own, self._all:
            yield
