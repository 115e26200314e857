"""Questions as intake stores them, for the tests of what is kept of a conversation."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from core.conversation.values import Asker, Question, ThreadRef
from core.database import Database
from core.relay.intake import Intake
from core.tables import TurnRow
from core.workspaces import Workspaces
from tests.channels.places import THREAD


class Questions:
    """Asks, by the way every question takes."""

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self.database = database
        self._intake = Intake(database, workspaces, lambda: None)

    async def ask(
        self, thread: ThreadRef = THREAD, *, user_id: str = "U1", at: int = 1, message_id: str | None = None
    ) -> str:
        """The id of the accepted turn."""
        question = Question(
            thread=thread,
            message_id=message_id or f"{thread.thread_id}:{at:06}",
            order=at,
            asker=Asker(user_id),
            text="How does it work?",
            asked_at=datetime.now(UTC),
        )
        accepted = await self._intake.accept(question)
        assert accepted.turn_id is not None
        return accepted.turn_id

    async def status(self, turn_id: str) -> tuple[str, str]:
        """(channel id, status) of a turn."""
        found = select(TurnRow.channel_id, TurnRow.status).where(TurnRow.turn_id == turn_id)
        async with self.database.reading() as connection:
            channel_id, status = (await connection.execute(found)).one()
        return channel_id, status
