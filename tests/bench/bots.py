"""The bots that are measured, each in a process of its own that tells what it takes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import os
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from core import logs
from tests.bench.slack_load import Around

NAIVE = "naive"
ASKREPO = "askrepo"


@dataclass(frozen=True)
class Usage:
    """What a process took so far: seconds of processor time, without those of our looking; resident octets."""

    cpu: float
    resident: int
    collected: int  # resident after a collection


class Bot:
    """A bot in its process, from the side of whoever measures."""

    def __init__(self, kind: str, around: Around, database_url: str) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        arguments = (theirs, kind, around, database_url)
        self._process = multiprocessing.get_context("spawn").Process(target=_run, args=arguments)

    async def open(self) -> str:
        """Start it: where it listens to Slack."""
        self._process.start()
        return str(await asyncio.to_thread(self._pipe.recv))

    async def usage(self) -> Usage:
        """What it took so far."""
        self._pipe.send("usage")
        used: Usage = await asyncio.to_thread(self._pipe.recv)
        return used

    async def close(self) -> None:
        """End it."""
        self._pipe.send(None)
        await asyncio.to_thread(self._process.join)


def _run(pipe: Connection, kind: str, around: Around, database_url: str) -> None:
    # one bot alone is loaded: the other's modules would be memory that the collector goes through
    logs.configure("error", "console")
    if kind == NAIVE:
        from tests.bench.naive_bot import naive

        asyncio.run(_serve(pipe, naive(around)))
    else:
        from tests.bench.askrepo_bot import askrepo

        asyncio.run(_serve(pipe, askrepo(around, database_url)))


async def _serve(pipe: Connection, bot: contextlib.AbstractAsyncContextManager[str]) -> None:
    ours = 0.0
    async with bot as url:
        pipe.send(url)
        while await asyncio.to_thread(pipe.recv) is not None:
            cpu, resident = time.process_time(), _resident()
            gc.collect()
            pipe.send(Usage(cpu - ours, resident, _resident()))
            ours += time.process_time() - cpu


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
