"""One process for several platforms: what one of them does is not to silence the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bots.roles import Role
from bots.running import running
from core import bootstrap
from core.settings import Settings
from tests.discord import house as discord_house
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.slack import house as slack_house


@pytest.fixture
async def slack() -> AsyncIterator[slack_house.World]:
    async with FakeSlack() as fake:
        yield slack_house.world(fake)


@pytest.fixture
async def discord() -> AsyncIterator[discord_house.World]:
    async with FakeDiscord() as fake:
        yield discord_house.world(fake)


@pytest.fixture
def both(slack: slack_house.World, discord: discord_house.World, chat: FakeChat, tmp_path: Path) -> dict[str, str]:
    """The environment of a process that serves Slack over HTTP and Discord."""
    given = discord_house.environment(discord.discord, chat, f"sqlite:///{tmp_path}/askrepo.db")
    return given | {
        "ASKREPO_SLACK_API_URL": slack.slack.api_url,
        "SLACK_BOT_TOKEN": slack.askrepo.token,
        "SLACK_SIGNING_SECRET": slack.slack.app.signing_secret,
    }


@contextlib.asynccontextmanager
async def serving(given: dict[str, str], *roles: Role) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings.model_validate(given)
    async with bootstrap.opened(settings) as parts, running(parts, roles, host="127.0.0.1") as url:
        assert url is not None
        async with httpx.AsyncClient(base_url=url) as client:
            yield client


async def said(client: httpx.AsyncClient, *wanted: tuple[int, str]) -> None:
    """Wait until /readyz has answered with each of these, one after another."""
    async with asyncio.timeout(20):
        for each in wanted:
            while (reply := await client.get("/readyz")).status_code != each[0] or reply.text != each[1]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_where_slack_comes_in_discords_outage_makes_nobody_unready(
    both: dict[str, str], discord: discord_house.World
) -> None:
    """Else a balancer takes Slack's way in away for as long as Discord is gone."""
    gateway = discord.discord.gateway
    async with serving(both, Role.WEB, Role.DISCORD) as client:
        await said(client, (200, "ready\n"))
        gateway.mute = True
        gateway.drop()
        await said(client, (200, "ready\nnot connected to Discord\n"))


async def test_where_nothing_else_comes_in_it_is_ready_while_it_is_connected(
    both: dict[str, str], discord: discord_house.World
) -> None:
    alone = {name: value for name, value in both.items() if "SLACK" not in name}
    gateway = discord.discord.gateway
    async with serving(alone, Role.WEB, Role.DISCORD) as client:
        await said(client, (200, "ready\n"))
        gateway.mute = True
        gateway.drop()
        await said(client, (503, "not connected to Discord\n"))
