"""How a turn ends, and the record of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, LargeBinary, and_, case, exists, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.values import Outcome
from core.errors import LeaseLost, NoRoom, TooLate, TooManyAsked
from core.relay.claims import Claim, held, unclaimed_since
from core.scope import in_thread, of_turn
from core.statuses import FREE, WAITING, waiting_again
from core.tables import TurnRow


class Covered(NamedTuple):
    """A waiting turn that another's answer covers: as it was worded then, with what stood around it."""

    turn_id: str
    revision: int
    asker_id: str
    sealed_context: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended, for the record. `sealed_answer` is None where no text was kept."""

    outcome: Outcome
    sealed_answer: bytes | None = None
    repository: str | None = None
    model: str | None = None
    covers: tuple[Covered, ...] = ()  # waiting turns that end with it
    told: bool = False  # its notice is out: of what becomes of the question meanwhile only an edit changes anything
    stays: bool = False  # the answer that it had before it was asked again is still its answer


STAYS = Ending(Outcome.ANSWERED, told=True, stays=True)


def told(claim: Claim) -> ColumnElement[bool]:
    """The condition that a notice which is out ends the turn: the question was not edited since, or was deleted.

    One that was refused unread stays refused even if it was edited: its notice has a button to ask again.
    """
    if isinstance(claim.declined, TooManyAsked | NoRoom | TooLate):
        return unclaimed_since(claim)
    return and_(unclaimed_since(claim), or_(TurnRow.revision == claim.revision, TurnRow.erased_at.is_not(None)))


def asked_again_with(claim: Claim) -> ColumnElement[bool]:
    """The condition that a turn waits to be answered anew with this one, whose answer covered it."""
    return and_(in_thread(TurnRow, claim.thread), TurnRow.status == WAITING, TurnRow.answered_with == claim.turn_id)


async def end_turn(connection: AsyncConnection, claim: Claim, ending: Ending) -> bool:
    """Within a unit: record it, with the turns that the answer covers. False where the question was put back instead.

    Raises LeaseLost where another worker has this turn.
    """
    done = {"status": ending.outcome.value, "finished_at": datetime.now(UTC)}
    about, kept = {"repository": ending.repository}, TurnRow.erased_at.is_(None)
    answer = about | {"answer": case((kept, literal(ending.sealed_answer, LargeBinary()))), "model": ending.model}
    values = {"answered_with": None, "reference": case((kept, TurnRow.reference))} | FREE | done
    ours = told(claim) if ending.told else held(claim)
    own = update(TurnRow).where(ours).values(values if ending.stays else values | answer)
    ended = (await connection.execute(own.returning(TurnRow.erased_at))).one_or_none()
    if ended is None:
        return await _ended_or_edited(connection, claim, ending)
    if ending.outcome is Outcome.STOPPED and ended.erased_at is not None:
        return True  # it was deleted: those who did not delete theirs are answered
    if ending.stays:
        covered = update(TurnRow).where(asked_again_with(claim))
        await connection.execute(covered.where(TurnRow.revision == 0).values(done))
        await connection.execute(covered.values(answered_with=None))  # to what has other words now, it is no answer
    if ending.covers:
        others = update(TurnRow).where(in_thread(TurnRow, claim.thread), TurnRow.status == WAITING)
        worded = [(each.turn_id, each.revision) for each in ending.covers]
        same = tuple_(TurnRow.turn_id, TurnRow.revision).in_(worded)  # one edited meanwhile waits
        await connection.execute(others.where(same).values(done | about | {"answered_with": claim.turn_id}))
    for each in ending.covers:
        with_it = and_(of_turn(TurnRow, claim.workspace, each.turn_id), TurnRow.answered_with == claim.turn_id)
        if each.sealed_context is not None:
            await connection.execute(update(TurnRow).where(with_it, kept).values(context=each.sealed_context))
    return True


async def _ended_or_edited(connection: AsyncConnection, claim: Claim, ending: Ending) -> bool:
    """Whether this ending stands there already; False where the question was edited instead, which is put back."""
    ours = and_(of_turn(TurnRow, claim.workspace, claim.turn_id), TurnRow.attempt == claim.attempt)
    ended = select(exists().where(ours, TurnRow.status == ending.outcome.value))
    if (await connection.execute(ended)).scalar_one():
        return True
    edited = update(TurnRow).where(unclaimed_since(claim), TurnRow.revision != claim.revision)
    anew = edited.values(waiting_again(declined=None, failures=0))
    if not ending.told or (await connection.execute(anew)).rowcount != 1:
        raise LeaseLost("another worker has this turn")
    return False
