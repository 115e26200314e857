"""Whole turns: intake, lease, real /chat client over a real socket, writer, record. On both databases."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from core.channels.access import Audience, Standing
from core.chat.contract import MODEL_LIMIT
from core.cipher import Keyring
from core.conversation.values import Asker, ThreadRef
from core.database import Database
from core.errors import DatabaseUnavailable, DeliveryFailed, DeliveryUncertain, LeaseLost, PlaceGone
from core.relay.claims import LEASE_SECONDS, REFUSED, Scope
from core.relay.delivery import Surroundings
from core.relay.hold import Hold
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import event, piece, refuses, says, streams
from tests.fakes.platform import FakePlatform
from tests.platform_contract import holding
from tests.relay.house import REPOSITORY, Process, SteppedDatabase
from tests.relay.places import HERE, question, thread


async def test_a_question_is_answered_where_it_was_asked(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("It ", "**works** ", "so."))
    assert await process.ask(question("How?", within=HERE)) == "answered"
    (post,) = platform.visible(HERE)
    assert post.text == "It **works** so."
    assert post.footer is not None
    assert (post.footer.repository, post.footer.model, post.footer.outcome) == (REPOSITORY, "gpt-4o", "answered")
    (turn,) = await process.history.turns(HERE)
    assert turn.answer is not None
    assert (turn.answer.text, turn.outcome) == ("It **works** so.", "answered")
    (request,) = chat.requests
    assert (request.repository, request.question, request.token) == (REPOSITORY, "How?", "process-token-1234")
    assert platform.texts[0] == ""  # a sign at once


@pytest.mark.parametrize(
    ("named", "kept"),
    [("gpt\0-4o", "gpt\ufffd-4o"), ("\ud800gpt", "\ufffdgpt"), ("m" * 5_000, "m" * MODEL_LIMIT)],
    ids=["nul", "half a pair", "long"],
)
async def test_whatever_the_service_calls_its_model_the_answer_counts(
    named: str, kept: str, process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(streams(event(json.dumps({**piece("It\0 w\ud800orks.", "stop"), "model": named}))))
    assert await process.ask(question(within=HERE)) == "answered"
    (turn,) = await process.history.turns(HERE)
    assert turn.answer is not None
    assert (turn.answer.text, turn.answer.model) == ("It\ufffd w\ufffdorks.", kept)
    (post,) = platform.visible(HERE)
    assert post.footer is not None
    assert (post.text, post.footer.model) == (turn.answer.text, kept)
    assert len(chat.requests) == 1


async def test_a_follow_up_carries_the_conversation_and_a_fresh_start_does_not(
    process: Process, chat: FakeChat
) -> None:
    chat.will(says("First answer."), says("Second answer."), says("Third answer."))
    await process.ask(question("First?", at=1, within=HERE))
    await process.ask(question("And then?", at=2, within=HERE))
    assert chat.requests[1].json["messages"] == [
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "First answer."},
        {"role": "user", "content": "And then?"},
    ]
    await process.history.start_anew(HERE, 3)
    await process.ask(question("Anew?", at=3, within=HERE))
    assert chat.requests[2].json["messages"] == [{"role": "user", "content": "Anew?"}]


@pytest.mark.parametrize(
    "other", [thread("2", platform="slack"), thread(HERE.thread_id, workspace="W2", platform="slack")], ids=["2", "W2"]
)
async def test_every_thread_is_a_conversation_of_its_own(process: Process, chat: FakeChat, other: ThreadRef) -> None:
    await process.map(other.channel)
    for at, place in enumerate((HERE, other, HERE, other), 1):
        assert await process.ask(question(f"Question {at}?", at=at, within=place)) == "answered"
    asked = [[each["content"] for each in request.json["messages"][::2]] for request in chat.requests]
    assert asked == [["Question 1?"], ["Question 2?"], ["Question 1?", "Question 3?"], ["Question 2?", "Question 4?"]]


async def test_what_arrives_while_an_answer_runs_is_answered_together_in_order(
    process: Process, chat: FakeChat, platform: FakePlatform
) -> None:
    chat.will(says("slow ", "answer", delay=0.05), says("both"))
    first = asyncio.create_task(process.ask(question("one", at=1, within=HERE)))
    await chat.arrival()
    later = [await process.intake.accept(question(text, at=at, within=HERE)) for at, text in ((3, "three"), (2, "two"))]
    assert later[1].turn_id is not None
    assert await process.worker.outcome(later[1].turn_id) == "answered"
    assert await first == "answered"
    assert [message["content"] for message in chat.requests[1].json["messages"]] == [
        "one",
        "slow answer",
        "two",
        "three",
    ]
    assert set((await process.records()).values()) == {"answered"}
    assert [post.text for post in platform.visible(HERE)] == ["slow answer", "both"]


async def test_what_came_with_each_of_them_is_asked_with_it_ever_after(
    process: Process, chat: FakeChat, platform: FakePlatform
) -> None:
    chat.will(says("slow ", "answer", delay=0.05), says("both"), says("third"))
    first = asyncio.create_task(process.ask(question("one", at=1, within=HERE)))
    await chat.arrival()
    platform.brought = "a log"
    for at, text in ((2, "two"), (3, "three")):
        await process.intake.accept(question(text, at=at, within=HERE))
    assert await first == "answered"
    await chat.arrival()
    platform.brought = ""
    assert await process.ask(question("four", at=4, within=HERE)) == "answered"
    asked = [message["content"] for message in chat.requests[-1].json["messages"] if message["role"] == "user"]
    assert asked == ["one", "two\n\na log", "three\n\na log", "four"]


async def test_what_hinders_one_that_waits_does_not_hinder_the_one_before(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    surveys = 0

    async def step(name: str) -> None:
        nonlocal surveys
        await asyncio.sleep(0)
        surveys += name == "before survey"
        if name == "before survey" and surveys == 2:
            raise DeliveryFailed("a file cannot be read")

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    for text, at in (("one", 1), ("two", 2)):
        await process.intake.accept(question(text, at=at, within=HERE))
    async with process.running():
        while set((await process.records()).values()) != {"answered"}:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
    assert [request.question for request in chat.requests] == ["one", "two"]


async def test_a_database_that_is_away_for_a_moment_has_no_answer_begun_anew(
    database: Database, database_url: str, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    refused = 0

    async def step(name: str) -> None:
        nonlocal refused
        await asyncio.sleep(0)
        if name == "before read" and refused < 2 and any(post.text for post in platform.visible(HERE)):
            refused += 1
            raise DatabaseUnavailable("database", "connection refused")

    chat.will(says("Half ", "of ", "it.", delay=0.2))
    stepped = SteppedDatabase(Secret(database_url), step)
    process = Process(stepped, keyring, platform, chat.url)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question(within=HERE)) == "answered"
    await stepped.close()
    assert refused == 2
    assert len(chat.requests) == 1
    assert [post.text for post in platform.visible(HERE)] == ["Half of it."]


@pytest.mark.parametrize("at", [1, 2, 4])
async def test_a_pace_that_cannot_be_reserved_for_a_moment_has_no_answer_begun_anew(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat, at: int
) -> None:
    """A platform's way to us keeps its pace in the database too."""
    shown = 0

    async def step(name: str) -> None:
        nonlocal shown
        shown += name == "before show"
        if shown == at:
            shown += 1
            raise DatabaseUnavailable("database", "connection refused")

    chat.will(says("Half ", "of ", "it.", delay=0.2))
    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question(within=HERE)) == "answered"
    assert shown > at
    assert len(chat.requests) == 1
    assert [post.text for post in platform.visible(HERE)] == ["Half of it."]
    assert await recorded(database, TurnRow.attempt) == [1]


