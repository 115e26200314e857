"""Serves an ASGI application on a socket, inside somebody else's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from core.errors import ServerError

_LAST_PORT = 65_535
_GRACE_SECONDS = 1  # for connections whose client does not read
_MOST_CONNECTIONS = 800  # below what a process may have open; more are told 503


@asynccontextmanager
async def listening(application: ASGIApp, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve while the block runs; yields the base URL. Port 0 takes a free one. Raises ServerError at once.

    No line is logged for a request: paths and queries may hold what is nobody's business.
    """
    listener = _bound(host, port)
    server = _Server(_config(application))
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


def _config(application: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
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
