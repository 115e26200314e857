"""The conditions that keep a statement within one workspace or channel. Channel ids repeat across workspaces."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_

from core.conversation.values import ChannelRef, WorkspaceRef
from core.tables import MappingRow, ThreadRow, TokenRow


def in_workspace(table: type[MappingRow | ThreadRow | TokenRow], workspace: WorkspaceRef) -> ColumnElement[bool]:
    """The condition that a row belongs to this workspace."""
    return and_(table.platform == workspace.platform, table.workspace_id == workspace.workspace_id)


def in_channel(table: type[MappingRow | ThreadRow], channel: ChannelRef) -> ColumnElement[bool]:
    """The condition that a row belongs to this channel."""
    return and_(in_workspace(table, channel.workspace), table.channel_id == channel.channel_id)
