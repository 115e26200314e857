"""Reads what discord.py holds, and what Discord's API returns, into frozen values; nothing of either goes further."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import discord
from discord.abc import GuildChannel

from bots import attached
from bots.attached import File
from bots.discord.fields import number, snowflake, when
from bots.discord.permissions import to_read
from bots.discord.posts import Answered, Post, Spot
from bots.discord.readers import Doors, Overwrite
from bots.discord.reference import files_of
from bots.discord.words import words
from bots.fields import items, mapping, text

_CHANNELS = re.compile(r"<#([0-9]{1,20})>")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NAMES = 100  # of channels that a post names
_REPLY = 0  # the type of a reference that answers; others forward a message


def spot(channel: object, guild_id: int | None = None) -> Spot:
    """Where a channel or thread stands; of one that discord.py does not hold, only its id is known."""
    match channel:
        case discord.Thread():
            return Spot(str(channel.guild.id), str(channel.id), channel.type.value, str(channel.parent_id))
        case discord.DMChannel() | discord.GroupChannel():
            return Spot("", str(channel.id), channel.type.value)
        case GuildChannel():
            return Spot(str(channel.guild.id), str(channel.id), channel.type.value)
        case discord.PartialMessageable():
            return Spot(str(channel.guild_id or guild_id or ""), str(channel.id), None)
        case _:
            return Spot(str(guild_id or ""), "", None)


def spot_by_id(guild: discord.Guild | None, guild_id: int | None, channel_id: int) -> Spot:
    """Where the channel or thread of this id stands: a direct message's where there is no guild."""
    if guild_id is None:
        return Spot("", str(channel_id), discord.ChannelType.private.value)
    found = guild.get_channel_or_thread(channel_id) if guild else None
    return spot(found) if found else Spot(str(guild_id), str(channel_id), None)


def of_message(message: discord.Message) -> Post:
    """A post that arrived over the gateway."""
    author, guild = message.author, message.guild
    channel = message.channel
    files, left_out = attached.first(list(map(_file, message.attachments)))
    return Post(
        spot(channel, guild.id if guild else None),
        str(message.id),
        message.type.value,
        str(author.id),
        text(author.display_name) or "",
        bot=author.bot,
        webhook=message.webhook_id is not None,
        system=getattr(author, "system", False),
        member=True if isinstance(author, discord.Member) else None,
        text=text(message.content) or "",
        users=frozenset(str(each.id) for each in message.mentions),
        roles=frozenset(str(each.id) for each in message.role_mentions),
        everyone=message.mention_everyone,
        our_role=_our_role(guild),
        names=MappingProxyType(
            {str(each.id): each.display_name for each in message.mentions}
            | {str(each.id): each.name for each in message.role_mentions}
            | dict(_channel_names(message.content, guild))
        ),
        files=files,
        left_out=left_out,
        answers=_answered(message.reference),
        edited=_microseconds(message.edited_at),
    )


def of_raw(told: object, stands: Spot, guild: discord.Guild | None) -> Post | None:
    """A post that Discord's API returned for a channel: it does not say where it stands. None for what is none."""
    raw = mapping(told)
    author, message_id, kind = mapping(raw.get("author")), snowflake(raw.get("id")), number(raw.get("type"))
    author_id, content = snowflake(author.get("id")), text(raw.get("content")) or ""
    if message_id is None or author_id is None or kind is None:
        return None
    people = {
        user: _name(each) for each in map(mapping, items(raw.get("mentions"))) if (user := snowflake(each.get("id")))
    }
    roles = {str(each.id): each.name for each in guild.roles} if guild else {}
    mentioned = frozenset(role for each in items(raw.get("mention_roles")) if (role := snowflake(each)))
    files, left_out = files_of(raw.get("attachments"))
    return Post(
        stands,
        message_id,
        kind,
        author_id,
        _name(author),
        bot=author.get("bot") is True,
        webhook=raw.get("webhook_id") is not None,
        system=author.get("system") is True,
        text=content,
        users=frozenset(people),
        roles=mentioned & roles.keys(),
        everyone=raw.get("mention_everyone") is True,
        our_role=_our_role(guild),
        names=MappingProxyType(
            people | {role: roles[role] for role in mentioned & roles.keys()} | dict(_channel_names(content, guild))
        ),
        files=files,
        left_out=left_out,
        answers=_raw_answered(raw),
        edited=_microseconds(when(raw.get("edited_timestamp"))),
    )


def doors(channel: GuildChannel, roles: Mapping[str, int] | None = None) -> Doors:
    """What decides who can read a channel: with the guild's present roles, or with others."""
    overwrites = []
    for target, overwrite in channel.overwrites.items():
        allow, deny = overwrite.pair()
        overwrites.append(Overwrite(str(target.id), allow.value, deny.value, _is_member(target)))
    guild = channel.guild
    present = permissions(guild) if roles is None else dict(roles)
    return Doors(str(guild.id), MappingProxyType(present), tuple(overwrites), to_read(channel.type.value))


