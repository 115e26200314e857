"""Feedback: the last word of each person counts, and only about turns of the workspace."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import delete

from core.conversation.feedback import Feedback
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.tables import FeedbackRow, TurnRow
from core.workspaces import Workspaces
from tests.channels.places import WORKSPACE, rows
from tests.conversation.asked import Questions


@pytest.fixture
def feedback(database: Database) -> Feedback:
    return Feedback(database)


@pytest.fixture
async def turn_id(database: Database, workspaces: Workspaces) -> str:
    return await Questions(database, workspaces).ask()


async def test_the_last_word_counts(feedback: Feedback, turn_id: str) -> None:
    assert await feedback.counts(WORKSPACE) == (0, 0)
    assert await feedback.give(WORKSPACE, turn_id, "U1", helpful=True)
    assert await feedback.give(WORKSPACE, turn_id, "U2", helpful=False)
    assert await feedback.give(WORKSPACE, turn_id, "U3", helpful=False)
    assert await feedback.counts(WORKSPACE) == (1, 2)
    assert await feedback.give(WORKSPACE, turn_id, "U2", helpful=True)
    assert await feedback.counts(WORKSPACE) == (2, 1)
    assert await feedback.give(WORKSPACE, turn_id, "U2", helpful=True)
    assert await feedback.counts(WORKSPACE) == (2, 1)


async def test_what_was_not_asked_there_gets_none(feedback: Feedback, turn_id: str, database: Database) -> None:
    assert not await feedback.give(WORKSPACE, "unknown", "U1", helpful=True)
    for elsewhere in (WorkspaceRef("slack", "T2"), WorkspaceRef("discord", "T1")):
        assert not await feedback.give(elsewhere, turn_id, "U1", helpful=True)
        assert await feedback.counts(elsewhere) == (0, 0)
    assert await rows(database, FeedbackRow) == []


async def test_a_double_click_is_one_word(feedback: Feedback, turn_id: str) -> None:
    given = await asyncio.gather(*(feedback.give(WORKSPACE, turn_id, "U1", helpful=True) for _ in range(10)))
    assert given == [True] * 10
    assert await feedback.counts(WORKSPACE) == (1, 0)


async def test_it_goes_with_its_turn(feedback: Feedback, turn_id: str, database: Database) -> None:
    await feedback.give(WORKSPACE, turn_id, "U1", helpful=True)
    await database.write(lambda connection: connection.execute(delete(TurnRow)))
    assert await feedback.counts(WORKSPACE) == (0, 0)
