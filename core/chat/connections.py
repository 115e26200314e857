"""The connections to one service, each with one question at a time.

httpcore's own pool (1.0) forgets the connection of a request that is cancelled at the wrong moment, for instance while
it takes a lock, and a deadline is a cancellation: once it had forgotten as many as it may open, nothing was asked any
more. Here a connection is kept only where it is idle, and nothing is left on it; any other is closed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpcore
import httpx

from core import logs
from core.chat.network import Backend

log = logs.get(__name__)

_MOST = 1_000  # at a time; a stream holds one from its beginning to its end
_MOST_IDLE = 50
_IDLE_SECONDS = 30.0


class Connections(httpx.AsyncBaseTransport):
    """Raises httpx.PoolTimeout where too many are open already, and what httpcore raises."""

    def __init__(self, authorities: ssl.SSLContext) -> None:
        self._authorities = authorities
        self._network = Backend()
        self._idle: list[httpcore.AsyncHTTPConnection] = []  # the one used last at the end
        self._busy: set[httpcore.AsyncHTTPConnection] = set()
        self._expired: list[httpcore.AsyncHTTPConnection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, and return the response as soon as its head is there; its body gives the connection back."""
        url = request.url
        address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        asked = httpcore.Request(
            request.method, address, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        connection = await self._take(address.origin)
        try:
            response = await connection.handle_async_request(asked)
        except BaseException:
            await self.give_back(connection)
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(self, connection, response),
            extensions=response.extensions,
        )

    async def _take(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        self._expired += [each for each in self._idle if each.has_expired()]
        self._idle = [each for each in self._idle if each not in self._expired]
        while self._expired:  # whoever is cancelled here leaves the others to the next
            await self._expired.pop().aclose()
        if self._idle:
            connection = self._idle.pop()
        elif len(self._busy) < _MOST:
            connection = httpcore.AsyncHTTPConnection(
                origin, ssl_context=self._authorities, keepalive_expiry=_IDLE_SECONDS, network_backend=self._network
            )
        else:
            raise httpx.PoolTimeout("too many connections")
        self._busy.add(connection)
        return connection

    async def give_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        """The question is over, or broken off. Nothing that came behind its answer is the answer to the next one."""
        self._busy.discard(connection)
        kept = connection.is_idle() and not connection.is_closed()  # one that never stood is both
        if kept and len(self._idle) < _MOST_IDLE:
            if not _leftover(connection):
                self._idle.append(connection)
                return
            log.warning("chat_leftover")
        await connection.aclose()  # at once, whoever is cancelled meanwhile

    async def aclose(self) -> None:
        """Close all of them. Questions still running end with an error."""
        self._expired += self._idle
        self._idle.clear()
        for connection in [*self._expired, *self._busy]:
            await connection.aclose()


class _Body(httpx.AsyncByteStream):
    """A response's octets as they come. Whoever closes it gives the connection back."""

    def __init__(
        self, connections: Connections, connection: httpcore.AsyncHTTPConnection, response: httpcore.Response
    ) -> None:
        self._connections = connections
        self._connection: httpcore.AsyncHTTPConnection | None = connection
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for octets in self._response.aiter_stream():
            yield octets

    async def aclose(self) -> None:
        """Read no further."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await self._response.aclose()
        finally:
            await self._connections.give_back(connection)


def _leftover(connection: httpcore.AsyncHTTPConnection) -> bool:
    """Whether more than the response came over it; httpcore has no public way to its reader, and may not find it."""
    reader = getattr(getattr(connection, "_connection", None), "_h11_state", None)
    return reader is None or bool(reader.trailing_data[0])
