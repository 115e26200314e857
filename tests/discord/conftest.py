"""The fake Discord, and askrepo on a database of its own, for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from core.bootstrap import App
from tests.discord import house
from tests.discord.house import World
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord

Start = Callable[[], AbstractAsyncContextManager[App]]


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        yield fake


@pytest.fixture
def world(discord: FakeDiscord) -> World:
    return house.world(discord)


@pytest.fixture
def start(world: World, chat: FakeChat, sqlite_url: str) -> Start:
    """Starts askrepo; any number of times, on one database."""
    given = house.settings(world.discord, chat, sqlite_url)
    return lambda: house.askrepo(world.discord, given)


@pytest.fixture
async def app(world: World, start: Start) -> AsyncIterator[App]:
    async with start() as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        yield parts
