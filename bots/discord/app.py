"""discord.py's client: what Discord delivers becomes a frozen value at once, and is handed on. Nothing is decided here.

It only listens: everything we send goes through rest.py. It keeps no messages and no members; of channels, threads and
roles it knows what Discord tells with each guild.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import discord
from discord.abc import GuildChannel
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import Route
from yarl import URL

from bots.discord import reading
from bots.discord.happened import ChannelDeleted, GuildJoined, GuildLeft, Happened, ReadersWidened
from bots.discord.incoming import channel_of
from bots.discord.posts import Post, Spot
from bots.discord.readers import Doors, widened
from bots.discord.shards import Shards
from bots.tasks import cancelled
from core import logs
from core.conversation.values import WorkspaceRef

_CLOSE_SECONDS = 3.0
_TICK_SECONDS = 0.1

log = logs.get(__name__)

BeforeIdentify = Callable[[int], Awaitable[None]]  # returns when a session for this shard may be begun


class Hearing(Protocol):
    """What is told of everything that Discord delivers. No method waits or raises."""

    def message(self, post: Post) -> None:
        """Somebody posted."""

    def edited(self, post: Post) -> None:
        """A post is not what it was."""

    def deleted(self, spot: Spot, message_ids: Sequence[str]) -> None:
        """Posts are gone."""

    def happened(self, happened: Happened) -> None:
        """Something else changed."""

    def interaction(self, payload: Mapping[str, object]) -> None:
        """A command, a click or a form."""


class Sessions(Protocol):
    """What is told of the connections themselves, shard by shard. No method waits or raises."""

    def connected(self, shard: int) -> None:
        """A session was begun or taken up again."""

    def lost(self, shard: int) -> None:
        """The connection is gone."""

    def settled(self, shard: int) -> None:
        """A session was begun, and its guilds are known."""

    def arrived(self, guild_id: int) -> None:
        """A guild that was out, or late, is there after its session has settled."""


def points_to(api_url: str) -> None:
    """Where discord.py looks for Discord's API, in this process; there is no argument for it."""
    Route.BASE = api_url


def gateway_at(url: str) -> None:
    """Where discord.py looks for the gateway, in this process."""
    DiscordWebSocket.DEFAULT_GATEWAY = URL(url)


def intents(*, content: bool) -> discord.Intents:
    """What is to be delivered; `content`: the text of messages that do not mention us as well."""
    return discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content)


