"""Connections that say nothing, or little, keep nobody out and are not waited for without end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from core.listening import listening

MOST = 5
crowded = partial(listening, host="127.0.0.1", port=0, most=MOST, request_seconds=60)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says how long the body was, once it is whole."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message.get("more_body", False)
    body = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(url: str, many: int, beginning: bytes) -> AsyncIterator[list[Stream]]:
    """So many connections, one after another, that have sent this much."""
    address, streams = urlsplit(url), []
    for _ in range(many):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(beginning)
        await writer.drain()
        streams.append((reader, writer))
    try:
        yield streams
    finally:
        for _, writer in streams:
            writer.close()


SLOW = (b"", b"POST / HTTP/1.1\r\nHost: x", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")


async def test_slow_connections_keep_nobody_out() -> None:
    """OV-06 in small: those that have been waited for longest give way."""
    async with (
        listening(echo, host="127.0.0.1", port=0, most=MOST, request_seconds=60) as url,
        httpx.AsyncClient() as client,
    ):
        for beginning in SLOW:
            async with connected(url, 4 * MOST, beginning) as slow:
                answers = [await client.post(url, content=b"x" * size) for size in (0, 1, 100_000)]
                assert [(each.status_code, each.text) for each in answers] == [(200, "0"), (200, "1"), (200, "100000")]
                assert await slow[0][0].read() == b""  # closed


async def test_what_is_not_whole_in_time_is_closed_and_what_is_stays() -> None:
    async with listening(echo, host="127.0.0.1", port=0, request_seconds=0.2) as url:
        whole = SLOW[-1] + b"-not-"[:5]
        async with connected(url, 1, whole) as ((reader, writer),):
            assert await reader.readuntil(b"\r\n\r\n9")
            writer.write(whole)
            assert await reader.readuntil(b"\r\n\r\n9")  # it waits for the next one as long
        for beginning in SLOW:
            async with connected(url, 1, beginning) as ((reader, _),), asyncio.timeout(30):
                assert await reader.read() == b""


async def test_an_answered_connection_is_kept_and_its_next_request_has_its_own_time() -> None:
    whole = SLOW[-1] + b"-not-"
    async with listening(echo, host="127.0.0.1", port=0, request_seconds=0.2, kept_seconds=60) as url:
        for rest in (*SLOW[1:], whole[:1]):
            async with connected(url, 1, whole) as ((reader, writer),), asyncio.timeout(30):
                for _ in range(2):
                    assert await reader.readuntil(b"\r\n\r\n9")
                    await asyncio.sleep(0.5)  # longer than a request may take
                    writer.write(whole)
                assert await reader.readuntil(b"\r\n\r\n9")
                writer.write(rest)
                assert await reader.read() == b""
            async with connected(url, 1, whole + rest) as ((reader, _),), asyncio.timeout(30):
                assert await reader.readuntil(b"\r\n\r\n9")
                assert await reader.read() == b""
    async with (
        listening(hasty, host="127.0.0.1", port=0, request_seconds=0.2, kept_seconds=60) as url,
        connected(url, 1, SLOW[2]) as ((reader, _),),
        asyncio.timeout(30),
    ):
        assert await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b"", "the rest of its body never comes"


async def test_a_kept_connection_gives_way_and_is_not_kept_without_end() -> None:
    whole = SLOW[-1] + b"-not-"
    async with (
        crowded(echo, kept_seconds=60) as url,
        httpx.AsyncClient() as client,
        connected(url, 2 * MOST, whole) as kept,
        asyncio.timeout(30),
    ):
        assert (await client.post(url, content=b"x")).text == "1"
        assert (await kept[0][0].read()).endswith(b"9")  # closed
    async with (
        listening(echo, host="127.0.0.1", port=0, kept_seconds=1) as url,
        connected(url, 1, whole) as ((reader, _),),
        asyncio.timeout(30),
    ):
        assert (await reader.read()).endswith(b"9")


async def test_what_came_along_with_another_is_waited_for_until_it_is_whole() -> None:
    gate, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.release()
        if scope["path"] == "/slow":
            await gate.wait()
        await echo(scope, receive, send)

    whole = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"
    single = partial(listening, slow, host="127.0.0.1", port=0, most=1, request_seconds=60)
    async with single() as url, connected(url, 1, whole % b"/" + whole % b"/slow") as ((reader, _),):
        assert await reader.readuntil(b"\r\n\r\n1")
        for _ in range(2):
            await begun.acquire()
        async with connected(url, 1, whole % b"/") as ((other, _),):
            assert b" 503 " in await other.readline()  # nobody gives way: the one that is here is being answered
            gate.set()
            assert await reader.readuntil(b"\r\n\r\n1")
    async with single() as url, connected(url, 1, whole % b"/" + SLOW[-1]) as ((reader, _),):
        assert await reader.readuntil(b"\r\n\r\n1")
        async with connected(url, 1, b""), asyncio.timeout(30):
            assert await reader.read() == b""  # half of one gives way


async def test_where_all_are_being_answered_more_are_told_so() -> None:
    gate, begun = asyncio.Event(), asyncio.Semaphore(0)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.release()
        await gate.wait()
        await echo(scope, receive, send)

    async with (
        listening(slow, host="127.0.0.1", port=0, most=MOST, request_seconds=60) as url,
        httpx.AsyncClient() as client,
    ):
        asked = [asyncio.create_task(client.get(url)) for _ in range(MOST)]
        for _ in range(MOST):
            await begun.acquire()
        assert (await client.get(url)).status_code == 503
        gate.set()
        assert [each.status_code for each in await asyncio.gather(*asked)] == [200] * MOST


UPGRADING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n"
NONSENSE = b"nonsense\r\n\r\n"


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    raise LookupError("of the application")


async def test_what_anybody_may_send_is_not_logged_and_what_fails_is(caplog: pytest.LogCaptureFixture) -> None:
    async with crowded(echo) as url:
        for sent, status in ((UPGRADING, b"200"), (NONSENSE, b"400")):
            async with connected(url, 1, sent) as ((reader, _),):
                assert (await reader.read()).startswith(b"HTTP/1.1 " + status)
    async with listening(echo, host="127.0.0.1", port=0, most=0) as url, httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 503
    assert [each for each in caplog.records if each.name.startswith("uvicorn")] == []
    async with crowded(failing) as url, httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 500
    (failure,) = (each for each in caplog.records if each.name.startswith("uvicorn"))
    assert failure.exc_info
    assert failure.exc_info[0] is LookupError


async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading."""
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


