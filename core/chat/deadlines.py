"""The four deadlines of asking /chat. httpx's own begin anew with every octet, so a trickle outlasts them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Self, TypeVar, cast

from core.errors import ChatTimeout, Deadline

T = TypeVar("T")

_LINGER = 2.0  # seconds for what is welcome but not needed: an error's body, what follows the finish reason


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds.

    `connect` runs from asking until the connection stands, TLS included. `first_token` runs from there until the
    first text; it holds for streamed answers only, since an unstreamed one has no text before its end. `silence` is
    the longest time between two texts: comments, empty chunks and single octets reset nothing. `total` holds for
    everything together, retries and the waits between them included.
    """

    connect: float = 5.0
    first_token: float = 60.0
    silence: float = 30.0
    total: float = 300.0


class Watch:
    """Which deadline runs now. One watch goes with one question and one task, inside of a running event loop.

    An answer has a step for each of its words. So there is one timer, which follows the deadline as it moves on: one
    set and taken back for each step took five times as long.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._ends_at = self._now() + deadlines.total
        self._deadline = Deadline.TOTAL
        self._seconds = deadlines.total
        self._due = self._ends_at
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._expired = False
        self._lingering = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connecting(self) -> None:
        """An attempt begins."""
        self._run(Deadline.CONNECT, self._deadlines.connect)

    def sending(self, *, streaming: bool) -> None:
        """The connection stands."""
        if streaming:
            self._run(Deadline.FIRST_TOKEN, self._deadlines.first_token)
        else:
            self._run(Deadline.TOTAL, self._deadlines.total)

    def heard(self) -> None:
        """Text came. Call it when the asker's side has taken it: its slowness is not the service's silence."""
        self._run(Deadline.SILENCE, self._deadlines.silence)

    def linger(self) -> None:
        """What comes from here on is not worth a long wait. Calling it again does not prolong it."""
        if not self._lingering:
            self._run(Deadline.SILENCE, min(_LINGER, self._deadlines.silence))
            self._lingering = True

    def seconds_left(self) -> float:
        """Until the total deadline; negative after it."""
        return self._ends_at - self._now()

    async def wait(self, step: Awaitable[T]) -> T:
        """The result of `step`. Raises ChatTimeout if the running deadline passes first; `step` is then cancelled."""
        task = cast("asyncio.Task[object]", asyncio.current_task())
        before = task.cancelling()
        self._waiting, self._expired = task, False
        self._set()
        try:
            return await step
        except asyncio.CancelledError:
            if not self._expired or task.cancelling() > before + 1:  # somebody else cancels it too
                raise
        except TimeoutError:
            if not self._expired:
                raise
        finally:
            self._waiting = None
            if self._expired:
                task.uncancel()
        # Outside of the except block, so that no foreign exception hangs on ours.
        raise ChatTimeout(self._deadline, self._seconds)

    def _set(self) -> None:
        """See to it that the timer goes off at the deadline or before."""
        if self._timer is not None and self._timer.when() <= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._gone_off)

    def _gone_off(self) -> None:
        self._timer = None
        if self._waiting is None or self._expired:
            return
        if self._now() < self._due:
            self._set()
        else:
            self._expired = True
            self._waiting.cancel()

    def _run(self, deadline: Deadline, seconds: float) -> None:
        self._lingering = False
        due = self._now() + seconds
        if due >= self._ends_at:
            deadline, seconds, due = Deadline.TOTAL, self._deadlines.total, self._ends_at
        self._deadline, self._seconds, self._due = deadline, seconds, due
        if self._waiting is not None and not self._expired:
            self._set()
