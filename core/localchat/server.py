"""Runs the embedded /chat on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.listening import listening
from core.localchat.answering import Answering
from core.localchat.app import Desk
from core.localchat.indexes import Indexes
from core.localchat.repos import Repositories
from core.secret import Secret


@asynccontextmanager
async def serving(
    repositories: Repositories, *, token: Secret | None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """The embedded /chat while the block runs; yields its base URL. Port 0 takes a free one.

    Raises ServerError at once if the address cannot be had. Leaving the block ends running answers: a stream says so
    in a last event. Clones and indexes under way end with it.
    """
    answering = Answering(repositories, Indexes())
    desk = Desk(answering.answer, token=token)
    try:
        async with desk_open(desk, host=host, port=port) as url:
            yield url
    finally:
        await answering.close()


@asynccontextmanager
async def desk_open(desk: Desk, *, host: str, port: int) -> AsyncIterator[str]:
    """Serves a desk while the block runs; yields the base URL. Raises ServerError."""
    async with listening(desk.application(), host=host, port=port) as url:
        try:
            yield url
        finally:
            desk.close()
