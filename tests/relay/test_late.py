"""A question that nobody came to in time ends in a notice, by the database's clock."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from core.cipher import Keyring
from core.conversation.values import Offer, Outcome
from core.database import Database, now_ms
from core.errors import PlatformAway, SettingsError
from core.relay.claims import LATE_SECONDS, REFUSED
from core.relay.endings import Ending
from core.relay.patience import in_vain, word_expected
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.platform import FakePlatform
from tests.relay.house import Process, Step
from tests.relay.places import HERE, question, thread

TOO_LATE = "I was away for too long"


async def pass_time(database: Database, seconds: float, turn_id: str | None = None) -> None:
    """As if so much time had passed for the database; for one turn alone, if it is named."""
    ms = int(seconds * 1000)
    columns = {"late_at": TurnRow.late_at - ms, "due_at": TurnRow.due_at - ms, "line_at": TurnRow.line_at - ms}
    passed = update(TurnRow).values(columns)
    if turn_id is not None:
        passed = passed.where(TurnRow.turn_id == turn_id)
    await database.write(lambda connection: connection.execute(passed))


async def test_a_question_that_waited_for_too_long_gets_a_notice_and_no_answer(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    late = await process.intake.accept(question(at=1, within=HERE))
    await pass_time(database, LATE_SECONDS + 1)
    assert late.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(late.turn_id) == "refused"
        (told,) = platform.told[HERE]
        assert told.text.startswith(TOO_LATE)
        assert told.offer is Offer.AGAIN
        assert platform.visible(HERE) == []
        assert chat.requests == []
        assert await process.revisions.again(HERE.channel.workspace, late.turn_id)
        assert await process.worker.outcome(late.turn_id) == "answered"
    assert len(platform.visible(HERE)) == 1


async def test_a_moment_earlier_it_is_answered(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question(within=HERE))
    await pass_time(database, LATE_SECONDS - 30)
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "answered"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_database_whose_clock_is_an_hour_off_makes_no_question_late_and_none_early(
    hours: int, database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """The platform and the process agree about the time."""
    process = Process(database, keyring, platform, chat.url, wall=lambda: time.time() + hours * 3_600)
    await process.map(HERE.channel)
    places = [thread(name, platform="slack") for name in ("in time", "late")]
    asked_at = datetime.fromtimestamp(process.wall(), UTC)
    in_time, late = [(await process.intake.accept(replace(question(within=at), asked_at=asked_at))) for at in places]
    await pass_time(database, LATE_SECONDS + 1, late.turn_id)
    assert in_time.turn_id is not None
    assert late.turn_id is not None
    async with process.running():
        outcomes = await asyncio.gather(*(process.worker.outcome(turn) for turn in (in_time.turn_id, late.turn_id)))
    assert outcomes == ["answered", "refused"]


async def test_what_comes_late_from_the_platform_is_late_from_when_it_was_asked(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    long_ago = datetime.fromtimestamp(time.time() - LATE_SECONDS - 1, UTC)
    accepted = await process.intake.accept(replace(question(within=HERE), asked_at=long_ago))
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "refused"


async def test_what_had_been_shown_of_a_late_answer_goes_away(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    chat.will(says(*["half "] * 10_000, delay=0.02))
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    async with process.worker.running(grace=0):
        accepted = await process.intake.accept(question(within=HERE))
        await platform.until(lambda: any("half" in post.text for post in platform.visible(HERE)))
    await pass_time(database, 3 * 86_400)
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "refused"
    assert platform.visible(HERE) == []
    assert [told.startswith(TOO_LATE) for told in platform.notices[HERE]] == [True]


async def test_what_our_own_pauses_held_up_still_ends_once(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question(within=HERE))
    for _ in range(2):  # however often it is begun anew, it is awaited no longer
        (claim,) = await process.leases.claim("ill", process.scope, 1)
        await process.leases.retry(claim, blame=False)
        await pass_time(database, LATE_SECONDS * 2 / 3)
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "refused"
    assert len(platform.notices[HERE]) == 1
    assert await record(database) == {"status": "refused", "attempt": 3, "failures": 0}


async def test_what_the_platform_takes_nothing_of_until_it_is_late_ends_in_one_notice(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """Half of the answer is shown; then the platform asks to be left alone for longer than anybody waits."""
    attempts = 0

    async def step(name: str) -> None:
        nonlocal attempts
        attempts += name == "before find"
        shown = any(post.text for post in platform.visible(HERE))
        if shown and attempts < 3 and name in {"before show", "before withdraw", "before tell"}:
            raise PlatformAway("asked to wait for 700 s")

    chat.will(says("Half ", "of it.", delay=0.1))
    process = Process(database, keyring, platform, chat.url, step=step)
    await process.map(HERE.channel)
    async with process.running():
        accepted = await process.intake.accept(question(within=HERE))
        ended = asyncio.create_task(process.worker.outcome(accepted.turn_id or ""))
        await platform.until(lambda: any(post.text for post in platform.visible(HERE)))
        while not ended.done():
            await pass_time(database, LATE_SECONDS + 1)
            process.worker.wake()
            await asyncio.wait([ended], timeout=0.05)
    assert ended.result() == "refused"
    assert platform.visible(HERE) == []
    assert [told.startswith(TOO_LATE) for told in platform.notices[HERE]] == [True]
    assert len(chat.requests) == 1
    assert attempts == 3


async def test_an_answer_that_began_in_time_and_was_interrupted_is_given(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question(within=HERE))
    await pass_time(database, LATE_SECONDS - 30)
    claims = await process.leases.claim("ends", process.scope, 1)
    await pass_time(database, 60)
    await process.leases.hand_back(claims)
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "answered"
    assert platform.notices[HERE] == []


async def test_an_edited_question_is_awaited_anew(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question("Old?", within=HERE))
    await pass_time(database, LATE_SECONDS + 1)
    await process.revisions.revise(question("New?", within=HERE))
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "answered"


async def test_one_answer_covers_no_question_that_is_late(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """An old question was asked again; one behind it was not."""
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = [await process.intake.accept(question(f"Q{at}", at=at, within=HERE)) for at in (1, 2)]
    fresh = update(TurnRow).where(TurnRow.turn_id == accepted[0].turn_id)
    await pass_time(database, LATE_SECONDS + 1)
    await database.write(lambda connection: connection.execute(fresh.values(late_at=now_ms() + 1_000_000)))
    first, second = (each.turn_id or "" for each in accepted)
    async with process.running():
        assert await process.worker.outcome(first) == "answered"
        assert await process.worker.outcome(second) == "refused"
    assert [request.question for request in chat.requests] == ["Q1"]


async def test_a_question_of_the_version_before_is_never_late(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question(within=thread("2", platform="slack")))
    await database.write(lambda connection: connection.execute(update(TurnRow).values(late_at=None, line_at=0)))
    assert accepted.turn_id is not None
    async with process.running():
        assert await process.worker.outcome(accepted.turn_id) == "answered"


@pytest.mark.parametrize(
    "error", [PlatformAway("token_revoked"), SettingsError("SLACK_BOT_TOKEN", "no")], ids=["away", "set wrong"]
)
@pytest.mark.parametrize("declined", [None, REFUSED])
async def test_where_nothing_is_taken_any_more_a_notice_is_tried_for_a_day_and_no_longer(
    declined: str | None,
    error: Exception,
    database: Database,
    keyring: Keyring,
    platform: FakePlatform,
    chat: FakeChat,
) -> None:
    process = Process(database, keyring, platform, chat.url, step=away(sys.maxsize, error))
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question(within=HERE))
    await pass_time(database, 86_400)
    await database.write(lambda connection: connection.execute(update(TurnRow).values(declined=declined)))
    async with process.running():
        assert await ending(process, accepted.turn_id or "") == "failed"
    assert await record(database) == {"status": "failed", "attempt": 10, "failures": 0}
    assert platform.notices[HERE] == []
    assert platform.visible(HERE) == []


@pytest.mark.parametrize(("hours", "attempts"), [(1, 30), (30, 8)])
async def test_what_is_late_is_told_once_the_platform_is_back(
    hours: int, attempts: int, database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    """Within the day, however often it was tried; after it too where nobody tried before: the host was off."""
    process = Process(database, keyring, platform, chat.url, step=away(attempts, PlatformAway("token_revoked")))
    await process.map(HERE.channel)
    accepted = await process.intake.accept(question(within=HERE))
    await pass_time(database, hours * 3_600)
    async with process.running():
        assert await ending(process, accepted.turn_id or "") == "refused"
    assert [told.startswith(TOO_LATE) for told in platform.notices[HERE]] == [True]


async def test_patience_counts_from_when_it_was_asked_again(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    turn_id = (await process.intake.accept(question(within=HERE))).turn_id or ""
    (claim,) = await process.leases.claim("w", process.scope, 1)
    await process.leases.finish(claim, Ending(Outcome.FAILED))
    await pass_time(database, 2 * 86_400)
    await process.revisions.again(HERE.channel.workspace, turn_id)
    ten = update(TurnRow).values(attempt=10, declined=REFUSED)
    await database.write(lambda connection: connection.execute(ten))
    (again,) = await process.leases.claim("w", process.scope, 1)
    assert word_expected(again)
    assert not in_vain(again)
    await process.leases.hand_back([again])
    await pass_time(database, 86_400)
    (late,) = await process.leases.claim("w", process.scope, 1)
    assert not word_expected(late)
    assert in_vain(late)


def away(attempts: int, error: Exception) -> Step:
    """A platform takes nothing, for so many attempts: each of them ends with its first call."""
    left = attempts

    async def step(name: str) -> None:
        nonlocal left
        if left > 0 and name.startswith("before"):
            left -= 1
            raise error

    return step


async def ending(process: Process, turn_id: str) -> str:
    """How a turn ends that is due again as soon as it has been put back."""
    ended = asyncio.create_task(process.worker.outcome(turn_id))
    while not ended.done():
        await process.database.write(lambda connection: connection.execute(update(TurnRow).values(due_at=0)))
        process.worker.wake()
        await asyncio.wait([ended], timeout=0.05)
    return ended.result().value


async def record(database: Database) -> Mapping[str, object]:
    """What is stored of the one turn."""
    async with database.reading() as connection:
        row = (await connection.execute(select(TurnRow.status, TurnRow.attempt, TurnRow.failures))).one()
    return dict(row._mapping)
