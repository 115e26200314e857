"""The conditions that keep a statement within one workspace, channel or thread: ids repeat across workspaces.

`THREAD` stands for any thread, and its channel and workspace for theirs, in a statement that is made once: SQLAlchemy
takes longer to put one together than a database to run it. `named` gives the values to run it with.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam

from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.tables import (
    AllowanceRow,
    ChannelRow,
    FeedbackRow,
    InstallationRow,
    MappingRow,
    PostRow,
    ThreadRow,
    TokenRow,
    TurnRow,
    WorkspaceRow,
)

OfWorkspace = type[
    AllowanceRow
    | ChannelRow
    | FeedbackRow
    | InstallationRow
    | MappingRow
    | PostRow
    | ThreadRow
    | TokenRow
    | TurnRow
    | WorkspaceRow
]


def given(name: str) -> Any:
    """Stands for a value in a statement that is made once."""
    return bindparam(name)


THREAD = ThreadRef(ChannelRef(given("platform"), given("workspace_id"), given("channel_id")), given("thread_id"))
CHANNEL, WORKSPACE = THREAD.channel, THREAD.channel.workspace


def named(place: ThreadRef | ChannelRef | WorkspaceRef, **more: Any) -> dict[str, Any]:
    """The values of a statement about any such place, and `more`."""
    if isinstance(place, WorkspaceRef):
        return {"platform": place.platform, "workspace_id": place.workspace_id, **more}
    if isinstance(place, ChannelRef):
        return named(place.workspace, channel_id=place.channel_id, **more)
    return named(place.channel, thread_id=place.thread_id, **more)


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
