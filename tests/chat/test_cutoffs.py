"""A recorded stream, cut at every octet: what comes out is whole, or broken off with a true beginning (BF-05)."""

from __future__ import annotations

import asyncio
import random

import pytest

from core.chat.contract import Message
from core.errors import BrokenOff, ServiceUnavailable
from tests.chat.asking import Asker, asking
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Ending, Exchange, chunked, event, head

TEXT = ("Grüße ", "aus ", "日本 ", "😀\n")
EVENTS = [
    event({"choices": [{"delta": {"role": "assistant"}}]}),
    *(event({"choices": [{"delta": {"content": text}}]}) for text in TEXT),
    b": ping\n\n",
    event({"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    event({"choices": [], "usage": {"total_tokens": 5}}),
    event("[DONE]"),
]

CHUNKED = head(200, "Transfer-Encoding: chunked") + b"".join(map(chunked, [*EVENTS, b""]))
PLAIN = head(200, "Connection: close") + b"".join(EVENTS)
LYING = head(200, "Content-Length: 100000") + b"".join(EVENTS)


async def check(asker: Asker, recorded: bytes, cut: int) -> None:
    asked = await asker.ask([Message(role="user", content=str(cut))])
    finish = recorded.index(b'"finish_reason": "stop"')
    first = recorded.index("Grüße".encode())
    if asked.error is None:
        assert asked.text == "".join(TEXT)
        assert cut > finish, "an answer without its end was passed off as whole"
    elif asked.text:
        assert isinstance(asked.error, BrokenOff)
        assert "".join(TEXT).startswith(asked.error.partial)
        assert cut > first
    else:
        assert isinstance(asked.error, ServiceUnavailable)
    if cut == len(recorded):
        assert asked.error is None


async def cut_everywhere(recorded: bytes, ending: Ending, cuts: list[int]) -> None:
    async def reply(exchange: Exchange) -> None:
        await exchange.send(recorded[: int(exchange.request.question)])
        await exchange.finish(ending)

    async def one(asker: Asker, cut: int) -> None:
        async with few:
            await check(asker, recorded, cut)

    few = asyncio.Semaphore(20)
    async with FakeChat(default=reply) as fake, asking(fake.url) as asker:
        await asyncio.gather(*(one(asker, cut) for cut in cuts))


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("recorded", [CHUNKED, PLAIN, LYING], ids=["chunked", "plain", "lying"])
async def test_cut_here_and_there(recorded: bytes, ending: Ending) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    cuts = random.Random(seed).sample(range(len(recorded)), 60)
    await cut_everywhere(recorded, ending, [*cuts, len(recorded)] if ending == "close" else cuts)


async def test_cut_at_every_octet() -> None:
    first = CHUNKED.index(b"\r\n\r\n")
    await cut_everywhere(CHUNKED, "close", list(range(first, len(CHUNKED) + 1)))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("recorded", [CHUNKED, PLAIN, LYING], ids=["chunked", "plain", "lying"])
async def test_cut_at_every_octet_in_every_way(recorded: bytes, ending: Ending) -> None:
    await cut_everywhere(recorded, ending, list(range(len(recorded))))