def seen(channel: GuildChannel) -> bool:
    """Whether we can see the channel."""
    return channel.guild.me is None or channel.permissions_for(channel.guild.me).view_channel


def permissions(guild: discord.Guild) -> dict[str, int]:
    """The permissions of each role of a guild, by id."""
    return {str(each.id): each.permissions.value for each in guild.roles}


def interaction(happened: discord.Interaction) -> dict[str, object]:
    """An interaction as Discord delivers it, as far as we use it. It holds a token, and what people typed."""
    owners = happened._integration_owners  # noqa: SLF001 - what is public cannot tell an app added in both ways
    told: dict[str, object] = {
        "id": str(happened.id),
        "application_id": str(happened.application_id),
        "type": happened.type.value,
        "token": happened.token,
        "data": happened.data,
        "context": _context(happened.context),
        "authorizing_integration_owners": {str(way): str(owner) for way, owner in owners.items()},
    }
    stands = spot(happened.channel, happened.guild_id)
    told["channel"] = {"id": stands.channel_id, "type": stands.kind, "parent_id": stands.parent_id or None}
    if happened.message is not None:
        told["message"] = {"id": str(happened.message.id), "flags": happened.message.flags.value}
    user = {
        "id": str(happened.user.id),
        "username": happened.user.name,
        "global_name": happened.user.global_name,
        "bot": happened.user.bot,
    }
    if happened.guild_id is None:
        return told | {"user": user}
    nick = happened.user.nick if isinstance(happened.user, discord.Member) else None
    member = {"user": user, "nick": nick, "permissions": str(happened.permissions.value)}
    return told | {"guild_id": str(happened.guild_id), "member": member}


def _context(context: discord.app_commands.AppCommandContext) -> int | None:
    """Where it was done: in a guild, in a direct message with us, among people; None where Discord does not say."""
    told = (context.guild, context.dm_channel, context.private_channel)
    return told.index(True) if True in told else None


def _our_role(guild: discord.Guild | None) -> str:
    role = guild.self_role if guild else None
    return str(role.id) if role else ""


def _channel_names(content: str, guild: discord.Guild | None) -> Iterator[tuple[str, str]]:
    """The names of channels that are no secret: Discord hides the others in a post, and anybody may write an id."""
    for found in list(_CHANNELS.finditer(content))[:_MOST_NAMES] if guild else ():
        channel = guild.get_channel_or_thread(int(found[1])) if guild else None
        if channel and _public(channel):
            yield found[1], channel.name


def _public(channel: GuildChannel | discord.Thread) -> bool:
    """Whether everybody in the guild can see it. Of a channel that we do not see, Discord does not tell who can."""
    if channel.type is discord.ChannelType.private_thread:
        return False
    place = channel.parent if isinstance(channel, discord.Thread) else channel
    everyone = channel.guild.get_role(channel.guild.id)
    if place is None or everyone is None:
        return False
    return seen(place) and place.permissions_for(everyone).view_channel


def _file(attachment: discord.Attachment) -> File:
    kind = (attachment.content_type or "").partition(";")[0].strip()
    return File(str(attachment.id), attachment.filename, kind, attachment.size, attachment.url)


def _microseconds(at: datetime | None) -> int:
    return 0 if at is None else (at - _EPOCH) // timedelta(microseconds=1)


def _answered(reference: discord.MessageReference | None) -> Answered | None:
    if reference is None or reference.type.value != _REPLY or reference.message_id is None:
        return None
    to = reference.resolved
    if not isinstance(to, discord.Message):
        return Answered(str(reference.message_id))
    forwarded = [{"message": _written(each)} for each in to.message_snapshots]
    return Answered(str(to.id), str(to.author.id), words(_written(to) | {"message_snapshots": forwarded}))


def _written(message: discord.Message | discord.MessageSnapshot) -> dict[str, object]:
    return {"content": message.content, "embeds": [each.to_dict() for each in message.embeds]}


def _raw_answered(raw: Mapping[str, object]) -> Answered | None:
    reference, to = mapping(raw.get("message_reference")), mapping(raw.get("referenced_message"))
    message_id = snowflake(reference.get("message_id"))
    if message_id is None or (number(reference.get("type")) or _REPLY) != _REPLY:
        return None
    return Answered(message_id, snowflake(mapping(to.get("author")).get("id")) or "", words(to))


def _name(user: Mapping[str, object]) -> str:
    return text(user.get("global_name")) or text(user.get("username")) or ""


def _is_member(target: discord.Role | discord.Member | discord.Object) -> bool:
    kind = target.type if isinstance(target, discord.Object) else type(target)
    return kind is not discord.Role
