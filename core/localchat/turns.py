"""Turns at what only so many may do at once, of which nobody takes all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

_OF_MANY = frozenset({"bitbucket.org", "codeberg.org", "github.com", "gitlab.com"})  # hosts of many owners


class Turns:
    """At most `most` at once, and `of_one` for the repositories of one owner; further ones wait in line."""

    def __init__(self, most: int, *, of_one: int) -> None:
        self._all = asyncio.Semaphore(most)
        self._of_one = of_one
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # of owners with turns

    @asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """A turn for this repository while the block runs."""
        host, _, path = name.partition("/")
        owner = ".".join(host.split(".")[-2:])  # who has a domain has all names below it
        if host in _OF_MANY:
            owner = f"{host}/{path.partition('/')[0].lower()}"
        own = self._own.setdefault(owner, asyncio.Semaphore(self._of_one))
        async with own, self._all:
            yield
