"""Who answers which turn: a lease on the turn's own row, fenced by its attempt.

Each change of state is one guarded UPDATE; the unique index `uq_turns_running_thread` keeps one answer per thread
whatever this code does. Time is the database's.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import LargeBinary, Update, and_, case, exists, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.values import ThreadRef
from core.database import Database, now_ms, padded
from core.errors import AskrepoError, GaveUp, LeaseLost, TooManyAsked
from core.locks import lock_claims
from core.relay.candidates import BEHIND, candidate_of, candidates_statement, chosen, due_statement
from core.relay.claims import (
    GIVEN_UP,
    LATE_SECONDS,
    LEASE_SECONDS,
    NOW,
    REFUSED,
    Claim,
    Open,
    Scope,
    asked_before,
    claim_of,
    claim_statement,
    cut_statement,
    due_soon,
    guarded,
    held,
    leased,
    open_turn,
    unclaimed_since,
)
from core.relay.endings import Ending, asked_again_with, end_turn
from core.relay.shares import Shares
from core.scope import in_thread, in_workspace, named
from core.statuses import OPEN, RUNNING, WAITING, waiting_again
from core.tables import TurnRow

TICK_SECONDS = 3.0  # between two renewals
MOST_FAILURES = 3
_LOOKED_AT = 4  # turns for each that is to be claimed: some may belong to somebody who has their share
_LANDING_MS = 2_000
_TOGETHER = 64  # turns that one statement hands back


@dataclass(frozen=True, slots=True)
class Renewed:
    """What became of a turn since it was claimed."""

    stop_requested: bool
    revision: int


class Leases:
    """The queue of turns. Every method raises DatabaseError; what names a claim, LeaseLost once it is not ours."""

    def __init__(self, database: Database, shares: Shares = Shares()) -> None:  # noqa: B008 - frozen
        self._database = database
        self._shares = shares

    async def claim(self, worker: str, scope: Scope, most: int) -> list[Claim]:
        """Take up to `most` due turns: each the head of its thread, in the order of the line, within the shares."""
        async with self._database.reading() as connection:
            if not (await connection.execute(due_statement(scope))).scalar_one():
                return []

        async def unit(connection: AsyncConnection) -> list[Claim]:
            await lock_claims(connection)
            claims: list[Claim] = []
            window = _LOOKED_AT * most
            while len(claims) < most:
                rows = (await connection.execute(candidates_statement(scope, self._shares, window))).all()
                picked = chosen([candidate_of(row) for row in rows], self._shares, most - len(claims))
                if not picked:
                    break
                claimed = await connection.execute(*claim_statement(worker, [each.key for each in picked]))
                claims += [claim_of(row) for row in claimed]
                if len(rows) < window:
                    break
            return sorted(claims, key=lambda claim: claim.asked_at)

        return await self._database.write(unit)

    async def renew(self, worker: str, claims: Collection[Claim]) -> dict[str, Renewed]:
        """Prolong these leases, if any. Of those still ours: turn id → what became of it."""
        these = padded([(claim.turn_id, claim.attempt) for claim in claims]) if claims else []
        ours = tuple_(TurnRow.turn_id, TurnRow.attempt).in_(these)
        statement = (
            update(TurnRow)
            .where(TurnRow.status == RUNNING, TurnRow.worker == worker, ours)
            .values(lease_until=now_ms() + int(LEASE_SECONDS * 1000))
            .returning(TurnRow.turn_id, TurnRow.stop_requested, TurnRow.revision)
        )

        async def unit(connection: AsyncConnection) -> dict[str, Renewed]:
            rows = await connection.execute(statement)
            return {row.turn_id: Renewed(row.stop_requested, row.revision) for row in rows}

        return await self._database.write(unit, urgent=True)

    async def free_expired(self) -> int:
        """Put turns of dead workers back; each counts as a failure. How many there were."""

        async def unit(connection: AsyncConnection) -> int:
            await connection.execute(cut_statement())
            return (await connection.execute(expired_statement())).rowcount

        return await self._database.write(unit, urgent=True)  # renewals wait for it

    async def free_thread(self, thread: ThreadRef) -> int:
        """Put a thread's running turn back at once, its worker being known dead; counts as a failure.

        Whoever comes back to the thread expects its answers again: none of its open turns is late now.
        """
        running = and_(in_thread(TurnRow, thread), TurnRow.status == RUNNING)
        freed = update(TurnRow).where(running).values(waiting_again(failures=TurnRow.failures + 1))
        waiting = and_(in_thread(TurnRow, thread), TurnRow.status == WAITING)
        expected = update(TurnRow).where(waiting).values(late_at=now_ms() + int(LATE_SECONDS * 1000))

        async def unit(connection: AsyncConnection) -> int:
            count = (await connection.execute(freed)).rowcount
            await connection.execute(expected)
            return count

        return await self._database.write(unit)

    async def retry(self, claim: Claim, *, blame: bool = True) -> None:
        """Put an attempt back, due after a pause with jitter; it stays the head of its thread.

        Without `blame` it was no failure of the turn: it is tried until it can be.
        """
        tried = claim.failures if blame else claim.attempt - 1
        pause = min(60.0, 2.0 ** min(tried, 6)) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        values = waiting_again(failures=TurnRow.failures + int(blame)) | {"due_at": now_ms() + int(pause * 1000)}
        await self._database.write(guarded(update(TurnRow).where(leased(claim)).values(values)))

    async def hand_back(self, claims: Sequence[Claim], *, broken_off: Collection[str] = ()) -> None:
        """Give up these leases at once, without blame: another worker takes over.

        Calls that were under way are given time to land: of the turns whose ids are `broken_off`, and of those that
        were taken away.
        """
        lands = or_(TurnRow.status == WAITING, TurnRow.turn_id.in_(broken_off))
        values = waiting_again() | {"due_at": case((lands, now_ms() + _LANDING_MS), else_=now_ms())}

        async def unit(connection: AsyncConnection) -> None:
            for first in range(0, len(claims), _TOGETHER):
                these = padded(claims[first : first + _TOGETHER])
                ours = or_(*(unclaimed_since(claim) for claim in these))
                await connection.execute(update(TurnRow).where(ours).values(values))
            await self._database.announce(connection)

        await self._database.write(unit, urgent=True)

    async def move(self, claim: Claim, thread: ThreadRef) -> None:
        """Put the turn into the thread that its own question began.

        Where another turn of that thread runs already, it waits there: raises LeaseLost.
        """
        there = and_(in_thread(TurnRow, thread), TurnRow.status == RUNNING, TurnRow.turn_id != claim.turn_id)

        async def unit(connection: AsyncConnection) -> bool:
            await lock_claims(connection)
            taken = bool((await connection.execute(select(exists().where(there)))).scalar_one())
            values = {"thread_id": thread.thread_id, **(waiting_again() if taken else {})}
            await guarded(update(TurnRow).where(held(claim)).values(values))(connection)
            return taken

        if await self._database.write(unit):
            raise LeaseLost("another question is being answered in the thread that this one began")

    async def keep_context(self, claim: Claim, sealed: bytes) -> None:
        """Store what stood around the question: a redo, and every later question of the thread, is asked with it."""
        kept = case((TurnRow.erased_at.is_(None), literal(sealed, LargeBinary())))
        await self._database.write(guarded(update(TurnRow).where(held(claim)).values(context=kept)))

    async def begin_anew(self, claim: Claim) -> None:
        """Forget the answer that the question had before it was asked again: the next one takes its place now."""

        async def unit(connection: AsyncConnection) -> None:
            await guarded(update(TurnRow).where(held(claim)).values(answer=None))(connection)
            await connection.execute(update(TurnRow).where(asked_again_with(claim)).values(answered_with=None))

        await self._database.write(unit)

    async def decline(self, claim: Claim, error: AskrepoError) -> None:
        """Record, before anybody is told, that the turn ends with this notice: a redo tells the same, and no more."""
        values: dict[str, object] = {"declined": GIVEN_UP if isinstance(error, GaveUp) else REFUSED}
        if isinstance(error, TooManyAsked):
            values = {"declined": error.level.value, "declined_until": now_ms() + int(error.seconds * 1000)}
        await self._database.write(guarded(update(TurnRow).where(held(claim)).values(values)))

    async def behind(self, claim: Claim) -> list[Open]:
        """The thread's next waiting turns, in order, up to what was answered since; no more than one answer can cover.

        Where an old question is asked again, what came after later answers is about those; and nothing is answered
        across a fresh start.
        """
        of_claim = named(claim.thread, turn_id=claim.turn_id, order=claim.order)
        async with self._database.reading() as connection:
            return [open_turn(row) for row in await connection.execute(BEHIND, of_claim)]

    async def finish(self, claim: Claim, ending: Ending) -> None:
        """Record the one outcome of this turn, and of the turns its answer covers, in one commit.

        May be repeated where its reply was lost. A notice is no outcome of a question that was edited since it was
        claimed: that waits for an answer to its new words, and LeaseLost is raised.
        """

        async def unit(connection: AsyncConnection) -> bool:
            return await end_turn(connection, claim, ending)

        if not await self._database.write(unit):
            raise LeaseLost("the question was edited while its notice went out")

    async def stop(self, thread: ThreadRef, turn_id: str | None = None, *, before: int | None = None) -> bool:
        """Ask the thread's answer to stop: the running one, else the next. False where nothing is open.

        With `turn_id`, that turn alone: not the next question, where it has ended meanwhile. With `before`, none that
        was asked after the word of that order: it may be delivered again.
        A turn that is not running is claimed as ever, to show that it stopped. What waits behind it is answered: its
        askers stopped nothing, and every question ends where people can see it.
        """
        head = (
            select(TurnRow.turn_id)
            .where(in_thread(TurnRow, thread), TurnRow.status.in_(OPEN), asked_before(before))
            .order_by(case((TurnRow.status == "running", 0), (TurnRow.attempt > 0, 1), else_=2))
            .order_by(TurnRow.position, TurnRow.message_id)
            .limit(1)
            .scalar_subquery()
        )
        which = TurnRow.turn_id == (head if turn_id is None else turn_id)
        statement = (
            update(TurnRow)
            .where(in_workspace(TurnRow, thread.channel.workspace), which, TurnRow.status.in_(OPEN))
            .values(stop_requested=True, due_at=due_soon())
        )

        async def unit(connection: AsyncConnection) -> bool:
            stopped = (await connection.execute(statement)).rowcount == 1
            if stopped:
                await self._database.announce(connection)
            return stopped

        return await self._database.write(unit)


def expired_statement() -> Update:
    """Put turns back whose leases have ended."""
    return (
        update(TurnRow)
        .where(TurnRow.status == RUNNING, TurnRow.lease_until < NOW)
        .values(waiting_again(failures=TurnRow.failures + 1))
    )
