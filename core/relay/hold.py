"""A claim while it is worked on. A worker compares only spans of its own monotonic clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from core.conversation.values import ThreadRef
from core.errors import DeliveryUncertain, LeaseLost
from core.relay.claims import LEASE_SECONDS, Claim


class Hold:
    """A claim of this process: whether it may still act, and whether it was asked to stop."""

    def __init__(self, claim: Claim, since: float, clock: Callable[[], float]) -> None:
        self.claim = claim
        self.stop = asyncio.Event()
        self.lost = asyncio.Event()
        self.ending = False  # the outcome is being recorded: the fence alone decides now
        self.broken_off = False  # a visible act was cancelled: it may still land
        self._clock = clock
        self._since = since

    def moved(self, thread: ThreadRef) -> None:
        """The claim's thread has its own id now."""
        self.claim = replace(self.claim, thread=thread)

    def began_anew(self) -> None:
        """The answer that the question had gives way to another one."""
        self.claim = replace(self.claim, answered=False)

    def renewed(self, since: float) -> None:
        """The lease counts from `since`, taken before the statement was sent."""
        self._since = since

    def check(self) -> None:
        """Raise LeaseLost unless more than a third of the lease is left: call it before every visible act."""
        if self.lost.is_set() or self._clock() - self._since >= LEASE_SECONDS * 2 / 3:
            raise LeaseLost("the lease is lost, or too short to act")

    @contextlib.asynccontextmanager
    async def acting(self) -> AsyncIterator[None]:
        """`check`, then bound a visible act by what is left of the lease: it must not land in somebody else's time.

        Raises LeaseLost, and DeliveryUncertain where the act took too long.
        """
        self.check()
        try:
            async with asyncio.timeout(LEASE_SECONDS - (self._clock() - self._since)):
                yield
        except TimeoutError:
            raise DeliveryUncertain("it took longer than the lease allows") from None
        except asyncio.CancelledError:
            self.broken_off = True
            raise
