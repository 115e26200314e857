"""Requests that nobody answers."""

from __future__ import annotations

import asyncio

from aiohttp import web


async def silence(request: web.Request) -> None:
    """Until whoever asked has given up."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.1)
