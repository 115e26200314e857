"""What happened to channels and guilds, carried out: more readers suspend, what is gone is forgotten."""

from __future__ import annotations

from collections.abc import Callable

from bots.discord.guilds import Guilds
from bots.discord.happened import ChannelDeleted, GuildJoined, GuildLeft, Happened, ReadersWidened
from bots.discord.incoming import PLATFORM
from bots.parts import Parts
from core import logs
from core.conversation.values import ChannelRef

_MOST_OPEN = 1_000  # threads of one channel that are answered at once

log = logs.get(__name__)


class Changes:
    """Carries out what happened. Raises DatabaseError and CipherError: then it was not.

    `forget` is told of channels whose readers are not what they were.
    """

    def __init__(self, parts: Parts, guilds: Guilds, forget: Callable[[ChannelRef], None]) -> None:
        self._parts = parts
        self._guilds = guilds
        self._forget = forget

    async def happened(self, happened: Happened) -> None:
        """Do what follows from it."""
        match happened:
            case ReadersWidened(guild, channels):
                mapped = await self._parts.mappings.channels(guild)
                for channel in channels:
                    self._forget(channel)
                for channel in filter(channels.__contains__, mapped):
                    await self._suspend(channel)
            case ChannelDeleted(channel):
                self._forget(channel)
                await self._parts.moves.forget_channel(channel, actor=PLATFORM)
            case GuildJoined(guild):
                await self._guilds.joined(guild)
            case GuildLeft(guild):
                await self._guilds.left(guild)

    async def _suspend(self, channel: ChannelRef) -> None:
        if await self._parts.mappings.suspend(channel, actor=PLATFORM):
            log.warning("suspended: more people can see it, or may come to", channel=channel.channel_id)
        for thread in await self._parts.threads.unfinished(channel, most=_MOST_OPEN):
            await self._parts.leases.free_thread(thread)  # whoever takes it over sees that, and refuses
