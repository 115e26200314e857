"""The rows of stored tokens, as units of work see them: what changes with them changes in the same transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels import audit
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import TokenGone
from core.scope import in_workspace
from core.tables import MappingRow, TokenRow

MAPPING, WORKSPACE = "mapping", "workspace"  # the purposes of a token


def of_mapping(token_id: str) -> ColumnElement[bool]:
    """The condition that a token is the one of this id, and a mapping's."""
    return and_(TokenRow.token_id == token_id, TokenRow.purpose == MAPPING)


async def require(connection: AsyncConnection, workspace: WorkspaceRef, token_id: str) -> None:
    """Raise TokenGone unless this is a token for mappings of this workspace."""
    found = select(TokenRow.token_id).where(in_workspace(TokenRow, workspace), of_mapping(token_id))
    if (await connection.execute(found)).scalar_one_or_none() is None:
        raise TokenGone


async def add(
    connection: AsyncConnection, row: dict[str, Any], workspace: WorkspaceRef, channel_id: str | None, place: str
) -> None:
    """Store a token's row, and note for which place it was set."""
    await connection.execute(insert(TokenRow).values(row))
    detail = f"{_described(row)} for {place}"
    await audit.record(
        connection, workspace, actor=row["set_by"], action="token set", detail=detail, channel_id=channel_id
    )


async def unbind(connection: AsyncConnection, workspace: WorkspaceRef, token_id: str) -> tuple[ChannelRef, ...]:
    """Let no mapping have this token any more; the channels of those that had it."""
    bound = and_(in_workspace(MappingRow, workspace), MappingRow.token_id == token_id)
    unbound = update(MappingRow).where(bound).values(token_id=None).returning(MappingRow.channel_id)
    ids = sorted(set((await connection.execute(unbound)).scalars()))
    return tuple(ChannelRef(workspace.platform, workspace.workspace_id, channel_id) for channel_id in ids)


async def drop_unused(connection: AsyncConnection, workspace: WorkspaceRef, token_id: str, *, actor: str) -> None:
    """Forget a mapping's token if no mapping uses it any more."""
    used = exists().where(in_workspace(MappingRow, workspace), MappingRow.token_id == token_id)
    await drop(connection, workspace, and_(of_mapping(token_id), ~used), actor=actor)


async def drop(connection: AsyncConnection, workspace: WorkspaceRef, which: ColumnElement[bool], *, actor: str) -> bool:
    """Forget the workspace's tokens that meet the condition; whether there were any."""
    dropped = delete(TokenRow).where(in_workspace(TokenRow, workspace), which)
    rows = await connection.execute(dropped.returning(TokenRow.label, TokenRow.last_four, TokenRow.fingerprint))
    described = [_described(row._asdict()) for row in rows]
    for detail in described:
        await audit.record(connection, workspace, actor=actor, action="token removed", detail=detail)
    return bool(described)


def _described(row: dict[str, Any]) -> str:
    four = f" …{row['last_four']}" if row["last_four"] else ""
    return f"token '{row['label']}'{four} ({row['fingerprint']})"
