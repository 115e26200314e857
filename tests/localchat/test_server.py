"""A server in somebody else's event loop: starts or says why not, ends promptly, stops what nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from core.chat.contract import Message
from core.errors import AskrepoError, ServerError, UnknownRepository
from core.localchat.app import Desk
from core.localchat.repos import Repositories
from core.localchat.server import desk_open, serving
from tests.localchat.asking import Asker, content, events

NAME = "example.org/o/n"


@dataclass
class Slow:
    """An answer that takes until it is told what to say."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    outcome: asyncio.Future[str] = field(default_factory=asyncio.Future)

    async def __call__(self, name: str, messages: Sequence[Message]) -> str:
        self.started.set()
        try:
            return await self.outcome
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@contextlib.asynccontextmanager
async def at(desk: Desk) -> AsyncIterator[Asker]:
    async with desk_open(desk, host="127.0.0.1", port=0) as url, httpx.AsyncClient() as client:
        yield Asker(client, url, NAME)


@contextlib.asynccontextmanager
async def streaming(asker: Asker) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of a stream as they come."""
    body = {"messages": [{"role": "user", "content": "q"}], "model": "m", "stream": True}
    async with asker.client.stream("POST", f"{asker.url}/chat", params={"repo_name": NAME}, json=body) as response:
        assert response.status_code == 200
        yield response.aiter_lines()


async def test_an_address_in_use_is_told_at_once(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path)
    async with serving(repositories, token=None) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(ServerError) as caught:
            async with serving(repositories, token=None, port=port):
                pass
    assert caught.value.address == f"127.0.0.1:{port}"
    assert "in use" in caught.value.problem


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0), ("no.such.host.invalid", 0)])
async def test_an_address_that_cannot_be_had_is_told(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(ServerError):
        async with serving(Repositories(tmp_path), token=None, host=host, port=port):
            pass


async def test_the_port_is_free_again_and_signals_were_left_alone(tmp_path: Path) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with serving(Repositories(tmp_path), token=None) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/healthz")).status_code == 200
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))):
        pass


async def test_a_stream_pings_until_the_answer_is_there() -> None:
    slow = Slow()
    async with at(Desk(slow, token=None, patience=0, ping=0.01)) as asker, streaming(asker) as lines:
        seen = []
        async for line in lines:
            seen.append(line)
            if line == ": ping" and not slow.outcome.done():
                slow.outcome.set_result("the answer")
    chunks = events("\n".join(seen))
    assert seen.index(": ping") > 0, "the role comes first"
    assert content(chunks) == "the answer"
    assert chunks[-1] == "[DONE]"


async def test_an_error_before_the_stream_has_its_status_and_one_within_it_its_event() -> None:
    early, late = Slow(), Slow()
    early.outcome.set_exception(UnknownRepository("not here"))
    async with at(Desk(early, token=None)) as asker:
        response = await asker.post("q", stream=True)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "repository_not_found")
    async with at(Desk(late, token=None, patience=0, ping=0.01)) as asker, streaming(asker) as lines:
        seen = []
        async for line in lines:
            seen.append(line)
            if line == ": ping" and not late.outcome.done():
                late.outcome.set_exception(UnknownRepository("not here"))
    last = events("\n".join(seen))[-1]
    assert last["error"]["code"] == "repository_not_found"


@pytest.mark.parametrize("failure", [ZeroDivisionError("internals"), AskrepoError("internals")])
async def test_a_failure_of_ours_shows_nothing_of_itself(failure: Exception) -> None:
    slow = Slow()
    slow.outcome.set_exception(failure)
    async with at(Desk(slow, token=None)) as asker:
        for stream in (True, False):
            response = await asker.post("q", stream=stream)
            assert response.status_code == 500
            assert response.json()["error"]["code"] == "internal_error"
            assert "internals" not in response.text


@pytest.mark.parametrize("patience", [0, 60])
async def test_a_client_that_leaves_a_stream_ends_the_work(patience: float) -> None:
    slow = Slow()
    async with at(Desk(slow, token=None, patience=patience, ping=0.01)) as asker:
        asking = asyncio.create_task(asker.post("q", stream=True))
        await slow.started.wait()
        asking.cancel()
        async with asyncio.timeout(30):
            await slow.cancelled.wait()


async def test_a_client_that_leaves_a_whole_answer_ends_the_work() -> None:
    slow = Slow()
    async with at(Desk(slow, token=None)) as asker:
        asking = asyncio.create_task(asker.post("q"))
        await slow.started.wait()
        asking.cancel()
        async with asyncio.timeout(30):
            await slow.cancelled.wait()


async def test_shutting_down_ends_open_streams_and_says_so() -> None:
    slow, whole = Slow(), Slow()
    desk, other = Desk(slow, token=None, patience=0, ping=0.01), Desk(whole, token=None)
    seen = []
    async with contextlib.AsyncExitStack() as client, contextlib.AsyncExitStack() as server:
        connection = await client.enter_async_context(httpx.AsyncClient())
        first = Asker(connection, await server.enter_async_context(desk_open(desk, host="127.0.0.1", port=0)), NAME)
        second = Asker(connection, await server.enter_async_context(desk_open(other, host="127.0.0.1", port=0)), NAME)
        waiting = asyncio.create_task(second.post("q"))
        await whole.started.wait()
        lines = await client.enter_async_context(streaming(first))
        assert (await anext(lines)).startswith("data: ")
        async with asyncio.timeout(30):
            await server.aclose()
            seen = [line async for line in lines]
            refused = await waiting
    assert events("\n".join(seen))[-1]["error"]["code"] == "shutting_down"
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
    assert slow.cancelled.is_set()


async def test_a_client_that_does_not_read_cannot_hold_the_shutdown_up(tmp_path: Path) -> None:
    slow = Slow()
    slow.outcome.set_result("x" * 30_000_000)
    async with asyncio.timeout(30):
        async with desk_open(Desk(slow, token=None), host="127.0.0.1", port=0) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1)
            body = b'{"messages":[{"role":"user","content":"q"}],"model":"m","stream":false}'
            head = f"POST /chat?repo_name={NAME} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await reader.readexactly(12)
        writer.close()
