"""A process's connections to its database: so many at most, waited for in turn.

SQLAlchemy's pool (2.1) wakes nobody where a connection could not be opened or its caller was cancelled meanwhile: those
who wait for that one wait until their time is up, though there is room to open others. So nobody waits in it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_WAIT_SECONDS = 30.0  # no statement takes longer


class Connections:
    """The connections of one engine, as many as its pool holds."""

    def __init__(self, engine: AsyncEngine, *, wait_seconds: float = _WAIT_SECONDS) -> None:
        self.engine = engine
        self._wait_seconds = wait_seconds
        self._room = asyncio.Semaphore(cast("QueuePool", engine.pool).size())

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """One of them, given back at the end. Raises TimeoutError where none is free in time, and what drivers do."""
        await self._enter()
        try:
            async with self.engine.connect() as connection:
                yield connection
        finally:
            self._room.release()

    async def _enter(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._room.acquire()
        except TimeoutError:
            raise TimeoutError("all its connections are in use") from None
