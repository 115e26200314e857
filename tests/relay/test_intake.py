"""A question is accepted once, whatever the deliveries, and only when it is committed."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from types import NoneType

import pytest
from sqlalchemy import func, select

from core import schema
from core.cipher import Keyring, new_key
from core.conversation.history import History
from core.conversation.values import Outcome
from core.database import Database
from core.errors import DatabaseUnavailable, LineFull, NoRoom
from core.relay.claims import Scope
from core.relay.endings import Ending
from core.relay.intake import Accepted, Intake
from core.relay.leases import Leases
from core.relay.revisions import Revisions
from core.secret import Secret
from core.tables import TurnRow
from core.workspaces import Workspaces
from tests.relay.places import UNLIMITED, question, thread


async def test_two_hundred_questions_delivered_four_times_are_two_hundred(
    database: Database, workspaces: Workspaces
) -> None:
    """DO-03: all at once, by two processes."""
    wakes: list[None] = []
    processes = [Intake(database, workspaces, lambda: wakes.append(None), UNLIMITED) for _ in range(2)]
    deliveries = [question(at=at) for at in range(200) for _ in range(4)]
    random.Random(7).shuffle(deliveries)
    accepted = await asyncio.gather(
        *(processes[number % 2].accept(delivery) for number, delivery in enumerate(deliveries))
    )
    assert sum(each.turn_id is not None for each in accepted) == 200
    assert await _count(database) == 200
    assert wakes


async def test_equal_ids_in_other_places_are_other_questions(database: Database, workspaces: Workspaces) -> None:
    intake = Intake(database, workspaces, lambda: None)
    places = [
        thread(workspace=workspace, channel=channel, platform=platform)
        for workspace in ("W1", "W2")
        for channel in ("C1", "C2")
        for platform in ("slack", "discord")
    ]
    for place in places:
        assert (await intake.accept(question(place.channel.workspace_id, within=place))).turn_id is not None
    history = History(database, workspaces)
    for place in places:
        assert [turn.question.text for turn in await history.turns(place)] == [place.channel.workspace_id]


async def test_what_is_stored_is_sealed(tmp_path: Path, keyring: Keyring) -> None:
    database = Database(Secret(f"sqlite:///{tmp_path}/askrepo.db"))
    await schema.upgrade(database)
    workspaces = Workspaces(database, keyring)
    await Intake(database, workspaces, lambda: None).accept(question("the canary sings"))
    turns = await History(database, workspaces).turns(thread())
    assert turns[0].question.text == "the canary sings"
    await database.close()
    for file in tmp_path.iterdir():
        assert b"canary" not in file.read_bytes()


async def test_nothing_is_accepted_that_is_not_committed(unused_tcp_port: int) -> None:
    database = Database(Secret(f"postgresql://u@127.0.0.1:{unused_tcp_port}/askrepo"))
    intake = Intake(database, Workspaces(database, Keyring((new_key(),))), lambda: None)
    with pytest.raises(DatabaseUnavailable):
        await intake.accept(question())
    await database.close()


async def test_no_more_wait_than_can_be_answered_in_time(database: Database, workspaces: Workspaces) -> None:
    shares = replace(UNLIMITED, waiting=3)
    intake = Intake(database, workspaces, lambda: None, shares)
    for at in range(3):
        await intake.accept(question(at=at))
    refused = await asyncio.gather(*(intake.accept(question(at=at)) for at in range(4, 9)), return_exceptions=True)
    other = Intake(database, workspaces, lambda: None, shares)
    with pytest.raises(LineFull):
        await other.accept(question(at=9))
    assert {type(each) for each in refused} == {LineFull}
    assert await _count(database) == 3
    await Leases(database, shares).claim("w", Scope(("console",)), 1)
    assert (await intake.accept(question(at=4))).turn_id is not None


async def test_what_the_platform_sends_for_the_last_time_is_accepted_to_be_refused_at_once(
    database: Database, workspaces: Workspaces
) -> None:
    shares = replace(UNLIMITED, waiting=1)
    intake, leases = Intake(database, workspaces, lambda: None, shares), Leases(database, shares)
    assert (await intake.accept(question(within=thread("1")), last=True)).turn_id is not None
    turned_away = question(within=thread("2"))
    with pytest.raises(LineFull):
        await intake.accept(turned_away)
    for first_time in (True, False):
        assert ((await intake.accept(turned_away, last=True)).turn_id is not None) is first_time
    first, second = [await leases.claim("w", Scope(("console",)), 1) for _ in range(2)]
    assert [type(claim.declined) for claim in (*first, *second)] == [NoRoom, NoneType]


async def test_whoever_fits_is_taken_whatever_comes_with_it(database: Database, workspaces: Workspaces) -> None:
    """Those that come together share a transaction, but not their refusals."""
    shares = replace(UNLIMITED, waiting=2)
    intake = Intake(database, workspaces, lambda: None, shares)
    await workspaces.data_key(thread().channel.workspace)
    results = await asyncio.gather(*(intake.accept(question(at=at)) for at in range(5)), return_exceptions=True)
    assert [type(each) for each in results] == [Accepted, Accepted, LineFull, LineFull, LineFull]
    last, *others = await asyncio.gather(
        *(intake.accept(question(at=at), last=at == 4) for at in (4, 3, 2)), return_exceptions=True
    )
    assert [type(each) for each in others] == [LineFull, LineFull]
    assert isinstance(last, Accepted)
    assert last.turn_id is not None


async def test_the_last_time_counts_whatever_comes_meanwhile(database: Database, workspaces: Workspaces) -> None:
    shares = replace(UNLIMITED, waiting=1)
    intake = Intake(database, workspaces, lambda: None, shares)
    assert (await intake.accept(question(at=0))).turn_id is not None
    turned_away = asyncio.create_task(intake.accept(question(at=1), last=True))
    others: list[asyncio.Task[Accepted]] = []
    while not turned_away.done():
        others.append(asyncio.create_task(intake.accept(question(at=2 + len(others)))))
        await asyncio.sleep(0)
    assert (await turned_away).turn_id is not None
    refused = await asyncio.gather(*others, return_exceptions=True)
    assert {type(each) for each in refused} == {LineFull}


async def test_nothing_is_asked_again_where_there_is_no_room(database: Database, workspaces: Workspaces) -> None:
    shares = replace(UNLIMITED, waiting=1)
    revisions, leases = Revisions(database, workspaces, shares), Leases(database, shares)
    intake = Intake(database, workspaces, lambda: None)
    ended = (await intake.accept(question())).turn_id or ""
    for claim in await leases.claim("w", Scope(("console",)), 1):
        await leases.finish(claim, Ending(Outcome.FAILED))
    await intake.accept(question(within=thread("2")))
    with pytest.raises(LineFull):
        await revisions.again(thread().channel.workspace, ended)
    assert await _count(database) == 2


@pytest.mark.parametrize("text", ["", "\x00", "\ud800 half", "🙂" * 1000, "'; DROP TABLE turns; --", "x" * 1_000_000])
async def test_any_text_comes_back_as_it_was(text: str, database: Database, workspaces: Workspaces) -> None:
    await Intake(database, workspaces, lambda: None).accept(question(text))
    (turn,) = await History(database, workspaces).turns(thread())
    assert turn.question.text == text


async def _count(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(TurnRow))).scalar_one())
