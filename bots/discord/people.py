"""Who somebody is in a guild, who can read a channel, and what we may do there: asked of Discord, kept for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from bots.discord.bot import Ourselves
from bots.discord.failures import UNKNOWN_MEMBER, UNKNOWN_USER, DiscordRefused
from bots.discord.fields import number, snowflake
from bots.discord.permissions import ADMINISTRATOR, NAMES, READ_MESSAGE_HISTORY, VIEW_CHANNEL, has, to_read
from bots.discord.posts import FORUMS
from bots.discord.rest import Rest
from bots.fields import items, mapping, text
from bots.memory import Memory
from core.channels.access import Audience, Standing
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.errors import DeliveryError, PlaceGone

_EVERYTHING = ~0

Json = Mapping[str, object]


class People:
    """Asks about members, channels and roles. Raises NotYet, PlaceGone, DeliveryFailed, DatabaseError."""

    def __init__(self, rest: Rest, ourselves: Ourselves, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._ourselves = ourselves
        self._members = Memory[tuple[str, str], Json | None](clock)
        self._channels = Memory[str, Json](clock)
        self._roles = Memory[str, Sequence[Json]](clock)
        self._owners = Memory[str, str | None](clock)

    async def standing(self, workspace: WorkspaceRef, user_id: str) -> Standing:
        """How this person stands to the guild; unknown where Discord does not say."""
        try:
            member = await self._member(workspace.workspace_id, user_id)
        except (DiscordRefused, PlaceGone):
            return Standing.UNKNOWN
        return described(member, user_id)

    async def audience(self, channel: ChannelRef, direct: bool) -> Audience:
        """Who can read along: everybody in the guild, or some of it. A thread is read by its channel's people at most.

        Raises PlaceGone for a channel that we cannot see.
        """
        if direct:
            return Audience.DIRECT
        guild_id = channel.workspace_id
        return readers(await self._channel(channel.channel_id), await self._guild_roles(guild_id), guild_id)

    async def lacking(self, channel: ChannelRef, needed: Sequence[int]) -> str:
        """Discord's name of the first permission that we have not there now, of those to read and then of these.

        "" where none is lacking, or nobody can tell.
        """
        guild_id = channel.workspace_id
        try:
            user_id = (await self._ourselves.bot()).user_id
            self.forget_channel(channel)
            self._members.forget((guild_id, user_id))
            member = await self._member(guild_id, user_id)
            place, roles = await self._channel(channel.channel_id), await self._guild_roles(guild_id)
        except PlaceGone:
            return NAMES[VIEW_CHANNEL]  # a channel that we do not see, we cannot ask about
        except DeliveryError:
            return ""
        held = permissions(member or {}, place, roles, guild_id)
        return next((NAMES[each] for each in (*to_read(place.get("type")), *needed) if not has(held, each)), "")

    async def unreadable(self, channel: ChannelRef) -> bool:
        """Whether we may not read there what was posted before: Discord then shows that there was nothing."""
        return bool(await self.lacking(channel, (READ_MESSAGE_HISTORY,)))

    async def keeps_history_from(self, channel: ChannelRef, user_id: str) -> bool:
        """Whether it is known that this member may not read there what was posted before; the owner may everything."""
        guild_id = channel.workspace_id
        try:
            place, roles = await self._channel(channel.channel_id), await self._guild_roles(guild_id)
            if readers(place, roles, guild_id) is Audience.UNKNOWN or _all_have(READ_MESSAGE_HISTORY, place, roles):
                return False  # few members may be asked for at a time
            member = await self._member(guild_id, user_id)
            if member is None or described(member, user_id) is not Standing.MEMBER:
                return False
            if has(permissions(member, place, roles, guild_id), READ_MESSAGE_HISTORY):
                return False
            return await self._owner(guild_id) not in {None, user_id}
        except (DiscordRefused, PlaceGone):
            return False

    async def title(self, thread: ThreadRef) -> str:
        """What its author called a post of a forum; "" for any other thread, and where Discord does not say it."""
        try:
            parent = await self._channel(thread.channel.channel_id)
            if number(parent.get("type")) not in FORUMS:
                return ""
            return text((await self._channel(thread.thread_id)).get("name")) or ""
        except (DiscordRefused, PlaceGone):
            return ""

    def forget_channel(self, channel: ChannelRef) -> None:
        """Something about it, or about the guild's roles, changed."""
        self._channels.forget(channel.channel_id)
        self._roles.forget(channel.workspace_id)

    async def _member(self, guild_id: str, user_id: str) -> Json | None:
        """None for somebody who is not in the guild."""

        async def ask() -> Json | None:
            try:
                return mapping(
                    await self._rest.call(
                        "GET",
                        "/guilds/{guild_id}/members/{user_id}",
                        caller=f"member {user_id}",
                        guild_id=guild_id,
                        user_id=user_id,
                    )
                )
            except DiscordRefused as error:
                if error.code in {UNKNOWN_MEMBER, UNKNOWN_USER}:
                    return None
                raise

        return await self._members.get((guild_id, user_id), ask)

    async def _channel(self, channel_id: str) -> Json:
        async def ask() -> Json:
            return mapping(
                await self._rest.call(
                    "GET", "/channels/{channel_id}", caller=f"channel {channel_id}", channel_id=channel_id
                )
            )

        return await self._channels.get(channel_id, ask)

    async def _guild_roles(self, guild_id: str) -> Sequence[Json]:
        async def ask() -> Sequence[Json]:
            told = await self._rest.call(
                "GET", "/guilds/{guild_id}/roles", caller=f"roles {guild_id}", guild_id=guild_id
            )
            return tuple(map(mapping, items(told)))

        return await self._roles.get(guild_id, ask)

    async def _owner(self, guild_id: str) -> str | None:
        async def ask() -> str | None:
            told = await self._rest.call("GET", "/guilds/{guild_id}", caller=f"guild {guild_id}", guild_id=guild_id)
            return snowflake(mapping(told).get("owner_id"))

        return await self._owners.get(guild_id, ask)


