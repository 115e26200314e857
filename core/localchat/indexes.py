"""The indexes in memory: built once for each state of a repository, by whoever asks first, for all who wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from weakref import WeakValueDictionary

from core import logs
from core.errors import ServiceUnavailable
from core.localchat import building, git, listing
from core.localchat.index import Index
from core.localchat.listing import Listing
from core.localchat.places import Place

_KEPT = 8

log = logs.get(__name__)

Build = Callable[[Listing, Index | None, Event], Index]


@dataclass(slots=True)
class _Running:
    """A build under way. It stops when the last one who waits for it has gone."""

    task: asyncio.Task[Index]
    stop: Event = field(default_factory=Event)
    waiting: int = 0


class Indexes:
    """At most `kept` indexes, the least recently used dropped first; one build at a time for each repository."""

    def __init__(self, *, kept: int = _KEPT, build: Build = building.build) -> None:
        self._kept = kept
        self._build = build
        self._ready: OrderedDict[str, Index] = OrderedDict()
        self._running: dict[tuple[str, str], _Running] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, name: str, place: Place) -> Index:
        """The index of a repository as it is now. Raises ServiceUnavailable if git fails; gone when cancelled."""
        try:
            listed = await asyncio.to_thread(listing.of, place)
            ready = self._found(name, listed.state)
            return ready or await self._waited(name, listed)
        except git.GitMissing:
            raise ServiceUnavailable("git is not installed where the embedded /chat runs") from None
        except git.GitFailed as failure:
            raise ServiceUnavailable(f"{name} could not be read: {failure.cause}") from None

    async def close(self) -> None:
        """Stops every build and frees every index."""
        running = list(self._running.values())
        for one in running:
            one.stop.set()
        await asyncio.gather(*(one.task for one in running), return_exceptions=True)
        for index in self._ready.values():
            index.close()
        self._ready.clear()

    def _found(self, name: str, state: str) -> Index | None:
        index = self._ready.get(name)
        if index is None or index.state != state:
            return None
        self._ready.move_to_end(name)
        return index

    async def _waited(self, name: str, listed: Listing) -> Index:
        key = name, listed.state
        running = self._running.get(key)
        if running is None or running.stop.is_set():
            stop = Event()
            running = _Running(asyncio.create_task(self._built(name, listed, stop)), stop)
            self._running[key] = running
            running.task.add_done_callback(lambda task: self._done(key, task))
        running.waiting += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.waiting -= 1
            if running.waiting == 0:
                running.stop.set()

    async def _built(self, name: str, listed: Listing, stop: Event) -> Index:
        async with self._locks.setdefault(name, asyncio.Lock()):
            ready = self._found(name, listed.state)
            if ready is not None:
                return ready
            index = await asyncio.to_thread(self._build, listed, self._ready.get(name), stop)
            self._ready[name] = index
            self._ready.move_to_end(name)
            while len(self._ready) > self._kept:
                self._ready.popitem(last=False)
            log.info("index built", repository=name, commit=index.commit, files=index.size.files)
            return index

    def _done(self, key: tuple[str, str], task: asyncio.Task[Index]) -> None:
        """Forgets the build, and fetches its error, which nobody may be left to hear."""
        if (running := self._running.get(key)) is not None and running.task is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()
