"""A change of the key ring: what was sealed under an older key is sealed anew under the first one.

Order of a change: put the new key behind the old one and restart every process, so that all can read what any of them
will write; put it first and restart them again; rotate, and drop the old key once nothing is left. Stored texts need no
rotation: they are sealed under data keys, and only those are sealed anew. Tickets need none: they end within the hour.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Row, and_, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from core import logs
from core.channels.tokens import token_cell
from core.cipher import Cell, Keyring
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.errors import CipherError
from core.tables import TokenRow, WorkspaceRow
from core.workspaces import data_key_cell

_BATCH = 200  # rows of one short transaction

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of sealed values, the primary key of its table, and the cell of each of its rows."""

    table: type[TokenRow | WorkspaceRow]
    column: InstrumentedAttribute[bytes]
    primary: tuple[InstrumentedAttribute[str], ...]
    cell: Callable[[Row[Any]], Cell]


def _workspace(row: Row[Any]) -> WorkspaceRef:
    return WorkspaceRef(row.platform, row.workspace_id)


SEALED = (
    Sealed(
        WorkspaceRow,
        WorkspaceRow.data_key,
        (WorkspaceRow.platform, WorkspaceRow.workspace_id),
        lambda row: data_key_cell(_workspace(row)),
    ),
    Sealed(
        TokenRow,
        TokenRow.sealed,
        (TokenRow.platform, TokenRow.workspace_id, TokenRow.token_id),
        lambda row: token_cell(_workspace(row), row.token_id, row.purpose, row.origin),
    ),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch did: values sealed anew, values that do not open, values somebody else changed meanwhile."""

    renewed: int
    unreadable: int
    changed: int


class Rotation:
    """Seals data keys and tokens of all workspaces anew. May be stopped or killed at any time, and begun again."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def pending(self) -> int:
        """How many values are not yet sealed under the first key. At 0 the older keys may go."""
        counts = [select(func.count()).select_from(each.table).where(self._stale(each)) for each in SEALED]
        async with self._database.reading() as connection:
            return sum([(await connection.execute(count)).scalar_one() for count in counts])

    async def batches(self, size: int = _BATCH) -> AsyncIterator[Batch]:
        """Go through everything once, in committed batches. What does not open is left as it is and logged."""
        for sealed in SEALED:
            rows = await self._rows(sealed, None, size)
            while rows:
                yield await self._renew(sealed, rows)
                rows = await self._rows(sealed, rows[-1], size)

    def _stale(self, sealed: Sealed) -> ColumnElement[bool]:
        head = self._keyring.head
        return func.substr(sealed.column, 1, len(head), type_=LargeBinary()) != head

    async def _rows(self, sealed: Sealed, after: Row[Any] | None, size: int) -> Sequence[Row[Any]]:
        found = select(sealed.table.__table__).where(self._stale(sealed)).order_by(*sealed.primary).limit(size)
        if after is not None:
            found = found.where(
                tuple_(*sealed.primary) > tuple_(*(getattr(after, each.key) for each in sealed.primary))
            )
        async with self._database.reading() as connection:
            return (await connection.execute(found)).all()

    async def _renew(self, sealed: Sealed, rows: Sequence[Row[Any]]) -> Batch:
        opened = [(row, anew) for row in rows if (anew := self._anew(sealed, row)) is not None]

        async def unit(connection: AsyncConnection) -> int:
            renewed = 0
            for row, anew in opened:
                # the old value in the condition: a token replaced since it was read must not come back
                unchanged = and_(
                    *(each == getattr(row, each.key) for each in sealed.primary), sealed.column == _old(sealed, row)
                )
                renew = update(sealed.table).where(unchanged).values({sealed.column: anew})
                renewed += (await connection.execute(renew)).rowcount
            return renewed

        renewed = await self._database.write(unit)
        return Batch(renewed, len(rows) - len(opened), len(opened) - renewed)

    def _anew(self, sealed: Sealed, row: Row[Any]) -> bytes | None:
        cell = sealed.cell(row)
        try:
            return self._keyring.seal(self._keyring.open(_old(sealed, row), cell), cell)
        except CipherError as error:
            log.warning("cannot be sealed anew", table=cell.table, workspace=row.workspace_id, reason=str(error))
            return None


def _old(sealed: Sealed, row: Row[Any]) -> bytes:
    value: bytes = getattr(row, sealed.column.key)
    return value
