"""Lines of callers before a platform's limits: whoever comes back finds the place kept, in this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.conversation.values import WorkspaceRef
from core.errors import AllowanceSpent, NotYet
from core.relay.limits import FURTHEST_SECONDS, Allowances

_STALE_SECONDS = 600.0
_SPENT_SECONDS = 60.0  # before somebody for whom there was no place asks again


@dataclass(frozen=True, slots=True)
class Pace:
    """How often something may be called in one workspace: in any minute `per_minute` and `burst` together.

    A call that is not due `within` so many seconds takes no place in the line. One that is due `soon` is waited for. A
    place is `kept` so long for a caller who is late.
    """

    per_minute: float
    burst: int
    within: float = FURTHEST_SECONDS
    soon: float = 0.05
    kept: float = 600.0


class Lines:
    """The places of this process's callers. Raises NotYet, after which the caller comes back, and DatabaseError."""

    def __init__(self, allowances: Allowances, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowances = allowances
        self._clock = clock
        self._slots: dict[tuple[WorkspaceRef, str, str], float] = {}

    @property
    def waited_in(self) -> bool:
        """Whether somebody stands in one of them."""
        return bool(self._slots)

    async def stand(self, workspace: WorkspaceRef, name: str, pace: Pace, caller: str) -> None:
        """Return once this caller's turn has come. `caller` holds one place at a time; a turn's id, mostly."""
        key = (workspace, name, caller)
        due = self._slots.get(key)
        if due is None or self._clock() - due > pace.kept:
            due = await self._reserved(workspace, name, pace)
        elif due <= self._clock() + pace.soon and await self._allowances.held_back(workspace, name):
            due = await self._reserved(workspace, name, pace)  # a pause has been asked for meanwhile
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

    async def _reserved(self, workspace: WorkspaceRef, name: str, pace: Pace) -> float:
        self._forget_stale()
        try:
            seconds = await self._allowances.reserve(
                workspace, name, per_minute=pace.per_minute, burst=pace.burst, within=pace.within
            )
        except AllowanceSpent:
            raise NotYet(min(_SPENT_SECONDS, pace.within)) from None
        return self._clock() + seconds

    def _forget_stale(self) -> None:
        """Places that nobody came back for."""
        past = self._clock() - _STALE_SECONDS
        for key in [key for key, due in self._slots.items() if due < past]:
            del self._slots[key]
