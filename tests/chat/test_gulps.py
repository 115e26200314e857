"""An answer can be read a few times a second, whatever its pace: nothing of it is lost, and what is next is prompt."""

from __future__ import annotations

import asyncio
import ssl

import httpcore
import pytest

from core.chat.network import Stream
from core.chat.progress import Delta, Finished
from tests.chat.asking import asking, question
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says

PAUSE = 0.05


class Inner(httpcore.AsyncNetworkStream):
    """Notes when it is read."""

    def __init__(self) -> None:
        self.read_at: list[float] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.read_at.append(asyncio.get_running_loop().time())
        return b"octets"

    async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    async def aclose(self) -> None: ...

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return self


async def test_reads_are_so_far_apart_until_the_next_request() -> None:
    inner = Inner()
    stream = Stream(inner)
    stream.pause = PAUSE
    for _ in range(3):
        assert await stream.read(1_000) == b"octets"
    first, second, third = inner.read_at
    assert min(second - first, third - second) >= PAUSE * 0.99  # the loop's clock is coarse
    await stream.write(b"another request")
    assert stream.pause == 0.0


@pytest.mark.parametrize("every", [0.0, PAUSE])
async def test_nothing_is_lost_and_the_connection_is_used_again(every: float) -> None:
    words = [f"word{number} " for number in range(100)]
    async with FakeChat(default=says(*words, delay=0.001)) as fake, asking(fake.url) as asker:
        for _ in range(2):
            steps = [step async for step in question(asker.client, every=every)]
            assert "".join(step.text for step in steps if isinstance(step, Delta)) == "".join(words)
            assert isinstance(steps[-1], Finished)
        assert fake.connections == 1