async def test_unmapped_is_refused_with_the_next_step(process: Process, platform: FakePlatform) -> None:
    elsewhere = thread(channel="C2", platform="slack")
    assert await process.ask(question(within=elsewhere)) == "refused"
    (notice,) = platform.notices[elsewhere]
    assert "/askrepo map" in notice
    assert platform.visible(elsewhere) == []


async def test_a_direct_message_without_a_default_is_told_of_the_default(
    process: Process, platform: FakePlatform
) -> None:
    alone = thread(channel="D1", platform="slack")
    platform.surroundings = Surroundings(Standing.MEMBER, Audience.DIRECT)
    assert await process.ask(question(within=alone)) == "refused"
    (notice,) = platform.notices[alone]
    assert "default repository" in notice
    assert "/askrepo map" not in notice


async def test_a_thread_stays_on_its_repository_until_told_otherwise(
    process: Process, chat: FakeChat, platform: FakePlatform
) -> None:
    await process.ask(question("one", at=1, within=HERE))
    await process.mappings.map(HERE.channel, "github.com/o/other", alias="other", actor="U0")
    await process.ask(question("two", at=2, within=HERE))
    await process.ask(question("in:other three", at=3, within=HERE))
    await process.ask(question("four", at=4, within=HERE))
    assert [request.repository for request in chat.requests] == [
        REPOSITORY,
        REPOSITORY,
        "github.com/o/other",
        "github.com/o/other",
    ]
    assert chat.requests[2].question == "three"
    assert "github.com/o/other" in platform.visible(HERE)[2].text
    await process.mappings.unmap(HERE.channel, "github.com/o/other", actor="U0")
    assert await process.ask(question("five", at=5, within=HERE)) == "refused"


