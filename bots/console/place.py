"""Pure: where a console's conversation takes place, in the words of the core."""

from __future__ import annotations

import os
from pathlib import Path

from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef

PLATFORM = "console"


def workspace(user: str, host: str) -> WorkspaceRef:
    """One person's consoles on one machine."""
    return WorkspaceRef(PLATFORM, f"{user}@{host}")


def channel(here: WorkspaceRef, about: Path | str) -> ChannelRef:
    """The channel of a folder on this machine, or of a repository by its canonical name.

    A folder is known by its whole path, so that a later console in it finds its conversation and the code again.
    """
    name = os.fsencode(about).decode("utf-8", "backslashreplace")  # a path may hold octets that are no text
    return ChannelRef(here.platform, here.workspace_id, name)


def thread(channel: ChannelRef, began_ns: int) -> ThreadRef:
    """The conversation that begins now."""
    return ThreadRef(channel, f"{began_ns:020d}")
