"""How the app hears of things: signed HTTP requests or Socket Mode envelopes, three seconds, Slack's retries."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import time
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack_socket import Sockets
from tests.fakes.slack_values import Json
from tests.fakes.slack_world import World

_RETRIES = (0.0, 60.0, 300.0)  # seconds after the first attempt failed
_REUSED_SECONDS = 1.0
Type = Literal["events_api", "slash_commands", "interactive"]


@dataclass(eq=False)
class Delivery:
    """One payload and what came of its last attempt. `reason`: "" once it was acknowledged in time."""

    type: Type
    payload: Json
    own: bool = False  # the app's own doing, told back to it
    attempt: int = 0
    status: int | None = None
    reason: str = ""
    answer: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    transport: str = ""
    seconds: float = 0.0

    @property
    def acknowledged(self) -> bool:
        return self.reason == ""


class Pushing:
    """Delivers to the app. `url`: its request URL. `transport`: "http" | "socket". `deadline`: seconds to the ack."""

    def __init__(self, world: World, sockets: Sockets) -> None:
        self.url = ""
        self.transport: Literal["http", "socket"] = "http"
        self.deadline = 3.0
        self.deliveries: list[Delivery] = []
        self.due: list[tuple[float, Delivery]] = []
        self._world = world
        self._sockets = sockets
        self._session: aiohttp.ClientSession | None = None

    @property
    def ready(self) -> bool:
        """Whether there is anybody to deliver to."""
        return bool(self.url) if self.transport == "http" else self._sockets.open > 0

    async def push(self, delivery: Delivery) -> Delivery:
        """One attempt; events that were not acknowledged are queued for their next one."""
        self.deliveries += [] if delivery.attempt else [delivery]
        began = time.monotonic()
        delivery.transport = self.transport
        try:
            async with asyncio.timeout(self.deadline):
                await (self._http(delivery) if self.transport == "http" else self._socket(delivery))
        except TimeoutError:
            delivery.reason = "http_timeout" if self.transport == "http" else "timeout"
        except (aiohttp.ClientError, OSError):
            delivery.reason = "connection_failed"
        delivery.seconds = time.monotonic() - began
        if delivery.reason:
            self._missed(delivery)
        self._world.change()
        return delivery

    def _missed(self, delivery: Delivery) -> None:
        gone = delivery.reason == "connection_failed"
        if not (delivery.own and gone):
            named = delivery.payload.get("event", delivery.payload).get("type", delivery.type)
            self._world.violated("not_acknowledged", named, f"{delivery.reason} {delivery.status or ''}".strip())
        again = delivery.type == "events_api" and delivery.attempt < len(_RETRIES)
        if again and delivery.headers.get("x-slack-no-retry") != "1":
            self.due.append((self._world.clock() + _RETRIES[delivery.attempt], delivery))

    async def retries(self) -> list[Delivery]:
        """Run the retries that are due by the fake's clock; those that fail again wait for their next time."""
        now = self._world.clock()
        due = [each for at, each in self.due if at <= now]
        self.due = [(at, each) for at, each in self.due if at > now]
        for each in due:
            each.attempt += 1
        return list(await asyncio.gather(*(self.push(each) for each in due)))

    def sign(self, body: bytes, at: int | None = None) -> dict[str, str]:
        """The headers by which the app knows that a request is Slack's."""
        stamp = str(int(time.time()) if at is None else at)
        base = b"v0:" + stamp.encode() + b":" + body
        digest = hmac.new(self._world.app.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}

    def encode(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """The body and headers of the HTTP request of this delivery."""
        if delivery.type == "events_api":
            body, kind = json.dumps(delivery.payload).encode(), "application/json"
        else:
            form = delivery.payload if delivery.type == "slash_commands" else {"payload": json.dumps(delivery.payload)}
            body, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        headers = {
            "Content-Type": kind,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            **self.sign(body),
        }
        if delivery.attempt:
            headers |= {"x-slack-retry-num": str(delivery.attempt), "x-slack-retry-reason": delivery.reason}
        return body, headers

    async def _http(self, delivery: Delivery) -> None:
        assert self.url, "set slack.url to the app's request URL, …/slack/events"
        if self._session is None:
            # none that the app closes just now, for it is idle: a command and a click would not be sent again
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=_REUSED_SECONDS))
        body, headers = self.encode(delivery)
        sent = io.BytesIO(body)  # of octets, aiohttp warns where they are more than a million
        async with self._session.post(self.url, data=sent, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            delivery.status = response.status
            delivery.headers = {name.lower(): value for name, value in response.headers.items()}
            delivery.reason = "" if 200 <= response.status < 300 else "http_error"
            delivery.answer = json.loads(text) if response.content_type == "application/json" and text else text

    async def _socket(self, delivery: Delivery) -> None:
        envelope: Json = {
            "type": delivery.type,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.type != "events_api",
        }
        if delivery.type == "events_api":
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": delivery.reason if delivery.attempt else ""}
        delivery.answer = await self._sockets.send(envelope)
        delivery.reason = ""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
