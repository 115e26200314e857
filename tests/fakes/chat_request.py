"""A request to /chat as it came over the wire, and how it breaks the contract (chat-api.md)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?(/[\w.~-]+){2,}", re.ASCII | re.IGNORECASE)
_BEARER = re.compile(r"Bearer [!-~]+")
_FIELDS = {"messages", "model", "stream", "temperature"}


@dataclass(eq=False, slots=True)
class Request:
    """One request. `disconnected` is set when the client went away before the reply had ended."""

    raw: bytes
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body, object_pairs_hook=_unique)

    @property
    def messages(self) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = self.json["messages"]
        return messages

    @property
    def questions(self) -> list[str]:
        """What is asked now: the user's messages since the last answer."""
        asked: list[str] = []
        for message in self.messages:
            asked = [*asked, message["content"]] if message["role"] == "user" else []
        return asked

    @property
    def token(self) -> str | None:
        """The Bearer token, None if the header is missing."""
        value = self.header("authorization")
        return value.removeprefix("Bearer ") if value is not None else None

    @property
    def repository(self) -> str:
        """`repo_name`, or in the OpenAI dialect the last word of the leading system message."""
        named = dict(self.query).get("repo_name")
        return named or str(self.json["messages"][0]["content"]).split()[-1].rstrip(".")

    @property
    def question(self) -> str:
        return str(self.json["messages"][-1]["content"])

    @property
    def streams(self) -> bool:
        return bool(self.json["stream"])

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


def violations(request: Request, path: str, *, anonymous: bool) -> Iterator[str]:
    """Every way in which this request is none of the contract."""
    openai = path.endswith("/chat/completions")
    if request.method != "POST":
        yield f"method {request.method}"
    if request.target.partition("?")[0] != path:
        yield f"path {request.target}"
    yield from _of_query(request.query, openai=openai)
    yield from _of_headers(request, anonymous=anonymous)
    try:
        body = request.json
    except ValueError as error:
        yield f"body: {error}"
        return
    if not isinstance(body, dict):
        yield "body is no object"
        return
    yield from _of_fields(body)
    yield from _of_messages(body.get("messages"), openai=openai)


def _of_query(query: list[tuple[str, str]], *, openai: bool) -> Iterator[str]:
    if openai:
        if query:
            yield f"query {query} means nothing to an OpenAI-compatible service"
        return
    if [name for name, _ in query] != ["repo_name"]:
        yield f"query {query}: it must be exactly one repo_name"
    for _, value in query:
        if not _NAME.fullmatch(value) or value.endswith(".git"):
            yield f"repo_name {value!r} is not host/owner/name"


def _of_headers(request: Request, *, anonymous: bool) -> Iterator[str]:
    names = [name for name, _ in request.headers]
    yield from (f"header {name} twice" for name in set(names) if names.count(name) > 1)
    authorization = request.header("authorization")
    if authorization is None and not anonymous:
        yield "no Authorization"
    if authorization is not None and not _BEARER.fullmatch(authorization):
        yield "Authorization is no Bearer token"
    if (request.header("content-type") or "").partition(";")[0] != "application/json":
        yield "Content-Type is not application/json"
    if request.header("accept-encoding") != "identity":
        yield "Accept-Encoding is not identity"
    if "cookie" in names:
        yield "a cookie"


def _of_fields(body: dict[str, Any]) -> Iterator[str]:
    if unknown := set(body) - _FIELDS:
        yield f"unknown fields {sorted(unknown)}"
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "no model"
    if not isinstance(body.get("stream"), bool):
        yield "no stream: it is always sent"
    temperature = body.get("temperature", 0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        yield f"temperature {temperature!r}"


def _of_messages(messages: Any, *, openai: bool) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        yield "no messages"
        return
    for message in messages:
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            yield f"message {message!r}"
        elif message["role"] not in {"system", "user", "assistant"}:
            yield f"role {message['role']!r}"
        elif not isinstance(message["content"], str) or not message["content"]:
            yield "a message without content"
    last, first = messages[-1], messages[0]
    if not isinstance(last, dict) or last.get("role") != "user":
        yield "the last message is not the user's"
    if openai and (not isinstance(first, dict) or first.get("role") != "system"):
        yield "no leading system message names the repository"


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} twice")
        found[name] = value
    return found
