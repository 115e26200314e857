"""Serves an ASGI application on a socket, inside somebody else's event loop.

Whoever connects has so long to say what they want. Where all connections are taken, the one that has been waited for
longest gives way to the next: nobody is kept out by others who send nothing, or a byte now and then. One that was
answered is kept for the next request, longer than load balancers keep theirs: else they would send into a closed one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import ServerError

_LAST_PORT = 65_535
_GRACE_SECONDS = 1  # for connections whose client does not read
_MOST_CONNECTIONS = 800  # below what a process may have open; where all of them are being answered, more are told 503
_AT_A_TIME = 64  # are accepted before there is a look at how many are open
_REQUEST_SECONDS = 10.0  # for a whole request, from the connection on; of a further one, from its first octet on
_KEPT_SECONDS = 75  # until a further request begins; load balancers keep a connection for 60 s


@asynccontextmanager
async def listening(
    application: ASGIApp,
    *,
    host: str,
    port: int,
    most: int = _MOST_CONNECTIONS,
    request_seconds: float = _REQUEST_SECONDS,
    kept_seconds: int = _KEPT_SECONDS,
) -> AsyncIterator[str]:
    """Serve while the block runs; yields the base URL. Port 0 takes a free one. Raises ServerError at once.

    No line is logged for a request: paths and queries may hold what is nobody's business.
    """
    listener = _bound(host, port)
    server = _Server(_config(application, _Waiting(most, request_seconds, kept_seconds)))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield _url(listener)
    finally:
        server.should_exit = True
        await task
        listener.close()


class _Server(uvicorn.Server):
    """Leaves the process's signal handlers alone: whoever runs the event loop decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class _Waiting:
    """The connections that have not said yet what they want, whoever has been waited for longest first."""

    most: int
    request_seconds: float
    kept_seconds: int
    connections: dict[_Connection, asyncio.TimerHandle] = field(default_factory=dict)

    def begins(self, connection: _Connection) -> None:
        """A request has so long to be whole, from now on."""
        self._until(connection, self.request_seconds)

    def keeps(self, connection: _Connection) -> None:
        """The next request has so long to begin, from now on."""
        self._until(connection, self.kept_seconds)

    def _until(self, connection: _Connection, seconds: float) -> None:
        self.ends(connection)
        self.connections[connection] = connection.loop.call_later(seconds, connection.give_up)

    def ends(self, connection: _Connection) -> None:
        """It is here, or the connection is gone."""
        timer = self.connections.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def make_room(self, open_: int) -> None:
        """One more has come, and so many are open."""
        if open_ > self.most and self.connections:
            next(iter(self.connections)).give_up()


class _Connection(H11Protocol):
    """A connection that is not waited for without end."""

    def __init__(self, waiting: _Waiting, **given: Any) -> None:
        super().__init__(**given)
        self._waiting = waiting
        self._kept = False  # it was answered, and nothing of a further request is here

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting.make_room(len(self.connections))
        self._waiting.begins(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.ends(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._kept:
            self._kept = False
            self._waiting.begins(self)
        super().data_received(data)
        if self._whole():
            self._waiting.ends(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()  # which takes up the next request, if it came along with this one
        if self.transport.is_closing() or self._whole():
            return
        # otherwise the rest of a request is to come, of this one or of the next
        self._kept = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        (self._waiting.keeps if self._kept else self._waiting.begins)(self)

    def _whole(self) -> bool:
        """Whether a request is here that is not answered yet, to its end."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def send_400_response(self, msg: str) -> None:
        """Once an answer has begun, a 400 cannot be sent: trying would raise, and the event loop would log it all."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(msg)
        else:
            self.transport.close()

    def give_up(self) -> None:
        """Close it."""
        self._waiting.ends(self)
        self.connections.discard(self)  # at once: those that come meanwhile are counted
        self.transport.abort()


def _config(application: ASGIApp, waiting: _Waiting) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=cast("type[asyncio.Protocol]", partial(_Connection, waiting)),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # what it warns of is what anybody may send: a line or two for each request
        access_log=False,
        server_header=False,
        limit_concurrency=waiting.most + 1,
        backlog=_AT_A_TIME,
        timeout_keep_alive=waiting.kept_seconds,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def _bound(host: str, port: int) -> socket.socket:
    address = f"{host}:{port}"
    if not 0 <= port <= _LAST_PORT:
        raise ServerError(address, f"the port is not between 0 and {_LAST_PORT}")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        said = (reason or "the address cannot be used").partition(" (while ")[0]  # Python says the address once more
        raise ServerError(address, said.lower()) from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
