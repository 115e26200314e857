"""What was shown of a turn and where, so that a redo edits what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import cast

from sqlalchemy import Select, delete, exists, inspect, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.batches import Batches
from core.conversation.values import WorkspaceRef
from core.database import Database, padded
from core.errors import LeaseLost
from core.relay.claims import KEY, Claim, held, still_unclaimed
from core.scope import THREAD, WORKSPACE, given, in_thread, named, of_turn
from core.tables import PostRow, TurnRow

_GROUP = 32  # claims that one look-up is about at most


class Posts:
    """The posts of turns. Writing raises LeaseLost once another has claimed the turn, and DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._checks = Batches[Claim, None](self._held, _GROUP)

    async def check(self, claim: Claim) -> None:
        """Raise LeaseLost where the turn was put back, because its channel's readers changed or it was edited.

        Call it before anything of the answer is shown: the lease itself tells of that seconds later.
        """
        await self._checks.add(claim)

    async def _held(self, claims: Sequence[Claim]) -> Sequence[BaseException | None]:
        asked = padded(claims)
        names = {name: each for place, claim in enumerate(asked) for name, each in _names(claim, place).items()}
        async with self._database.reading() as connection:
            rows = await connection.execute(_held_statement(len(asked)), names)
            found = {(row.turn_id, row.attempt) for row in rows}
        lost = LeaseLost("the turn was put back, or the question was edited")
        return [None if (claim.turn_id, claim.attempt) in found else lost for claim in claims]

    async def of(self, claim: Claim) -> dict[int, str]:
        """What earlier attempts have shown of this turn: number → the platform's id."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_OF_TURN, named(claim.workspace, turn_id=claim.turn_id))
            return {row.number: row.post_id for row in rows}

    async def of_another(self, claim: Claim, post_id: str) -> bool:
        """Whether it is known to show another turn of the thread: an unfinished stream does not say whose it is."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_OF_OTHERS, named(claim.thread, turn_id=claim.turn_id, post_id=post_id))
            return rows.first() is not None

    async def record(self, claim: Claim, number: int, post_id: str) -> None:
        """Remember a post, so that a redo edits it: also of a question that was edited, or put back, at that moment."""
        channel = claim.thread.channel
        statement = self._database.insert(PostRow).values(
            platform=channel.platform,
            workspace_id=channel.workspace_id,
            turn_id=claim.turn_id,
            number=number,
            post_id=post_id,
            posted_at=datetime.now(UTC),
        )
        statement = statement.on_conflict_do_update(
            index_elements=inspect(PostRow).primary_key, set_={"post_id": post_id}
        )

        async def unit(connection: AsyncConnection) -> None:
            await still_unclaimed(claim)(connection)
            await connection.execute(statement)

        await self._database.write(unit)

    async def forget(self, claim: Claim, number: int) -> None:
        """Forget a post that was withdrawn."""

        async def unit(connection: AsyncConnection) -> None:
            await still_unclaimed(claim)(connection)
            await connection.execute(
                delete(PostRow).where(of_turn(PostRow, claim.workspace, claim.turn_id), PostRow.number == number)
            )

        await self._database.write(unit)


_OF_TURN = select(PostRow.number, PostRow.post_id).where(of_turn(PostRow, WORKSPACE, given("turn_id")))
# from the turns of the thread, few as they are: from the posts, SQLite would go through all those of the workspace
_OF_OTHERS = (
    select(TurnRow.turn_id)
    .where(in_thread(TurnRow, THREAD), TurnRow.turn_id != given("turn_id"))
    .where(
        exists().where(*(getattr(PostRow, column.key) == column for column in KEY), PostRow.post_id == given("post_id"))
    )
    .limit(1)
)
_CLAIM = ("platform", "workspace_id", "turn_id", "attempt", "revision")  # what `held` is about


def _names(claim: Claim, place: int) -> dict[str, str | int]:
    values = (*astuple(claim.workspace), claim.turn_id, claim.attempt, claim.revision)
    return {f"{name}_{place}": value for name, value in zip(_CLAIM, values, strict=True)}


def _any_claim(place: int) -> Claim:
    """Stands for a claim in a statement that is made once."""
    platform, workspace_id, *rest = (given(f"{name}_{place}") for name in _CLAIM)
    named_so = dict(zip(_CLAIM[2:], rest, strict=True))
    return cast("Claim", SimpleNamespace(workspace=WorkspaceRef(platform, workspace_id), **named_so))


@cache
def _held_statement(number: int) -> Select[str, int]:
    """Those of so many claims that still hold their turns."""
    return select(TurnRow.turn_id, TurnRow.attempt).where(or_(*(held(_any_claim(place)) for place in range(number))))
