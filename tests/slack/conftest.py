"""The fake Slack, the fake /chat and a database for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.bootstrap import App
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.slack import house
from tests.slack.house import World


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async with FakeChat() as fake:
        yield fake


@pytest.fixture
def world(slack: FakeSlack) -> World:
    return house.world(slack)


@pytest.fixture
async def app(world: World, chat: FakeChat, tmp_path: Path) -> AsyncIterator[App]:
    given = house.settings(
        world.slack,
        world.askrepo,
        chat,
        f"sqlite:///{tmp_path}/askrepo.db",
        SLACK_SIGNING_SECRET=world.slack.app.signing_secret,
    )
    async with house.askrepo(world.slack, given) as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        yield parts
