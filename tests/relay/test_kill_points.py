"""A process killed at each of its steps in turn: before or after every database and platform call of one question.

Killed means that from this step on the process does nothing at all. The platform delivers again what was not
acknowledged; another process takes over once the lease has ended. Each question then has exactly one visible answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select, update

from core.cipher import Keyring
from core.conversation.values import Question, ThreadRef
from core.database import Database, now_ms
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.platform import FakePlatform
from tests.relay.house import Process, SteppedDatabase
from tests.relay.places import question, thread

ANSWER = [f"Sentence {number} of an answer that fills two posts. " for number in range(8)]
ENDED = {"answered", "stopped"}
LEAST_STEPS = 20  # fewer would mean that the enumeration misses something


class Killed(BaseException):
    """This process is dead."""


@dataclass
class Life:
    """Counts a process's steps, from the moment it counts, and ends it at one of them."""

    end: int
    counts: bool = True
    taken: list[str] = field(default_factory=list)
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self, name: str) -> None:
        await asyncio.sleep(0)
        if self.counts and not self.dead.is_set():
            self.taken.append(name)
            if len(self.taken) > self.end:
                self.dead.set()
        if self.dead.is_set():
            raise Killed(name)


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async def answers(exchange: Exchange) -> None:
        await says(*ANSWER)(exchange)

    async with FakeChat(default=answers) as fake:
        yield fake


async def test_a_question_survives_a_kill_at_any_step(
    database_url: str, database: Database, keyring: Keyring, chat: FakeChat
) -> None:
    platform = FakePlatform(characters=250)
    rescuer = Process(database, keyring, platform, chat.url)
    lives: list[Life] = []
    while not lives or lives[-1].dead.is_set():
        place = thread(str(len(lives)), platform="slack")
        await rescuer.map(place.channel)
        asked = question(f"Question {len(lives)}", within=place)
        life = Life(end=len(lives))
        lives.append(life)
        await live_and_die(life, database_url, keyring, platform, chat, asked)
        await rescue(rescuer, asked)
        check(platform, place, chat, life)
    await rescuer.client.aclose()
    assert set((await rescuer.records()).values()) == {"answered"}
    assert len(lives) > LEAST_STEPS, lives[-1].taken


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])
async def test_a_stop_survives_a_kill_at_any_step(
    database_url: str, database: Database, keyring: Keyring, chat: FakeChat, stride: int
) -> None:
    """One answer is stopped while somebody else's question waits behind it: both end where they can be seen."""
    platform = FakePlatform(characters=250)
    rescuer = Process(database, keyring, platform, chat.url)
    lives: list[Life] = []
    while not lives or lives[-1].dead.is_set():
        place = thread(str(len(lives)), platform="slack")
        await rescuer.map(place.channel)
        life = Life(end=len(lives) * stride, counts=False)
        lives.append(life)
        chat.will(says(*["Half. "] * 10_000, delay=0.02))
        asked = [question(f"Question {at} of {place.thread_id}", at=at, within=place) for at in (1, 2)]
        stopped = await stop_and_die(life, database_url, keyring, platform, asked, chat)
        for each in asked:
            await rescue(rescuer, each)
        records = await rescuer.records()
        first, second = (records[each.message_id] for each in asked)
        died = f"killed at step {life.end}: {life.taken[-1]}"
        assert second == "answered", died
        assert first == "stopped" if stopped else first in ENDED, died
        shown = [post.footer.outcome for post in platform.visible(place) if post.footer is not None]
        assert shown == (["stopped", "answered"] if first == "stopped" else ["answered"]), died
        assert platform.notices[place] == [], died
    await rescuer.client.aclose()
    assert len(lives) * stride > LEAST_STEPS, lives[-1].taken


async def stop_and_die(
    life: Life, url: str, keyring: Keyring, platform: FakePlatform, asked: list[Question], chat: FakeChat
) -> bool:
    """One process that stops an answer, and lives until its end or to the outcome of what waited; whether it did."""
    database = SteppedDatabase(Secret(url), life.step)
    process = Process(database, keyring, platform, chat.url, step=life.step)
    place = asked[0].thread
    stopping: asyncio.Task[bool] | None = None
    with suppress(Killed):
        async with process.running():
            await process.intake.accept(asked[0])
            await platform.until(lambda: any("Half" in post.text for post in platform.visible(place)))
            waiting = await process.intake.accept(asked[1])
            assert waiting.turn_id is not None
            life.counts = True
            stopping = asyncio.create_task(process.worker.stop(place))
            tasks = [
                asyncio.create_task(process.worker.outcome(waiting.turn_id)),
                asyncio.create_task(life.dead.wait()),
            ]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)
    await database.close()
    return stopping is not None and stopping.done() and stopping.exception() is None


async def live_and_die(
    life: Life, url: str, keyring: Keyring, platform: FakePlatform, chat: FakeChat, asked: Question
) -> None:
    """One process that accepts and answers until its end, or to the outcome if it lives that long."""
    database = SteppedDatabase(Secret(url), life.step)
    process = Process(database, keyring, platform, chat.url, step=life.step)
    with suppress(Killed):
        async with process.running():
            asking = asyncio.create_task(process.ask(asked))
            dying = asyncio.create_task(life.dead.wait())
            await asyncio.wait({asking, dying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (asking, dying):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asking
    await database.close()


async def rescue(rescuer: Process, asked: Question) -> None:
    """The platform delivers again; the lease of the dead has ended; somebody else works."""
    ended_before = (await rescuer.records()).get(asked.message_id) in ENDED
    await rescuer.intake.accept(asked)
    past = update(TurnRow).where(TurnRow.status == "running").values(lease_until=now_ms() - 1)
    await rescuer.database.write(lambda connection: connection.execute(past))
    await rescuer.leases.free_expired()
    async with rescuer.database.reading() as connection:
        turn = (
            await connection.execute(
                select(TurnRow.turn_id, TurnRow.status).where(TurnRow.message_id == asked.message_id)
            )
        ).one()
    assert not ended_before or turn.status in ENDED
    if turn.status == "waiting":
        ended = asyncio.create_task(rescuer.worker.outcome(turn.turn_id))
        await asyncio.sleep(0)
        async with rescuer.worker.running(grace=5):
            assert await ended in ENDED


def check(platform: FakePlatform, place: ThreadRef, chat: FakeChat, life: Life) -> None:
    died = f"killed at step {life.end}: {life.taken[-1]}"
    posts = sorted(platform.visible(place), key=lambda post: post.number)
    assert "".join(post.text for post in posts) == "".join(ANSWER), died
    assert [post.number for post in posts] == list(range(len(posts))), died
    assert [post.footer is not None for post in posts] == [False] * (len(posts) - 1) + [True], died
    assert platform.notices[place] == [], died
    asked = [request for request in chat.requests if request.question == f"Question {place.thread_id}"]
    assert 1 <= len(asked) <= 2, died
