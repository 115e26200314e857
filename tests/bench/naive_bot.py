"""The bot that askrepo is measured against: what an engineer would write in an afternoon with the same libraries.

A mention becomes a placeholder, /chat is streamed, the post is edited once a second with all the text so far, and once
more at the end. Everything is in memory: a restart forgets every answer, a repeated event is answered again, a failed
call ends its answer. No mapping, no history, no rights, no limits, no rendering, no way to stop.

Nothing is done badly on purpose, and where a library's default would cost it the comparison it is set: connections to
Slack and to /chat are kept and shared, there may be as many as there are answers, and the first piece is shown at once.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import httpx
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from core.listening import listening
from tests.bench.slack_load import Around

_EDIT_SECONDS = 1.0
_REPOSITORY = "github.com/calcom/cal.com"
_TOKEN = "bench-token-1234"
_MENTION = re.compile(r"<@[A-Z0-9]+>\s*")


@contextlib.asynccontextmanager
async def naive(around: Around) -> AsyncIterator[str]:
    """The bot while the block runs; yields where it listens to Slack."""
    async with aiohttp.ClientSession() as session, httpx.AsyncClient(timeout=None, limits=httpx.Limits()) as http:  # noqa: S113
        client = AsyncWebClient(base_url=around.api_url, session=session)
        tokens = {team: token for team, token, _, _ in around.installations}
        bot = AsyncApp(client=client, signing_secret=around.signing_secret, authorize=_authorize(tokens))

        @bot.event("app_mention")
        async def mentioned(event: dict[str, Any], client: AsyncWebClient) -> None:
            await _answer(f"{around.chat_url}/chat", http, client, event)

        handler = AsyncSlackRequestHandler(bot)
        web = Starlette(routes=[Route("/slack/events", handler.handle, methods=["POST"])])
        async with listening(web, host="127.0.0.1", port=0) as url:
            yield f"{url}/slack/events"


def _authorize(tokens: Mapping[str, str]) -> Any:
    async def authorize(enterprise_id: str | None, team_id: str) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=tokens[team_id])

    return authorize


async def _answer(chat_url: str, http: httpx.AsyncClient, client: AsyncWebClient, event: dict[str, Any]) -> None:
    channel = event["channel"]
    post = await client.chat_postMessage(channel=channel, thread_ts=event["ts"], text="Thinking…")
    text, edited_at = "", 0.0
    async for piece in _pieces(chat_url, http, _MENTION.sub("", event["text"])):
        text += piece
        if time.monotonic() - edited_at >= _EDIT_SECONDS:
            await client.chat_update(channel=channel, ts=post["ts"], text=text)
            edited_at = time.monotonic()
    await client.chat_update(channel=channel, ts=post["ts"], text=text)


async def _pieces(chat_url: str, http: httpx.AsyncClient, question: str) -> AsyncIterator[str]:
    asked = http.stream(
        "POST",
        chat_url,
        params={"repo_name": _REPOSITORY},
        headers={"Authorization": f"Bearer {_TOKEN}", "Accept-Encoding": "identity"},
        json={"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": question}]},
    )
    async with asked as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                if piece := choice["delta"].get("content"):
                    yield piece
