"""A question is accepted once, durably and fast: only then may a platform be acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.batches import Batches
from core.conversation.history import text_cell
from core.conversation.values import UNSAID, Question
from core.database import Database
from core.errors import DatabaseError, DatabaseUnavailable, LineFull
from core.metrics import Metrics
from core.relay.claims import FULL, LATE_SECONDS
from core.relay.insertion import Insertion
from core.relay.room import Room
from core.relay.shares import Line, Shares, Standing
from core.workspaces import Workspaces

_GROUP = 256  # questions that share one transaction at most
_AGAIN_SECONDS = 1.0  # after which a command that nobody acknowledged has failed in its asker's eyes, or soon will have
_TURNED_AWAY = {"declined": FULL, "declined_for": None, "behind": int(-LATE_SECONDS * 1000)}  # to be told so at once


@dataclass(frozen=True, slots=True)
class Accepted:
    """The question is stored. `turn_id` is None where it had been accepted before: then nothing more is to be done."""

    turn_id: str | None


class Intake:
    """Accepts questions; concurrent ones share a transaction, and a unique key alone decides what is a duplicate."""

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        wake: Callable[[], None],
        shares: Shares = Shares(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        metrics: Metrics | None = None,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._wake = wake
        self._line = Line(shares, clock)
        self._clock = clock
        self._wall = wall
        self._room = Room(database, shares.waiting, clock)
        self._metrics = metrics or Metrics()
        self._insertion = Insertion(database)
        self._batches = Batches[dict[str, Any], Accepted](self._store, _GROUP)

    async def accept(self, question: Question, *, last: bool = False) -> Accepted:
        """Commit the question, then return. Raises DatabaseError: then it is not accepted, and may be sent again.

        One that meets a limit is accepted too, to be refused. So is one for which there is no room, where this was the
        `last` time that the platform sends it.
        """
        workspace, since = question.thread.channel.workspace, self._clock()
        key = await self._workspaces.data_key(workspace)
        turn_id = token_hex(16)
        row = _row(question, turn_id)
        row["question"] = key.seal_text(question.text, text_cell(workspace, turn_id, "question"))
        if question.reference:
            row["reference"] = key.seal_text(question.reference, text_cell(workspace, turn_id, "reference"))
        standing = self._line.join(question)
        row |= _place(question, standing, self._wall())
        accepted = Accepted(None)
        try:
            accepted = await self._surely(row, since, last=last)
            if accepted.turn_id is None:
                self._metrics.again(workspace.platform)
            else:
                self._metrics.accepted(workspace.platform, self._clock() - since)
            return accepted
        except DatabaseError as error:
            self._metrics.not_accepted(error)
            raise
        finally:
            if accepted.turn_id is None:
                self._line.leave(question, standing)

    async def _surely(self, row: dict[str, Any], since: float, *, last: bool) -> Accepted:
        """Stored; or refused to the platform, which sends it again.

        A command it sends once: where the database may have stored it without our hearing of that, it is stored again,
        unless so much time went by that its asker was told otherwise.
        """
        try:
            return await self._stored(row, last=last)
        except LineFull:
            raise
        except DatabaseUnavailable:
            if not row["message_id"].startswith(UNSAID) or self._clock() - since > _AGAIN_SECONDS:
                raise
        return await self._stored(row, last=last)

    async def _stored(self, row: dict[str, Any], *, last: bool) -> Accepted:
        try:
            return await self._batches.add(row)
        except LineFull:
            if not last:
                raise
            return await self._batches.add(row | _TURNED_AWAY)

    async def _store(self, rows: Sequence[dict[str, Any]]) -> Sequence[Accepted | BaseException]:
        async def unit(connection: AsyncConnection) -> tuple[set[str], set[str]]:
            taken = await self._that_fit(connection, rows)
            stored = await self._insertion.run(connection, taken) if taken else set()
            if stored:
                await self._database.announce(connection)
            return {row["turn_id"] for row in taken}, stored

        try:
            taken, stored = await self._database.write(unit, urgent=True)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            # One row that cannot be stored must not refuse the questions of everybody who came with it.
            return [error] if len(rows) == 1 else [result for row in rows for result in await self._store([row])]
        if stored:
            self._wake()
        results: list[Accepted | BaseException] = []
        for turn_id in (row["turn_id"] for row in rows):
            accepted = Accepted(turn_id if turn_id in stored else None)
            results.append(accepted if turn_id in taken else self._room.full())
        return results

    async def _that_fit(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that may wait: the first for which there is room, and all that only wait to be turned away.

        In one order everywhere: two processes with the same duplicates must not wait for each other in a ring.
        """
        waiting = [row for row in rows if row["declined"] != FULL]
        room = await self._room.take(connection, len(waiting)) if waiting else 0
        away = [row for row in rows if row["declined"] == FULL]
        return sorted([*waiting[:room], *away], key=_natural_key)


def _natural_key(row: dict[str, Any]) -> tuple[str, ...]:
    return (row["platform"], row["workspace_id"], row["channel_id"], row["message_id"])


def _place(question: Question, standing: Standing, wall: float) -> dict[str, Any]:
    """Where it stands in line. One that met a limit stands there too: to be told so.

    How old it is, is a matter between the platform's clock and this machine's: the database's may show another time.
    """
    age = question.age(datetime.fromtimestamp(wall, UTC))
    return {
        "behind": int(standing.behind * 1000),
        "late_in": int((LATE_SECONDS - age) * 1000),
        "declined": standing.limit,
        "declined_for": None if standing.limit is None else int(standing.seconds * 1000),
    }


def _row(question: Question, turn_id: str) -> dict[str, Any]:
    channel = question.thread.channel
    return {
        "platform": channel.platform,
        "workspace_id": channel.workspace_id,
        "turn_id": turn_id,
        "channel_id": channel.channel_id,
        "thread_id": question.thread.thread_id,
        "message_id": question.message_id,
        "position": question.order,
        "asker_id": question.asker.user_id,
        "reference": None,
        "asked_at": question.asked_at,
        "edited": question.edited,
    }
