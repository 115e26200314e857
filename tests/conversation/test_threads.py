"""Where a person stands in a thread, in one indexed statement; and what mute, unmute and a crowd change about it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels.preferences import Preferences
from core.conversation.followup import FollowUps, ThreadFacts
from core.conversation.history import History
from core.conversation.threads import Threads, _standing
from core.conversation.values import ThreadRef
from core.database import Database
from core.tables import ChannelRow, ThreadRow, TurnRow
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, THREAD, rows
from tests.conversation.asked import Questions

FRESH = ThreadFacts(mode=FollowUps.SMART, muted=False, crowded=False, asked_before=True)


@pytest.fixture
def threads(database: Database) -> Threads:
    return Threads(database)


@pytest.fixture
def questions(database: Database, workspaces: Workspaces) -> Questions:
    return Questions(database, workspaces)


async def test_a_thread_without_a_question_is_not_ours(threads: Threads, questions: Questions) -> None:
    assert await threads.standing(THREAD, "U1") is None
    await questions.ask(ThreadRef(CHANNEL, "another"))
    for elsewhere in ("T2", "C2"):
        channel = replace(CHANNEL, **{"workspace_id" if elsewhere == "T2" else "channel_id": elsewhere})
        await questions.ask(ThreadRef(channel, THREAD.thread_id))
    await threads.mute(THREAD)
    assert await threads.standing(THREAD, "U1") is None


async def test_who_asked_here_before(threads: Threads, questions: Questions) -> None:
    await questions.ask(user_id="U1")
    await questions.ask(ThreadRef(CHANNEL, "another"), user_id="U2")
    assert await threads.standing(THREAD, "U1") == FRESH
    assert await threads.standing(THREAD, "U2") == replace(FRESH, asked_before=False)


async def test_muting_and_crowding(threads: Threads, questions: Questions) -> None:
    await questions.ask()
    await threads.mute(THREAD)
    assert await threads.standing(THREAD, "U1") == replace(FRESH, muted=True)
    await threads.crowd(THREAD)
    assert await threads.standing(THREAD, "U1") == replace(FRESH, muted=True, crowded=True)
    await threads.unmute(THREAD)
    assert await threads.standing(THREAD, "U1") == FRESH
    assert await threads.standing(ThreadRef(CHANNEL, "another"), "U1") is None


async def test_a_fresh_start_that_comes_again_changes_nothing(
    threads: Threads, questions: Questions, database: Database, workspaces: Workspaces
) -> None:
    history, earlier, later = History(database, workspaces), 1_700_000_000_000_001, 1_700_000_000_000_002
    await questions.ask()
    await threads.mute(THREAD)
    for position in (earlier, later):
        await threads.crowd(THREAD)
        await history.start_anew(THREAD, position)
        assert await threads.standing(THREAD, "U1") == replace(FRESH, muted=True)
    await threads.crowd(THREAD)
    for position in (earlier, later):
        await history.start_anew(THREAD, position)
    assert await threads.standing(THREAD, "U1") == replace(FRESH, muted=True, crowded=True)
    assert [row.history_from for row in await rows(database, ThreadRow)] == [later]


async def test_it_concerns_one_thread_alone(threads: Threads, questions: Questions) -> None:
    other = ThreadRef(CHANNEL, "another")
    await questions.ask()
    await questions.ask(other)
    await threads.mute(other)
    await threads.crowd(other)
    assert await threads.standing(THREAD, "U1") == FRESH


async def test_what_the_thread_is_about_and_its_fresh_start_stay(
    threads: Threads, questions: Questions, database: Database, workspaces: Workspaces
) -> None:
    history = History(database, workspaces)
    await questions.ask()
    await history.stay(THREAD, "github.com/acme/web")
    await history.start_anew(THREAD, 7)
    for change in (threads.mute, threads.crowd, threads.unmute):
        await change(THREAD)
        (row,) = await rows(database, ThreadRow)
        assert (row.repository, row.history_from) == ("github.com/acme/web", 7)


async def test_the_channels_mode_is_told(
    threads: Threads, questions: Questions, database: Database, workspaces: Workspaces
) -> None:
    await questions.ask()
    for mode in FollowUps:
        await Preferences(database, workspaces).set(
            CHANNEL, follow_ups=mode, guests=False, outsiders=False, model=None, instructions=None, actor="U9"
        )
        assert await threads.standing(THREAD, "U1") == replace(FRESH, mode=mode)


async def test_how_far_a_conversation_is_known(
    database: Database, workspaces: Workspaces, threads: Threads, questions: Questions
) -> None:
    await questions.ask(ThreadRef(CHANNEL, "another"), at=7)
    await threads.mute(THREAD)
    assert await threads.reached(THREAD, before=9) is None
    for at in (3, 5, 8):
        await questions.ask(at=at)
    assert [await threads.reached(THREAD, before=before) for before in (3, 4, 8, 9)] == [None, 3, 5, 8]
    await History(database, workspaces).start_anew(THREAD, 6)
    assert [await threads.reached(THREAD, before=before) for before in (3, 4, 8, 9)] == [None, 6, 6, 8]


async def test_conversations_that_have_a_channel_to_themselves(threads: Threads, questions: Questions) -> None:
    alone = [ThreadRef(replace(CHANNEL, channel_id=each), each) for each in ("D1", "D2", "D3")]
    for at, thread in enumerate((THREAD, *alone, alone[0], replace(alone[0], thread_id="in it")), start=1):
        await questions.ask(thread, at=at)
    elsewhere = ThreadRef(replace(alone[0].channel, workspace_id="T2"), "D1")
    await questions.ask(elsewhere, at=9)
    workspace = CHANNEL.workspace
    assert await threads.whole_channels(workspace, after=0, most=9) == [alone[0], alone[2], alone[1]]
    assert await threads.whole_channels(workspace, after=3, most=9) == [alone[0], alone[2]]
    assert await threads.whole_channels(workspace, after=0, most=1) == [alone[0]]


async def test_many_at_once_are_one(threads: Threads, questions: Questions) -> None:
    await questions.ask()
    await asyncio.gather(*(change(THREAD) for _ in range(10) for change in (threads.mute, threads.crowd)))
    assert await threads.standing(THREAD, "U1") == replace(FRESH, muted=True, crowded=True)


async def test_one_statement_by_the_indexes(database: Database, workspaces: Workspaces, questions: Questions) -> None:
    """Also where the table is large and one thread of it is long: no table is read from one end to the other."""
    turn_id = await questions.ask()
    (kept,) = [row._asdict() for row in await rows(database, TurnRow) if row.turn_id == turn_id]
    many = [
        {**kept, "turn_id": f"{number}", "message_id": f"{number}", "position": number, "thread_id": f"{number // 20}"}
        for number in range(4_000)
    ]
    others = [
        {"thread_id": f"{number}", "channel_id": f"C{number % 50}", "history_from": 0, "created_at": datetime.now(UTC)}
        for number in range(2_000)
    ]

    async def fill(connection: AsyncConnection) -> None:
        await connection.execute(insert(TurnRow), many)
        place = {"platform": "slack", "workspace_id": "T1"}
        await connection.execute(insert(ThreadRow), [{**place, **other} for other in others])
        channels = [{"channel_id": f"C{number}", "guests": False, "outsiders": False} for number in range(2_000)]
        await connection.execute(insert(ChannelRow), [{**place, **channel} for channel in channels])

    await database.write(fill)
    statement = _standing(THREAD, "U1")
    async with database.reading() as connection:
        if database.is_sqlite:
            compiled = statement.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True})
            plan = [row[3] for row in await connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]
            assert [step for step in plan if "turns" in step or "ix_turns" in step]
            assert [
                step for step in plan if step.startswith("SCAN") and "anon" not in step and "CONSTANT" not in step
            ] == []
            assert all("INDEX ix_turns_thread_position" in step for step in plan if "turns" in step)
            return
    await database.write(lambda connection: connection.execute(text("ANALYZE")))
    async with database.reading() as connection:
        compiled = statement.compile(connection.engine.sync_engine, compile_kwargs={"literal_binds": True})
        (found,) = (await connection.execute(text(f"EXPLAIN (FORMAT JSON) {compiled}"))).one()
    plan_text = json.dumps(found)
    assert "ix_turns_thread_position" in plan_text
    assert '"Relation Name": "turns"' in plan_text
    nodes = _nodes(found[0]["Plan"])
    assert [node for node in nodes if node["Node Type"] == "Seq Scan"] == []


def _nodes(plan: dict[str, object]) -> list[dict[str, object]]:
    below = plan.get("Plans", [])
    assert isinstance(below, list)
    return [plan, *(node for each in below for node in _nodes(each))]
