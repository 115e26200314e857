"""An answer that never ends, or ends before its end, ends in our limits, and what came of it is marked (BF-03, BF-04).

The limits are shortened, the time between two comments is not. With the product's own limits, three minutes:
pytest tests/relay/test_endless.py -m long -n 0
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from core.chat.client import ChatClient, Service
from core.chat.deadlines import Deadlines
from core.cipher import Keyring
from core.conversation.values import ThreadRef
from core.database import Database
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, event, floods, head, piece, stream, streams
from tests.fakes.platform import FakePlatform
from tests.relay.house import REPOSITORY, Process
from tests.relay.places import HERE, question

TEXT = "So far. "
FIRST = event(piece(TEXT))
EVERY = 0.4  # seconds between two comments
LIMIT = 1.0  # of no progress
CUT_OFF = "**The answer is cut off here.**"

Pause = Callable[[float], Awaitable[None]]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@dataclass
class Comments:
    """Says `first`, and then for ever nothing but comments."""

    first: bytes = b""
    sent: int = 0

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.send(head(200, "Connection: close") + self.first)
        while True:
            await exchange.send(b": still here\n\n")
            self.sent += 1
            await asyncio.sleep(EVERY)


@dataclass
class Asked:
    """What somebody who asked sees in the end."""

    outcome: str
    shown: str
    requests: int


@asynccontextmanager
async def asking(
    database: Database, keyring: Keyring, chat: FakeChat, deadlines: Deadlines, pause: Pause = asyncio.sleep
) -> AsyncIterator[Process]:
    client = ChatClient(Service(chat.url, deadlines=deadlines), pause=pause)
    process = Process(database, keyring, FakePlatform(), chat.url, client=client)
    await process.map(HERE.channel)
    async with process.running():
        yield process


async def ask(process: Process, chat: FakeChat, thread: str = "1") -> Asked:
    platform, within = process.platform, ThreadRef(HERE.channel, thread)
    assert isinstance(platform, FakePlatform)
    outcome = await process.ask(question(thread, within=within))
    posts = platform.visible(within)
    assert posts[-1].footer is not None
    assert (posts[-1].footer.outcome, posts[-1].footer.repository) == (outcome, REPOSITORY)
    assert platform.notices[within] == []
    return Asked(outcome, "".join(post.text for post in posts), [each.question for each in chat.requests].count(thread))


async def at_once(seconds: float) -> None:
    """A pause that takes no time."""


async def test_comments_for_ever_are_no_progress(database: Database, keyring: Keyring) -> None:
    """BF-03: they end at the limit, which none of them moves."""
    before, after = Comments(), Comments(FIRST)
    limits = Deadlines(connect=20, first_token=LIMIT, silence=LIMIT, total=60)
    async with FakeChat(after, default=before) as chat, asking(database, keyring, chat, limits, at_once) as process:
        first = asyncio.create_task(ask(process, chat, "1"))
        await chat.arrival()
        none, cut = await ask(process, chat, "2"), await first
    assert (cut.outcome, cut.requests) == ("failed", 1)
    assert cut.shown.startswith(TEXT)
    assert CUT_OFF in cut.shown
    assert "sent nothing more within 1 second" in cut.shown
    assert after.sent <= (LIMIT + 1) / EVERY  # a busy machine makes them fewer, not more
    assert (none.outcome, none.requests) == ("failed", 3)
    assert "did not begin to answer within 1 second" in none.shown
    assert before.sent <= 3 * (LIMIT + 1) / EVERY


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_comments_for_ever_with_the_products_own_limits(database: Database, keyring: Keyring) -> None:
    """BF-03."""
    limits = Deadlines()

    async def timed(process: Process, chat: FakeChat, thread: str) -> tuple[float, Asked]:
        started = time.monotonic()
        asked = await ask(process, chat, thread)
        return time.monotonic() - started, asked

    async with (
        FakeChat(Comments(FIRST), default=Comments()) as chat,
        asking(database, keyring, chat, limits) as process,
    ):
        first = asyncio.create_task(timed(process, chat, "1"))
        await chat.arrival()
        second = asyncio.create_task(timed(process, chat, "2"))
        seconds, cut = await first
        print(f"after some text: {seconds:.2f} s")
        assert limits.silence <= seconds <= limits.silence + 1
        assert (cut.outcome, CUT_OFF in cut.shown) == ("failed", True)
        seconds, none = await second
        print(f"without a text: {seconds:.2f} s")
        assert (none.outcome, none.requests) == ("failed", 3)
        pauses = 0.5 + 1.0 + 2 * 0.5  # at most, before the second sending and the third
        assert 3 * limits.first_token <= seconds <= 3 * (limits.first_token + 1) + pauses


def drips(octets: bytes, first: bytes = b"") -> Reply:
    """An octet at a time, one in each twentieth of the limit."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Connection: close") + first)
        for octet in octets:
            await exchange.send(bytes([octet]))
            await asyncio.sleep(LIMIT / 20)

    return reply


