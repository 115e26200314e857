"""Stored turns of a thread, sealed at rest; and what of them goes to /chat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, Row, Select, bindparam, case, false, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Cell, Keyring
from core.conversation.threads import change
from core.conversation.values import Answer, Asker, Outcome, Question, ThreadRef, Turn, WorkspaceRef
from core.database import Database, Unit
from core.scope import THREAD, in_thread, named, of_turn
from core.tables import ThreadRow, TurnRow
from core.workspaces import Workspaces

BUDGET = 48_000  # characters of earlier turns sent along; about 12,000 tokens
_REMEMBERED = 50  # turns looked at for one question


def text_cell(workspace: WorkspaceRef, turn_id: str, column: str) -> Cell:
    """Where the sealed `question`, `reference`, `context` or `answer` of a turn lives."""
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


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored turn, the turn whose answer covers it, and what stood around its question."""

    turn: Turn
    leader: str
    context: str


def put(question: str, context: str) -> str:
    """A question as it is put to /chat, with what stood around it."""
    return f"{question}\n\n{context}" if context else question


def exchanges(stored: Iterable[Stored]) -> list[Exchange]:
    """The answered stretches of these turns, oldest first; turns that ended without text are left out."""
    questions: dict[str, list[str]] = {}
    answers: dict[str, str] = {}
    for each in stored:
        turn, leader = each.turn, each.leader
        questions.setdefault(leader, []).append(put(turn.question.text, each.context))
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
    """The stored turns, and what of them goes to /chat."""

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self._database = database
        self._workspaces = workspaces

    async def turns(self, thread: ThreadRef, *, most: int = _REMEMBERED) -> list[Turn]:
        """The newest turns of a thread, oldest first, open ones included."""
        return [stored.turn for stored in await self._stored(_NEWEST, thread, most=most)]

    async def exchanges(self, thread: ThreadRef, *, before: int) -> list[Exchange]:
        """What was asked and answered in this thread since its last fresh start, within the budget.

        Of questions ordered `before` the one that is asked now, and of none that its author deleted.
        """
        return within_budget(exchanges(await self._stored(_BEFORE, thread, most=_REMEMBERED, before=before)))

    async def began_anew(self, thread: ThreadRef) -> bool:
        """Whether somebody made a fresh start in this thread: what was said before does not count."""
        async with self._database.reading() as connection:
            return bool((await connection.execute(_FROM, named(thread))).scalar_one_or_none())

    async def erased(self, workspace: WorkspaceRef, turn_id: str) -> bool:
        """Whether the question of a turn was deleted."""
        found = select(TurnRow.erased_at).where(of_turn(TurnRow, workspace, turn_id))
        async with self._database.reading() as connection:
            return (await connection.execute(found)).scalar_one_or_none() is not None

    async def answered(self, workspace: WorkspaceRef, turn_id: str) -> str | None:
        """The question of a turn that an answer is shown to; None for any other. Raises CipherError."""
        found = select(TurnRow.question).where(of_turn(TurnRow, workspace, turn_id), TurnRow.answer.is_not(None))
        async with self._database.reading() as connection:
            sealed = (await connection.execute(found)).scalar_one_or_none()
        return None if sealed is None else await self.text(workspace, turn_id, "question", sealed)

    async def _stored(self, newest: Select[*tuple[Any, ...]], thread: ThreadRef, **more: int) -> list[Stored]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(newest, named(thread, **more))).all()
        key = await self._workspaces.data_key(thread.channel.workspace)
        return [_turn(row, thread, key) for row in reversed(rows)]

    async def text(self, workspace: WorkspaceRef, turn_id: str, column: str, sealed: bytes | None) -> str:
        """A stored text of a turn; empty where there is none. Raises CipherError."""
        if sealed is None:
            return ""
        return (await self._workspaces.data_key(workspace)).open_text(sealed, text_cell(workspace, turn_id, column))

    async def seal(self, workspace: WorkspaceRef, turn_id: str, column: str, text: str) -> bytes:
        """A text of a turn as it is stored."""
        return (await self._workspaces.data_key(workspace)).seal_text(text, text_cell(workspace, turn_id, column))

    async def stay(self, thread: ThreadRef, repository: str, *, provided: Unit[None] | None = None) -> None:
        """Remember that this thread is about `repository` from now on, unless `provided` fails: its error is raised.

        The disk has it with what is shown of it.
        """

        async def unit(connection: AsyncConnection) -> None:
            if provided is not None:
                await provided(connection)
            about = {"repository": repository}
            await change(self._database, connection, thread, about, about)

        await self._database.write(unit, lasting=False)

    async def start_anew(self, thread: ThreadRef, position: int) -> None:
        """Forget the conversation, and who talked in it, for what is asked from `position` on; the repository stays.

        It changes nothing where a fresh start was made there, or behind that: a platform may deliver it again.
        """
        newer = ThreadRow.history_from < position
        values = {
            "history_from": case((newer, literal(position, BigInteger())), else_=ThreadRow.history_from),
            "crowded": case((newer, false()), else_=ThreadRow.crowded),
        }
        first = {"history_from": position}
        await self._database.write(lambda connection: change(self._database, connection, thread, first, values))


_FROM = select(ThreadRow.history_from).where(in_thread(ThreadRow, THREAD))
_NEWEST = (
    select(TurnRow.__table__)
    .where(in_thread(TurnRow, THREAD), TurnRow.position >= func.coalesce(_FROM.scalar_subquery(), 0))
    .order_by(TurnRow.position.desc(), TurnRow.message_id.desc())
    .limit(bindparam("most", type_=Integer))
)
_BEFORE = _NEWEST.where(TurnRow.position < bindparam("before", type_=BigInteger), TurnRow.erased_at.is_(None))


def _turn(row: Row[Any], thread: ThreadRef, key: Keyring) -> Stored:
    def opened(column: str) -> str:
        sealed = getattr(row, column)
        cell = text_cell(thread.channel.workspace, row.turn_id, column)
        return "" if sealed is None else key.open_text(sealed, cell)

    question = Question(
        thread=thread,
        message_id=row.message_id,
        order=row.position,
        asker=Asker(row.asker_id),
        text=opened("question"),
        asked_at=row.asked_at,
        reference=opened("reference"),
    )
    outcome = Outcome(row.status) if row.status in set(Outcome) else None
    answer = None if row.answer is None else Answer(opened("answer"), row.repository or "", row.model)
    turn = Turn(row.turn_id, question, outcome, answer)
    return Stored(turn, row.answered_with or row.turn_id, opened("context"))
