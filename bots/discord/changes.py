"""What happened to channels and guilds, carried out: more readers suspend, what is gone is forgotten."""

from __future__ import annotations

from collections.abc import Callable

from bots.discord import components
from bots.discord.fields import snowflake
from bots.discord.guilds import Guilds
from bots.discord.happened import ChannelDeleted, GuildJoined, GuildLeft, Happened, ReadersWidened
from bots.discord.incoming import PLATFORM
from bots.discord.privately import Privately
from bots.parts import Parts
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.conversation.values import ChannelRef

log = logs.get(__name__)


class Changes:
    """Carries out what happened. Raises DatabaseError and CipherError: then it was not.

    `forget` is told of channels whose readers are not what they were. Where more people can read along, whoever mapped
    the channel is told, once for each suspension.
    """

    def __init__(
        self, parts: Parts, guilds: Guilds, forget: Callable[[ChannelRef], None], privately: Privately, tasks: Tasks
    ) -> None:
        self._parts = parts
        self._guilds = guilds
        self._forget = forget
        self._privately = privately
        self._tasks = tasks

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
        suspended = await self._parts.mappings.suspend(channel, actor=PLATFORM, widened=True)
        if suspended:
            log.warning("suspended: more people can see it, or may come to", channel=channel.channel_id)
        for user_id, words in replies.suspended(suspended).items():
            if snowflake(user_id):  # others who map are at a shell
                self._tasks.start(self._privately.write(user_id, components.about(channel.channel_id, words)))
