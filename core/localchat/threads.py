"""Threads for what blocks: git, the disk, SQLite.

asyncio's own ones also look up host names, for the whole process; a slow repository must not hold those up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Threads:
    """At most so many at once; what is more waits for its turn."""

    def __init__(self, most: int) -> None:
        self._executor = ThreadPoolExecutor(most, thread_name_prefix="localchat")

    async def run(self, work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """What the work returns. Cancelled, it goes on if it has begun, and nobody hears of it."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(work, *given, **named))

    async def close(self) -> None:
        """Returns when what has begun has ended. The rest is cancelled, and nothing can be run any more."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
