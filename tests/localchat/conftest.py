"""Servers of the embedded /chat on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from core.localchat.repos import Repositories
from core.localchat.server import serving
from tests.localchat import repository
from tests.localchat.asking import Asker

Opened = Callable[[Path], AbstractAsyncContextManager[Asker]]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Serves one working copy and gives an asker for it."""

    @asynccontextmanager
    async def open_(top: Path) -> AsyncIterator[Asker]:
        repositories = Repositories(tmp_path / "cache", clone=False)
        name = repositories.add(top)
        async with serving(repositories, token=None) as url, httpx.AsyncClient() as client:
            yield Asker(client, url, name)

    return open_


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small repository whose contents the tests know."""
    return repository.make(tmp_path / "work" / "shop", repository.SHOP)
