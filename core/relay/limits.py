"""How many calls of one kind may be made in a workspace, by all processes together.

A generic cell rate algorithm (ITU-T I.371) on one row per workspace and kind of call: `free_at` is when the next call
would be due if nobody had paused. Whoever reserves gets the next slot in order, so callers that hold one reservation
at a time share fairly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    and_,
    bindparam,
    case,
    exists,
    inspect,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningInsert

from core.batches import Batches
from core.conversation.values import WorkspaceRef
from core.database import Database, now_ms
from core.errors import AllowanceSpent
from core.scope import in_workspace
from core.tables import AllowanceRow
from core.workspaces import Workspaces

FURTHEST_SECONDS = 600.0  # nothing is reserved further ahead
_GROUP = 256  # reservations that share one transaction at most
_HELD = " (held back)"  # the name of a row that says until when nothing of this kind is called


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a reservation draws on. Times are milliseconds."""

    platform: str
    workspace_id: str
    name: str
    interval: int
    saved: int  # how far behind a pause may leave `free_at`: the burst
    furthest: int  # how far ahead a slot may be


class Allowances:
    """The budgets of calls of this installation. Every method raises DatabaseError.

    In any span no more than `burst` plus `per_minute` times the span is handed out, whatever the number of processes.
    A reservation that is not used, because its caller was cancelled, is lost.
    """

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self._database = database
        self._workspaces = workspaces
        self._reserving = _reserving_statement(database)
        self._batches = Batches[_Kind, float](self._reserve, _GROUP)

    async def reserve(
        self,
        workspace: WorkspaceRef,
        name: str,
        *,
        per_minute: float,
        burst: int,
        within: float = FURTHEST_SECONDS,
    ) -> float:
        """Reserve the next call of this kind; the seconds until it may be made, 0.0 for now.

        Raises AllowanceSpent, and reserves nothing, where the next free slot is more than `within` seconds ahead.
        """
        interval = math.ceil(60_000 / per_minute)
        await self._workspaces.data_key(workspace)  # the workspace is recorded on first sight
        return await self._batches.add(
            _Kind(
                **asdict(workspace),
                name=name,
                interval=interval,
                saved=(burst - 1) * interval,
                furthest=int(within * 1000),
            )
        )

    async def hold_back(self, workspace: WorkspaceRef, name: str, seconds: float) -> None:
        """Let nobody make calls of this kind for so many seconds, because the platform said so."""
        until = now_ms() + math.ceil(seconds * 1000)

        async def unit(connection: AsyncConnection) -> None:
            for row in (name, name + _HELD):
                await connection.execute(
                    self._database.insert(AllowanceRow)
                    .values(**asdict(workspace), name=row, free_at=until)
                    .on_conflict_do_update(
                        index_elements=inspect(AllowanceRow).primary_key, set_={"free_at": _later(until)}
                    )
                )

        await self._workspaces.data_key(workspace)
        await self._database.write(unit)

    async def held_back(self, workspace: WorkspaceRef, name: str) -> bool:
        """Whether the platform has asked for a pause that is not over."""
        held = select(AllowanceRow.free_at > now_ms()).where(
            in_workspace(AllowanceRow, workspace), AllowanceRow.name == name + _HELD
        )
        async with self._database.reading() as connection:
            return bool((await connection.execute(held)).scalar_one_or_none())

    async def _reserve(self, kinds: Sequence[_Kind]) -> Sequence[float | BaseException]:
        async def unit(connection: AsyncConnection) -> dict[_Kind, list[float | BaseException]]:
            # in one order everywhere: two processes must not wait for each other's rows in a ring
            ordered = sorted(set(kinds), key=lambda kind: (*_row(kind).values(), -kind.furthest))
            return {kind: await self._granted(connection, kind, kinds.count(kind)) for kind in ordered}

        slots = {kind: iter(each) for kind, each in (await self._database.write(unit, lasting=False)).items()}
        return [next(slots[kind]) for kind in kinds]

    async def _granted(self, connection: AsyncConnection, kind: _Kind, number: int) -> list[float | BaseException]:
        """So many slots, the earliest first; where only near ones are wanted, each is looked at by itself."""
        if kind.furthest >= FURTHEST_SECONDS * 1000:
            return await self._slots(connection, kind, number)
        slots: list[float | BaseException] = []
        while len(slots) < number:
            slots += await self._slots(connection, kind, 1)
            if isinstance(last := slots[-1], AllowanceSpent):  # nor is any later one near enough
                slots += [AllowanceSpent(kind.name, last.seconds) for _ in range(number - len(slots))]
        return slots

    async def _slots(self, connection: AsyncConnection, kind: _Kind, number: int) -> list[float | BaseException]:
        """So many slots, the earliest first; all or none."""
        taken = number * kind.interval
        reach = int(FURTHEST_SECONDS * 1000) + _GROUP * kind.interval
        spans = {"taken": taken, "saved": kind.saved, "furthest": kind.furthest, "reach": reach}
        row = (await connection.execute(self._reserving, _row(kind) | spans)).one_or_none()
        if row is None:
            workspace = WorkspaceRef(kind.platform, kind.workspace_id)
            free_in = select(AllowanceRow.free_at - now_ms()).where(
                in_workspace(AllowanceRow, workspace), AllowanceRow.name == kind.name
            )
            seconds = (await connection.execute(free_in)).scalar_one() / 1000
            return [AllowanceSpent(kind.name, seconds) for _ in range(number)]
        first = row.free_at - taken - row.now
        return [max(0, first + place * kind.interval) / 1000 for place in range(number)]


