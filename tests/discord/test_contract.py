"""What every platform has to show, in Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.discord.house import World, environment
from tests.discord.place import DiscordPlace, MortalDiscordPlace, prepared, running
from tests.fakes.chat import FakeChat
from tests.mortal import MortalProcess
from tests.platform_contract import FIRST_TOKEN_SECONDS, REPOSITORY, Capability, PlatformContract


class TestDiscord(PlatformContract):
    platform: ClassVar[str] = "Discord"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)

    @pytest.fixture
    async def unmapped(self, world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[DiscordPlace]:
        seconds = str(FIRST_TOKEN_SECONDS)
        given = environment(world.discord, chat, sqlite_url, ASKREPO_CHAT_FIRST_TOKEN_SECONDS=seconds)
        async with running(world, given) as parts:
            yield DiscordPlace(world, chat, parts)

    @pytest.fixture
    async def place(self, unmapped: DiscordPlace) -> DiscordPlace:
        await unmapped.map(REPOSITORY)
        return unmapped

    @pytest.fixture
    async def mortal(
        self, world: World, chat: FakeChat, tmp_path: Path, sqlite_url: str, forks: Path
    ) -> AsyncIterator[MortalDiscordPlace]:
        given = environment(world.discord, chat, sqlite_url)
        parts = await prepared(given, world)
        process = MortalProcess(forks, tmp_path, ("discord", "worker"), given)
        place = MortalDiscordPlace(world, chat, parts, process=process)
        await place.start()
        yield place
        await place.stop()
