"""A workspace of the fake Slack and a server of the fake Discord with the app in it, for the tests of the fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_client import Server
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_receiver import Receiver, receiving
from tests.fakes.slack_values import Channel, Installation, Team, User


@dataclass
class House:
    """One workspace with the app and one person in one channel; `client` is the SDK's, without retries."""

    slack: FakeSlack
    team: Team
    askrepo: Installation
    alice: User
    general: Channel
    client: AsyncWebClient

    async def posted(self, **more: Any) -> str:
        """The ts of a post of the bot."""
        reply = await self.client.chat_postMessage(channel=self.general.id, text="first", **more)
        return str(reply["ts"])

    async def started(self, text: str | None = None, root: str | None = None) -> tuple[str, str]:
        """The root's ts and the ts of a stream in its thread."""
        root = root or await self.posted()
        reply = await self.client.chat_startStream(
            channel=self.general.id,
            thread_ts=root,
            markdown_text=text,
            recipient_user_id=self.alice.id,
            recipient_team_id=self.team.id,
        )
        return root, str(reply["ts"])


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)  # the SDK would use them even for this machine
    async with FakeSlack() as slack:
        slack.freeze()
        team = slack.team()
        askrepo = slack.install(team)
        alice = slack.user(team, "alice")
        general = slack.channel(team, "general", alice)
        client = AsyncWebClient(askrepo.token, base_url=slack.api_url)
        client.retry_handlers.clear()
        yield House(slack, team, askrepo, alice, general, client)


@pytest.fixture
async def app(house: House) -> AsyncIterator[Receiver]:
    async with receiving(house.slack) as receiver:
        yield receiver


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A guild of the fake Discord, for the tests of the fake itself."""
    async with FakeDiscord() as fake, aiohttp.ClientSession() as http:
        fake.freeze()
        acme = fake.guild()
        yield Server(fake, acme, fake.user(acme), fake.channel(acme), http)
