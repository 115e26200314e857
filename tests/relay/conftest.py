"""One process of the relay, its platform and its /chat."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.cipher import Keyring
from core.database import Database
from tests.fakes.chat import FakeChat
from tests.fakes.platform import FakePlatform
from tests.relay.house import Process
from tests.relay.places import HERE


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async with FakeChat(token="process-token-1234") as fake:
        yield fake


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
async def process(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> AsyncIterator[Process]:
    made = Process(database, keyring, platform, chat.url)
    await made.map(HERE.channel)
    async with made.running():
        yield made