async def test_a_repository_alone_is_no_question(process: Process, chat: FakeChat, platform: FakePlatform) -> None:
    await process.ask(question("one", at=1, within=HERE))
    await process.mappings.map(HERE.channel, "github.com/o/other", alias="other", actor="U0")
    assert await process.ask(question("in:other ", at=2, within=HERE)) == "refused"
    assert "asked nothing" in platform.notices[HERE][-1]
    await process.ask(question("two", at=3, within=HERE))
    assert [request.repository for request in chat.requests] == [REPOSITORY, REPOSITORY]
    platform.brought = "> a message it is about"
    assert await process.ask(question("in:other", at=4, within=HERE)) == "answered"


async def test_a_refused_token_is_marked_and_told(process: Process, platform: FakePlatform, chat: FakeChat) -> None:
    stored = await process.tokens.save_for_workspace(
        HERE.channel.workspace, Secret("wrong-token-9876"), label="team", actor="U0"
    )
    assert await process.ask(question(within=HERE)) == "failed"
    (post,) = platform.visible(HERE)
    assert "token" in post.text
    assert "wrong-token" not in post.text
    (listed,) = await process.tokens.list(HERE.channel.workspace)
    assert listed.token_id == stored.token_id
    assert listed.refused_at is not None
    assert len(chat.requests) == 1


async def test_a_broken_answer_is_kept_and_marked(process: Process, platform: FakePlatform, chat: FakeChat) -> None:
    chat.will(streams(event(piece("Half of\n```py\nx = ")), ending="close"))
    assert await process.ask(question(within=HERE)) == "failed"
    (post,) = platform.visible(HERE)
    assert post.text.startswith("Half of\n```py\nx = \n```\n")
    assert "cut off" in post.text
    (turn,) = await process.history.turns(HERE)
    assert turn.answer is not None
    assert turn.answer.text == "Half of\n```py\nx = "


async def test_stop_keeps_the_text_so_far(process: Process, platform: FakePlatform, chat: FakeChat) -> None:
    chat.will(says(*("word " * 200).split(), delay=0.05))
    asking = asyncio.create_task(process.ask(question(within=HERE)))
    await platform.until(lambda: any("wordword" in post.text for post in platform.visible(HERE)))
    assert await process.worker.stop(HERE)
    assert await asking == "stopped"
    (post,) = platform.visible(HERE)
    assert post.text.startswith("wordword")
    assert post.footer is not None
    assert post.footer.outcome == "stopped"