class Client(discord.AutoShardedClient):
    """A client for these shards, until it is closed."""

    def __init__(
        self, hearing: Hearing, sessions: Sessions, before_identify: BeforeIdentify, shards: Shards, *, content: bool
    ) -> None:
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # what voice would need is not missed
        super().__init__(
            intents=intents(content=content),
            shard_ids=list(shards.ids),
            shard_count=shards.count,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            allowed_mentions=discord.AllowedMentions.none(),
        )
        self._hearing = hearing
        self._sessions = sessions
        self._before_identify = before_identify
        self._settled: set[int] = set()  # shards
        self._before: dict[int, discord.Guild] = {}  # as the session before had them, until this one tells of them
        self._doors: dict[int, Doors] = {}  # of channels that we do not see any more, as they were when we did
        parsers = self._connection.parsers
        for event, parse in parsers.items():
            if event == "READY":  # one that cannot be read is the end: without it there is no session
                parsers[event] = partial(self._anew, parse)
            else:
                parsers[event] = partial(_unless_odd, event, parse)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """A new session counts, and begins when it may."""
        await self._before_identify(shard_id or 0)

    def _anew(self, parse: Callable[[Any], None], ready: Any) -> None:
        """A session tells of the guilds we are in; discord.py would keep those of the session before beside them."""
        shard = ready["shard"][0]
        self._settled.discard(shard)
        for guild in [each for each in self.guilds if each.shard_id == shard]:
            self._connection._remove_guild(guild)  # noqa: SLF001 - it forgets a guild only when told of its removal
            if not guild.unavailable:
                self._before[guild.id] = guild
        # discord.py 2.7.1 cancels what waits for the shards together, and with it each that still waits for its guilds:
        # such a shard would never be ready, and its guilds would never be available
        self._connection._ready_task = None  # noqa: SLF001 - what waits for all of them tells nobody anything here
        parse(ready)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """What fails is named, without what it was about."""
        log.warning("not heard", what=event_method, kind=getattr(sys.exc_info()[0], "__name__", ""))

    async def on_shard_connect(self, shard_id: int) -> None:
        """READY."""
        self._sessions.connected(shard_id)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """RESUMED: what was missed is being delivered."""
        self._sessions.connected(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        """The guilds of a new session have arrived, but for those that are more than two seconds late."""
        self._settled.add(shard_id)
        self._sessions.settled(shard_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """A connection ended."""
        self._sessions.lost(shard_id)

    async def on_message(self, message: discord.Message) -> None:
        """Everything that is posted, our own posts too."""
        self._hearing.message(reading.of_message(message))

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Edits of people, and everything else that changes a message."""
        self._hearing.edited(reading.of_message(payload.message))

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Discord says where, and no more."""
        self._deleted(payload.guild_id, payload.channel_id, (payload.message_id,))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Up to a hundred at once."""
        self._deleted(payload.guild_id, payload.channel_id, payload.message_ids)

    def _deleted(self, guild_id: int | None, channel_id: int, message_ids: Sequence[int] | set[int]) -> None:
        guild = self.get_guild(guild_id) if guild_id is not None else None
        spot = reading.spot_by_id(guild, guild_id, channel_id)
        self._hearing.deleted(spot, tuple(str(each) for each in sorted(message_ids)))

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """A command, a click, a form, or somebody who types into an option."""
        self._hearing.interaction(reading.interaction(interaction))

    async def on_guild_channel_update(self, before: GuildChannel, after: GuildChannel) -> None:
        """Overwrites, a move into a category that brings its own, and much else."""
        if self._opened(before, after):
            self._widened(after.guild, [after])

    def _opened(self, before: GuildChannel, after: GuildChannel) -> bool:
        """Whether more people can read it now. Of a channel that we do not see, Discord does not tell who may.

        https://docs.discord.com/developers/resources/channel#channel-object-channel-flags
        """
        was = self._doors.get(before.id, reading.doors(before))
        if reading.seen(after):
            self._doors.pop(after.id, None)
        elif reading.seen(before):
            self._doors[after.id] = was
        return widened(was, reading.doors(after))

    async def on_guild_channel_delete(self, channel: GuildChannel) -> None:
        """A channel is gone, with its threads."""
        self._doors.pop(channel.id, None)
        self._hearing.happened(ChannelDeleted(channel_of(reading.spot(channel))))

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """What a session holds when it begins: of what changed before it, nobody tells."""
        before = self._before.pop(guild.id, None)
        earlier = {each.id: each for each in before.channels} if before is not None else {}
        self._widened(
            guild,
            [each for each in guild.channels if each.id in earlier and self._opened(earlier[each.id], each)],
        )
        if guild.shard_id in self._settled:  # else it is looked through with the others of its shard
            self._sessions.arrived(guild.id)

    async def on_guild_role_create(self, role: discord.Role) -> None:
        """Somebody may be given it any moment."""
        self._of_roles(role.guild, before={str(role.id): None})

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Its permissions may have grown."""
        self._of_roles(after.guild, before={str(before.id): before.permissions.value})

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """It may have been what kept people out."""
        self._of_roles(role.guild, before={str(role.id): role.permissions.value})

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """We were added; a guild that comes back from an outage is another event."""
        self._hearing.happened(GuildJoined(_workspace(guild)))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """We were removed; a guild that is unavailable is another event, after which nothing follows."""
        self._hearing.happened(GuildLeft(_workspace(guild)))

    def _of_roles(self, guild: discord.Guild, *, before: Mapping[str, int | None]) -> None:
        """A role is not what it was; None: there was none."""
        now = reading.permissions(guild)
        earlier = {role: bits for role, bits in {**now, **before}.items() if bits is not None}
        if earlier == now:
            return
        self._widened(
            guild,
            [each for each in guild.channels if widened(reading.doors(each, earlier), reading.doors(each, now))],
        )

    def _widened(self, guild: discord.Guild, channels: Sequence[GuildChannel]) -> None:
        if channels:
            refs = frozenset(channel_of(reading.spot(each)) for each in channels)
            self._hearing.happened(ReadersWidened(_workspace(guild), refs))


async def closed(client: Client, running: asyncio.Task[None] | None) -> None:
    """Close the connections, and end the session: nobody takes it up again."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()
    await client.http.close()
    if running is not None:  # while it connects, discord.py takes being cancelled for an end of that connection
        await cancelled(running, _TICK_SECONDS)
    # and leaves the thread that keeps it alive, of which there is one for each connection
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler) and thread.ws.loop is asyncio.get_running_loop():
            thread.stop()


def _unless_odd(event: str, parse: Callable[[Any], None], data: Any) -> None:
    """Let discord.py read an event. One that it cannot read would end the whole client, and again after each start."""
    try:
        parse(data)
    except Exception as error:
        log.warning("not understood", what=event, kind=type(error).__name__)


def _workspace(guild: discord.Guild) -> WorkspaceRef:
    return WorkspaceRef("discord", str(guild.id))
