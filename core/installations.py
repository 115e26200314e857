"""What a platform must keep to act in a workspace, sealed under the workspace's data key and opaque here.

Installing, installing again and revoking are told to us in any order and any number of times. So a row holds the newest
installation and the newest revocation, each with the platform's own time of it, and it lives if the installation is the
newer one: whatever the order, the end is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Executable, Row, and_, case, func, inspect, or_, select, update
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core import logs
from core.cipher import Cell
from core.conversation.values import WorkspaceRef
from core.database import Database, now_ms
from core.errors import DatabaseUnavailable, PlatformAway
from core.scope import WORKSPACE, in_workspace, named
from core.secret import Secret
from core.tables import InstallationRow
from core.workspaces import Workspaces

_EXCHANGE_SECONDS = 20.0  # what an exchange may take
_LEASE_SECONDS = 60.0  # above that, with room for writing its result while the database comes back
_WRITE_SECONDS = 30.0  # how long that is tried
_POLL_SECONDS = 0.25
_NOTHING = ""  # the payload of a revoked installation

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Installation:
    """A living installation. `version` rises with every change; `expires_at` is when its payload ends by itself."""

    payload: Secret
    version: int
    installed_at: datetime
    expires_at: datetime | None

    @property
    def expired(self) -> bool:
        """Whether its payload has ended by itself."""
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Renewed:
    """What an exchange gave."""

    payload: Secret
    expires_at: datetime | None


Exchange = Callable[[Secret], Awaitable[Renewed]]


class Installations:
    """The installations, by workspace. Raises DatabaseError, and CipherError for what does not open."""

    def __init__(self, database: Database, workspaces: Workspaces, *, lease_seconds: float = _LEASE_SECONDS) -> None:
        self._database = database
        self._workspaces = workspaces
        self._lease_ms = int(lease_seconds * 1000)
        self._renewing: set[asyncio.Task[Installation | None]] = set()

    async def save(
        self, workspace: WorkspaceRef, payload: Secret, *, installed_at: datetime, expires_at: datetime | None = None
    ) -> None:
        """Keep an installation, in place of an older one; a newer one stays, and a newer revocation counts.

        `installed_at` is by the platform's clock, as are the times of its events.
        """
        values = {
            "sealed": await self._sealed(workspace, payload.reveal()),
            "installed_at": installed_at,
            "expires_at": expires_at,
        }
        insert = self._insert(workspace, values)
        newer = insert.on_conflict_do_update(
            index_elements=inspect(InstallationRow).primary_key,
            set_=values | _changed(),
            where=and_(
                InstallationRow.installed_at <= insert.excluded.installed_at,
                or_(InstallationRow.revoked_at.is_(None), InstallationRow.revoked_at < insert.excluded.installed_at),
            ),
        )
        await self._database.write(lambda connection: connection.execute(newer))

    async def revoke(self, workspace: WorkspaceRef, *, before: datetime) -> None:
        """End the installation made until `before`, and forget its payload; a newer one stays.

        Remembered even where nothing is installed: the news of an installation may come after that of its end.
        """
        sealed = await self._sealed(workspace, _NOTHING)
        insert = self._insert(workspace, {"sealed": sealed, "installed_at": before, "revoked_at": before})
        older = InstallationRow.installed_at <= insert.excluded.revoked_at
        revoked = insert.on_conflict_do_update(
            index_elements=inspect(InstallationRow).primary_key,
            set_={
                "revoked_at": insert.excluded.revoked_at,
                "sealed": case((older, insert.excluded.sealed), else_=InstallationRow.sealed),
                "version": InstallationRow.version + case((older, 1), else_=0),  # a renewal of a newer one goes on
            },
            where=or_(InstallationRow.revoked_at.is_(None), InstallationRow.revoked_at < insert.excluded.revoked_at),
        )
        await self._database.write(lambda connection: connection.execute(revoked))

    async def revoked(self, platform: str, *, before: datetime) -> tuple[WorkspaceRef, ...]:
        """The workspaces of a platform whose installation was ended before that, and not made anew."""
        found = select(InstallationRow.workspace_id).where(
            InstallationRow.platform == platform, ~_LIVING, InstallationRow.revoked_at < before
        )
        async with self._database.reading() as connection:
            ids = sorted((await connection.execute(found)).scalars())
        return tuple(WorkspaceRef(platform, workspace_id) for workspace_id in ids)

    async def of(self, workspace: WorkspaceRef) -> Installation | None:
        """The living installation; one read by primary key, and the opening of the data key on first sight."""
        async with self._database.reading() as connection:
            row = (await connection.execute(_ANY_LIVING, named(workspace))).one_or_none()
        return None if row is None else await self._opened(workspace, row)

    async def renew(self, workspace: WorkspaceRef, known: Installation, exchange: Exchange) -> Installation | None:
        """What follows on `known` by one exchange of its payload, however many processes ask for it at once.

        One of them holds the lease and exchanges, once. The others get the installation as it is if it has not
        expired, else they wait for the result. None if it is revoked meanwhile. Raises what `exchange` raises; then
        nobody tries again before the lease ends. Raises PlatformAway where there is no result to wait for.

        What remains of a crash: an exchange uses up the old payload's right to be exchanged, so its result is lost if
        the process dies between the platform's reply and the commit of ours. Nothing stands between the two but sealing
        (data key and database have just been used); cancelling does not interrupt it, and a database that is away is
        tried again for half a minute. After such a crash the old payload stays in place and in use, up to its own end;
        then the workspace has to be installed again, unless the platform takes the old payload once more, which is
        tried as soon as the lease has ended.
        """
        while not await self._lease(workspace, known.version):
            present = await self.of(workspace)
            if present is None or present.version != known.version or not present.expired:
                return present
            if not await self._lease_ended(workspace, known.version):
                raise PlatformAway("the installation has expired, and was not renewed")
        work = asyncio.create_task(self._exchanged(workspace, known, exchange))
        self._renewing.add(work)
        work.add_done_callback(self._renewing.discard)
        return await asyncio.shield(work)

    async def drain(self) -> None:
        """Let exchanges under way be written; before the database is closed."""
        await asyncio.gather(*self._renewing, return_exceptions=True)

    async def _lease(self, workspace: WorkspaceRef, version: int) -> bool:
        """Take the lease, if this is still the version and nobody holds it."""
        taken = (
            update(InstallationRow)
            .where(in_workspace(InstallationRow, workspace), _LIVING, InstallationRow.version == version, ~_HELD)
            .values(renewing_until=now_ms() + self._lease_ms)
            .returning(InstallationRow.version)
        )
        return await self._database.write(lambda connection: _any(connection, taken))

    async def _exchanged(self, workspace: WorkspaceRef, known: Installation, exchange: Exchange) -> Installation | None:
        try:
            async with asyncio.timeout(_EXCHANGE_SECONDS):
                renewed = await exchange(known.payload)
        except TimeoutError:
            raise PlatformAway("the exchange took too long") from None
        sealed = await self._sealed(workspace, renewed.payload.reveal())
        written = (
            update(InstallationRow)
            .where(in_workspace(InstallationRow, workspace), _LIVING, InstallationRow.version == known.version)
            .values({"sealed": sealed, "expires_at": renewed.expires_at} | _changed())
            .returning(InstallationRow.version)
        )
        if not await self._written(written):
            log.info("renewed in vain: installed again or revoked meanwhile", workspace=workspace.workspace_id)
        return await self.of(workspace)

    async def _written(self, statement: Executable) -> bool:
        """Whether the row was still the one exchanged. A database that is away does not lose the result at once."""
        deadline = asyncio.get_running_loop().time() + _WRITE_SECONDS
        while True:
            try:
                return await self._database.write(lambda connection: _any(connection, statement))
            except DatabaseUnavailable:
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(_POLL_SECONDS)

    async def _lease_ended(self, workspace: WorkspaceRef, version: int) -> bool:
        """Wait until nobody renews this version any more, for as long as a lease lasts."""
        ours = in_workspace(InstallationRow, workspace)
        held = select(InstallationRow.version).where(ours, _LIVING, InstallationRow.version == version, _HELD)
        deadline = asyncio.get_running_loop().time() + self._lease_ms / 1000 + _POLL_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            async with self._database.reading() as connection:
                if not await _any(connection, held):
                    return True
            await asyncio.sleep(_POLL_SECONDS)
        return False

    def _insert(self, workspace: WorkspaceRef, values: dict[str, Any]) -> Insert:
        row = {"platform": workspace.platform, "workspace_id": workspace.workspace_id, "version": 1}
        return self._database.insert(InstallationRow).values(row | values)

    async def _sealed(self, workspace: WorkspaceRef, payload: str) -> bytes:
        return (await self._workspaces.data_key(workspace)).seal_text(payload, _cell(workspace))

    async def _opened(self, workspace: WorkspaceRef, row: Row[Any]) -> Installation:
        key = await self._workspaces.data_key(workspace)
        payload = Secret(key.open_text(row.sealed, _cell(workspace)))
        return Installation(payload, row.version, row.installed_at, row.expires_at)


_HELD = func.coalesce(InstallationRow.renewing_until, 0) > now_ms()
_LIVING = or_(InstallationRow.revoked_at.is_(None), InstallationRow.revoked_at < InstallationRow.installed_at)


def _changed() -> dict[str, Any]:
    """What every change of a row does: whoever renews the former payload must not write over it."""
    return {"version": InstallationRow.version + 1, "renewing_until": None}


def _cell(workspace: WorkspaceRef) -> Cell:
    return Cell("installations", "sealed", (workspace.platform, workspace.workspace_id))


_ANY_LIVING = select(InstallationRow.__table__).where(in_workspace(InstallationRow, WORKSPACE), _LIVING)


async def _any(connection: AsyncConnection, statement: Executable) -> bool:
    return (await connection.execute(statement)).first() is not None
