"""What was heard and is not yet done: kept in order for each place, and tried again until the database takes it.

Discord does not deliver an event twice, and asks for no acknowledgement. So what cannot be done now waits here; what
does not fit, or is still here when the process ends, is found by looking through the channels later (catching.py).
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from core import logs
from core.errors import AskrepoError, DatabaseError, NotYet, PlatformAway, SettingsError

_ROOM = 10_000
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0

log = logs.get(__name__)

Work = Callable[[], Awaitable[None]]


class Inbox:
    """Work that has to be done once, for each place in the order it came.

    `missed` is set when something found no room any more. What fails for another reason than the database, until
    its operator has seen to it, or Discord, while it is away or refuses the token, is logged without what it was about,
    and not tried again.
    `pause` waits.
    """

    def __init__(self, *, room: int = _ROOM, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.missed = asyncio.Event()
        self._room = room
        self._pause = pause
        self._lines: dict[str, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0

    def put(self, place: str, work: Work) -> None:
        """Have it done after what was put for this place before; never waits. The oldest stay where all is full."""
        if self._held >= self._room:
            if not self.missed.is_set():
                log.error("more is heard than can be kept", kept=self._held)
            self.missed.set()
            return
        self._held += 1
        line = self._lines.get(place)
        if line is not None:
            line.append(work)
            return
        self._lines[place] = deque([work])
        task = asyncio.create_task(self._worked_off(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def vacant(self) -> None:
        """Return once there is room."""
        while self._held >= self._room:
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
            log.warning("not done before the end; it is looked for later", left=self._held)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _worked_off(self, place: str) -> None:
        line = self._lines[place]
        try:
            while line:
                await self._done(line[0])
                line.popleft()
                self._held -= 1
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
