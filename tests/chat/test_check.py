"""Trying a repository and a token by the cheapest real call."""

from __future__ import annotations

import asyncio

import pytest

from core.chat.check import check, reached
from core.chat.client import ChatClient, Service
from core.chat.deadlines import Deadlines
from core.errors import ChatError, ChatTimeout, RateLimited, ServiceUnavailable, TokenRefused, UnknownRepository
from core.secret import Secret
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Reply, refuses, says, sends

REPOSITORY = "github.com/acme/other"


async def tried(
    chat: FakeChat,
    *,
    seconds: float | None = 10,
    token: str = "good-token-1234",  # noqa: S107
    first_token: float = 5,
) -> ChatError | None:
    async def no_pause(_: float) -> None:
        """Retries follow at once."""

    client = ChatClient(Service(chat.url, deadlines=Deadlines(5, first_token, 5, 20)), pause=no_pause)
    try:
        return await check(client, REPOSITORY, Secret(token), seconds=seconds)
    finally:
        await client.aclose()


async def test_one_short_question_and_the_first_word_is_enough() -> None:
    async with FakeChat(says("pong ", *["more "] * 2_000, delay=0.02)) as chat:
        assert await tried(chat) is None
        (request,) = chat.requests
        assert (request.repository, request.token, request.questions) == (REPOSITORY, "good-token-1234", ["ping"])
        await asyncio.wait_for(request.disconnected.wait(), 5)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (refuses(401), TokenRefused),
        (refuses(404, code="repository_not_found"), UnknownRepository),
        (refuses(429, "Retry-After: 3"), RateLimited),
        (refuses(503), ServiceUnavailable),
    ],
)
async def test_what_the_service_has_against_it(reply: Reply, problem: type[ChatError]) -> None:
    async with FakeChat(default=reply) as chat:
        assert type(await tried(chat)) is problem


async def test_silence_ends_in_time() -> None:
    async with FakeChat(sends(b"", "stall")) as chat:
        assert isinstance(await tried(chat, seconds=0.2), ChatTimeout)


async def test_a_first_word_has_the_time_that_it_has_for_any_question() -> None:
    async with FakeChat(default=sends(b"", "stall")) as chat:
        problem = await tried(chat, seconds=None, first_token=0.5)
        assert isinstance(problem, ChatTimeout)
        assert (problem.seconds, len(chat.requests)) == (0.5, 1)


async def test_a_service_is_reached_without_being_asked(unused_tcp_port: int) -> None:
    async with FakeChat() as chat:
        assert await reached(chat.url) is None
        assert (chat.requests, chat.connections) == ([], 1)
        assert isinstance(await reached(chat.url.replace("http:", "https:"), seconds=0.2), ChatTimeout)
    assert isinstance(await reached(f"http://127.0.0.1:{unused_tcp_port}"), ServiceUnavailable)
    assert isinstance(await reached(f"http://{'a' * 64}.example"), ServiceUnavailable)
