"""The record of who changed what in a workspace, written in the very transaction of the change."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.values import WorkspaceRef
from core.tables import AuditRow


async def record(
    connection: AsyncConnection,
    workspace: WorkspaceRef,
    *,
    actor: str,
    action: str,
    detail: str,
    channel_id: str | None = None,
) -> None:
    """Within a unit: note a change. `detail` holds names and fingerprints, never a secret."""
    await connection.execute(
        insert(AuditRow).values(
            platform=workspace.platform,
            workspace_id=workspace.workspace_id,
            audit_id=uuid4().hex,
            channel_id=channel_id,
            actor=actor,
            action=action,
            detail=detail,
            at=datetime.now(UTC),
        )
    )
