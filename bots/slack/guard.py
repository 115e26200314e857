"""Stands before everything that listens to Slack over HTTP: only what Slack signed comes through, once and parsed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bots.slack import payload, verify
from bots.slack.payload import Payload
from bots.slack.replays import Memory
from bots.slack.verify import MOST_OCTETS, WINDOW_SECONDS, Claim, Reason, Refused
from core import logs
from core.errors import SettingsError
from core.secret import Secret

_BODY_SECONDS = 5.0
_SKEW_SECONDS = 60  # beyond this somebody's clock is wrong, and soon everything would be refused
_QUIET_SECONDS = 60.0
_KEY = "askrepo.slack.payload"

log = logs.get(__name__)


class Guard:
    """An ASGI application for one route; what passes is handed to `inner`, with its payload in the scope.

    Everything else is answered 400, 401, 405, 408 or 413 with an empty body, and the connection is closed. `secrets`
    are those of `signing_secrets`. Raises SettingsError without any.
    """

    def __init__(
        self,
        inner: ASGIApp,
        secrets: Sequence[Secret],
        *,
        clock: Callable[[], float] = time.time,
        body_seconds: float = _BODY_SECONDS,
    ) -> None:
        if not secrets or not all(secrets):
            raise SettingsError("SLACK_SIGNING_SECRET", "it is empty")
        self._inner = inner
        self._secrets = tuple(secrets)
        self._replays = Memory()
        self._clock = clock
        self._body_seconds = body_seconds
        self._tally = Tally()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one HTTP request."""
        try:
            claim = verify.claim(scope["method"], scope["headers"])
            body = await self._body(receive)
            if body is None:
                return
            found = self._payload(claim, body, scope)
            if not self._replays.take(claim.signature, self._clock()):
                raise Refused(Reason.REPLAYED)
        except Refused as refused:
            self._note("slack request refused", refused.reason.value.code)
            await _refuse(send, refused.reason)
            return
        await self._pass(claim, {**scope, _KEY: found}, receive, send)

    async def _body(self, receive: Receive) -> bytes | None:
        """The whole body; None if the client has gone. Raises Refused."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > MOST_OCTETS:
                        raise Refused(Reason.TOO_LARGE)
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise Refused(Reason.TOO_SLOW) from None

    def _payload(self, claim: Claim, body: bytes, scope: Scope) -> Payload:
        if verify.proven(claim, body, self._secrets):
            self._note("slack request signed with the previous secret", "previous_secret")
        ahead = verify.skew(claim, self._clock())
        if abs(ahead) > _SKEW_SECONDS:
            self._note("slack's clock and ours differ", "clock_skew", seconds_ahead=round(ahead))
        if abs(ahead) > WINDOW_SECONDS:
            raise Refused(Reason.STALE)
        return payload.read(body, verify.form(scope["headers"]))

    async def _pass(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0
        acknowledged = False

        async def watched(message: Message) -> None:
            nonlocal status, acknowledged
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body", False):
                acknowledged = 200 <= status < 300

        try:
            await self._inner(scope, receive, watched)
        finally:
            if not acknowledged:
                self._replays.release(claim.signature)

    def _note(self, event: str, reason: str, **facts: int) -> None:
        if count := self._tally.due(reason, self._clock()):
            log.warning(event, reason=reason, count=count, **facts)


class Tally:
    """Counts by reason, so that nobody can fill the log: each reason is due at once, then once in a minute."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}

    def due(self, reason: str, now: float) -> int:
        """How often it happened since it was last due, if it is due now; else 0."""
        count, again = self._counts.get(reason, (0, now))
        if now < again:
            self._counts[reason] = count + 1, min(again, now + _QUIET_SECONDS)
            return 0
        self._counts[reason] = 0, now + _QUIET_SECONDS
        return count + 1


def received(scope: Scope) -> Payload:
    """The payload of a request that passed the guard. Raises KeyError for one that did not."""
    return cast("Payload", scope[_KEY])


async def _refuse(send: Send, reason: Reason) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]  # the rest of the body is never read
    if reason is Reason.METHOD:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": reason.value.status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
