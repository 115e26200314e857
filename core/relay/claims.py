"""A claim on a turn, the statement that makes it, and the guard of those that depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Update, and_, case, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.values import UNSAID, ChannelRef, ThreadRef, WorkspaceRef
from core.database import Unit, now_ms
from core.errors import Declined, GaveUp, LeaseLost, Level, NoRoom, TooLate, TooManyAsked
from core.scope import given, in_thread, of_turn
from core.statuses import OPEN, RUNNING, WAITING
from core.tables import TurnRow

LEASE_SECONDS = 15.0
LATE_SECONDS = 900.0  # after so long nobody expects an answer any more: a notice comes instead
GIVEN_UP = "given up"  # what stands for GaveUp in a row
FULL = "no room"  # for NoRoom
REFUSED = "refused"  # for an AccessError, a MappingError or a CipherError
NOW: ColumnElement[int] = select(now_ms()).scalar_subquery()  # once for a statement, so that an index can be read by it
_LONGEST_PAUSE_MS = 120_000  # more than anything is put back for
# further ahead is nothing but what was written before the database's clock was set back
DUE: ColumnElement[bool] = or_(TurnRow.due_at <= NOW, TurnRow.due_at > NOW + _LONGEST_PAUSE_MS)
KEY = (TurnRow.platform, TurnRow.workspace_id, TurnRow.turn_id)


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
    line_at: int  # when it was put in line, for the first time or to be asked again
    declined: Declined | GaveUp | None  # it ends with this notice, without being looked at

    @property
    def workspace(self) -> WorkspaceRef:
        """The workspace the turn belongs to."""
        return self.thread.channel.workspace

    def asked_before(self, order: int | None) -> bool:
        """As the condition below has it."""
        return order is None or self.order < order or self.message_id.startswith(UNSAID)


@dataclass(frozen=True, slots=True)
class Claim(Open):
    """A turn this worker may answer, as long as nobody else has claimed it since: `attempt` is the fence."""

    failures: int
    stop_requested: bool
    answered: bool  # it was asked again, and the answer that it has is still shown
    waited: float  # seconds since it was put in line, for the first time or to be asked again


@dataclass(frozen=True, slots=True)
class Scope:
    """What a worker can show: whole platforms, or one thread alone (a terminal shows nobody else's answers)."""

    platforms: tuple[str, ...]
    thread: ThreadRef | None = None

    def condition(self) -> ColumnElement[bool]:
        """The turns in this scope."""
        if self.thread is not None:
            return in_thread(TurnRow, self.thread)
        # no index that begins with the platform helps: all that is stored has it, and SQLite would go through all that
        return TurnRow.platform.concat("").in_(self.platforms)


def open_turn(row: Row[Any]) -> Open:
    """A row as a value."""
    return Open(**_fields(row))


def claim_of(row: Row[Any]) -> Claim:
    """A claimed row as a value."""
    waited = max(0.0, (row.now - row.line_at) / 1000)
    answered = row.answer is not None
    return Claim(
        **_fields(row), failures=row.failures, stop_requested=row.stop_requested, answered=answered, waited=waited
    )


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
        "line_at": row.line_at,
        "declined": _declined(row),
    }


def _declined(row: Row[Any]) -> Declined | GaveUp | None:
    """Why a turn ends without an answer; one that met a limit and was asked to stop only shows that it stopped.

    A word of a newer version ends it too: nobody else's turn waits for one that this version does not understand.
    """
    if row.declined == GIVEN_UP:
        return GaveUp()
    if row.declined is not None and row.declined not in {FULL, *Level}:
        return Declined(row.declined)
    if row.stop_requested and row.attempt <= 1:  # later, the limit may have been told
        return None
    if row.declined == FULL:
        return NoRoom()
    if row.declined is not None:
        return TooManyAsked(Level(row.declined), max(0, (row.declined_until or 0) - row.now) / 1000)
    return TooLate() if row.late_at is not None and row.late_at < row.now else None


