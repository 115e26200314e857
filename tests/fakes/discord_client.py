"""An unmodified discord.py, and a bare HTTP client, against the fake Discord."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_values import Channel, Guild, Json, Message, User

_AGENT = "DiscordBot (https://example.org, 1)"


@contextmanager
def pointed_at(fake: FakeDiscord) -> Iterator[None]:
    """discord.py talks to this fake: its addresses are attributes of classes, and put back afterwards."""
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = fake.api_url, yarl.URL(fake.gateway.url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


class App(discord.AutoShardedClient):
    """discord.py's client, which keeps what it is told."""

    def __init__(self, *, content: bool = True) -> None:
        intents = discord.Intents.default()
        intents.message_content = content
        super().__init__(
            intents=intents,
            max_messages=None,
            chunk_guilds_at_startup=False,
            guild_ready_timeout=0.05,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self.heard: list[tuple[str, Any]] = []
        self.changed: Callable[[], None] = lambda: None

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        if event != "socket_event_type":
            self.heard.append((event, args[0] if args else None))
            self.changed()
        super().dispatch(event, *args, **kwargs)

    def told(self, event: str) -> list[Any]:
        """What came with each event of this name."""
        return [value for name, value in self.heard if name == event]


@asynccontextmanager
async def logged_in(fake: FakeDiscord, app: App | None = None) -> AsyncIterator[App]:
    """A connected client; every shard has had its guilds."""
    client = app or App()
    client.changed = fake.change
    with pointed_at(fake):
        running = asyncio.create_task(client.start(fake.token))
        running.add_done_callback(lambda _: fake.change())
        try:
            await fake.until(lambda: running.done() or client.told("ready"))
            if running.done():
                await running
            yield client
        finally:
            await client.close()
            running.cancel()
            with suppress(asyncio.CancelledError, discord.DiscordException):
                await running


@dataclass
class Server:
    """One guild with the bot, one person and one channel; `call` is a bare client's."""

    fake: FakeDiscord
    acme: Guild
    alice: User
    general: Channel
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        """The status and body of one request."""
        headers = {"Authorization": f"Bot {token or self.fake.token}", "User-Agent": _AGENT}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        async with self.http.request(method, self.fake.api_url + path, data=data, headers=headers) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else None

    async def upload(self, path: str, body: Json, *parts: tuple[str, bytes], method: str = "POST") -> tuple[int, Any]:
        """The status and body of a request with files: the name of each part, and its content."""
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("payload_json", json.dumps(body), content_type="application/json")
        for name, content in parts:
            form.add_field(name, io.BytesIO(content), filename="answer.md")
        headers = {"Authorization": f"Bot {self.fake.token}", "User-Agent": _AGENT}
        async with self.http.request(method, self.fake.api_url + path, data=form, headers=headers) as response:
            return response.status, await response.json()

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, int]:
        """The status and Discord's code of a request that is refused."""
        status, answer = await self.call(method, path, body)
        assert status >= 400, answer
        return status, answer["code"]

    async def posted(self, place: Channel | None = None, **more: Any) -> Message:
        """A message of the bot."""
        channel = place or self.general
        body = {"content": "first", "allowed_mentions": {"parse": []}, **more}
        status, answer = await self.call("POST", f"/channels/{channel.id}/messages", body)
        assert status == 200, answer
        return channel.messages[answer["id"]]

    async def thread(self, name: str = "a thread") -> Channel:
        """A thread of the bot, started from a message of alice."""
        question = await self.fake.says(self.alice, self.general, "a question")
        path = f"/channels/{self.general.id}/messages/{question.id}/threads"
        status, answer = await self.call("POST", path, {"name": name})
        assert status == 201, answer
        return self.fake.channels[answer["id"]]


def row(*buttons: Json) -> Json:
    return {"type": 1, "components": list(buttons)}


def button(custom_id: str = "go:1", label: str = "Go", **more: Any) -> Json:
    return {"type": 2, "style": 2, "custom_id": custom_id, "label": label, **more}
