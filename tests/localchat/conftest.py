"""Servers of the embedded /chat on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from core.localchat.repos import Repositories
from core.localchat.server import serving
from tests.localchat import repository
from tests.localchat.asking import Asker

Opened = Callable[[Path], AbstractAsyncContextManager[Asker]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """Registers a working copy with the module's one server and gives an asker for it."""
    repositories = Repositories(tmp_path_factory.mktemp("cache"), clone=False)
    async with serving(repositories, token=None) as url:

        @asynccontextmanager
        async def open_(top: Path) -> AsyncIterator[Asker]:
            async with httpx.AsyncClient() as client:
                yield Asker(client, url, repositories.add(top))

        yield open_


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small repository whose contents the tests know."""
    return repository.make(tmp_path / "acme" / "shop", repository.SHOP)
