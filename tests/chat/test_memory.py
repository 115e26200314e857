"""BF-04: whatever a service sends without end, the process that reads it grows by at most 5 MB.

200 MB that end no line, event or body, a million empty events, answers in a million pieces. The ordinary run takes the
line and the pieces that weigh most; all of it: pytest tests/chat/test_memory.py -m long -n 0
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, chunked, event, head, piece

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")

MEGABYTE = 1 << 20
SENT = 200 * MEGABYTE
GROWTH = 5 * MEGABYTE
EMPTY = 1_000_000  # events

# Memory is measured as the peak of a process of its own, by VmHWM: ru_maxrss is inherited from this one.
ASK = """
import asyncio, json, pathlib, sys
from core.chat.client import ChatClient, Service
from core.chat.contract import Message
from core.chat.deadlines import Deadlines
from core.errors import ChatError

def peak():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

async def ask(client, question):
    try:
        async for _ in client.ask("github.com/o/n", [Message(role="user", content=question)], None):
            pass
    except ChatError as error:
        return type(error).__name__

async def main():
    client = ChatClient(Service(sys.argv[1], deadlines=Deadlines(60, 600, 600, 600)))  # as slow as the machine is
    await ask(client, "warm")
    before = peak()
    error = await ask(client, "flood")
    print(json.dumps({"error": error, "growth": peak() - before}))
    await client.aclose()

asyncio.run(main())
"""


def flood(start: bytes, octets: bytes, *, chunks: bool) -> Reply:
    async def reply(exchange: Exchange) -> None:
        await exchange.send(start)
        for _ in range(SENT // len(octets)):
            await exchange.send(chunked(octets) if chunks else octets)

    return reply


def repeated(empty: bytes) -> Reply:
    """Some text, a million of the same, and then the end."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(STREAM + chunked(event(piece("a"))))
        for _ in range(EMPTY // 1_000):
            await exchange.send(chunked(empty * 1_000))
        await exchange.send(chunked(b""))

    return reply


STREAM = head(200, "Transfer-Encoding: chunked")
JSON = head(200, f"Content-Length: {SENT}", content_type="application/json")


def floods() -> Iterator[tuple[str, Reply, str]]:
    x = b"x" * MEGABYTE
    yield "a line", flood(STREAM + chunked(b"data: "), x, chunks=True), "UnusableAnswer"
    yield "a comment", flood(STREAM + chunked(b":"), x, chunks=True), "UnusableAnswer"
    yield "an event", flood(STREAM, (b"data: " + b"x" * 58 + b"\n") * 16_384, chunks=True), "UnusableAnswer"
    yield "a text", flood(STREAM, event(piece("x" * 500)) * 1_000, chunks=True), "UnusableAnswer"
    for text in ("x", "ü", "ab", "tok ", "日本", "😀", "x" * 400 + "😀"):
        yield f"texts of {text[-3:]}", flood(STREAM, event(piece(text)) * 500, chunks=True), "UnusableAnswer"
    for empty in (b"\n\n", b":\n\n", b"data:\n\n", event(piece("")), event({"choices": []})):
        yield f"a million {empty!r}", repeated(empty), "BrokenOff"
    yield "a chunk", flood(STREAM + b"c800000\r\n", x, chunks=False), "UnusableAnswer"
    yield "a body", flood(JSON, x, chunks=False), "UnusableAnswer"
    yield "an error's body", flood(head(400, f"Content-Length: {SENT}"), x, chunks=False), "BadRequest"
    yield "headers", flood(b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 10_000, chunks=False), "ServiceUnavailable"


FLOODS = {name: pytest.param(reply, error, id=name) for name, reply, error in floods()}
ORDINARY = ("a line", "texts of xx😀")


@pytest.mark.parametrize(("reply", "error"), [FLOODS[name] for name in ORDINARY])
async def test_what_never_ends_takes_no_memory(reply: Reply, error: str) -> None:
    await measure(reply, error)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("reply", "error"), [each for name, each in FLOODS.items() if name not in ORDINARY])
async def test_nothing_that_never_ends_takes_memory(reply: Reply, error: str) -> None:
    await measure(reply, error)


async def measure(reply: Reply, error: str) -> None:
    async with FakeChat(default=by_question(reply), anonymous=True) as fake:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ASK, fake.url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, complaints = await child.communicate()
        assert child.returncode == 0, complaints.decode()
    seen = json.loads(out.splitlines()[-1])
    print(seen)
    assert seen["error"] == error
    assert seen["growth"] < GROWTH


def by_question(reply: Reply) -> Reply:
    async def either(exchange: Exchange) -> None:
        if exchange.request.question == "flood":
            await reply(exchange)
        else:
            await exchange.send(STREAM + b"".join(map(chunked, [event(piece("a", "stop")), event("[DONE]"), b""])))

    return either
