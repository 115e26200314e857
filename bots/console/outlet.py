"""A terminal, pipe or file that is written to."""

from __future__ import annotations

import errno
import io
import os
from functools import partial
from typing import TextIO

from bots.console.apart import Apart


class Behind:
    """The file behind a stream. It is written to past the stream, whose lock would keep the process from ending."""

    def __init__(self, stream: TextIO) -> None:
        self._file: io.RawIOBase = open(stream.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115
        self._encoding = stream.encoding

    def write(self, text: str) -> None:
        """Write the text, with question marks for what its encoding lacks. Blocks; raises OSError."""
        left = memoryview(text.replace("\n", os.linesep).encode(self._encoding, "replace"))
        while left:
            taken = self._file.write(left)
            if taken is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            left = left[taken:]


class Outlet:
    """Writes to the file behind a stream, one text after the other. Where nobody reads, a write blocks for ever."""

    def __init__(self, stream: TextIO) -> None:
        self._file = Behind(stream)
        self._apart = Apart()

    async def write(self, text: str) -> None:
        """Write the text. Raises OSError. Cancelled, what has begun is written on; what has not, never is."""
        await self._apart.do(partial(self._file.write, text))
