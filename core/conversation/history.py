"""Stored turns of a thread, sealed at rest; and what of them goes to /chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, inspect, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Cell, Keyring
from core.conversation.values import Answer, Asker, Outcome, Question, ThreadRef, Turn, WorkspaceRef
from core.database import Database
from core.scope import in_thread
from core.tables import ThreadRow, TurnRow
from core.workspaces import Workspaces

BUDGET = 48_000  # characters of earlier turns sent along; about 12,000 tokens
_REMEMBERED = 50  # turns looked at for one question


def text_cell(workspace: WorkspaceRef, turn_id: str, column: str) -> Cell:
    """Where the sealed `question` or `answer` of a turn lives."""
    return Cell("turns", column, (workspace.platform, workspace.workspace_id, turn_id))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answered stretch of a conversation: the questions that were answered together, and their answer."""

    questions: tuple[str, ...]
    answer: str

    @property
    def size(self) -> int:
        """Characters it takes of the budget."""
        return sum(map(len, self.questions)) + len(self.answer)


def exchanges(turns: Iterable[Turn], answered_with: dict[str, str]) -> list[Exchange]:
    """The answered stretches of these turns, oldest first; turns that ended without text are left out."""
    questions: dict[str, list[str]] = {}
    answers: dict[str, str] = {}
    for turn in turns:
        leader = answered_with.get(turn.turn_id, turn.turn_id)
        questions.setdefault(leader, []).append(turn.question.text)
        if turn.answer is not None and turn.answer.text:
            answers[leader] = turn.answer.text
    return [Exchange(tuple(questions[leader]), answer) for leader, answer in answers.items()]


def within_budget(stretches: Sequence[Exchange], budget: int = BUDGET) -> list[Exchange]:
    """The newest stretches that fit, whole, oldest first."""
    kept: list[Exchange] = []
    for stretch in reversed(stretches):
        budget -= stretch.size
        if budget < 0:
            break
        kept.append(stretch)
    return kept[::-1]


class History:
    """The stored threads."""

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self._database = database
        self._workspaces = workspaces

    async def turns(self, thread: ThreadRef, *, most: int = _REMEMBERED) -> list[Turn]:
        """The newest turns of a thread, oldest first, open ones included."""
        return [turn for turn, _ in await self._stored(thread, most)]

    async def exchanges(self, thread: ThreadRef) -> list[Exchange]:
        """What was asked and answered in this thread since its last fresh start, within the budget."""
        stored = await self._stored(thread, _REMEMBERED)
        answered_with = {turn.turn_id: leader for turn, leader in stored if leader is not None}
        return within_budget(exchanges((turn for turn, _ in stored), answered_with))

    async def _stored(self, thread: ThreadRef, most: int) -> list[tuple[Turn, str | None]]:
        start = func.coalesce(select(ThreadRow.history_from).where(in_thread(ThreadRow, thread)).scalar_subquery(), 0)
        newest = (
            select(TurnRow.__table__)
            .where(in_thread(TurnRow, thread))
            .where(TurnRow.position >= start)
            .order_by(TurnRow.position.desc(), TurnRow.message_id.desc())
            .limit(most)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(newest)).all()
        key = await self._workspaces.data_key(thread.channel.workspace)
        return [_turn(row, thread, key) for row in reversed(rows)]

    async def question(self, thread: ThreadRef, turn_id: str, sealed: bytes) -> str:
        """The text of a stored question. Raises CipherError."""
        key = await self._workspaces.data_key(thread.channel.workspace)
        return key.open_text(sealed, text_cell(thread.channel.workspace, turn_id, "question"))

    async def seal_answer(self, thread: ThreadRef, turn_id: str, text: str) -> bytes:
        """The text of an answer as it is stored."""
        key = await self._workspaces.data_key(thread.channel.workspace)
        return key.seal_text(text, text_cell(thread.channel.workspace, turn_id, "answer"))

    async def stay(self, thread: ThreadRef, repository: str) -> None:
        """Remember that this thread is about `repository` from now on."""
        await self._database.write(lambda connection: self._upsert(connection, thread, repository=repository))

    async def start_anew(self, thread: ThreadRef, position: int) -> None:
        """Forget the conversation for what is asked from `position` on; the repository stays."""
        await self._database.write(lambda connection: self._upsert(connection, thread, history_from=position))

    async def _upsert(self, connection: AsyncConnection, thread: ThreadRef, **values: object) -> None:
        channel = thread.channel
        await connection.execute(
            self._database.insert(ThreadRow)
            .values(
                platform=channel.platform,
                workspace_id=channel.workspace_id,
                channel_id=channel.channel_id,
                thread_id=thread.thread_id,
                created_at=datetime.now(UTC),
                **{"history_from": 0, "repository": None, **values},
            )
            .on_conflict_do_update(index_elements=inspect(ThreadRow).primary_key, set_=values)
        )


def _turn(row: Row[Any], thread: ThreadRef, key: Keyring) -> tuple[Turn, str | None]:
    workspace = thread.channel.workspace
    question = Question(
        thread=thread,
        message_id=row.message_id,
        order=row.position,
        asker=Asker(row.asker_id),
        text=key.open_text(row.question, text_cell(workspace, row.turn_id, "question")),
        asked_at=row.asked_at,
    )
    outcome = Outcome(row.status) if row.status in set(Outcome) else None
    answer = None
    if row.answer is not None:
        text = key.open_text(row.answer, text_cell(workspace, row.turn_id, "answer"))
        answer = Answer(text, row.repository or "", row.model)
    return Turn(row.turn_id, question, outcome, answer), row.answered_with
