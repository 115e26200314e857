"""A claim on a turn, and the one statement that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Update, and_, exists, func, or_, select, tuple_, update
from sqlalchemy.orm import aliased

from core.conversation.values import ChannelRef, Outcome, ThreadRef, WorkspaceRef
from core.database import now_ms
from core.scope import in_thread, of_turn
from core.tables import TurnRow

LEASE_SECONDS = 15.0
_KEY = (TurnRow.platform, TurnRow.workspace_id, TurnRow.turn_id)


@dataclass(frozen=True, slots=True)
class Open:
    """A turn without an outcome. `attempt` 0: nothing of it can be shown yet."""

    thread: ThreadRef
    turn_id: str
    message_id: str
    order: int
    asker_id: str
    sealed_question: bytes
    sealed_reference: bytes | None
    sealed_context: bytes | None
    asked_at: datetime
    attempt: int
    revision: int

    @property
    def workspace(self) -> WorkspaceRef:
        """The workspace the turn belongs to."""
        return self.thread.channel.workspace


@dataclass(frozen=True, slots=True)
class Claim(Open):
    """A turn this worker may answer, as long as nobody else has claimed it since: `attempt` is the fence."""

    failures: int
    stop_requested: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended, for the record. `sealed_answer` is None where no text was kept."""

    outcome: Outcome
    sealed_answer: bytes | None = None
    repository: str | None = None
    model: str | None = None
    covers: tuple[tuple[str, int], ...] = ()  # waiting turns that end with it: id and revision that was answered
    told: bool = False  # its notice is out: an edit of the question changes nothing any more


@dataclass(frozen=True, slots=True)
class Scope:
    """What a worker can show: whole platforms, or one thread alone (a terminal shows nobody else's answers)."""

    platforms: tuple[str, ...]
    thread: ThreadRef | None = None

    def condition(self) -> ColumnElement[bool]:
        """The turns in this scope."""
        return TurnRow.platform.in_(self.platforms) if self.thread is None else in_thread(TurnRow, self.thread)


def open_turn(row: Row[Any]) -> Open:
    """A row as a value."""
    return Open(**_fields(row))


def claim_of(row: Row[Any]) -> Claim:
    """A claimed row as a value."""
    return Claim(**_fields(row), failures=row.failures, stop_requested=row.stop_requested)


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "thread": ThreadRef(ChannelRef(row.platform, row.workspace_id, row.channel_id), row.thread_id),
        "turn_id": row.turn_id,
        "message_id": row.message_id,
        "order": row.position,
        "asker_id": row.asker_id,
        "sealed_question": row.question,
        "sealed_reference": row.reference,
        "sealed_context": row.context,
        "asked_at": row.asked_at,
        "attempt": row.attempt,
        "revision": row.revision,
    }


def leased(claim: Claim) -> ColumnElement[bool]:
    """The condition that nobody else has claimed the turn since."""
    return and_(
        of_turn(TurnRow, claim.workspace, claim.turn_id), TurnRow.status == "running", TurnRow.attempt == claim.attempt
    )


def held(claim: Claim) -> ColumnElement[bool]:
    """The condition that this claim still holds its turn, and the question is still the one that was claimed."""
    return and_(leased(claim), TurnRow.revision == claim.revision)


def claim_statement(worker: str, scope: Scope, most: int, per_workspace: int) -> Update:
    """Claim up to `most` due turns for `worker`, the head of each thread, `per_workspace` running at most.

    Ranked per workspace rather than counted per row: a count inside a batch would let the batch pass as a whole.
    """
    other, running = aliased(TurnRow), aliased(TurnRow)
    same_thread = and_(
        other.platform == TurnRow.platform,
        other.workspace_id == TurnRow.workspace_id,
        other.channel_id == TurnRow.channel_id,
        other.thread_id == TurnRow.thread_id,
    )
    earlier = tuple_(other.position, other.message_id) < tuple_(TurnRow.position, TurnRow.message_id)
    ahead = or_(other.status == "running", and_(other.status == "waiting", earlier))
    rank = func.row_number().over(
        partition_by=(TurnRow.platform, TurnRow.workspace_id), order_by=(TurnRow.due_at, TurnRow.position)
    )
    ranked = (
        select(*_KEY, TurnRow.due_at, rank.label("rank"))
        .where(TurnRow.status == "waiting", TurnRow.due_at <= now_ms(), scope.condition())
        .where(~exists().where(same_thread, ahead))
        .subquery()
    )
    busy = (
        select(func.count())
        .where(running.status == "running")
        .where(running.platform == ranked.c.platform, running.workspace_id == ranked.c.workspace_id)
        .scalar_subquery()
    )
    chosen = (
        select(ranked.c.platform, ranked.c.workspace_id, ranked.c.turn_id)
        .where(ranked.c.rank + busy <= per_workspace)
        .order_by(ranked.c.rank, ranked.c.due_at)
        .limit(most)
    )
    return (
        update(TurnRow)
        .where(tuple_(*_KEY).in_(chosen), TurnRow.status == "waiting")
        .values(
            status="running",
            worker=worker,
            attempt=TurnRow.attempt + 1,
            lease_until=now_ms() + int(LEASE_SECONDS * 1000),
        )
        .returning(TurnRow.__table__)
    )
