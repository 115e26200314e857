"""Work that somebody may stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def unless(
    stop: asyncio.Event, work: Coroutine[Any, Any, Result], beside: asyncio.Task[None] | None = None
) -> Result | None:
    """What `work` returns, or None once `stop` is set; by then it has ended, its connection closed.

    What was stopped before is not begun. Raises at once what `beside` fails with: then nobody needs the work.
    """
    if stop.is_set():
        work.close()
        return None
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    awaited: set[asyncio.Task[Any]] = {working, stopping} | ({beside} if beside is not None else set())
    try:
        while not (working.done() or stopping.done()):
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if beside in awaited and beside.done():
                awaited.discard(beside)
                if not working.done():
                    beside.result()
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
