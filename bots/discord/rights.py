"""Pure: what somebody may do, as Discord says with each interaction; what a button or a form says proves nothing.

Discord works out the permissions in the channel, of owners, roles and overwrites alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bots.discord.permissions import MANAGE_CHANNELS, MANAGE_SERVER, NAMES, has
from core.channels.commands import Actor

Policy = Literal["admins", "members"]


@dataclass(frozen=True, slots=True)
class Rights:
    """What a member may do. `manages`: mappings, tokens and settings of the channel. `administers`: the server's."""

    manages: bool
    administers: bool

    def actor(self, user_id: str, *, of_workspace: bool = False) -> Actor:
        """Who gives a command about the channel, or about the server as a whole."""
        if of_workspace:
            return Actor(user_id, self.administers, NAMES[MANAGE_SERVER])
        return Actor(user_id, self.manages, NAMES[MANAGE_CHANNELS])


def rights(permissions: int, policy: Policy, *, in_guild: bool) -> Rights:
    """What these permissions allow; outside of a guild nobody manages anything."""
    if not in_guild:
        return Rights(manages=False, administers=False)
    return Rights(
        manages=policy == "members" or has(permissions, MANAGE_CHANNELS),
        administers=has(permissions, MANAGE_SERVER),
    )
