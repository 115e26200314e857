"""Where a turn stands, and in which threads somebody asked last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.conversation.history import History
from core.conversation.threads import Place, Threads
from core.conversation.values import Outcome, ThreadRef
from core.database import Database
from core.relay.claims import Scope
from core.relay.endings import Ending
from core.relay.leases import Leases
from core.relay.revisions import Revisions
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, THREAD
from tests.conversation.asked import Questions

ELSEWHERE = replace(CHANNEL, workspace_id="T2")


@pytest.fixture
def threads(database: Database) -> Threads:
    return Threads(database)


@pytest.fixture
def questions(database: Database, workspaces: Workspaces) -> Questions:
    return Questions(database, workspaces)


async def test_where_a_turn_stands(threads: Threads, questions: Questions, database: Database) -> None:
    turn = await questions.ask()
    assert await threads.of_turn(CHANNEL.workspace, turn) == Place(THREAD, is_open=True)
    assert await threads.of_turn(ELSEWHERE.workspace, turn) is None
    assert await threads.of_turn(CHANNEL.workspace, "another") is None
    (claim,) = await Leases(database).claim("worker", Scope((CHANNEL.platform,)), 1)
    await Leases(database).finish(claim, Ending(Outcome.STOPPED))
    assert await threads.of_turn(CHANNEL.workspace, turn) == Place(THREAD, is_open=False)


async def test_the_newest_question_of_each_thread_newest_first(
    threads: Threads, questions: Questions, database: Database, workspaces: Workspaces
) -> None:
    other = ThreadRef(replace(CHANNEL, channel_id="C2"), "another")
    await questions.ask(THREAD, at=1)
    await questions.ask(other, at=1)
    newest = await questions.ask(THREAD, at=2)
    await questions.ask(ThreadRef(CHANNEL, "somebody else's"), user_id="U2")
    await questions.ask(ThreadRef(ELSEWHERE, "of another workspace"))
    recent = await threads.recent(CHANNEL.workspace, "U1")
    assert [each.thread for each in recent] == [THREAD, other]
    assert recent[0].turn_id == newest
    history = History(database, workspaces)
    text = await history.text(CHANNEL.workspace, newest, "question", recent[0].sealed_question)
    assert text == "How does it work?"
    assert [each.thread for each in await threads.recent(CHANNEL.workspace, "U1", most=1)] == [THREAD]


async def test_a_deleted_question_is_not_among_them(
    threads: Threads, questions: Questions, database: Database, workspaces: Workspaces
) -> None:
    await questions.ask(message_id="100.000001")
    await Revisions(database, workspaces).erase(CHANNEL, "100.000001")
    assert await threads.recent(CHANNEL.workspace, "U1") == []