def leased(claim: Claim) -> ColumnElement[bool]:
    """The condition that nobody else has claimed the turn since."""
    return and_(
        of_turn(TurnRow, claim.workspace, claim.turn_id), TurnRow.status == "running", TurnRow.attempt == claim.attempt
    )


def asked_before(order: int | None) -> ColumnElement[bool]:
    """The condition that a question came before what has this order; None: any.

    One without a post of its own may have its order by another clock, and counts as asked before.
    """
    return true() if order is None else or_(TurnRow.position < order, TurnRow.message_id.startswith(UNSAID))


def due_soon() -> ColumnElement[int]:
    """When a stopped or deleted turn is due: sooner than planned, but not before a lease could have ended.

    One that was taken away waits until its worker's last call has landed (suspensions.py).
    """
    latest = now_ms() + int(LEASE_SECONDS * 1000)
    return case((TurnRow.due_at > latest, latest), else_=TurnRow.due_at)


def cut_statement() -> Update:
    """Let leases that nobody was given, the database's clock having been set back, end as if they were new.

    A worker that lives renews its own before they do.
    """
    lease = int(LEASE_SECONDS * 1000)
    running = update(TurnRow).where(TurnRow.status == RUNNING, TurnRow.lease_until > NOW + 2 * lease)
    return running.values(lease_until=NOW + lease)


def unclaimed_since(claim: Claim) -> ColumnElement[bool]:
    """The condition that nobody else has claimed the turn since, though it may have been put back."""
    open_ = TurnRow.status.in_(OPEN)
    return and_(of_turn(TurnRow, claim.workspace, claim.turn_id), open_, TurnRow.attempt == claim.attempt)


def held(claim: Claim) -> ColumnElement[bool]:
    """The condition that this claim still holds its turn, and the question is still the one that was claimed."""
    return and_(leased(claim), TurnRow.revision == claim.revision)


@lru_cache(maxsize=64)
def _claim_statement(number: int) -> Update:
    # one by one: SQLite looks no tuples up in a list, but goes through all that wait
    these = or_(*(and_(*(column == given(f"{column.key}_{place}") for column in KEY)) for place in range(number)))
    # begun in time, it is not late when its worker ends or dies; but it has this once, so that it ends at last
    begun_in_time = and_(TurnRow.attempt == 0, TurnRow.late_at >= NOW)
    return (
        update(TurnRow)
        .where(these, TurnRow.status == WAITING)
        .values(
            status="running",
            worker=given("claiming"),
            attempt=TurnRow.attempt + 1,
            lease_until=now_ms() + int(LEASE_SECONDS * 1000),
            late_at=case((begun_in_time, NOW + int(LATE_SECONDS * 1000)), else_=TurnRow.late_at),
        )
        .returning(TurnRow.__table__, now_ms().label("now"))
    )


def claim_statement(worker: str, keys: Sequence[tuple[str, str, str]]) -> tuple[Update, dict[str, str]]:
    """Claim these turns (platform, workspace, turn) for `worker`, those of them that still wait: statement and values.

    Made once for so many turns: left to the garbage collector, one for each question would be what lives longest.
    """
    values = {
        f"{column.key}_{place}": value for place, key in enumerate(keys) for column, value in zip(KEY, key, strict=True)
    }
    return _claim_statement(len(keys)), values | {"claiming": worker}


def still_held(claim: Claim) -> Unit[None]:
    """A unit that changes nothing, but fails with LeaseLost unless this claim still holds its turn."""
    return guarded(update(TurnRow).where(held(claim)).values(attempt=claim.attempt))


def still_unclaimed(claim: Claim) -> Unit[None]:
    """A unit that changes nothing, but fails with LeaseLost where another has claimed the turn, or it has ended."""
    return guarded(update(TurnRow).where(unclaimed_since(claim)).values(attempt=claim.attempt))


def guarded(statement: Update) -> Unit[None]:
    """A unit that fails with LeaseLost, and so rolls back, unless it changed its one row."""

    async def unit(connection: AsyncConnection) -> None:
        if (await connection.execute(statement)).rowcount != 1:
            raise LeaseLost("another worker has this turn")

    return unit
