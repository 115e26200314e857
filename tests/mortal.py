"""askrepo as a process of its own that a test ends, kills and starts again."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.console.processes import SECONDS, Process


@dataclass
class MortalProcess:
    """`askrepo run` with these roles, its database and its log in this folder."""

    forks: Path
    folder: Path
    roles: Sequence[str]
    environment: Mapping[str, str]
    _process: Process | None = field(default=None, init=False)

    async def start(self) -> None:
        silent = os.open(os.devnull, os.O_RDWR)
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._process = await Process.start(
            self.forks,
            ["run", *self.roles],
            folder=self.folder,
            environment={**self.environment, "PATH": os.environ["PATH"], "HOME": str(self.folder)},
            streams=[silent, log, log],
        )
        os.close(silent)
        os.close(log)

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    async def end(self, by: signal.Signals, seconds: float = SECONDS) -> int:
        """Send it this signal: its exit code, once it has ended."""
        assert self._process is not None
        self._process.send(by)
        return await self.ended(seconds)

    async def ended(self, seconds: float = SECONDS) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None
        return await self._process.ended(seconds)

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self._process is not None:
            self._process.close()

    def let_leases_end(self) -> None:
        """The time of the leases it held is over. Only while nobody runs."""
        with closing(sqlite3.connect(self.folder / "askrepo.db")) as connection:
            connection.execute("UPDATE turns SET lease_until = 0 WHERE status = 'running'")
            connection.commit()
