"""A tiny app on the other end of the fake Slack's pushes, for the tests of the fake itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web
from slack_sdk.signature import SignatureVerifier

from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Json

Answer = Callable[[Json], Awaitable[web.Response]]


async def nothing(payload: Json) -> web.Response:
    """An empty acknowledgement."""
    return web.Response()


@dataclass
class Receiver:
    """What was heard, in order; `answer` replies."""

    heard: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: Answer = nothing

    @property
    def events(self) -> list[Json]:
        """The inner events."""
        return [payload["event"] for payload in self.heard if "event" in payload]


@asynccontextmanager
async def receiving(slack: FakeSlack) -> AsyncIterator[Receiver]:
    """Listen where `slack` pushes to, for as long as the block runs. A wrong signature is answered 401."""
    receiver = Receiver()
    verifier = SignatureVerifier(slack.app.signing_secret)

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        if not verifier.is_valid_request(body, dict(request.headers)):
            return web.Response(status=401)
        form = (
            dict(parse_qsl(body.decode(), keep_blank_values=True))
            if request.content_type.endswith("urlencoded")
            else {}
        )
        receiver.heard.append(json.loads(form.get("payload", "{}")) or form or json.loads(body))
        receiver.headers.append({name.lower(): value for name, value in request.headers.items()})
        return await receiver.answer(receiver.heard[-1])

    app = web.Application()
    app.router.add_post("/slack/events", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield receiver
    await slack.told()
    await runner.cleanup()
