"""A process that begins while Discord cannot be reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bots.discord import service
from bots.discord.service import Listening
from core import bootstrap
from core.relay.steering import Steering
from tests.discord import house
from tests.discord.house import World
from tests.fakes.chat import FakeChat

WHO = ("GET", "/applications/@me")
KNOWN = ("GET", "/applications/{application_id}/commands")
TELL = ("PUT", "/applications/{application_id}/commands")


@pytest.mark.parametrize("route", [WHO, KNOWN, TELL], ids=" ".join)
@pytest.mark.parametrize("fault", [{"status": 502, "html": True}, {"drop": "before"}, {"drop": "after"}], ids=str)
async def test_discord_is_told_our_commands_once_it_can_be(
    world: World, chat: FakeChat, tmp_path: Path, route: tuple[str, str], fault: dict[str, Any]
) -> None:
    async def pause(_: float) -> None:
        """Nothing here takes long."""

    given = house.settings(world.discord, chat, f"sqlite:///{tmp_path}/askrepo.db")
    world.discord.fail(*route, **fault)
    async with bootstrap.opened(given) as parts, service.opened(parts) as opened:
        stop = parts.leases.stop
        steering = Steering(parts.threads, parts.history, parts.mappings, parts.revisions, stop, parts.allowances)
        listening = Listening(opened, parts, steering, None, pause)
        running = asyncio.create_task(listening.run())
        await world.discord.until(lambda: world.discord.gateway.ready and any(world.discord.commands.values()))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
