"""One process's ways out, of the real parts: what goes to Slack and /chat is announced before and after it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.calls import Calls
from bots.slack.delivery import SlackDelivery
from bots.slack.installs import Installs
from bots.slack.people import People
from bots.slack.privately import Privately
from bots.slack.surroundings import Around
from bots.slack.web_client import Slack
from core.chat.client import ChatClient, Service
from core.chat.progress import Progress
from core.cipher import Keyring
from core.database import Database
from core.installations import Installations
from core.relay.delivery import Delivery
from core.relay.limits import Allowances
from core.secret import Secret
from core.workspaces import Workspaces
from tests.relay.house import Step
from tests.slack.house import World


class SteppedSlack(Slack):
    """Slack for one process; uploads and replies to a response_url are announced like all other requests."""

    def __init__(self, api_url: str, step: Step | None) -> None:
        super().__init__(api_url)
        self._step = step
        self._announced: aiohttp.ClientSession | None = None

    def client(self, token: Secret | None = None, *, team_id: str | None = None) -> AsyncWebClient:
        client = super().client(token, team_id=team_id)
        if self._step is not None and client.session is not None and client.session is not self._announced:
            client.session.trace_configs.append(_announcing(self._step))
            self._announced = client.session
        return client


def _announcing(step: Step) -> aiohttp.TraceConfig:
    """Requests as steps. One that has been answered has taken effect, whether or not its sender reads the reply."""

    async def before(session: aiohttp.ClientSession, context: SimpleNamespace, request: object) -> None:
        assert isinstance(request, aiohttp.TraceRequestStartParams)
        await step(f"before {_called(request.url.parts)}")

    async def after(session: aiohttp.ClientSession, context: SimpleNamespace, request: object) -> None:
        assert isinstance(request, aiohttp.TraceRequestEndParams)
        await step(f"after {_called(request.url.parts)}")

    traced = aiohttp.TraceConfig()
    traced.on_request_start.append(before)
    traced.on_request_end.append(after)
    traced.freeze()
    return traced


def _called(parts: tuple[str, ...]) -> str:
    """A method of the Web API, or the kind of an address that is another one each time."""
    return parts[2] if parts[1] == "api" else parts[1]


class Connected:
    """Slack as one process of the relay reaches it. `close` it."""

    name = "slack"

    def __init__(
        self, world: World, database: Database, keyring: Keyring, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._world = world
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self.slack: Slack

    def connect(self, step: Step | None) -> Delivery:
        workspaces = Workspaces(self._database, self._keyring)
        self.slack = SteppedSlack(self._world.slack.api_url, step)
        token = Secret(self._world.askrepo.token)
        installs = Installs(self.slack, Installations(self._database, workspaces), bot_token=token)
        calls = Calls(Allowances(self._database, workspaces))
        people = People(calls)
        around = Around(calls, people, self._world.slack.api_url)
        return SlackDelivery(installs, calls, people, around, Privately(installs, calls, around), self._clock)

    async def close(self) -> None:
        await self.slack.close()


class SteppedChat(ChatClient):
    """A process's way to /chat: what it asks and all that it hears are steps."""

    def __init__(self, url: str, step: Step) -> None:
        super().__init__(Service(url))
        self._step = step

    async def ask(self, *asked: Any, **more: Any) -> AsyncGenerator[Progress, None]:
        await self._step("before /chat")
        async with aclosing(super().ask(*asked, **more)) as steps:
            async for each in steps:
                await self._step(f"after /chat {type(each).__name__}")
                yield each
