"""How long we wait for a platform that does not take something just now, and when we give up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core import logs
from core.channels.access import Audience
from core.errors import DatabaseUnavailable, DeliveryError, DeliveryUncertain, NotYet, PlatformAway
from core.relay.claims import Claim

log = logs.get(__name__)

Done = TypeVar("Done")

_ASKED_AGAIN_SECONDS = 30.0
_TRIES_SECONDS = (0.5, 2.0, 5.0, 20.0)

_WORD_SECONDS = 3_600.0  # in a direct message: after this nobody expects a word any more
# on the platform as a whole: who has to mend what keeps us out may do so on the next morning only
_NOTICE_SECONDS = 86_400.0
_NOTICE_ATTEMPTS = 10  # some minutes, for one that nobody came to before the day was over


def word_expected(claim: Claim) -> bool:
    """Whether a word is still expected where the thread itself is closed to us."""
    return claim.waited < _WORD_SECONDS


def in_vain(claim: Claim) -> bool:
    """Whether a turn that ends with a notice was tried often and long enough to give up telling anybody.

    One without a notice gets one once it is late, so every turn ends.
    """
    return claim.declined is not None and claim.attempt >= _NOTICE_ATTEMPTS and claim.waited >= _NOTICE_SECONDS


async def persistently(act: Callable[[], Awaitable[Done]]) -> Done:
    """Like `patiently`, and try again for about half a minute where what hinders it may pass.

    For messages of which nothing is stored: after a lost reply one may be sent twice rather than never.
    """
    for seconds in _TRIES_SECONDS:
        try:
            return await patiently(act)
        except (PlatformAway, DeliveryUncertain, DatabaseUnavailable):
            await asyncio.sleep(seconds)
    return await patiently(act)


async def patiently(act: Callable[[], Awaitable[Done]]) -> Done:
    """Do it as soon as the platform's pace allows; during a long pause, try every 30 s whether it still holds."""
    while True:
        try:
            return await act()
        except NotYet as error:
            await asyncio.sleep(min(_ASKED_AGAIN_SECONDS, error.seconds))


async def audience_now(ask: Callable[[], Awaitable[Audience]], seconds: float) -> Audience:
    """Who can read along, for somebody who is waiting: unknown where the platform does not say so in time."""
    try:
        async with asyncio.timeout(seconds):
            return await patiently(ask)
    except (TimeoutError, DeliveryError) as error:
        log.info("who reads along is not known", reason=str(error) or type(error).__name__)
        return Audience.UNKNOWN
