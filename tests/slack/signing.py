"""Requests signed as Slack's documentation has it, and handed to an ASGI application without a socket."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message, Scope

from core.secret import Secret

CURRENT = "8f742231b10e8888abcd99yyyzzz85a5"
PREVIOUS = "0123456789abcdef0123456789abcdef"
SECRETS = (Secret(CURRENT), Secret(PREVIOUS))
NOW = 1_700_000_000

JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends to the guard."""

    body: bytes
    headers: Headers = ()
    method: str = "POST"
    chunks: int = 1

    def having(self, *headers: tuple[bytes, bytes]) -> Request:
        return replace(self, headers=(*self.headers, *headers))

    def without(self, name: bytes) -> Request:
        return replace(self, headers=tuple(header for header in self.headers if header[0] != name))


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


def signed(body: bytes, media: bytes = JSON, *, at: float = NOW, secret: str = CURRENT) -> Request:
    time = str(int(at))
    signature = "v0=" + hmac.digest(secret.encode(), f"v0:{time}:".encode() + body, "sha256").hex()
    headers = (
        (b"host", b"askrepo.example"),
        (b"content-type", media),
        (b"x-slack-request-timestamp", time.encode()),
        (b"x-slack-signature", signature.encode()),
    )
    return Request(body, headers)


def event(**event: object) -> dict[str, object]:
    """An event's envelope, after Slack's Events API documentation."""
    return {
        "token": "XXYYZZ",
        "team_id": "T0001",
        "api_app_id": "A0001",
        "event": {
            "type": "app_mention",
            "user": "U0001",
            "text": "<@U0BOT> where is the payload parsed?",
            "ts": "1700000000.000100",
            "channel": "C0001",
            "event_ts": "1700000000.000100",
            **event,
        },
        "type": "event_callback",
        "event_id": "Ev0001",
        "event_time": NOW,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": "T0001",
                "user_id": "U0BOT",
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


def command(text: str) -> dict[str, str]:
    """The fields of a slash command, after Slack's documentation of commands."""
    return {
        "token": "XXYYZZ",
        "team_id": "T0001",
        "team_domain": "example",
        "channel_id": "C0001",
        "channel_name": "general",
        "user_id": "U0001",
        "user_name": "ada",
        "command": "/askrepo",
        "text": text,
        "api_app_id": "A0001",
        "is_enterprise_install": "false",
        "response_url": "https://hooks.slack.example/commands/1/2",
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
    }


def interaction() -> dict[str, object]:
    """A pressed button, after Slack's documentation of block_actions."""
    return {
        "type": "block_actions",
        "team": {"id": "T0001", "domain": "example"},
        "user": {"id": "U0001", "username": "ada", "team_id": "T0001"},
        "api_app_id": "A0001",
        "token": "XXYYZZ",
        "container": {"type": "message", "message_ts": "1700000000.000200", "channel_id": "C0001"},
        "trigger_id": "12466734323.1395872398",
        "channel": {"id": "C0001", "name": "general"},
        "message": {"type": "message", "user": "U0BOT", "ts": "1700000000.000200", "text": "An answer"},
        "response_url": "https://hooks.slack.example/actions/1/2",
        "actions": [{"type": "button", "block_id": "b", "action_id": "retry", "value": "1", "action_ts": "1.2"}],
    }


def as_json(payload: object) -> bytes:
    return json.dumps(payload).encode()


def as_form(fields: dict[str, str]) -> bytes:
    return urlencode(fields).encode()


def as_payload(payload: object) -> bytes:
    return as_form({"payload": json.dumps(payload)})


async def answered(application: ASGIApp, request: Request) -> Response:
    """The application's answer."""
    size = max(1, -(-len(request.body) // request.chunks))
    chunks = [request.body[at : at + size] for at in range(0, len(request.body), size)] or [b""]
    parts: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    parts[-1]["more_body"] = False
    parts.append({"type": "http.disconnect"})
    incoming = iter(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    await application(_scope(request), receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return Response(sent[0]["status"], dict(sent[0]["headers"]), sent[1].get("body", b""))


def _scope(request: Request) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "path": "/slack/events",
        "query_string": b"",
        "headers": list(request.headers),
    }
