"""Every way in which a service can be slow ends by the deadline that is meant for it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import weakref
from contextlib import aclosing

import pytest

from core.chat.answer import ANSWER_LIMIT
from core.chat.deadlines import Deadlines, Watch
from core.chat.progress import Delta, Finished
from core.errors import ChatTimeout, Deadline, UnusableAnswer
from core.secret import bearer
from tests.chat.asking import QUESTION, REPOSITORY, TOKEN, Asked, ask, asking, listening
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import (
    Exchange,
    Reply,
    chunked,
    event,
    floods,
    head,
    piece,
    response,
    sends,
    stream,
    streams,
)

SHORT = 0.05  # seconds; where something must happen within it, ENOUGH
ENOUGH = 0.5
FIRST = event(piece("So far"))


def timeout(asked: Asked) -> tuple[Deadline, float, str]:
    assert isinstance(asked.error, ChatTimeout), asked.error
    return asked.error.deadline, asked.error.seconds, asked.error.partial


def trickle(octets: bytes) -> Reply:
    """One octet at a time, ten a second and more, but never an event's end."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Connection: close"))
        for octet in octets:
            await exchange.send(bytes([octet]))
            await asyncio.sleep(SHORT / 4)
        await asyncio.Event().wait()

    return reply


QUIET = [
    sends(b"", "stall"),
    sends(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-", "stall"),
    sends(head(200, "Transfer-Encoding: chunked"), "stall"),
    streams(event(piece(role="assistant")), ending="stall"),
    streams(event({"choices": []}), ending="stall"),
    floods(b": ping\n\n", pause=SHORT / 5),
    floods(b": ping\n\n" * 1_000, pause=None),
    floods(b"\n", pause=SHORT / 5),
    floods(b"\n" * 10_000, pause=None),
    floods(event({"choices": []}), pause=SHORT / 5),
    floods(event(piece("")) * 100, pause=None),
    floods(b"HTTP/1.1 200", first=b"data: ", pause=0.05),
    trickle(event(piece("x" * 10_000))),
    sends(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000, "stall"),
]


@pytest.mark.parametrize("quiet", QUIET)
async def test_without_a_first_text_it_is_the_first_token_deadline(quiet: Reply) -> None:
    async with FakeChat(default=quiet) as fake:
        deadlines = Deadlines(connect=20, first_token=SHORT, silence=20, total=60)
        asked = await ask(fake.url, deadlines=deadlines)
        assert timeout(asked) == (Deadline.FIRST_TOKEN, SHORT, "")
        assert len(fake.requests) == 3


SILENT = [
    streams(FIRST, ending="stall"),
    floods(b": ping\n\n", first=FIRST, pause=SHORT / 5),
    floods(b": ping\n\n" * 1_000, first=FIRST, pause=None),
    floods(event({"choices": []}), first=FIRST, pause=SHORT / 5),
    floods(event({**piece(), "usage": {"total_tokens": 1}}) * 100, first=FIRST, pause=None),
    floods(b"x", first=FIRST + b"data: ", pause=SHORT / 5),
]


@pytest.mark.parametrize("silent", SILENT)
async def test_after_some_text_it_is_the_silence_deadline(silent: Reply) -> None:
    async with FakeChat(silent) as fake:
        deadlines = Deadlines(connect=20, first_token=20, silence=SHORT, total=60)
        assert timeout(await ask(fake.url, deadlines=deadlines)) == (Deadline.SILENCE, SHORT, "So far")
        assert len(fake.requests) == 1


ENDLESS = [floods(event(piece("x")), pause=0.01), floods(event(piece("x")) + b": ping\n\n", pause=0.05)]


@pytest.mark.parametrize("endless", ENDLESS)
async def test_text_without_end_is_the_total_deadline(endless: Reply) -> None:
    async with FakeChat(endless) as fake:
        asked = await ask(fake.url, deadlines=Deadlines(connect=20, first_token=20, silence=20, total=ENOUGH))
        deadline, seconds, partial = timeout(asked)
        assert (deadline, seconds, partial.strip("x")) == (Deadline.TOTAL, ENOUGH, "")
        assert partial


async def test_text_without_end_is_also_too_long() -> None:
    async with FakeChat(floods(event(piece("x" * 1_000)) * 60, pause=None)) as fake:
        asked = await ask(fake.url)
        assert isinstance(asked.error, UnusableAnswer)
        assert ANSWER_LIMIT - 1_000 < len(asked.error.partial) <= ANSWER_LIMIT


async def test_all_attempts_together_stay_within_the_total() -> None:
    async with FakeChat(default=sends(b"", "stall")) as fake:
        deadlines = Deadlines(connect=20, first_token=SHORT, silence=20, total=SHORT * 1.5)
        async with asking(fake.url, deadlines=deadlines) as asker:
            error = (await asker.ask()).error
            assert isinstance(error, ChatTimeout)
            assert error.deadline in {Deadline.FIRST_TOKEN, Deadline.TOTAL}  # a wait that does not fit is not begun
            assert len(fake.requests) <= 2


async def test_an_unstreamed_answer_may_take_the_whole_total() -> None:
    async with FakeChat(default=sends(b"", "stall")) as fake:
        deadlines = Deadlines(connect=20, first_token=SHORT / 4, silence=SHORT / 4, total=SHORT)
        assert timeout(await ask(fake.url, deadlines=deadlines, stream=False)) == (Deadline.TOTAL, SHORT, "")
        assert len(fake.requests) == 1


async def test_an_answer_that_is_not_streamed_though_it_was_asked_to_be_may_take_the_whole_total() -> None:
    slow = sends(head(200, "Content-Length: 9", content_type="application/json") + b'{"ch', "stall")
    async with FakeChat(default=slow) as fake:
        deadlines = Deadlines(connect=20, first_token=ENOUGH, silence=SHORT, total=ENOUGH * 2)
        assert timeout(await ask(fake.url, deadlines=deadlines)) == (Deadline.TOTAL, ENOUGH * 2, "")
        assert len(fake.requests) == 1


async def test_a_connection_that_never_stands_is_the_connect_deadline_and_is_closed() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            pass
        ended.release()

    ended = asyncio.Semaphore(0)
    deadlines = Deadlines(connect=SHORT, first_token=20, silence=20, total=60)
    async with listening(mute) as port, asking(f"https://127.0.0.1:{port}", deadlines=deadlines) as asker:
        assert timeout(await asker.ask()) == (Deadline.CONNECT, SHORT, "")
        assert len(asker.pauses) == 2
        async with asyncio.timeout(1):
            for _ in range(3):
                await ended.acquire()


@pytest.mark.parametrize("ending", [b": ping\n\n", event({"choices": [], "usage": {"total_tokens": 5}})])
async def test_nothing_is_lost_when_the_connection_stalls_after_the_finish_reason(ending: bytes) -> None:
    async with FakeChat(streams(*stream(["Whole."], done=False), ending, ending="stall")) as fake:
        asked = await ask(fake.url, deadlines=Deadlines(20, 20, ENOUGH, 60))
        assert asked.finished.text == "Whole."


async def test_what_comes_after_the_finish_reason_is_not_waited_for_long() -> None:
    lingering = floods(b": ping\n\n", first=b"".join(stream(["Whole."], done=False)), pause=0.05)
    async with FakeChat(lingering) as fake, asyncio.timeout(20):
        assert (await ask(fake.url, deadlines=Deadlines(60, 60, 60, 60))).finished.text == "Whole."


async def test_an_error_page_that_never_ends_is_still_the_error() -> None:
    reply = sends(head(503, "Content-Length: 100", content_type="text/html") + b"<html>", "stall")
    async with FakeChat(default=reply) as fake:
        asked = await ask(fake.url, deadlines=Deadlines(20, 20, 20, 0.5))
        assert asked.error is not None
        assert asked.error.detail == "503"


async def test_a_slow_asker_is_not_the_services_silence() -> None:
    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Transfer-Encoding: chunked") + chunked(FIRST))
        await taken.wait()
        await exchange.send(b"".join(map(chunked, [*stream([" and on."]), b""])))

    taken = asyncio.Event()
    async with (
        FakeChat(reply) as fake,
        asking(fake.url, deadlines=Deadlines(20, 20, ENOUGH, 60)) as asker,
        aclosing(asker.client.ask(REPOSITORY, QUESTION, bearer(TOKEN))) as progress,
    ):
        assert await anext(progress) == Delta("So far")
        await asyncio.sleep(ENOUGH * 1.2)  # the asker's platform makes us wait
        taken.set()
        last = [step async for step in progress][-1]
        assert isinstance(last, Finished)
        assert last.text == "So far and on."


async def test_the_watch_leaves_foreign_timeouts_and_cancellation_alone() -> None:
    async def fails() -> None:
        raise TimeoutError("the system's own")

    watch = Watch(Deadlines())
    with pytest.raises(TimeoutError, match="the system's own"):
        await watch.wait(fails())

    waiting = asyncio.create_task(watch.wait(asyncio.Event().wait()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_cancellation_that_comes_with_the_deadline_is_one() -> None:
    watch = Watch(Deadlines(total=0.01))
    waiting = asyncio.create_task(watch.wait(asyncio.Event().wait()))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.015, waiting.cancel)
    time.sleep(0.02)  # noqa: ASYNC251 - both come while nobody can be told
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_deadline_that_a_step_ignores_cancels_nothing_else() -> None:
    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "done"

    with Watch(Deadlines(total=0.01)) as watch:
        assert await watch.wait(stubborn()) == "done"
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        with pytest.raises(ChatTimeout):
            await watch.wait(asyncio.Event().wait())
        assert task.cancelling() == 0


async def test_a_step_that_calls_our_cancellation_a_timeout_met_the_deadline() -> None:
    async def mistaken() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise TimeoutError from None

    with Watch(Deadlines(total=0.01)) as watch, pytest.raises(ChatTimeout):
        await watch.wait(mistaken())


async def test_nothing_is_left_of_a_watch_that_is_over() -> None:
    with Watch(Deadlines()) as watch:
        await watch.wait(asyncio.sleep(0))
        left = weakref.ref(watch)
    del watch
    gc.collect()
    assert left() is None


async def test_the_largest_answer_that_is_no_stream_is_bounded() -> None:
    body = b'{"choices": "' + b"x" * (5 << 20) + b'"}'
    async with FakeChat(sends(response(body), "close")) as fake:
        asked = await ask(fake.url, stream=False)
        assert isinstance(asked.error, UnusableAnswer)
        assert "longer" in asked.error.detail
