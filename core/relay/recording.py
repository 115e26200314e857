"""Records what is shown already, however long the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from core import logs
from core.errors import DatabaseUnavailable

log = logs.get(__name__)

_AGAIN_SECONDS = 0.5, 2.0  # at first, and at last


async def recorded(record: Callable[[], Awaitable[None]], turn_id: str) -> None:
    """Record it once the database is there; any other error is raised. Whether it still counts, the fence decides."""
    pause, longest = _AGAIN_SECONDS
    while True:
        try:
            return await record()
        except DatabaseUnavailable as error:
            log.warning("not recorded yet", turn=turn_id, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
