"""Which guild a direct message is for: the one with a default repository that its author is a member of.

A direct message belongs to no guild, and whose code may be shown there is not to be guessed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bots.discord.failures import Barred, DiscordRefused
from bots.discord.incoming import PLATFORM
from bots.discord.rest import Rest
from bots.memory import Memory
from core.channels.mappings import Mappings
from core.conversation.values import WorkspaceRef

_MOST_GUILDS = 50  # that are asked about one person; Discord has no way to ask for them at once
_AT_ONCE = 8

NO_GUILD = (
    "I can answer here once a server that you and I are in has a default repository: somebody who may manage that "
    "server sets it with `/askrepo-default`. Until then, ask me in a channel."
)
SEVERAL_GUILDS = (
    "You are in several servers whose code I know, so I cannot tell which one you mean. Ask me in a channel of the "
    "right server."
)
TOO_MANY_GUILDS = (
    "I serve too many servers to find out which of them you are in, so I cannot tell which one you mean. Ask me in a "
    "channel of the right server."
)


@dataclass(frozen=True, slots=True)
class NoGuild:
    """No one guild is meant, and what to say about it."""

    words: str


class Direct:
    """Asks GET /guilds/{id}/members/{id}. Raises DatabaseError and what Rest raises."""

    def __init__(self, rest: Rest, mappings: Mappings, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._mappings = mappings
        self._guilds = Memory[str, WorkspaceRef | NoGuild](clock)

    async def guild(self, user_id: str) -> WorkspaceRef | NoGuild:
        """The guild that this person's direct messages are for, as it was within the last minute."""
        return await self._guilds.get(user_id, partial(self._asked, user_id))

    async def possible(self) -> tuple[WorkspaceRef, ...]:
        """The guilds that direct messages can be for."""
        return (await self._mappings.with_default(PLATFORM))[:_MOST_GUILDS]

    async def _asked(self, user_id: str) -> WorkspaceRef | NoGuild:
        guilds = await self._mappings.with_default(PLATFORM)
        if len(guilds) > _MOST_GUILDS:
            return NoGuild(TOO_MANY_GUILDS)
        room = asyncio.Semaphore(_AT_ONCE)

        async def member(guild: WorkspaceRef) -> bool:
            async with room:
                return await self._is_member(guild, user_id)

        asking = [asyncio.create_task(member(guild)) for guild in guilds]
        try:
            answers = await asyncio.gather(*asking)
        finally:  # where one fails, the others would go on for nobody, beside those of the next try
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        theirs = [guild for guild, is_member in zip(guilds, answers, strict=True) if is_member]
        if len(theirs) == 1:
            return theirs[0]
        return NoGuild(SEVERAL_GUILDS if theirs else NO_GUILD)

    async def _is_member(self, guild: WorkspaceRef, user_id: str) -> bool:
        try:
            await self._rest.patiently(
                "GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild.workspace_id, user_id=user_id
            )
        except (Barred, DiscordRefused):  # not a member, or we are not in that guild any more
            return False
        return True
