"""The objects of the fake Discord as its API and gateway show them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fakes.discord_values import (
    CATEGORY,
    DM,
    FORUM,
    MEDIA,
    VOICE,
    Attachment,
    Channel,
    Guild,
    Json,
    Member,
    Message,
    Overwrite,
    Role,
    User,
)


def user_json(user: User, *, webhook: bool = False) -> Json:
    """A user object; a webhook's messages have an author that is none."""
    return {
        "id": user.id,
        "username": user.name,
        "discriminator": "0000" if webhook else "0",
        "global_name": user.display,
        "avatar": None,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "clan": None,
        "primary_guild": None,
        "collectibles": None,
        "display_name_styles": None,
        "public_flags": 0,
        "flags": 0,
        **({"bot": True} if user.bot else {}),
    }


def role_json(role: Role) -> Json:
    return {
        "id": role.id,
        "name": role.name,
        "description": None,
        "permissions": str(role.permissions),
        "position": role.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": role.bot is not None,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
        **({"tags": {"bot_id": role.bot.id}} if role.bot else {}),
    }


def member_json(member: Member, *, user: bool = True) -> Json:
    """A member; messages show theirs without the user."""
    return {
        "avatar": None,
        "banner": None,
        "collectibles": None,
        "communication_disabled_until": None,
        "deaf": False,
        "display_name_styles": None,
        "flags": 0,
        "joined_at": member.joined_at,
        "mute": False,
        "nick": member.nick,
        "pending": False,
        "premium_since": None,
        "roles": [role.id for role in member.roles],
        **({"user": user_json(member.user)} if user else {}),
    }


def _overwrite_json(rule: Overwrite) -> Json:
    return {"id": rule.id, "type": rule.type, "allow": str(rule.allow), "deny": str(rule.deny)}


def channel_json(channel: Channel, position: int = 0) -> Json:
    """A channel, thread or DM."""
    last = max(channel.messages, key=int, default=None)
    shown: Json = {"id": channel.id, "type": channel.type, "flags": channel.flags, "last_message_id": last}
    if channel.type == DM:
        people = [user_json(each) for each in channel.recipients if not each.bot]
        return shown | {"recipients": people}
    assert channel.guild is not None
    shown |= {"guild_id": channel.guild.id, "name": channel.name, "rate_limit_per_user": 0}
    shown["parent_id"] = channel.parent.id if channel.parent else None
    if channel.thread:
        return shown | _thread_json(channel)
    shown |= {
        "position": position,
        "permission_overwrites": [_overwrite_json(each) for each in channel.overwrites],
        "nsfw": False,
        "topic": channel.topic,
    }
    if channel.type in {FORUM, MEDIA}:
        shown |= {"available_tags": channel.tags, "default_reaction_emoji": None, "default_sort_order": None}
        shown |= {"default_forum_layout": 0, "default_thread_rate_limit_per_user": 0}
    if channel.type == VOICE:
        shown |= {"bitrate": 64_000, "user_limit": 0, "rtc_region": None, "video_quality_mode": 1}
    if channel.type == CATEGORY:
        shown.pop("last_message_id")
    return shown


def _thread_json(channel: Channel) -> Json:
    thread = channel.thread
    assert thread is not None
    assert channel.parent is not None
    shown: Json = {
        "owner_id": thread.owner.id,
        "member_count": len(thread.members),
        "message_count": max(0, len(channel.messages) - 1),
        "total_message_sent": thread.sent,
        "thread_metadata": {
            "archived": thread.archived,
            "archive_timestamp": thread.archive_at,
            "auto_archive_duration": thread.auto_archive_duration,
            "locked": thread.locked,
            "create_timestamp": thread.created,
        },
    }
    if channel.type == 12:
        shown["thread_metadata"]["invitable"] = thread.invitable
    if channel.parent.type in {FORUM, MEDIA}:
        shown["applied_tags"] = thread.applied_tags
    return shown


def thread_member_json(channel: Channel, user: User) -> Json | None:
    """The membership of this user in the thread, if any."""
    joined = channel.thread.members.get(user.id) if channel.thread else None
    if joined is None:
        return None
    return {"id": channel.id, "user_id": user.id, "join_timestamp": joined, "flags": 0}


def guild_json(guild: Guild) -> Json:
    """A guild as GET /guilds/{id} shows it."""
    return {
        "id": guild.id,
        "name": guild.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": [],
        "banner": None,
        "owner_id": guild.owner.id,
        "application_id": None,
        "region": "us-west",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role_json(role) for role in guild.roles.values()],
        "default_message_notifications": 0,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def attachment_json(file: Attachment) -> Json:
    shown: Json = {
        "id": file.id,
        "filename": file.filename,
        "size": len(file.content),
        "url": file.url,
        "proxy_url": file.url,
        "content_type": file.content_type,
    }
    return shown | ({"description": file.description} if file.description else {})


def message_json(message: Message, visible: Callable[[Message], bool], *, depth: int = 1) -> Json:
    """A message as the API shows it; one that is not `visible` is emptied of content, embeds, attachments, buttons."""
    content = visible(message)
    shown: Json = {
        "id": message.id,
        "type": message.type,
        "channel_id": message.channel.id,
        "author": user_json(message.author, webhook=message.webhook_id is not None and not message.application_id),
        "content": message.content if content else "",
        "timestamp": message.at,
        "edited_timestamp": message.edited_at,
        "tts": False,
        "mention_everyone": message.mention_everyone,
        "mentions": [user_json(each) for each in message.mentions],
        "mention_roles": [each.id for each in message.mention_roles],
        "attachments": [attachment_json(each) for each in message.attachments] if content else [],
        "embeds": message.embeds if content else [],
        "components": message.components if content else [],
        "pinned": message.pinned,
        "flags": message.flags,
    }
    optional: Json = {
        "nonce": message.nonce,
        "webhook_id": message.webhook_id,
        "application_id": message.application_id,
        "interaction_metadata": message.answers,
        "position": message.position,
        "thread": message.thread and channel_json(message.thread),
    }
    shown |= {name: value for name, value in optional.items() if value is not None}
    return shown | _referred(message, visible, depth)


def _referred(message: Message, visible: Callable[[Message], bool], depth: int) -> Json:
    if message.reference_ids is None:
        return {}
    guild = message.channel.guild
    ids = {"type": 0, "channel_id": message.reference_ids[1]}
    ids |= {"message_id": message.reference_ids[0]} if message.reference_ids[0] else {}
    shown: Json = {"message_reference": ids | ({"guild_id": guild.id} if guild else {})}
    if depth and message.reference_ids[0]:
        there = message.reference is not None and not message.reference.deleted
        target = message.reference if there else None
        shown["referenced_message"] = target and message_json(target, visible, depth=0)
    return shown


def guild_parts(message: Message) -> Json:
    """What the gateway adds to a message: guild, member, the mentioned as members."""
    guild = message.channel.guild
    if guild is None:
        return {"channel_type": message.channel.type}
    shown: Json = {"guild_id": guild.id, "channel_type": message.channel.type}
    author = guild.members.get(message.author.id)
    if author and message.webhook_id is None:
        shown["member"] = member_json(author, user=False)
    shown["mentions"] = [_mentioned(guild, each) for each in message.mentions]
    return shown


def _mentioned(guild: Guild, user: User) -> Json:
    member = guild.members.get(user.id)
    more: dict[str, Any] = {"member": member_json(member, user=False)} if member else {}
    return user_json(user) | more
