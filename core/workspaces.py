"""Workspaces and their data keys: stored texts of a workspace are sealed under its own key."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Cell, Key, Keyring, new_key
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.scope import WORKSPACE, in_workspace, named
from core.tables import WorkspaceRow

_REMEMBERED = 1_000  # workspaces whose opened data key a process keeps


def data_key_cell(workspace: WorkspaceRef) -> Cell:
    """Where a workspace's sealed data key lives."""
    return Cell("workspaces", "data_key", (workspace.platform, workspace.workspace_id))


class Workspaces:
    """The workspaces of this installation. Raises UnknownKey or Tampered where a data key does not open."""

    def __init__(self, database: Database, keyring: Keyring, *, remembered: int = _REMEMBERED) -> None:
        self._database = database
        self._keyring = keyring
        self._remembered = remembered
        self._opened: OrderedDict[WorkspaceRef, Keyring] = OrderedDict()

    async def data_key(self, workspace: WorkspaceRef) -> Keyring:
        """The key that seals this workspace's texts; the workspace is recorded on first sight."""
        known = self._opened.get(workspace)
        if known is None:
            sealed = await self._sealed(workspace)
            if sealed is None:
                sealed = await self._database.write(lambda connection: self._create(connection, workspace), urgent=True)
            known = Keyring((Key(self._keyring.open(sealed, data_key_cell(workspace))),))
            self._opened[workspace] = known
        self._opened.move_to_end(workspace)
        if len(self._opened) > self._remembered:
            self._opened.popitem(last=False)
        return known

    async def _sealed(self, workspace: WorkspaceRef) -> bytes | None:
        async with self._database.reading(urgent=True) as connection:  # a platform waits: no question is kept before
            return (await connection.execute(_SEALED_KEY, named(workspace))).scalar_one_or_none()

    async def _create(self, connection: AsyncConnection, workspace: WorkspaceRef) -> bytes:
        await connection.execute(
            self._database.insert(WorkspaceRow)
            .values(
                platform=workspace.platform,
                workspace_id=workspace.workspace_id,
                data_key=self._keyring.seal(new_key().material, data_key_cell(workspace)),
                created_at=datetime.now(UTC),
            )
            .on_conflict_do_nothing()
        )
        return (await connection.execute(_SEALED_KEY, named(workspace))).scalar_one()


async def lock(connection: AsyncConnection, workspace: WorkspaceRef) -> None:
    """Within a unit: let no other unit that locks this workspace run until this one is committed.

    Units that only refer to the workspace, such as accepting its questions, are not held up.
    """
    await connection.execute(
        select(WorkspaceRow.platform).where(in_workspace(WorkspaceRow, workspace)).with_for_update(key_share=True)
    )


_SEALED_KEY = select(WorkspaceRow.data_key).where(in_workspace(WorkspaceRow, WORKSPACE))
