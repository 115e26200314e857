"""The sockets below the connections to /chat: an answer can be read in gulps.

Reading each word as it comes takes several times the processor time of reading all that came within a moment, and no
platform shows word by word.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable

import httpcore


class Backend(httpcore.AsyncNetworkBackend):
    """Opens sockets as httpcore does."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connected socket."""
        return Stream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))


class Stream(httpcore.AsyncNetworkStream):
    """A socket. `pause`: how many seconds after a read the next one begins; a request sets it back to none."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self.pause = 0.0
        self._stream = stream
        self._read_at = 0.0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, or comes next."""
        if self.pause:
            now = asyncio.get_running_loop().time
            await asyncio.sleep(max(0.0, self._read_at + self.pause - now()))
            self._read_at = now()
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self.pause = 0.0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """The same one, encrypted. Closed where that fails, or is given up: httpcore 1.0 forgets it then."""
        try:
            return Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self.aclose()
            raise

    def get_extra_info(self, info: str) -> object:
        """What httpcore knows of it."""
        return self._stream.get_extra_info(info)
