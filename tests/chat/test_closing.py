"""Whoever stops listening closes the connection, at every stage of a question (BF-12)."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing

import pytest

from core.chat.client import ChatClient, Service
from core.chat.deadlines import Deadlines
from core.chat.progress import Delta
from core.errors import ChatError, ChatTimeout
from tests.chat.asking import PATIENT, asking, question
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Reply, event, head, piece, refuses, says, sends, streams

CLOSED_WITHIN = 1.0  # seconds

STAGES = [
    sends(b"", "stall"),
    sends(b"HTTP/1.1 200", "stall"),
    sends(head(200, "Transfer-Encoding: chunked"), "stall"),
    streams(event(piece("First")), ending="stall"),
    sends(head(503, "Content-Length: 100"), "stall"),
    sends(head(200, "Content-Length: 100", content_type="application/json") + b"{", "stall"),
]


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelling_closes_the_connection(stage: Reply) -> None:
    async with FakeChat(stage) as fake, asking(fake.url) as asker:
        asked = asyncio.create_task(asker.ask())
        request = await fake.arrival()
        await asyncio.sleep(0.05)  # somewhere into the stage; any point of it will do
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.wait_for(request.disconnected.wait(), CLOSED_WITHIN)
        assert (await asker.ask()).finished


async def test_closing_the_generator_closes_the_connection() -> None:
    async with FakeChat(STAGES[3]) as fake, asking(fake.url) as asker:
        async with aclosing(question(asker.client)) as progress:
            assert await anext(progress) == Delta("First")
        await asyncio.wait_for(fake.requests[0].disconnected.wait(), CLOSED_WITHIN)


async def test_dropping_the_generator_closes_the_connection() -> None:
    async with FakeChat(STAGES[3]) as fake, asking(fake.url) as asker:
        async for step in question(asker.client):
            assert step == Delta("First")
            break
        gc.collect()
        await asyncio.wait_for(fake.requests[0].disconnected.wait(), CLOSED_WITHIN)


async def test_cancelling_a_wait_between_retries_ends_the_question() -> None:
    async def pause(seconds: float) -> None:
        paused.set()
        await asyncio.Event().wait()

    paused = asyncio.Event()
    async with FakeChat(refuses(503)) as fake:
        client = ChatClient(Service(fake.url, deadlines=PATIENT), pause=pause)
        asked = asyncio.create_task(anext(question(client)))
        await paused.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await client.aclose()
        assert len(fake.requests) == 1


async def test_cancelled_questions_leave_nothing_in_the_pool() -> None:
    async with FakeChat(default=STAGES[3]) as fake, asking(fake.url) as asker:
        for _ in range(20):
            asked = [asyncio.create_task(asker.ask()) for _ in range(20)]
            for _ in asked:
                await fake.arrival()
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        for request in fake.requests:
            await asyncio.wait_for(request.disconnected.wait(), CLOSED_WITHIN)
        fake.will(says("Still here."))
        assert (await asker.ask()).finished.text == "Still here."
        assert len(fake.requests) == 401


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
async def test_wherever_a_question_is_cancelled_its_connection_is_not_forgotten(used: bool, twice: bool) -> None:
    """With httpcore's own pool some of them were: it could open fewer and fewer, and in the end none."""
    async with FakeChat(default=says("One ", "two.")) as fake, asking(fake.url) as asker:
        for turns in range(60):  # of the event loop; a whole question takes some forty
            if used:
                await asker.ask()
            asked = asyncio.create_task(asker.ask())
            for _ in range(turns):
                await asyncio.sleep(0)
            asked.cancel()
            if twice:
                await asyncio.sleep(0)
                asked.cancel()
            await asyncio.wait({asked})
        assert (await asker.ask()).finished.text == "One two."
        async with asyncio.timeout(CLOSED_WITHIN):
            while fake.open > 1:  # noqa: ASYNC110 - the fake has no event for this
                await asyncio.sleep(0)


async def test_connections_that_the_service_closed_are_nobodys() -> None:
    """However many find out at once."""
    async with FakeChat(default=says("Here.", delay=0.01)) as fake, asking(fake.url) as asker:
        for connections in (5, 10):
            asked = await asyncio.gather(*(asker.ask() for _ in range(5)))
            assert [each.finished.text for each in asked] == ["Here."] * 5
            assert fake.connections == connections
            fake.hang_up()
            async with asyncio.timeout(CLOSED_WITHIN):
                while fake.open:  # noqa: ASYNC110 - the fake has no event for this
                    await asyncio.sleep(0)


async def test_a_handshake_that_is_given_up_closes_its_socket() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # whatever it says, until it leaves
        gone.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asking(url, deadlines=Deadlines(0.2, 20, 20, 20)) as asker:
            assert isinstance((await asker.ask()).error, ChatTimeout)
            await asyncio.wait_for(gone.wait(), CLOSED_WITHIN)


async def test_closing_the_client_ends_its_questions() -> None:
    async with FakeChat(STAGES[3]) as fake, asking(fake.url, deadlines=Deadlines(20, 20, 20, 20)) as asker:
        progress = question(asker.client)
        assert await anext(progress) == Delta("First")
        await asker.client.aclose()
        await asyncio.wait_for(fake.requests[0].disconnected.wait(), CLOSED_WITHIN)
        with pytest.raises(ChatError) as caught:
            await anext(progress)
        assert caught.value.partial == "First"