async def one_line(exchange: Exchange) -> None:
    await exchange.send(head(200, "Connection: close") + FIRST + b"data: ")
    for _ in range(200):
        await exchange.send(b"x" * (1 << 20))


UNENDING = {
    "an octet a second": drips(event(piece("x" * 1_000)), FIRST),
    "10,000 tiny texts a second": floods(event(piece("x")) * 100, first=FIRST, pause=0.01),
    "10,000 tiny texts a second, and no end to them": floods(event(piece("x")) * 1_000, first=FIRST, pause=None),
    "a line of 200 MB": one_line,
    "empty events": floods(event({"choices": []}) * 100, first=FIRST, pause=None),
    "events of nothing": floods(b"data:\n\n" * 1_000, first=FIRST, pause=None),
    "no final event": streams(FIRST),
    "no final event, and the connection cut": streams(FIRST, ending="reset"),
    "no final event, and silence": streams(FIRST, ending="stall"),
    "the last event without its reason": streams(FIRST, event("[DONE]")),
    "half of the last event": streams(FIRST, event(piece(finish="stop"))[:-8]),
}


@pytest.mark.parametrize("reply", [pytest.param(reply, id=name) for name, reply in UNENDING.items()])
async def test_an_answer_without_an_end_is_marked_as_cut_off(
    reply: Reply, database: Database, keyring: Keyring
) -> None:
    """BF-04. That it takes no memory: tests/chat/test_memory.py."""
    limits = Deadlines(connect=20, first_token=20, silence=LIMIT / 2, total=LIMIT)
    async with FakeChat(reply) as chat, asking(database, keyring, chat, limits) as process:
        asked = await ask(process, chat)
        assert (asked.outcome, asked.requests) == ("failed", 1)
        text, _, words = asked.shown.partition(CUT_OFF)
        assert text.startswith(TEXT)
        assert text.removeprefix(TEXT).strip("x").strip() == ""
        assert words.strip()
        (turn,) = await process.history.turns(HERE)
        assert turn.answer is not None
        assert turn.answer.text.startswith(TEXT)
        assert CUT_OFF not in turn.answer.text


async def test_after_the_last_word_nothing_is_needed(database: Database, keyring: Keyring) -> None:
    """The other side of BF-04: an answer that named its end is whole, whatever else does not come."""
    whole = b"".join(stream([TEXT, "And that is all."], done=False))
    replies = [
        streams(whole),
        streams(whole, ending="reset"),
        streams(whole, ending="stall"),
        floods(b": ping\n\n", first=whole, pause=0.05),
    ]
    limits = Deadlines(connect=20, first_token=20, silence=LIMIT / 2, total=20)
    async with FakeChat(*replies) as chat, asking(database, keyring, chat, limits) as process:
        for number in range(len(replies)):
            asked = await ask(process, chat, str(number))
            assert (asked.outcome, asked.shown) == ("answered", f"{TEXT}And that is all.")
