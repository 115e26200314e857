"""The conditions that keep a statement within one workspace, channel or thread: ids repeat across workspaces."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_

from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.tables import (
    AllowanceRow,
    ChannelRow,
    FeedbackRow,
    MappingRow,
    PostRow,
    ThreadRow,
    TokenRow,
    TurnRow,
    WorkspaceRow,
)

OfWorkspace = type[
    AllowanceRow | ChannelRow | FeedbackRow | MappingRow | PostRow | ThreadRow | TokenRow | TurnRow | WorkspaceRow
]


def in_workspace(table: OfWorkspace, workspace: WorkspaceRef) -> ColumnElement[bool]:
    """The condition that a row belongs to this workspace."""
    return and_(table.platform == workspace.platform, table.workspace_id == workspace.workspace_id)


def in_channel(table: type[ChannelRow | MappingRow | ThreadRow | TurnRow], channel: ChannelRef) -> ColumnElement[bool]:
    """The condition that a row belongs to this channel."""
    return and_(in_workspace(table, channel.workspace), table.channel_id == channel.channel_id)


def in_thread(table: type[ThreadRow | TurnRow], thread: ThreadRef) -> ColumnElement[bool]:
    """The condition that a row belongs to this thread."""
    return and_(in_channel(table, thread.channel), table.thread_id == thread.thread_id)


def of_turn(table: type[PostRow | TurnRow], workspace: WorkspaceRef, turn_id: str) -> ColumnElement[bool]:
    """The condition that a row is this turn, or belongs to it."""
    return and_(in_workspace(table, workspace), table.turn_id == turn_id)
