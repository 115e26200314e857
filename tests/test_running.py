"""One process for several platforms: what one of them does is not to silence the other."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event, select
from structlog.testing import capture_logs

from bots.roles import Role
from bots.running import _kept, running
from core import bootstrap
from core.bootstrap import App
from core.errors import SettingsError
from core.settings import Settings
from core.tables import TurnRow
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
async def started(given: dict[str, str], *roles: Role) -> AsyncIterator[tuple[App, str | None]]:
    """A process with these roles, and its base URL."""
    settings = Settings.model_validate(given)
    async with bootstrap.opened(settings) as parts, running(parts, roles, host="127.0.0.1") as url:
        yield parts, url


@contextlib.asynccontextmanager
async def serving(given: dict[str, str], *roles: Role) -> AsyncIterator[httpx.AsyncClient]:
    async with started(given, *roles) as (_, url), httpx.AsyncClient(base_url=url or "") as client:
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


@contextlib.contextmanager
def full(parts: App) -> Iterator[None]:
    """What is written finds no room on the disk; what is there can be read."""

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    engine = parts.database._writer.engine.sync_engine
    event.listen(engine, "before_cursor_execute", fails)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fails)


async def test_whose_disk_is_full_is_not_ready(both: dict[str, str]) -> None:
    """It can read, and would answer 503 to every question."""
    async with started(both, Role.WEB) as (parts, url), httpx.AsyncClient(base_url=url or "") as client:
        await said(client, (200, "ready\n"))
        with full(parts):
            await said(client, (503, "the database takes nothing\n"))
        await said(client, (200, "ready\n"))


async def test_however_often_readiness_is_asked_for_little_is_written(both: dict[str, str], tmp_path: Path) -> None:
    """Anybody may ask. What was written stayed in the log beside the database until a question was stored."""
    log = tmp_path / "askrepo.db-wal"
    async with serving(both, Role.WEB) as client:
        await said(client, (200, "ready\n"))
        before = log.stat().st_size
        for _ in range(40):
            await asyncio.gather(*(said(client, (200, "ready\n")) for _ in range(10)))
        assert log.stat().st_size - before < 1_000_000


async def answered(parts: App, discord: discord_house.World) -> None:
    """Discord is served."""
    await discord.discord.until(lambda: discord.discord.gateway.ready)
    await parts.mappings.map(discord.place, discord_house.REPOSITORY, actor=discord.alice.id)
    asked = await discord.discord.says(discord.alice, discord.general, f"{discord.discord.bot} why?")
    await discord_house.answered(discord, asked)


async def tried(parts: App, platform: str) -> str:
    """Wait until this platform's only turn has been tried: what became of it."""
    found = select(TurnRow.status, TurnRow.attempt).where(TurnRow.platform == platform)
    async with asyncio.timeout(10):
        while True:
            async with parts.database.reading() as connection:
                row = (await connection.execute(found)).one()
            if row.attempt and row.status != "running":
                return str(row.status)
            await asyncio.sleep(0.02)


async def test_a_bot_token_that_slack_refuses_does_not_silence_discord(
    both: dict[str, str], slack: slack_house.World, discord: discord_house.World
) -> None:
    slack.askrepo.tokens[-1].revoked = True
    with capture_logs() as logged:
        async with started(both, Role.WEB, Role.DISCORD, Role.WORKER) as (parts, url):
            slack.slack.url = f"{url}/slack/events"
            await parts.mappings.map(slack.place, slack_house.REPOSITORY, actor=slack.alice.id)
            await slack.slack.says(slack.alice, slack.general, f"{slack.askrepo.bot} why?")
            await answered(parts, discord)
            assert await tried(parts, "slack") == "waiting"
    (told,) = [each for each in logged if each["log_level"] == "error"]
    assert told["reason"] == "SLACK_BOT_TOKEN: Slack refuses it (token_revoked)"
    assert len(slack.slack.called("auth.test")) == 1


@pytest.mark.parametrize("more", [{}, {"DISCORD_TOKEN": ""}], ids=["of two platforms", "the only platform"])
async def test_what_serves_slack_alone_does_not_begin_without_a_token_for_it(
    both: dict[str, str], slack: slack_house.World, more: dict[str, str]
) -> None:
    slack.askrepo.tokens[-1].revoked = True
    given = {name: value for name, value in (both | more).items() if value}
    with pytest.raises(SettingsError, match=r"SLACK_BOT_TOKEN: Slack refuses it \(token_revoked\)"):
        async with started(given, Role.WEB, *([Role.WORKER] if more else [])):
            pass


async def test_a_slack_that_takes_calls_and_never_answers_does_not_hold_up_discord(
    both: dict[str, str], slack: slack_house.World, discord: discord_house.World
) -> None:
    """Nor SIGTERM, which is heeded once all is open."""
    slack.slack.fail("auth.test", hold=asyncio.Event(), times=-1)
    with capture_logs() as logged:
        async with started(both, Role.WEB, Role.DISCORD, Role.WORKER) as (parts, _):
            await answered(parts, discord)
    (told,) = [each for each in logged if "SLACK_BOT_TOKEN" in each["event"]]
    assert told["reason"] == "no answer within 5 seconds"


async def test_an_app_token_that_slack_refuses_does_not_silence_discord(
    both: dict[str, str], slack: slack_house.World, discord: discord_house.World
) -> None:
    with capture_logs() as logged:
        given = both | {"SLACK_APP_TOKEN": "xapp-refused"}
        async with started(given, Role.SLACK, Role.DISCORD, Role.WORKER) as (parts, _):
            await slack.slack.until(lambda: slack.slack.called("apps.connections.open"))
            await answered(parts, discord)
    (told,) = [each for each in logged if each["log_level"] == "error"]
    assert told["platform"] == "Slack"
    assert told["reason"].startswith("SLACK_APP_TOKEN: ")


async def test_a_token_that_discord_refuses_does_not_silence_slack(
    both: dict[str, str], slack: slack_house.World, discord: discord_house.World
) -> None:
    discord.discord.new_token()
    with capture_logs() as logged:
        async with started(both, Role.WEB, Role.DISCORD, Role.WORKER) as (parts, url):
            await discord.discord.until(lambda: discord.discord.invalid)
            slack.slack.url = f"{url}/slack/events"
            await parts.mappings.map(slack.place, slack_house.REPOSITORY, actor=slack.alice.id)
            asked = await slack.slack.says(slack.alice, slack.general, f"{slack.askrepo.bot} why?")
            await slack_house.answered(slack, asked)
    assert "DISCORD_TOKEN: Discord does not accept it" in [
        each["reason"] for each in logged if each.get("platform") == "Discord"
    ]


async def test_a_connection_that_takes_being_cancelled_for_something_else_does_not_hold_up_the_end() -> None:
    class Deaf:
        ready = asyncio.Event()
        cancelled = 0

        async def run(self) -> None:
            while self.cancelled < 2:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancelled += 1

    deaf = Deaf()
    async with asyncio.timeout(30), _kept("Discord", deaf, alone=False, cancelled_again=0.01):
        await asyncio.sleep(0)  # it runs
    assert deaf.cancelled == 2