async def test_stop_leaves_a_thread_with_the_same_id_in_another_workspace(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    theirs, go_on = thread(HERE.thread_id, workspace="W2", platform="slack"), asyncio.Event()
    await process.map(theirs.channel)
    chat.will(holding("Mine.", "", asyncio.Event()), holding("Their ", "answer.", go_on))
    mine = asyncio.create_task(process.ask(question(within=HERE)))
    await chat.arrival()
    other = asyncio.create_task(process.ask(question(within=theirs)))
    await platform.until(lambda: all(any(post.text for post in platform.visible(at)) for at in (HERE, theirs)))
    assert await process.worker.stop(HERE)
    assert await mine == "stopped"
    go_on.set()
    assert await other == "answered"


async def test_stop_leaves_the_questions_that_wait_behind(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says(*("word " * 200).split(), delay=0.05), says("Both."))
    first = asyncio.create_task(process.ask(question("one", at=1, within=HERE)))
    await chat.arrival()
    later = [await process.intake.accept(question(text, at=at, within=HERE)) for at, text in ((2, "two"), (3, "three"))]
    await platform.until(lambda: any("wordword" in post.text for post in platform.visible(HERE)))
    assert await process.worker.stop(HERE)
    assert await first == "stopped"
    assert later[0].turn_id is not None
    assert await process.worker.outcome(later[0].turn_id) == "answered"
    assert list((await process.records()).values()) == ["stopped", "answered", "answered"]
    stopped, answered = platform.visible(HERE)
    assert stopped.text.startswith("wordword")
    assert answered.text == "Both."
    assert [message["content"] for message in chat.requests[-1].json["messages"]][-2:] == ["two", "three"]


async def test_stop_ends_no_question_of_somebody_else_that_is_answered_with_it(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says(*("word " * 200).split(), delay=0.05), says("Theirs."))
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    for at, asker in ((1, "U1"), (2, "U2"), (3, "U1")):
        await process.intake.accept(replace(question(at=at, within=HERE), asker=Asker(asker)))
    async with process.running():
        await platform.until(lambda: any("wordword" in post.text for post in platform.visible(HERE)))
        mine, theirs, _ = [turn.turn_id for turn in await process.history.turns(HERE)]
        stopped, answered = process.worker.outcome(mine), process.worker.outcome(theirs)
        assert await process.worker.stop(HERE)
        assert await stopped == "stopped"
        assert (await process.history.turns(HERE))[1].outcome != "stopped"
        assert await answered == "answered"
    assert [turn.outcome for turn in await process.history.turns(HERE)] == ["stopped", "answered", "stopped"]


async def test_what_is_asked_behind_a_fresh_start_is_not_answered_with_what_was_asked_before(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("Old."), says("New."), says("Newest."))
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = [await process.intake.accept(question(f"{at}?", at=at, within=HERE)) for at in (1, 2, 4)]
    await process.history.start_anew(HERE, 3)
    async with process.running():
        assert await ends(process, accepted[-1].turn_id) == "answered"
        assert await process.ask(question("5?", at=5, within=HERE)) == "answered"
    asked = [[message["content"] for message in request.json["messages"]] for request in chat.requests]
    assert asked == [["1?", "2?"], ["4?"], ["4?", "New.", "5?"]]


async def test_what_comes_late_from_before_a_fresh_start_is_not_answered_with_what_was_asked_behind_it(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("New."), says("Late."))
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    begun = await process.intake.accept(question("4?", at=4, within=HERE))
    (claim,) = await process.leases.claim("dead", Scope((HERE.channel.platform,)), most=1)
    await process.history.start_anew(HERE, 3)
    await process.intake.accept(question("1?", at=1, within=HERE))
    await process.leases.free_thread(HERE)
    async with process.running():
        assert await ends(process, begun.turn_id) == "answered"
        await platform.until(lambda: "Late." in platform.texts)
    assert claim.order == 4
    assert [request.question for request in chat.requests] == ["4?", "1?"]


async def test_a_word_stops_what_waits_before_it_and_not_what_runs_and_was_asked_after_it(
    process: Process, chat: FakeChat
) -> None:
    go_on = asyncio.Event()
    chat.will(holding("Later ", "answer.", go_on))
    later = asyncio.create_task(process.ask(question(at=3, within=HERE)))
    await chat.arrival()
    earlier = await process.intake.accept(question(at=1, within=HERE))
    assert earlier.turn_id is not None
    ended = asyncio.create_task(process.worker.outcome(earlier.turn_id))
    assert await process.worker.stop(HERE, before=2)
    go_on.set()
    assert (await later, await ended) == ("answered", "stopped")


async def test_what_is_stopped_before_it_is_asked_is_shown_and_takes_nobody_along(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says("Mine."))
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    first, second = [await process.intake.accept(question(at=at, within=HERE)) for at in (1, 2)]
    assert first.turn_id is not None
    assert second.turn_id is not None
    assert await process.worker.stop(HERE)
    async with process.running():
        assert await process.worker.outcome(first.turn_id) == "stopped"
        assert await process.worker.outcome(second.turn_id) == "answered"
    stopped, answered = platform.visible(HERE)
    assert stopped.footer is not None
    assert (stopped.footer.outcome, answered.text) == ("stopped", "Mine.")
    assert len(chat.requests) == 1


async def test_long_answers_fill_posts_and_lose_nothing(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    lines = [f"Line {number} of a long answer, with some words to fill it up.\n" for number in range(400)]
    chat.will(says(*lines))
    await process.ask(question(within=HERE))
    posts = platform.visible(HERE)
    assert len(posts) > 5
    assert "".join(post.text for post in posts) == "".join(lines)
    assert [post.footer is not None for post in posts] == [False] * (len(posts) - 1) + [True]


async def test_a_delivery_that_keeps_failing_ends_in_one_failure(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    async def refuse(name: str) -> None:
        if name == "before show":
            raise DeliveryFailed("the platform is ill")

    process = Process(database, keyring, platform, chat.url, step=refuse)
    await process.map(HERE.channel)
    async with process.running():
        accepted = await process.intake.accept(question(within=HERE))
        assert await ends(process, accepted.turn_id) == "failed"
    assert platform.visible(HERE) == []


async def test_a_place_that_is_gone_ends_the_turn_without_a_storm(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    calls: list[str] = []

    async def gone(name: str) -> None:
        calls.append(name)
        if name in {"before show", "before tell"}:
            raise PlaceGone("kicked")

    process = Process(database, keyring, platform, chat.url, step=gone)
    await process.map(HERE.channel)
    async with process.running():
        assert await process.ask(question(within=HERE)) == "failed"
    assert calls == ["before survey", "after survey", "before show", "before tell"]


async def test_shutting_down_hands_the_question_over(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says(*["endless "] * 10_000, delay=0.02), says("Whole."))
    first = Process(database, keyring, platform, chat.url)
    await first.map(HERE.channel)
    async with first.worker.running(grace=0):
        accepted = await first.intake.accept(question(within=HERE))
        assert accepted.turn_id is not None
        await platform.until(lambda: any("endless" in post.text for post in platform.visible(HERE)))
    await first.client.aclose()
    assert set((await first.records()).values()) == {"waiting"}
    second = Process(database, keyring, platform, chat.url)
    async with second.running():
        assert await second.worker.outcome(accepted.turn_id) == "answered"
    (post,) = platform.visible(HERE)
    assert post.text == "Whole."  # in the same post, and nothing of the first generation


async def test_a_worker_that_stood_still_shows_nothing_more(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """Whatever it does, each step takes most of a lease, until somebody begins anew."""
    now, pace, surveys = 0.0, 0.0, 0

    def clock() -> float:
        nonlocal now
        now += pace
        return now

    async def step(name: str) -> None:
        nonlocal pace, surveys
        surveys += name == "before survey"
        pace = pace if surveys < 2 else 0.0

    go_on = asyncio.Event()
    chat.will(holding("Half ", "of it.", go_on), says("Whole."))
    process = Process(database, keyring, platform, chat.url, step=step, clock=clock)
    await process.map(HERE.channel)
    async with process.running():
        asking = asyncio.create_task(process.ask(question(within=HERE)))
        await platform.until(lambda: "Half " in platform.texts)
        pace = LEASE_SECONDS * 2 / 3
        go_on.set()
        assert await asking == "answered"
    assert "Half of it." not in platform.texts
    assert [post.text for post in platform.visible(HERE)] == ["Whole."]


@pytest.mark.parametrize(("standing", "at"), [(Standing.MEMBER, "after survey"), (Standing.GUEST, "declined")])
async def test_a_machine_that_was_suspended_shows_no_sign_and_tells_nothing(
    database_url: str,
    database: Database,
    keyring: Keyring,
    platform: FakePlatform,
    chat: FakeChat,
    standing: Standing,
    at: str,
) -> None:
    """Its clock stood still as well, while another process took over."""
    stands, go_on = asyncio.Event(), asyncio.Event()

    async def step(name: str) -> None:
        declined = name == "after write" and await recorded(database, TurnRow.declined) == [REFUSED]
        if at == ("declined" if declined else name):
            stands.set()
            await go_on.wait()

    platform.surroundings = replace(platform.surroundings, standing=standing)
    stepped = SteppedDatabase(Secret(database_url), step)
    first = Process(stepped, keyring, platform, chat.url, step=step, clock=lambda: 0.0)
    second = Process(database, keyring, platform, chat.url)
    await second.map(HERE.channel)
    async with first.running():
        accepted = await first.intake.accept(question(within=HERE))
        assert accepted.turn_id is not None
        await stands.wait()
        await second.leases.free_thread(HERE)
        async with second.running():
            await second.worker.outcome(accepted.turn_id)
        go_on.set()
    assert len(platform.visible(HERE)) + len(platform.notices[HERE]) == 1
    await stepped.close()


async def recorded(database: Database, column: InstrumentedAttribute[Any]) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(select(column))).scalars())


async def test_a_slow_reply_prolongs_no_lease(
    database_url: str, database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """A lease counts from when it was asked for: when the database granted it, nobody here can know."""
    now = 0.0

    async def step(name: str) -> None:
        nonlocal now
        now += LEASE_SECONDS * 2 / 3 if name == "after write" else 0.0

    slow = SteppedDatabase(Secret(database_url), step)
    process = Process(slow, keyring, platform, chat.url, clock=lambda: now)
    worker = process.worker
    await Process(database, keyring, platform, chat.url).intake.accept(question(within=HERE))
    (claim,) = await process.leases.claim(worker.name, process.scope, 1)
    hold = Hold(claim, now, lambda: now)
    worker._running[claim.turn_id] = (hold, asyncio.create_task(asyncio.sleep(0)))
    hold.check()
    await worker._renew()
    with pytest.raises(LeaseLost):
        hold.check()
    await process.client.aclose()
    await slow.close()


async def _everything_is_due(process: Process) -> None:
    """As if every back-off had passed; until the next look, where a connection is just being given up."""
    with contextlib.suppress(DatabaseUnavailable):
        await process.database.write(lambda connection: connection.execute(update(TurnRow).values(due_at=0)))


async def test_errors_of_the_service_are_told_in_our_words(
    process: Process, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(refuses(404, param="model", code="model_not_found", message="secret internals at 10.0.0.7"))
    assert await process.ask(question(within=HERE)) == "failed"
    (post,) = platform.visible(HERE)
    assert "`gpt-4o`" in post.text
    assert "10.0.0.7" not in post.text


async def ends(process: Process, asked: str | None) -> str:
    """The outcome, with every back-off passing at once."""
    assert asked is not None
    ended = asyncio.create_task(process.worker.outcome(asked))
    async with asyncio.timeout(30):
        while not ended.done():
            await _everything_is_due(process)
            process.worker.wake()
            await asyncio.wait([ended], timeout=0.05)
    return ended.result().value


@pytest.mark.parametrize("error", [PlaceGone("kicked"), KeyError("a bug")], ids=lambda error: type(error).__name__)
async def test_a_refusal_that_cannot_be_told_still_ends_the_turn(
    error: Exception, database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    async def step(name: str) -> None:
        if name in {"before tell", "before show"}:
            raise error

    process = Process(database, keyring, platform, chat.url, step=step)
    async with process.running():
        accepted = await process.intake.accept(question(within=HERE))  # nothing is mapped
        assert await ends(process, accepted.turn_id) == "failed"


async def test_what_a_platform_takes_from_nobody_just_now_is_told_when_it_takes_it(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    down = True

    async def step(name: str) -> None:
        if down and name in {"before tell", "before show", "before survey"}:
            raise DeliveryFailed("ill")

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        accepted = await process.intake.accept(question(within=HERE))
        async with asyncio.timeout(30):
            while (await attempts(process)) < 8:
                await _everything_is_due(process)
                process.worker.wake()
                await asyncio.sleep(0.05)
        down = False
        assert await ends(process, accepted.turn_id) == "failed"
    (told,) = [*(post.text for post in platform.visible(HERE)), *platform.notices[HERE]]
    assert "several times" in told


async def attempts(process: Process) -> int:
    """How often the one turn was claimed."""
    async with process.database.reading() as connection:
        return int((await connection.execute(select(TurnRow.attempt))).scalar_one())


async def test_a_turn_that_breaks_us_ends_and_lets_the_next_one_through(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    broken = True

    async def step(name: str) -> None:
        if broken and name == "before show":
            raise ZeroDivisionError

    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        accepted = await process.intake.accept(question(at=1, within=HERE))
        assert await ends(process, accepted.turn_id) == "failed"
        broken = False
        assert await process.ask(question(at=2, within=HERE)) == "answered"


async def shown_and_put_back(process: Process, platform: FakePlatform, chat: FakeChat) -> str:
    """A turn whose first attempt showed half an answer and was handed back."""
    chat.will(says(*["half "] * 10_000, delay=0.02))
    await process.map(HERE.channel)
    async with process.worker.running(grace=0):
        accepted = await process.intake.accept(question(within=HERE))
        await platform.until(lambda: any("half" in post.text for post in platform.visible(HERE)))
    assert accepted.turn_id is not None
    return accepted.turn_id


async def test_a_redo_edits_the_recorded_post_where_the_platform_forbids_reading(
    database: Database, keyring: Keyring, chat: FakeChat
) -> None:
    platform = FakePlatform(readable=False)
    process = Process(database, keyring, platform, chat.url)
    turn_id = await shown_and_put_back(process, platform, chat)
    chat.will(says("Whole."))
    async with process.running():
        assert await process.worker.outcome(turn_id) == "answered"
    assert [post.text for post in platform.visible(HERE)] == ["Whole."]


async def test_what_was_shown_is_withdrawn_when_the_redo_is_refused(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    turn_id = await shown_and_put_back(process, platform, chat)
    await process.mappings.unmap(HERE.channel, actor="U0")
    async with process.running():
        assert await process.worker.outcome(turn_id) == "refused"
    assert platform.visible(HERE) == []
    assert len(platform.notices[HERE]) == 1


async def test_stopping_what_waits_for_its_redo_is_shown(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    turn_id = await shown_and_put_back(process, platform, chat)
    assert await process.worker.stop(HERE)
    async with process.running():
        assert await process.worker.outcome(turn_id) == "stopped"
    (post,) = platform.visible(HERE)
    assert post.footer is not None
    assert post.footer.outcome == "stopped"


async def test_what_was_given_up_leaves_nothing_that_looks_like_an_answer_to_come(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """Its post cannot be changed any more, and its notice may be told by one who dies before it is recorded."""
    changeable, told = False, 0

    async def step(name: str) -> None:
        nonlocal told
        if name == "before show" and not changeable:
            raise DeliveryFailed("ill")
        if name == "after tell":
            told += 1
            if told <= 2:  # an attempt tells it twice where it cannot know
                raise DeliveryUncertain("as good as dead")

    process = Process(database, keyring, platform, chat.url)
    turn_id = await shown_and_put_back(process, platform, chat)
    ill = Process(database, keyring, platform, chat.url, step=step)
    async with ill.worker.running(grace=0):
        await told_once(ill, platform)
        assert platform.visible(HERE) == []
        changeable = True
        assert await ends(ill, turn_id) == "failed"
    await ill.client.aclose()
    assert platform.visible(HERE) == []  # it was said by a notice, and is not said once more in a post
    assert {"several times" in notice for notice in platform.notices[HERE]} == {True}


async def told_once(process: Process, platform: FakePlatform) -> None:
    """Return once a notice is shown, with every back-off passing at once."""
    async with asyncio.timeout(60):
        while not platform.notices[HERE]:
            await _everything_is_due(process)
            process.worker.wake()
            await asyncio.sleep(0.05)
