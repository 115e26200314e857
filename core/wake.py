"""How processes on PostgreSQL tell each other that there is something to do: NOTIFY, and a connection that listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import asyncpg

from core import logs

log = logs.get(__name__)

CHANNEL = "askrepo_turns"
# what asyncpg raises for a lost connection besides PostgreSQL's own errors; InternalClientError is raised by a call
# whose connection was just being closed
LOST = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_AGAIN_SECONDS = 1.0
_SILENT_SECONDS = 60.0  # a connection that is lost without a word is noticed after so long


async def listen(dsn: str, wake: Callable[[], None], seconds: float) -> None:
    """Call `wake` after each NOTIFY, and whenever the connection was made anew; until it is cancelled.

    `seconds`: how long the server may take for a word.
    """
    told = False
    while True:
        try:
            async with _connection(dsn, seconds) as connection:
                await connection.add_listener(CHANNEL, lambda *_: wake())
                told = False
                wake()
                await _lost(connection, seconds)
        except (*LOST, asyncpg.PostgresError) as error:
            if not told:
                reason = str(error).splitlines()[:1] or [type(error).__name__]
                log.warning("other processes' questions are noticed a little later", reason=reason[0])
            told = True
        await asyncio.sleep(_AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def _connection(dsn: str, seconds: float) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, timeout=seconds, command_timeout=seconds)
    try:
        yield connection
    finally:
        connection.terminate()


async def _lost(connection: asyncpg.Connection, seconds: float) -> None:
    """Return once the connection has ended, or raise what tells that it has."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not connection.is_closed():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SILENT_SECONDS):  # wait_for may take being cancelled for the end of it
                await lost.wait()
        if not lost.is_set():
            await connection.fetchval("SELECT 1")