def described(member: Json | None, user_id: str) -> Standing:
    """What a guild says about one of its members; None is for somebody who is none."""
    if member is None:
        return Standing.OUTSIDER
    user = mapping(member.get("user"))
    if user.get("id") != user_id:
        return Standing.UNKNOWN
    return Standing.BOT if user.get("bot") is True or user.get("system") is True else Standing.MEMBER


def readers(channel: Json, roles: Sequence[Json], guild_id: str) -> Audience:
    """Who can read a channel: everybody in the guild where @everyone can, whose role has the guild's id."""
    everyone = next((role for role in roles if role.get("id") == guild_id), None)
    if everyone is None or channel.get("guild_id") != guild_id:
        return Audience.UNKNOWN
    public = has(permissions({}, channel, roles, guild_id), *to_read(channel.get("type")))
    return Audience.PUBLIC if public else Audience.PRIVATE


def permissions(member: Json, channel: Json, roles: Sequence[Json], guild_id: str) -> int:
    """What a member may do in a channel; without roles of their own, what everybody may.

    https://docs.discord.com/developers/topics/permissions#permission-overwrites
    """
    own = {each for each in items(member.get("roles")) if isinstance(each, str)}
    held = 0
    for role in roles:
        if role.get("id") == guild_id or role.get("id") in own:
            held |= bits(role.get("permissions"))
    if held & ADMINISTRATOR:
        return _EVERYTHING
    overwrites = [mapping(each) for each in items(channel.get("permission_overwrites"))]
    for targets in ({guild_id}, own, {text(mapping(member.get("user")).get("id")) or "nobody"}):
        theirs = [each for each in overwrites if each.get("id") in targets]
        for each in theirs:
            held &= ~bits(each.get("deny"))
        for each in theirs:
            held |= bits(each.get("allow"))
    return held


def _all_have(permission: int, channel: Json, roles: Sequence[Json]) -> bool:
    """Whether every member has a permission there: @everyone has, and it is denied to nobody."""
    everyone = text(channel.get("guild_id")) or ""
    denied = any(bits(mapping(each).get("deny")) & permission for each in items(channel.get("permission_overwrites")))
    return not denied and has(permissions({}, channel, roles, everyone), permission)


def bits(value: object) -> int:
    """Permissions as Discord writes them: a number, in a string."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else 0
