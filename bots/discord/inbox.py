"""What was heard and is not yet done: kept in order for each place, and tried again until the database takes it.

Discord does not deliver an event twice, and asks for no acknowledgement. So what cannot be done now waits here. Posts
that do not fit, or are still here when the process ends, are found by looking through the channels later (catching.py).
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path

from core import logs
from core.errors import AskrepoError, DatabaseError, NotYet, PlatformAway, SettingsError

_ROOM = 10_000
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0

log = logs.get(__name__)

Work = Callable[[], Awaitable[None]]


class Kind(Enum):
    """What is heard. Each has a room of its own: what nobody looks for later is not kept out by posts."""

    POST = "posts"
    DELETION = "deletions"
    CHANGE = "changes of channels and servers"


class Inbox:
    """Work that has to be done once, for each place in the order it came.

    `room` is how much of each kind is kept; `missed` is set when a post found none any more. What fails for another
    reason than the database, until its operator has seen to it, or Discord, while it is away or refuses the token, is
    logged without what it was about, and not tried again. `pause` waits.
    """

    def __init__(self, *, room: int = _ROOM, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.missed = asyncio.Event()
        self._room = room
        self._pause = pause
        self._lines: dict[str, deque[tuple[Kind, Work]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = Counter[Kind]()
        self._full: set[Kind] = set()  # those that something found no room among, until none of them is left

    def put(self, place: str, work: Work, kind: Kind = Kind.POST) -> None:
        """Have it done after what was put for this place before; never waits. The oldest stay where all is full."""
        if self._held[kind] >= self._room:
            self._without_room(kind)
            return
        self._held[kind] += 1
        line = self._lines.get(place)
        if line is not None:
            line.append((kind, work))
            return
        self._lines[place] = deque([(kind, work)])
        task = asyncio.create_task(self._worked_off(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def vacant(self) -> None:
        """Return once there is room for a post."""
        while self._held[Kind.POST] >= self._room:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def empty(self) -> None:
        """Return once nothing is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def finished(self, seconds: float) -> None:
        """Wait until nothing is left, so long at most; then give the rest up."""
        try:
            await asyncio.wait_for(self.empty(), seconds)
        except TimeoutError:
            log.warning("not done before the end; posts are looked for later", left=self._held.total())
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _without_room(self, kind: Kind) -> None:
        if kind not in self._full:
            log.error("more is heard than can be kept", what=kind.value, kept=self._held[kind])
        self._full.add(kind)
        if kind is Kind.POST:
            self.missed.set()

    async def _worked_off(self, place: str) -> None:
        line = self._lines[place]
        try:
            while line:
                kind, work = line[0]
                await self._done(work)
                line.popleft()
                self._held[kind] -= 1
                if not self._held[kind]:
                    self._full.discard(kind)
        finally:
            del self._lines[place]

    async def _done(self, work: Work) -> None:
        tries = 0
        while True:
            try:
                await work()
            except (DatabaseError, PlatformAway, NotYet, SettingsError) as error:
                if not tries:
                    log.warning("kept for later", reason=str(error))
                pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(tries, 10))
                tries += 1
                await self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            except AskrepoError as error:
                log.warning("not done", reason=str(error), kind=type(error).__name__)
                return
            except Exception as error:
                # neither its text nor a traceback's lines of data: they may hold what somebody wrote
                log.warning("not done", kind=type(error).__name__, at=_place(error))
                return
            else:
                return


def _place(error: Exception) -> str:
    """Where in the code it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
