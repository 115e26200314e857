"""A process killed at each of its steps in turn: before or after every database and platform call of one question.

Each question then has exactly one visible answer, once another process has taken over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from core.cipher import Keyring
from core.conversation.values import Question, ThreadRef
from core.database import Database
from core.secret import Secret
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.platform import FakePlatform
from tests.relay.dying import ENDED, Killed, Life, live_and_die, rescue
from tests.relay.house import Process, SteppedDatabase
from tests.relay.places import question, thread

ANSWER = [f"Sentence {number} of an answer that fills two posts. " for number in range(8)]
LEAST_STEPS = 20  # fewer would mean that the enumeration misses something


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async def answers(exchange: Exchange) -> None:
        await says(*ANSWER)(exchange)

    async with FakeChat(default=answers) as fake:
        yield fake


@pytest.mark.timeout(1_200)
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
        stepped = SteppedDatabase(Secret(database_url), life.step)
        await live_and_die(life, Process(stepped, keyring, platform, chat.url, step=life.step), asked)
        await rescue(rescuer, asked)
        check(platform, place, chat, life)
    await rescuer.client.aclose()
    assert set((await rescuer.records()).values()) == {"answered"}
    assert len(lives) > LEAST_STEPS, lives[-1].taken


@pytest.mark.timeout(1_200)
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
        assert second == "answered", life.died
        assert first == "stopped" if stopped else first in ENDED, life.died
        shown = [post.footer.outcome for post in platform.visible(place) if post.footer is not None]
        assert shown == (["stopped", "answered"] if first == "stopped" else ["answered"]), life.died
        assert platform.notices[place] == [], life.died
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


def check(platform: FakePlatform, place: ThreadRef, chat: FakeChat, life: Life) -> None:
    died = life.died
    posts = sorted(platform.visible(place), key=lambda post: post.number)
    assert "".join(post.text for post in posts) == "".join(ANSWER), died
    assert [post.number for post in posts] == list(range(len(posts))), died
    assert [post.footer is not None for post in posts] == [False] * (len(posts) - 1) + [True], died
    assert platform.notices[place] == [], died
    asked = [request for request in chat.requests if request.question == f"Question {place.thread_id}"]
    assert 1 <= len(asked) <= 2, died