def _row(kind: _Kind) -> dict[str, Any]:
    return {"platform": kind.platform, "workspace_id": kind.workspace_id, "name": kind.name}


def _reserving_statement(database: Database) -> ReturningInsert[int, int]:
    """Take `taken` milliseconds; of the past, `saved` may be taken, and no slot more than `furthest` ahead.

    What no reservation can have reached was reserved before the database's clock was set back, and does not count,
    unless the platform has asked for a pause. Made once: SQLAlchemy takes longer to put it together than a database to
    run it.
    """
    names = ("taken", "saved", "furthest", "reach")
    taken, saved, furthest, reach = (bindparam(name, type_=BigInteger) for name in names)
    earliest = now_ms() - saved
    void = and_(AllowanceRow.free_at > now_ms() + reach, ~_held())
    return (
        database.insert(AllowanceRow)
        .values(free_at=earliest + taken)
        .on_conflict_do_update(
            index_elements=inspect(AllowanceRow).primary_key,
            set_={"free_at": case((void, earliest), else_=_later(earliest)) + taken},
            where=or_(AllowanceRow.free_at <= now_ms() + furthest, void),
        )
        .returning(AllowanceRow.free_at, now_ms().label("now"))
    )


class Uncounted(Allowances):
    """Every call may be made now, and nothing is written down: for one that must not touch the database."""

    def __init__(self) -> None: ...

    async def reserve(
        self, workspace: WorkspaceRef, name: str, *, per_minute: float, burst: int, within: float = FURTHEST_SECONDS
    ) -> float:
        """Now."""
        return 0.0

    async def hold_back(self, workspace: WorkspaceRef, name: str, seconds: float) -> None:
        """Nobody else is told."""

    async def held_back(self, workspace: WorkspaceRef, name: str) -> bool:
        """Never."""
        return False


def _held() -> ColumnElement[bool]:
    """The condition that the platform has asked for a pause of this row's kind that is not over."""
    held = aliased(AllowanceRow)
    # by name: a subquery within an INSERT is not correlated with its table otherwise
    columns = ("platform", "workspace_id", "name")
    platform, workspace_id, name = (literal_column(f"{AllowanceRow.__tablename__}.{each}", String) for each in columns)
    same = and_(held.platform == platform, held.workspace_id == workspace_id, held.name == name.concat(_HELD))
    return exists().where(same, held.free_at > now_ms())


def _later(than: ColumnElement[int]) -> ColumnElement[int]:
    return case((AllowanceRow.free_at > than, AllowanceRow.free_at), else_=than)
