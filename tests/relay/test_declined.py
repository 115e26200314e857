"""A turn that ends with a notice and no answer: whoever takes it over tells the same, and shows no answer either."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import update

from core.channels.access import Standing
from core.cipher import Keyring
from core.conversation.values import Offer
from core.database import Database
from core.relay.claims import GIVEN_UP, REFUSED
from core.relay.leases import MOST_FAILURES
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.platform import FakePlatform
from tests.relay.dying import Life, live, live_and_die, take_over
from tests.relay.house import Process, SteppedDatabase
from tests.relay.places import HERE, question, thread

NEWER = {"declined": "no budget left", "declined_until": None}
GUEST = "Guests may not ask"


class ToldAndDead(Life):
    """Ends once it has told somebody something."""

    async def step(self, name: str) -> None:
        if name == "after tell":
            self.end = len(self.taken)
        await super().step(name)


@pytest.mark.parametrize("values", [NEWER, NEWER | {"stop_requested": True}, NEWER | {"declined": "person"}])
async def test_what_a_newer_version_wrote_ends_in_a_notice_and_stops_nobody_else(
    values: dict[str, object], database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    other = thread("2", platform="slack")
    asked = [question(at=1, within=HERE), question(at=2, within=HERE), question(at=3, within=other)]
    turns = [(await process.intake.accept(each)).turn_id or "" for each in asked]
    written = update(TurnRow).where(TurnRow.turn_id == turns[1]).values(values)
    await database.write(lambda connection: connection.execute(written))
    async with process.running():
        async with asyncio.timeout(20):
            outcomes = await asyncio.gather(*(process.worker.outcome(turn) for turn in turns))
    assert outcomes == ["answered", "refused", "answered"]
    (told,) = platform.told[HERE]
    assert told.offer is Offer.AGAIN
    assert [post.turn_id for post in platform.visible(HERE)] == [turns[0]]


async def test_a_status_of_a_newer_version_stops_nobody_else(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> None:
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    turns = [(await process.intake.accept(question(at=at, within=HERE))).turn_id or "" for at in (1, 2)]
    written = update(TurnRow).where(TurnRow.turn_id == turns[0]).values(status="asleep")
    await database.write(lambda connection: connection.execute(written))
    async with process.running():
        assert await process.worker.outcome(turns[1]) == "answered"
    assert list((await process.records()).values()) == ["asleep", "answered"]


@pytest.fixture
async def rescuer(
    database: Database, keyring: Keyring, platform: FakePlatform, chat: FakeChat
) -> AsyncIterator[Process]:
    """The process that takes over; it does not run before it is told to."""
    process = Process(database, keyring, platform, chat.url)
    await process.map(HERE.channel)
    yield process
    await process.client.aclose()


@pytest.mark.parametrize("allowed_meanwhile", [True, False])
async def test_whom_a_killed_process_had_refused_gets_no_answer_after_that(
    allowed_meanwhile: bool,
    rescuer: Process,
    database_url: str,
    keyring: Keyring,
    platform: FakePlatform,
    chat: FakeChat,
) -> None:
    asked, around, life = question(within=HERE), platform.surroundings, ToldAndDead(sys.maxsize)
    platform.surroundings = replace(around, standing=Standing.GUEST)
    stepped = SteppedDatabase(Secret(database_url), life.step)
    await live_and_die(life, Process(stepped, keyring, platform, chat.url, step=life.step), asked)
    if allowed_meanwhile:
        platform.surroundings = around
    await take_over(rescuer, asked, {"refused"})
    first, second = platform.told[HERE]
    assert first.text.startswith(GUEST)
    assert (second.offer is Offer.AGAIN) if allowed_meanwhile else (second == first)
    assert platform.visible(HERE) == []
    assert chat.requests == []


LIMITS = {"declined": "person", "declined_until": 0}
OFTEN = {"failures": MOST_FAILURES}


@pytest.mark.parametrize(
    ("before", "meanwhile", "outcome"),
    [
        ({"declined": REFUSED}, OFTEN, "refused"),
        (LIMITS, OFTEN, "refused"),
        (LIMITS, {"stop_requested": True}, "refused"),
        (OFTEN | {"declined": GIVEN_UP}, {"question": b""}, "failed"),
    ],
)
async def test_whom_a_killed_process_had_told_why_sees_no_post_beside_that(
    before: dict[str, object],
    meanwhile: dict[str, object],
    outcome: str,
    rescuer: Process,
    database_url: str,
    database: Database,
    keyring: Keyring,
    platform: FakePlatform,
    chat: FakeChat,
) -> None:
    """Whatever else becomes of its turn until somebody takes it over: it failed often, it was stopped, it is broken."""
    asked, life = question(within=HERE), ToldAndDead(sys.maxsize)
    await rescuer.intake.accept(asked)
    await written(database, before)
    stepped = SteppedDatabase(Secret(database_url), life.step)
    await live(life, Process(stepped, keyring, platform, chat.url, step=life.step), life.dead.wait)
    assert len(platform.told[HERE]) == 1
    await written(database, meanwhile)
    await take_over(rescuer, asked, {outcome})
    assert len(platform.told[HERE]) == 2
    assert platform.visible(HERE) == []


async def written(database: Database, values: dict[str, object]) -> None:
    """All turns have these values."""
    await database.write(lambda connection: connection.execute(update(TurnRow).values(values)))
