"""Slack delivers at least once, in any order, over any connection: each message is one question, or none at all.

10,000 deliveries in one heap: `pytest -m long -n 2 tests/slack/test_deliveries.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from bots.roles import Role
from core.bootstrap import App
from core.cipher import new_key
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_pushing import Delivery
from tests.fakes.slack_values import Channel, Json, Message, User
from tests.slack import house
from tests.slack.askers import quiet
from tests.slack.house import World, answered
from tests.turns import ended

BOTH = (Role.WEB, Role.WORKER)


async def unheard(
    world: World, words: str, *, by: User | None = None, at: Channel | None = None, thread: Message | None = None
) -> Message:
    """Somebody, Alice mostly, writes something that Slack has not told anybody about yet."""
    kept, world.slack.subscriptions = world.slack.subscriptions, set()
    message = await world.slack.says(by or world.alice, at or world.general, words, thread=thread)
    world.slack.subscriptions = kept
    return message


def told(world: World, message: Message, kind: str, event_id: str = "") -> Json:
    """The envelope of one of the two events of a post that mentions the bot."""
    slack = world.slack
    found = {**slack._message_event(message), "type": kind}
    if kind == "app_mention":
        del found["channel_type"]
    return slack.envelope(found, world.askrepo, message.channel, event_id)


@pytest.fixture
async def both(world: World, chat: FakeChat, database_url: str) -> AsyncIterator[App]:
    """Two processes on one database: one listens over HTTP, one over Socket Mode; both answer."""
    slack, keys = world.slack, new_key().text()
    http, socket = (
        house.settings(slack, world.askrepo, chat, database_url, ASKREPO_SECRET_KEYS=keys, **way)
        for way in ({"SLACK_SIGNING_SECRET": slack.app.signing_secret}, {"SLACK_APP_TOKEN": slack.app.app_token})
    )
    async with house.askrepo(slack, http, BOTH) as parts, house.askrepo(slack, socket, (Role.SLACK, Role.WORKER)):
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await slack.until(lambda: slack.sockets.open == 2)
        yield parts


async def test_fifty_deliveries_of_one_message_are_one_question(world: World, both: App, chat: FakeChat) -> None:
    """DO-02: the same event id and others, retries, both events of the post, both processes, in any order."""
    slack, seed = world.slack, random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    question = await unheard(world, f"{world.askrepo.bot} where is login?")
    copies = fifty_copies(world, question, dice)
    for start in range(0, 50, 10):
        await asyncio.gather(*(_pushed(slack, each, dice) for each in copies[start : start + 10]))
    assert all(each.acknowledged for each in copies)
    (post,) = await answered(world, question)
    assert post.body.startswith("You asked about")
    await asyncio.gather(*(_pushed(slack, _again(each, n), dice) for n, each in enumerate(copies[:5])))
    await slack.says(world.alice, world.general, "and then?", thread=question)
    await answered(world, question, 2)
    assert [request.questions for request in chat.requests] == [["where is login?"], ["and then?"]]


@pytest.mark.long
@pytest.mark.timeout(1_800)
async def test_fifty_deliveries_of_each_of_two_hundred_messages(world: World, both: App, chat: FakeChat) -> None:
    """DO-02, at length: 10,000 deliveries in one heap, from as many people that nobody meets a limit."""
    slack, seed = world.slack, random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    slack.tiers.on = False
    people = [slack.user(world.team, f"person{number}") for number in range(100)]
    channels = [slack.channel(world.team, f"channel{number}", *people) for number in range(20)]
    for channel in channels:
        await both.mappings.map(replace(world.place, channel_id=channel.id), house.REPOSITORY, actor=world.alice.id)
    asked = [
        await unheard(
            world, f"{world.askrepo.bot} question {number}?", by=people[number % 100], at=channels[number % 20]
        )
        for number in range(200)
    ]
    heap = [copy for question in asked for copy in fifty_copies(world, question, dice)]
    dice.shuffle(heap)
    for start in range(0, len(heap), 50):
        await asyncio.gather(*(_pushed(slack, each, dice) for each in heap[start : start + 50]))
    assert all(each.acknowledged for each in heap)
    assert await ended(both, 200, seconds=600) == ["answered"] * 200
    assert sorted(request.question for request in chat.requests) == sorted(f"question {n}?" for n in range(200))
    for question in asked:
        (post,) = [each for each in slack.thread(question.channel, question.ts)[1:] if each.bot_id]
        assert question.text.removeprefix(f"{world.askrepo.bot} ") in post.body


def fifty_copies(world: World, question: Message, dice: random.Random) -> list[Delivery]:
    """Deliveries of one message, in an order of the dice: each `attempt` above 0 is a retry, and says so."""
    copies = []
    for number in range(50):
        kind = ("message", "app_mention")[number % 2]
        copy = told(world, question, kind, f"Ev0SAME{kind}" if number % 3 else "")
        payload = {**copy, "event_context": f"copy-{question.ts}-{number}"}
        attempt = (0, 0, 1, 2, 3)[number % 5]
        copies.append(Delivery("events_api", payload, attempt=attempt, reason="http_timeout" if attempt else ""))
    dice.shuffle(copies)
    return copies


async def _pushed(slack: FakeSlack, delivery: Delivery, dice: random.Random) -> None:
    """Push one delivery to one of the processes, whatever the others take meanwhile."""
    slack.transport = dice.choice(["http", "socket"])  # it is read before the first await
    await slack.pushing.push(delivery)


def _again(delivery: Delivery, number: int) -> Delivery:
    return Delivery(delivery.type, {**delivery.payload, "event_context": f"late-{number}"})


async def test_a_word_is_heeded_once_though_two_events_tell_of_it(world: World, app: App, chat: FakeChat) -> None:
    chat.will(says("One."), says("Two."), says("Two again."))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} one?")
    await answered(world, root)
    await world.slack.says(world.alice, world.general, "two?", thread=root)
    await answered(world, root, 2)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} retry", thread=root)
    await world.slack.until(lambda: any("Two again." in post.body for post in world.slack.posts(world.general)))
    posts = await answered(world, root, 2)
    assert [post.body.partition("\n")[0] for post in posts] == ["One.", "Two again."]
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} mute", thread=root)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot}", thread=root)
    await world.slack.until(lambda: len(world.slack.ephemerals(world.general, world.alice)) >= 2)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} last?", thread=root)
    await answered(world, root, 3)
    assert len(world.slack.ephemerals(world.general, world.alice)) == 2
    assert [request.questions[-1] for request in chat.requests] == ["one?", "two?", "two?", "last?"]


@pytest.mark.parametrize(("word", "asked", "alone"), [("retry", 2, 0), ("", 1, 1)])
async def test_a_word_is_heeded_once_though_two_processes_hear_of_it(
    world: World, both: App, chat: FakeChat, word: str, asked: int, alone: int
) -> None:
    """Nobody is told that there is nothing to answer again, and a bare mention gets its help once."""
    slack = world.slack
    root = await slack.says(world.alice, world.general, f"{world.askrepo.bot} one?")
    await answered(world, root)
    said = await unheard(world, f"{world.askrepo.bot} {word}", thread=root)
    for kind in ("message", "app_mention"):
        slack.transport = "http" if kind == "message" else "socket"
        assert (await slack.pushing.push(Delivery("events_api", told(world, said, kind)))).acknowledged
    assert await ended(both) == ["answered"]
    await quiet(world, both, chat)
    assert [request.question for request in chat.requests] == ["one?"] * asked + ["is all done?"]
    assert len(slack.ephemerals(world.general, world.alice)) == alone


async def test_a_database_that_is_away_is_no_acknowledgement_and_the_retry_is_answered(
    world: World, app: App, chat: FakeChat
) -> None:
    slack = world.slack
    slack.allows("not_acknowledged")
    slack.pushing.deadline = 1.0
    with away(app):
        question = await slack.says(world.alice, world.general, f"{world.askrepo.bot} where is login?")
        assert [each.acknowledged for each in slack.deliveries if not each.own] == [False, False]
    slack.advance(1)
    again = await slack.retries()
    assert [each.acknowledged for each in again] == [True] * len(again)
    assert len(again) == 2
    (post,) = await answered(world, question)
    assert post.body.startswith("You asked about")
    assert [request.questions for request in chat.requests] == [["where is login?"]]


async def test_a_word_that_a_database_that_is_away_keeps_from_its_effect_is_sent_again(world: World, app: App) -> None:
    slack = world.slack
    slack.allows("not_acknowledged")
    root = await slack.says(world.alice, world.general, f"{world.askrepo.bot} where is login?")
    await answered(world, root)
    with away(app):
        await slack.says(world.alice, world.general, f"{world.askrepo.bot} mute", thread=root)
    assert slack.ephemerals(world.general, world.alice) == []
    slack.advance(1)
    await slack.retries()
    await slack.until(lambda: slack.ephemerals(world.general, world.alice))
    assert "I answer only when I am mentioned here." in slack.ephemerals(world.general, world.alice)[-1].body


async def test_a_question_that_was_deleted_before_it_arrived_is_not_answered(
    world: World, app: App, chat: FakeChat
) -> None:
    """Slack could not deliver it, and tells of the deletion before it tries again."""
    slack, bot = world.slack, world.askrepo.bot
    begun = await slack.says(world.alice, world.general, f"{bot} one?")
    await answered(world, begun)
    talk = await slack.says(world.bob, world.general, "nothing to us")
    late: list[Delivery] = []
    for words, thread in ((f"{bot} my secret?", None), ("and my secret?", begun), (f"{bot} in this?", talk)):
        post = await unheard(world, words, thread=thread)
        late += [Delivery("events_api", told(world, post, "message"))]
        late += [Delivery("events_api", told(world, post, "app_mention"))] if str(bot) in words else []
        await slack.deletes(post)
    for each in late:
        assert (await slack.pushing.push(each)).acknowledged
    await slack.says(world.alice, world.general, "to Bob alone", thread=talk)
    await slack.says(world.alice, world.general, "and two?", thread=begun)
    await answered(world, begun, 2)
    await quiet(world, app, chat)
    assert [request.question for request in chat.requests] == ["one?", "and two?", "is all done?"]


@contextlib.contextmanager
def away(app: App) -> Iterator[None]:
    """Every statement that writes fails while the block runs, as with a disk that is full."""

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    engine = app.database._writer.engine.sync_engine
    event.listen(engine, "before_cursor_execute", fails)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", fails)


async def test_what_was_acknowledged_is_on_disk_and_outlives_the_process(
    world: World, chat: FakeChat, tmp_path: Path
) -> None:
    """The process that takes the question never answers: it has no worker, and ends."""
    slack, file = world.slack, tmp_path / "askrepo.db"
    given = house.settings(
        slack, world.askrepo, chat, f"sqlite:///{file}", SLACK_SIGNING_SECRET=slack.app.signing_secret
    )
    async with house.askrepo(slack, given, (Role.WEB,)) as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        question = await slack.says(world.alice, world.general, f"{world.askrepo.bot} where is login?")
        with contextlib.closing(sqlite3.connect(file)) as other:
            assert other.execute("SELECT message_id, status FROM turns").fetchall() == [(question.ts, "waiting")]
    slack.url = ""
    async with house.askrepo(slack, given):
        (post,) = await answered(world, question)
    assert post.body.startswith("You asked about")


async def test_only_the_retry_arrives(world: World, app: App, chat: FakeChat) -> None:
    question = await unheard(world, f"{world.askrepo.bot} where is login?")
    late = Delivery("events_api", told(world, question, "app_mention"), attempt=2, reason="http_timeout")
    await world.slack.pushing.push(late)
    await answered(world, question)
    assert [request.questions for request in chat.requests] == [["where is login?"]]


async def test_talk_that_is_not_for_us_costs_no_call_and_at_most_one_query(
    world: World, app: App, chat: FakeChat
) -> None:
    slack = world.slack
    root = await slack.says(world.bob, world.general, "lunch?")
    slack.calls.clear()
    with counted(app) as alone:
        for _ in range(20):
            await slack.says(world.bob, world.general, "anything at all https://example.com")
    with counted(app) as threaded:
        for _ in range(20):
            await slack.says(world.alice, world.general, "at one", thread=root)
    print(f"statements per irrelevant message: {len(alone) / 20} in a channel, {len(threaded) / 20} in a thread")
    assert alone == []
    assert len(threaded) == 20
    assert slack.calls == []
    statement, parameters = threaded[0]
    async with app.database.reading() as connection:
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
    assert [row.detail for row in plan if row.detail.startswith(("SCAN turns", "SCAN threads", "SCAN channels"))] == []
    assert any(row.detail.startswith("SEARCH turns") for row in plan)
    assert chat.requests == []


@contextlib.contextmanager
def counted(app: App) -> Iterator[list[tuple[str, Any]]]:
    """Every statement and its parameters, in order, but for the worker's own look for work."""
    found: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith(("UPDATE turns", "SELECT EXISTS (SELECT", "BEGIN", "PRAGMA")):
            found.append((statement, parameters))

    engines = [app.database._writer.engine.sync_engine, app.database._reader.engine.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


async def test_our_own_posts_edits_and_unfurls_ask_nothing(world: World, app: App, chat: FakeChat) -> None:
    """Slack tells us of all that we do, streams included; and of the previews it adds to what people wrote."""
    slack = world.slack
    chat.will(says(*[f"<@{world.askrepo.bot.id}> https://example.com {number}\n" for number in range(50)], delay=0.01))
    slack.allows("ping")
    root = await slack.says(world.alice, world.general, f"{world.askrepo.bot} see https://example.com")
    posts = await answered(world, root)
    for post in (root, *posts):
        await slack.unfurls(post)
    await slack.told()
    own = [each for each in slack.deliveries if each.own]
    assert len(own) >= 2
    await slack.says(world.alice, world.general, "and now?", thread=root)
    await answered(world, root, 2)
    assert len(chat.requests) == 2
