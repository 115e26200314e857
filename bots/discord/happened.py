"""What happened to channels and guilds, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from core.conversation.values import ChannelRef, WorkspaceRef


@dataclass(frozen=True, slots=True)
class ReadersWidened:
    """More people can see these channels of a guild, or may come to."""

    guild: WorkspaceRef
    channels: frozenset[ChannelRef]


@dataclass(frozen=True, slots=True)
class ChannelDeleted:
    """A channel is gone for good."""

    channel: ChannelRef


@dataclass(frozen=True, slots=True)
class GuildJoined:
    """The bot was added to a guild."""

    guild: WorkspaceRef


@dataclass(frozen=True, slots=True)
class GuildLeft:
    """The bot was removed from a guild, or the guild is gone."""

    guild: WorkspaceRef


Happened: TypeAlias = ReadersWidened | ChannelDeleted | GuildJoined | GuildLeft
