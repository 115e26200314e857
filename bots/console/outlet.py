"""A pipe or file that is written to."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TextIO


class Outlet:
    """Writes to the file behind a stream, one text after the other.

    Where nobody reads, a write blocks for ever. A thread that nobody waits for does it, past the stream, whose lock
    would keep the process from ending.
    """

    def __init__(self, stream: TextIO) -> None:
        self._file: io.RawIOBase = open(stream.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115
        self._encoding = stream.encoding
        self._waiting: SimpleQueue[tuple[bytes, Future[None]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._pour, daemon=True)

    async def write(self, text: str) -> None:
        """Write the text, with question marks for what its encoding lacks. Raises OSError.

        Cancelled, what has begun is written on; what has not, never is.
        """
        if self._thread.ident is None:
            self._thread.start()
        written: Future[None] = Future()
        self._waiting.put((text.replace("\n", os.linesep).encode(self._encoding, "replace"), written))
        await asyncio.wrap_future(written)

    def _pour(self) -> None:
        while True:
            octets, written = self._waiting.get()
            if written.set_running_or_notify_cancel():
                try:
                    self._write(memoryview(octets))
                except OSError as error:
                    written.set_exception(error)
                else:
                    written.set_result(None)

    def _write(self, left: memoryview) -> None:
        while left:
            taken = self._file.write(left)
            if taken is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            left = left[taken:]
