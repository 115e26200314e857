"""Whatever a service sends too much, nobody is given the answer to another's question (BF-11)."""

from __future__ import annotations

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from core.chat.contract import Message
from tests.chat.asking import Asker, asking
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, chunked, echo, event, head, refuses, response, says, sends, stream, whole

STREAMED = head(200, "Transfer-Encoding: chunked") + b"".join(map(chunked, [*stream(["Mine."]), b""]))
WHOLE = response(json.dumps(whole("Mine.")).encode())
FOREIGN = [
    response(json.dumps(whole("Another's.")).encode()),
    head(200, "Transfer-Encoding: chunked") + b"".join(map(chunked, [*stream(["Another's."]), b""])),
    b"HTTP/1.1 100 Continue\r\n\r\n" + response(json.dumps(whole("Another's.")).encode()),
]


async def echoed(asker: Asker, text: str) -> str:
    asked = await asker.ask([Message(role="user", content=text)])
    return asked.finished.text.rpartition(": ")[2]


@pytest.mark.parametrize("mine", [STREAMED, WHOLE], ids=["streamed", "whole"])
@pytest.mark.parametrize("foreign", FOREIGN, ids=["whole", "streamed", "continued"])
async def test_an_answer_nobody_asked_for_is_given_to_nobody(mine: bytes, foreign: bytes) -> None:
    async with FakeChat(sends(mine + foreign)) as fake, asking(fake.url) as asker:
        with capture_logs() as logged:
            assert (await asker.ask()).finished.text == "Mine."
        assert [line["event"] for line in logged] == ["chat_leftover"]
        assert [await echoed(asker, text) for text in ("one", "two")] == ["one", "two"]
        assert fake.connections == 2


async def test_nor_is_any_beginning_of_one() -> None:
    beginnings = [FOREIGN[0][:end] for end in range(1, len(FOREIGN[0]), 9)]
    async with FakeChat(*(sends(STREAMED + each) for each in beginnings)) as fake, asking(fake.url) as asker:
        for _ in beginnings:
            assert (await asker.ask()).finished.text == "Mine."
        assert await echoed(asker, "and I?") == "and I?"
        assert fake.connections == len(beginnings) + 1


async def test_nor_what_came_behind_a_refusal() -> None:
    async def twice(exchange: Exchange) -> None:
        await refuses(404, code="model_not_found")(exchange)
        await sends(FOREIGN[0])(exchange)

    async with FakeChat(twice) as fake, asking(fake.url) as asker:
        assert (await asker.ask()).error is not None
        assert await echoed(asker, "and I?") == "and I?"


async def test_of_a_service_that_says_everything_twice_everybody_gets_their_own() -> None:
    async def twice(exchange: Exchange) -> None:
        text = exchange.request.question
        once = head(200, "Transfer-Encoding: chunked") + b"".join(map(chunked, [*stream([f"On: {text}"]), b""]))
        await exchange.send(once + once)

    async with FakeChat(default=twice) as fake, asking(fake.url) as asker:
        for start in range(0, 200, 20):
            texts = [f"question {start + number}" for number in range(20)]
            assert await asyncio.gather(*(echoed(asker, text) for text in texts)) == texts


async def test_a_connection_over_which_nothing_else_came_is_used_again() -> None:
    async with FakeChat(says("streamed"), sends(WHOLE), refuses(404), default=echo) as fake, asking(fake.url) as asker:
        for _ in range(10):
            await asker.ask()
        assert fake.connections == 1


async def test_octets_of_the_same_answer_behind_its_end_are_not_another() -> None:
    """After [DONE] the service goes on: nobody reads that, and the connection is closed."""
    more = b"".join(map(chunked, [*stream(["Mine."]), event({"choices": []}) * 1_000]))
    async with FakeChat(sends(head(200, "Transfer-Encoding: chunked") + more)) as fake, asking(fake.url) as asker:
        assert (await asker.ask()).finished.text == "Mine."
        assert await echoed(asker, "and I?") == "and I?"
