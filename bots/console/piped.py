"""The lines of a pipe or file."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import TextIO

from bots.errors import CommandError

_CHUNK = 65_536
_LONGEST = 1_000_000


class Piped:
    """Lines as they come. Octets that are no UTF-8 become replacement characters."""

    def __init__(self, descriptor: int) -> None:
        self._lines = self._read(descriptor)

    async def line(self) -> str | None:
        """The next line, or None at the end. Raises CommandError for a line that is too long for a question."""
        return await anext(self._lines, None)

    async def _read(self, descriptor: int) -> AsyncIterator[str]:
        chunks: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        # A thread that nobody waits for: neither files nor blocked pipes can be awaited. It does not touch sys.stdin,
        # whose lock would keep the process from ending.
        reading = threading.Thread(target=_pump, args=(descriptor, chunks, asyncio.get_running_loop()), daemon=True)
        reading.start()
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        begun = ""
        while chunk := await chunks.get():
            *lines, begun = (begun + decoder.decode(chunk)).split("\n")
            for line in lines:
                yield line
            if len(begun) > _LONGEST:
                raise CommandError(
                    f"A line of the input is longer than {_LONGEST:,} characters; questions are shorter."
                )
        if last := begun + decoder.decode(b"", final=True):
            yield last


class Dumb(Piped):
    """Lines typed at a terminal that can do nothing but print: it edits them itself."""

    def __init__(self, descriptor: int, output: TextIO, mark: str) -> None:
        super().__init__(descriptor)
        self._output = output
        self._mark = mark

    async def line(self) -> str | None:
        """As `Piped.line`, after a prompt."""
        self._output.write(f"{self._mark} ")
        self._output.flush()
        return await super().line()


def _pump(descriptor: int, chunks: asyncio.Queue[bytes], loop: asyncio.AbstractEventLoop) -> None:
    chunk = b"-"
    while chunk:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except OSError:
            chunk = b""
        putting = chunks.put(chunk)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except (RuntimeError, CancelledError):  # the loop has ended, and with it the interest in lines
            putting.close()
            return