async def begun(scope: Scope, receive: Receive, send: Send) -> None:
    """Has begun to answer when the rest comes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.mark.parametrize("application", [hasty, begun])
async def test_nonsense_behind_an_answer_ends_the_connection_and_is_not_logged(
    application: ASGIApp, caplog: pytest.LogCaptureFixture
) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with crowded(application) as url, connected(url, 1, chunked) as ((reader, writer),):
        assert await reader.readuntil(b"\r\n\r\n")
        writer.write(NONSENSE)
        assert await reader.read() in {b"", b"x"}
    assert caplog.records == []


CROWDED = """
import asyncio, resource, sys
from core.listening import listening
from tests.test_listening import MANY, echo

async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (MANY, MANY))
    async with listening(echo, host="127.0.0.1", port=0, most=MANY // 2) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
MANY = 256


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such limit")
async def test_more_at_once_than_it_may_have_open() -> None:
    """Where accepting fails for want of descriptors, the event loop stands still for seconds, logging it."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CROWDED, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=os.environ | {"PYTHONPATH": os.curdir}
    )
    assert server.stdout
    url = (await server.stdout.readline()).decode().strip()
    address = urlsplit(url)
    async with httpx.AsyncClient(timeout=30) as client:
        assert (await client.post(url)).text == "0"
        os.kill(server.pid, signal.SIGSTOP)  # what connects meanwhile is accepted together
        os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
        crowd = [socket.socket() for _ in range(2 * MANY)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex((address.hostname, address.port))
        os.kill(server.pid, signal.SIGCONT)
        assert (await client.post(url, content=b"x")).text == "1"
    for each in crowd:
        each.close()
    _, said = await server.communicate(b"")
    assert said == b""
    assert server.returncode == 0
