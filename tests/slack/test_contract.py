"""What every platform has to show, in Slack: over HTTP and over Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.fakes.chat import FakeChat
from tests.mortal import MortalProcess
from tests.platform_contract import REPOSITORY, Capability, PlatformContract
from tests.slack.house import World
from tests.slack.place import MortalSlackPlace, SlackPlace, environment, prepared, running


class TestSlack(PlatformContract):
    platform: ClassVar[str] = "Slack"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)

    @pytest.fixture(params=["http", "socket"])
    async def unmapped(
        self, request: pytest.FixtureRequest, world: World, chat: FakeChat, sqlite_url: str
    ) -> AsyncIterator[SlackPlace]:
        given = environment(world, chat, sqlite_url, request.param)
        async with running(world, given, request.param) as parts:
            yield SlackPlace(world, chat, parts)

    @pytest.fixture
    async def place(self, unmapped: SlackPlace) -> SlackPlace:
        await unmapped.map(REPOSITORY)
        return unmapped

    @pytest.fixture
    async def mortal(
        self, world: World, chat: FakeChat, tmp_path: Path, sqlite_url: str, forks: Path
    ) -> AsyncIterator[MortalSlackPlace]:
        world.slack.transport = "socket"
        given = environment(world, chat, sqlite_url, "socket")
        parts = await prepared(given, world)
        process = MortalProcess(forks, tmp_path, ("slack", "worker"), given)
        place = MortalSlackPlace(world, chat, parts, process=process)
        await place.start()
        yield place
        await place.stop()
