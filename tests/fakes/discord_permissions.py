"""Discord's permissions: bits, and what a member may where."""

from __future__ import annotations

from tests.fakes.discord_errors import DiscordError
from tests.fakes.discord_values import PRIVATE_THREAD, VOICE, Channel, Guild, Member, User

NAMES = {
    "ADMINISTRATOR": 1 << 3, "MANAGE_CHANNELS": 1 << 4, "MANAGE_GUILD": 1 << 5, "ADD_REACTIONS": 1 << 6,
    "VIEW_CHANNEL": 1 << 10, "SEND_MESSAGES": 1 << 11, "SEND_TTS_MESSAGES": 1 << 12, "MANAGE_MESSAGES": 1 << 13,
    "EMBED_LINKS": 1 << 14, "ATTACH_FILES": 1 << 15, "READ_MESSAGE_HISTORY": 1 << 16, "MENTION_EVERYONE": 1 << 17,
    "USE_EXTERNAL_EMOJIS": 1 << 18, "CONNECT": 1 << 20, "MANAGE_ROLES": 1 << 28,
    "MANAGE_WEBHOOKS": 1 << 29,
    "USE_APPLICATION_COMMANDS": 1 << 31, "MANAGE_THREADS": 1 << 34, "CREATE_PUBLIC_THREADS": 1 << 35,
    "CREATE_PRIVATE_THREADS": 1 << 36, "SEND_MESSAGES_IN_THREADS": 1 << 38,
}  # fmt: skip
ALL = (1 << 53) - 1


def bits(*names: str) -> int:
    """The number of these permissions."""
    return sum({NAMES[name] for name in names})


EVERYONE = bits(
    "VIEW_CHANNEL", "SEND_MESSAGES", "READ_MESSAGE_HISTORY", "ADD_REACTIONS", "EMBED_LINKS", "ATTACH_FILES",
    "USE_APPLICATION_COMMANDS", "CREATE_PUBLIC_THREADS", "CREATE_PRIVATE_THREADS", "SEND_MESSAGES_IN_THREADS",
    "CONNECT",
)  # fmt: skip
BOT = bits(
    "VIEW_CHANNEL", "SEND_MESSAGES", "READ_MESSAGE_HISTORY", "EMBED_LINKS", "ATTACH_FILES", "CREATE_PUBLIC_THREADS",
    "SEND_MESSAGES_IN_THREADS",
)  # fmt: skip
_NEED_SENDING = bits("MENTION_EVERYONE", "SEND_TTS_MESSAGES", "ATTACH_FILES", "EMBED_LINKS")
_IN_DM = bits(
    "VIEW_CHANNEL", "SEND_MESSAGES", "READ_MESSAGE_HISTORY", "EMBED_LINKS", "ATTACH_FILES", "ADD_REACTIONS",
    "USE_APPLICATION_COMMANDS", "MENTION_EVERYONE",
)  # fmt: skip


def in_guild(guild: Guild, member: Member) -> int:
    """What the member may in the guild before any channel's overwrites."""
    if guild.owner is member.user:
        return ALL
    held = guild.everyone.permissions
    for role in member.roles:
        held |= role.permissions
    return ALL if held & NAMES["ADMINISTRATOR"] else held


def in_channel(channel: Channel, user: User) -> int:
    """What the user may in a channel, thread or DM; 0 without VIEW_CHANNEL or membership.

    https://docs.discord.com/developers/topics/permissions#implicit-permissions
    """
    guild = channel.guild
    if guild is None:
        return _IN_DM if user in channel.recipients or user.bot else 0
    member = guild.members.get(user.id)
    if member is None:
        return 0
    held = in_guild(guild, member)
    if held == ALL:
        return ALL
    rules = {each.id: each for each in channel.place.overwrites}
    if everyone := rules.get(guild.id):
        held = held & ~everyone.deny | everyone.allow
    of_roles = [rules[role.id] for role in member.roles if role.id in rules]
    for each in of_roles:
        held &= ~each.deny
    for each in of_roles:
        held |= each.allow
    if own := rules.get(user.id):
        held = held & ~own.deny | own.allow
    if not held & NAMES["VIEW_CHANNEL"]:
        return 0
    if channel.type == VOICE and not held & NAMES["CONNECT"]:
        return NAMES["VIEW_CHANNEL"]  # it is seen, and nothing that is said beside it
    speaks = "SEND_MESSAGES_IN_THREADS" if channel.thread else "SEND_MESSAGES"
    return held if held & NAMES[speaks] else held & ~_NEED_SENDING


def may(channel: Channel, user: User, *names: str) -> bool:
    """Whether the user has all of these in the channel."""
    wanted = bits(*names)
    return in_channel(channel, user) & wanted == wanted


def sees(channel: Channel, user: User) -> bool:
    """Whether the channel exists for this user: a private thread does for its members and moderators only."""
    if not may(channel, user, "VIEW_CHANNEL"):
        return False
    if channel.type != PRIVATE_THREAD or channel.thread is None:
        return True
    return user.id in channel.thread.members or may(channel, user, "MANAGE_THREADS")


def need(channel: Channel, user: User, *names: str) -> None:
    """50013 where one of these is missing."""
    if not may(channel, user, *names):
        raise DiscordError(50013)
