"""The guilds that we are in, and what follows when we are removed from one.

A removal is kept as the end of the guild's installation, with its time: it outlives a restart, and needs no table of
its own. Nothing is deleted for a week: it may have been a mistake, or an outage that looked like a removal. Until then
everything mapped there is suspended, since while we are away nobody tells us who may read a channel.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

from bots.discord.failures import UNKNOWN_GUILD, Barred, DiscordRefused
from bots.discord.incoming import PLATFORM
from bots.discord.rest import Rest
from bots.parts import Parts
from core import logs
from core.conversation.values import WorkspaceRef
from core.secret import Secret

GRACE = timedelta(days=7)
_ACTOR = PLATFORM  # as the audit table has it
_INSTALLED = Secret("{}")  # nothing has to be kept to act in a guild but that we are in it

log = logs.get(__name__)


class Guilds:
    """Raises DatabaseError, CipherError, and what Rest raises."""

    def __init__(self, parts: Parts, rest: Rest, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._parts = parts
        self._rest = rest
        self._now = now

    async def joined(self, guild: WorkspaceRef) -> None:
        """We were added: what ended before has begun anew; what is suspended there stays so until it is confirmed."""
        await self._parts.installations.save(guild, _INSTALLED, installed_at=self._now())

    async def left(self, guild: WorkspaceRef) -> None:
        """We were removed: nothing is answered there any more, and it is forgotten after the days of grace.

        The end of the installation comes last: without it, `look` does all of this again.
        """
        at = self._now()
        for channel in await self._parts.mappings.channels(guild):
            await self._parts.mappings.suspend(channel, actor=_ACTOR)
        await self._parts.installations.revoke(guild, before=at)
        log.warning("removed from a guild", guild=guild.workspace_id, forgotten_after=str(GRACE))

    async def look(self, present: Collection[str], ours: Callable[[str], bool]) -> None:
        """Find out what was missed while nobody listened, and forget what was left long enough ago.

        `present` are the guilds that Discord told us of, `ours` those whose news comes to this process.
        """
        ended = set(await self._parts.installations.revoked(PLATFORM, before=self._now()))
        due = set(await self._parts.installations.revoked(PLATFORM, before=self._now() - GRACE))
        for guild in await self._parts.mappings.mapped(PLATFORM):
            if not ours(guild.workspace_id):
                continue
            if guild.workspace_id in present:
                if guild in ended:
                    await self.joined(guild)
            elif await self._gone(guild):
                if guild in due:
                    await self._parts.moves.forget_workspace(guild, actor=_ACTOR)
                    log.warning("forgot a guild that we were removed from", guild=guild.workspace_id)
                elif guild not in ended:
                    await self.left(guild)

    async def _gone(self, guild: WorkspaceRef) -> bool:
        """Whether Discord itself says that we are not in there; anything else it answers may be an outage."""
        try:
            await self._rest.patiently("GET", "/guilds/{guild_id}", guild_id=guild.workspace_id)
        except (Barred, DiscordRefused) as error:
            return error.code == UNKNOWN_GUILD
        return False
