"""Runs the embedded /chat on a socket, inside somebody else's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from core.errors import ServerError
from core.localchat.answering import Answering
from core.localchat.app import Desk
from core.localchat.indexes import Indexes
from core.localchat.repos import Repositories
from core.secret import Secret

_LAST_PORT = 65_535
_GRACE_SECONDS = 1  # for connections whose client does not read


@asynccontextmanager
async def serving(
    repositories: Repositories, *, token: Secret | None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """The embedded /chat while the block runs; yields its base URL. Port 0 takes a free one.

    Raises ServerError at once if the address cannot be had. Leaving the block ends running answers: a stream says so
    in a last event.
    """
    indexes = Indexes()
    desk = Desk(Answering(repositories, indexes).answer, token=token)
    try:
        async with listening(desk, host=host, port=port) as url:
            yield url
    finally:
        await indexes.close()


@asynccontextmanager
async def listening(desk: Desk, *, host: str, port: int) -> AsyncIterator[str]:
    """Serves a desk while the block runs; yields the base URL. Raises ServerError."""
    listener = _bound(host, port)
    server = _Server(_config(desk.application()))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield _url(listener)
    finally:
        desk.close()
        server.should_exit = True
        await task
        listener.close()


class _Server(uvicorn.Server):
    """Leaves the process's signal handlers alone: whoever runs the event loop decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
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
        raise ServerError(address, reason or "the address cannot be used") from None


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
