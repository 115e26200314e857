"""Lines of callers before a platform's limits: whoever comes back finds their place kept, in this process.

A line reserves only calls that are due within a second, and one further ahead, which holds its place among the lines of
other processes. Reservations outlive their process: had it reserved minutes ahead, others would wait behind the dead.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from core.conversation.values import WorkspaceRef
from core.errors import AllowanceSpent, NotYet
from core.relay.limits import FURTHEST_SECONDS, Allowances

_AHEAD_SECONDS = 1.0
_STALE_SECONDS = 600.0

_Place = tuple[WorkspaceRef, str]  # where a line stands: a workspace, and the name of what is called


@dataclass(frozen=True, slots=True)
class Pace:
    """How often something may be called in one workspace: in any minute `per_minute` and `burst` together.

    A call that is not `patient` takes no place in the line where it is not due within a second. One that is due `soon`
    is waited for. A reservation is `kept` so long for a caller who is late.
    """

    per_minute: float
    burst: int
    patient: bool = True
    soon: float = 0.05
    kept: float = 600.0

    @property
    def interval(self) -> float:
        """Seconds between two calls, as they are reserved."""
        return math.ceil(60_000 / self.per_minute) / 1000


class Lines:
    """The places of this process's callers. Raises NotYet, after which the caller comes back, and DatabaseError."""

    def __init__(self, allowances: Allowances, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowances = allowances
        self._clock = clock
        self._slots: dict[tuple[WorkspaceRef, str, str], float] = {}
        self._furthest: dict[_Place, float] = {}  # when the call is due that was reserved beyond the next second
        self._waiting: dict[_Place, dict[str, float]] = {}  # when who comes back, in the line's order

    @property
    def waited_in(self) -> bool:
        """Whether somebody stands in one of them."""
        return bool(self._slots) or any(self._waiting.values())

    async def stand(self, workspace: WorkspaceRef, name: str, pace: Pace, caller: str) -> None:
        """Return once this caller's turn has come. `caller` holds one place at a time; a turn's id, mostly."""
        key = (workspace, name, caller)
        due = self._slots.get(key)
        if due is None or self._clock() - due > pace.kept:
            due = await self._reserved(workspace, name, pace, caller)
        elif due <= self._clock() + pace.soon and await self._allowances.held_back(workspace, name):
            self.leave(workspace, name, caller)
            due = await self._reserved(workspace, name, pace, caller)  # a pause has been asked for meanwhile
        self._slots[key] = due
        wait = due - self._clock()
        if wait > pace.soon:
            raise NotYet(wait)
        try:
            await asyncio.sleep(max(0.0, wait))
        except asyncio.CancelledError:
            self.leave(workspace, name, caller)
            raise

    def leave(self, workspace: WorkspaceRef, name: str, caller: str) -> None:
        """The call was made, or is not wanted any more."""
        self._slots.pop((workspace, name, caller), None)

    async def _reserved(self, workspace: WorkspaceRef, name: str, pace: Pace, caller: str) -> float:
        """When this caller's call is due, if that is known; else it comes back after who stands before it."""
        self._forget_stale()
        place = workspace, name
        back = self._after(place, caller, pace)
        if back is None:
            try:
                due = await self._next_due(place, pace)
            except AllowanceSpent as error:
                back = self._clock() + error.seconds - _AHEAD_SECONDS
                back = max(back, self._after(place, caller, pace) or back)
            else:
                self._waiting.get(place, {}).pop(caller, None)
                return due
        if not pace.patient:
            raise NotYet(max(_AHEAD_SECONDS, back + _AHEAD_SECONDS - self._clock()))
        self._waiting.setdefault(place, {})[caller] = back
        raise NotYet(max(0.0, back - self._clock()))

    async def _next_due(self, place: _Place, pace: Pace) -> float:
        """When the next call is due. Raises AllowanceSpent where that is too far ahead."""
        further = pace.patient and self._furthest.get(place, -math.inf) <= self._clock() + _AHEAD_SECONDS
        due = -math.inf
        if further:
            self._furthest[place] = math.inf  # one at a time
        try:
            seconds = await self._allowances.reserve(
                *place,
                per_minute=pace.per_minute,
                burst=pace.burst,
                within=FURTHEST_SECONDS if further else _AHEAD_SECONDS,
            )
            due = self._clock() + seconds
        finally:
            if further:
                self._furthest[place] = due
                if due <= self._clock() + _AHEAD_SECONDS:  # as most: nothing to remember, nor to go through
                    del self._furthest[place]
        return due

    def _after(self, place: _Place, caller: str, pace: Pace) -> float | None:
        """When to come back after those before this caller; None where nobody is. Who is late is passed over."""
        now, line = self._clock(), self._waiting.get(place, {})
        ahead = [back for _, back in takewhile(lambda each: each[0] != caller, line.items()) if back > now]
        return max(ahead) + pace.interval if ahead else None

    def _forget_stale(self) -> None:
        """Places that nobody came back for."""
        past = self._clock() - _STALE_SECONDS
        for key in [key for key, due in self._slots.items() if due < past]:
            del self._slots[key]
        for place in [place for place, due in self._furthest.items() if due < past]:
            del self._furthest[place]
        for place, line in list(self._waiting.items()):
            for caller in [caller for caller, back in line.items() if back < past]:
                del line[caller]
            if not line:
                del self._waiting[place]
