"""What people think of the answers: one word each, the last one counts."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, false, func, inspect, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.values import WorkspaceRef
from core.database import Database
from core.scope import in_workspace, of_turn
from core.tables import FeedbackRow, TurnRow


class Feedback:
    """The feedback of this installation. Every method raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(self, workspace: WorkspaceRef, turn_id: str, user_id: str, *, helpful: bool) -> bool:
        """Note what this person thinks of a turn's answer; False where the workspace has no such turn."""
        given_at = datetime.now(UTC)
        given = select(
            TurnRow.platform,
            TurnRow.workspace_id,
            TurnRow.turn_id,
            literal(user_id),
            true() if helpful else false(),
            literal(given_at, FeedbackRow.given_at.type),
        ).where(of_turn(TurnRow, workspace, turn_id))
        columns = ["platform", "workspace_id", "turn_id", "user_id", "helpful", "given_at"]

        async def unit(connection: AsyncConnection) -> bool:
            stored = await connection.execute(
                self._database.insert(FeedbackRow)
                .from_select(columns, given)
                .on_conflict_do_update(
                    index_elements=inspect(FeedbackRow).primary_key, set_={"helpful": helpful, "given_at": given_at}
                )
                .returning(FeedbackRow.turn_id)
            )
            return stored.scalar_one_or_none() is not None

        return await self._database.write(unit)

    async def counts(self, workspace: WorkspaceRef) -> tuple[int, int]:
        """How many words of this workspace said helpful, and how many unhelpful."""
        found = select(_count(FeedbackRow.helpful.is_(True)), _count(FeedbackRow.helpful.is_(False)))
        async with self._database.reading() as connection:
            helpful, unhelpful = (await connection.execute(found.where(in_workspace(FeedbackRow, workspace)))).one()
        return helpful, unhelpful


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)
