"""The fake Slack, and askrepo on a database of its own, for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from bots.roles import Role
from core.bootstrap import App
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.slack import house
from tests.slack.house import World

Start = Callable[[], AbstractAsyncContextManager[App]]


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
def world(slack: FakeSlack) -> World:
    return house.world(slack)


@pytest.fixture(params=["http", "socket"])
def transport(request: pytest.FixtureRequest) -> str:
    """How Slack's payloads reach us: the same tests hold for both."""
    return str(request.param)


@pytest.fixture
def start(world: World, chat: FakeChat, sqlite_url: str, transport: str) -> Start:
    """Starts askrepo, which is reached by `transport`; any number of times, on one database."""
    slack = world.slack
    if transport == "socket":
        slack.transport = "socket"
        way, roles = {"SLACK_APP_TOKEN": slack.app.app_token}, (Role.SLACK, Role.WORKER)
    else:
        way, roles = {"SLACK_SIGNING_SECRET": slack.app.signing_secret}, (Role.WEB, Role.WORKER)
    given = house.settings(slack, world.askrepo, chat, sqlite_url, **way)
    return lambda: house.askrepo(slack, given, roles)


@pytest.fixture
async def app(world: World, start: Start) -> AsyncIterator[App]:
    async with start() as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        yield parts
