"""The indexes in memory: built once for each state of a repository, for all who ask, and to the end."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from threading import Event
from weakref import WeakValueDictionary

from core import logs
from core.errors import NoGit, RepositoryTooLarge, RepositoryUnreadable
from core.localchat import building, git, listing
from core.localchat.index import Index
from core.localchat.listing import Listing
from core.localchat.places import Place
from core.localchat.shared import Shared
from core.localchat.threads import Threads

_KEPT = 8
_LISTING_THREADS = 4  # their own: a question whose index is ready must not wait for other repositories' builds
_BUILDING_THREADS = 2

log = logs.get(__name__)

Build = Callable[[Listing, Index | None, Event], Index]


class Indexes:
    """At most `kept` indexes, the least recently used dropped first; one build at a time for each repository."""

    def __init__(self, *, kept: int = _KEPT, build: Build = building.build) -> None:
        self._kept = kept
        self._build = build
        self._ready: OrderedDict[str, Index] = OrderedDict()
        self._listing = Threads(_LISTING_THREADS)
        self._building = Threads(_BUILDING_THREADS)
        self._listings = Shared[Listing]()
        self._running = Shared[Index]()
        self._stop = Event()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, name: str, place: Place) -> Index:
        """The index of a repository as it is now. Raises RepositoryTooLarge, NoGit, RepositoryUnreadable."""
        try:
            listed = await self._listed(place)
            ready = self._found(name, listed.state)
            return ready or await self._running.of((name, listed.state), lambda: self._built(name, listed))
        except git.OverLimit:
            raise RepositoryTooLarge(f"{name} has too many files to be read") from None
        except git.GitMissing:
            raise NoGit("git is not installed where the embedded /chat runs") from None
        except git.GitFailed as failure:
            raise RepositoryUnreadable(f"{name} could not be read: {failure.cause}") from None

    async def close(self) -> None:
        """Stops every build and frees every index."""
        self._stop.set()
        self._listings.cancel()
        await self._listings.ended()
        await self._running.ended()
        await self._listing.close()
        await self._building.close()
        for index in self._ready.values():
            index.close()
        self._ready.clear()

    def _found(self, name: str, state: str) -> Index | None:
        index = self._ready.get(name)
        if index is None or index.state != state:
            return None
        self._ready.move_to_end(name)
        return index

    async def _listed(self, place: Place) -> Listing:
        """A commit's listing is the same for all who ask; a working tree is listed as it is after the question."""
        if not place.bare:
            return await self._listing.run(listing.of, place)
        return await self._listings.of(place, lambda: self._listing.run(listing.of, place))

    async def _built(self, name: str, listed: Listing) -> Index:
        async with self._locks.setdefault(name, asyncio.Lock()):
            ready = self._found(name, listed.state)
            if ready is not None:
                return ready
            index = await self._building.run(self._build, listed, self._ready.get(name), self._stop)
            self._ready[name] = index
            self._ready.move_to_end(name)
            while len(self._ready) > self._kept:
                self._ready.popitem(last=False)
            log.info("index built", repository=name, commit=index.commit, files=index.size.files)
            return index
