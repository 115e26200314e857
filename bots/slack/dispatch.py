"""The one way of a payload into Bolt, whatever it came over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slack_bolt import BoltResponse
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bots.slack import shape
from bots.slack.guard import received
from bots.slack.payload import Payload
from core import logs

_HEADERS = ("x-slack-retry-num", "x-slack-retry-reason")  # others would steer Bolt, and none of them is signed

log = logs.get(__name__)


async def dispatched(app: AsyncApp, body: Payload, headers: Mapping[str, str]) -> BoltResponse:
    """What the app answers to a payload that is known to come from Slack. Names of headers are in lower case.

    Bolt is told that it came over Socket Mode. Else it would parse and verify by itself: it takes a command with the
    word "payload" anywhere in it for an interaction and loses it, and it fails over bodies before it verifies them.
    """
    kept: dict[str, str | Sequence[str]] = {name: headers[name] for name in _HEADERS if name in headers}
    if not shape.fits(body):
        log.warning("slack payload of an unknown shape")
        return BoltResponse(status=400)
    request = AsyncBoltRequest(mode="socket_mode", body=body, headers=kept)
    return await app.async_dispatch(request)


class Dispatch:
    """The ASGI application behind a Guard."""

    def __init__(self, app: AsyncApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as the app does."""
        answer = await dispatched(self._app, received(scope), Headers(scope=scope))
        response = Response(answer.body, answer.status, answer.first_headers_without_set_cookie())
        await response(scope, receive, send)
