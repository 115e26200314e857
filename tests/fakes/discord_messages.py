"""REST: messages of channels, threads and DMs."""

from __future__ import annotations

import secrets
from typing import Any

from tests.fakes.discord_bodies import Body, Kind, check_message
from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_events import Events
from tests.fakes.discord_permissions import may, need
from tests.fakes.discord_pings import look_for_pings, mentioned
from tests.fakes.discord_reading import limited
from tests.fakes.discord_routes import NOTHING, Asked, route
from tests.fakes.discord_values import (
    CATEGORY,
    FORUM,
    LOADING,
    MEDIA,
    REPLY,
    SILENT,
    STARTER,
    SUPPRESS_EMBEDS,
    THREAD_CREATED,
    Attachment,
    Channel,
    Json,
    Message,
    User,
)

_OLD = 3_600.0  # seconds after which the edits of a message are counted


def add(world: Events, message: Message) -> Message:
    """Put a new message in its place and tell the gateway."""
    channel = message.channel
    channel.messages[message.id] = message
    if channel.thread:
        message.position = channel.thread.sent
        channel.thread.sent += 1
        channel.thread.members.setdefault(message.author.id, message.at)
    world.message_happened("MESSAGE_CREATE", message)
    return message


def attach(world: Events, asked: Asked, body: Json) -> list[Attachment]:
    """The new files of a multipart body, on the fake's CDN."""
    found = []
    described = {str(each.get("id")): each for each in body.get("attachments") or []}
    for name, (filename, content, content_type) in asked.files.items():
        number = name.removeprefix("files[").removesuffix("]")
        about = described.get(number, {})
        file = world.file(about.get("filename", filename), content, content_type)
        file.description = about.get("description")
        found.append(file)
    return found


def unarchive(world: Events, channel: Channel) -> None:
    """A message wakes an archived thread, unless it is locked (160005)."""
    thread = channel.thread
    if thread is None:
        return
    if thread.locked and not may(channel, world.bot, "MANAGE_THREADS"):
        raise DiscordError(160005)
    if thread.archived:
        thread.archived, thread.archive_at = False, world.now()
        world.thread_happened("THREAD_UPDATE", channel)


@route("POST", "/channels/{channel_id}/messages")
def create(asked: Asked) -> Json:
    world, body = asked.world, asked.json
    channel = world.find_channel(asked.ids["channel_id"])
    if channel.type in {CATEGORY, FORUM, MEDIA}:
        raise DiscordError(50008)
    wanted = ["SEND_MESSAGES_IN_THREADS" if channel.thread else "SEND_MESSAGES"]
    wanted += ["ATTACH_FILES"] if asked.files else []
    wanted += ["EMBED_LINKS"] if body.get("embeds") else []
    need(channel, world.bot, *wanted)
    for person in [] if channel.guild else channel.recipients:
        if not person.dms_open:
            raise DiscordError(50007)
        if not world.meets(person):
            raise DiscordError(50278)
    checked = check_message(body, asked.files, "create")
    if existing := _repeated(world, body):
        return world.shown(existing)
    unarchive(world, channel)
    message = written(world, asked, channel, checked)
    _refer(world, message, body.get("message_reference"))
    if (nonce := body.get("nonce")) is not None:
        message.nonce = nonce
        world.nonces[str(nonce)] = (world.clock(), message)
    look_for_pings(world, message, body)
    return world.shown(add(world, message))


def written(world: Events, asked: Asked, channel: Channel, body: Body) -> Message:
    """A message of the bot with this body."""
    message = Message(world.snowflake(), channel, world.bot, body.content, world.now())
    message.flags = body.flags & (SUPPRESS_EMBEDS | SILENT | 1 << 15)
    message.embeds, message.components = body.embeds, body.components
    message.attachments = attach(world, asked, asked.json)
    message.mentions, message.mention_roles, message.mention_everyone = mentioned(world, message)
    return message


def _repeated(world: Events, body: Json) -> Message | None:
    """The message that has this nonce already; a deleted one still counts."""
    nonce = body.get("nonce")
    if not body.get("enforce_nonce") or nonce is None:
        return None
    now = world.clock()
    known = world.nonces.get(str(nonce))
    return known[1] if known and now < known[0] + world.nonce_seconds else None


def _refer(world: Events, message: Message, reference: Any) -> None:
    if reference is None:
        return
    channel, target = message.channel, message.channel.messages.get(str(reference["message_id"]))
    if str(reference.get("channel_id") or channel.id) != channel.id:
        raise bad("message_reference", "Cannot reply to a message in a different channel")
    if not may(channel, world.bot, "READ_MESSAGE_HISTORY"):
        raise DiscordError(160002)
    if target is None or target.type in {THREAD_CREATED, STARTER}:
        if reference.get("fail_if_not_exists", True):
            raise bad("message_reference", "Unknown message")
        return
    message.reference, message.reference_ids, message.type = target, (target.id, channel.id), REPLY


@route("PATCH", "/channels/{channel_id}/messages/{message_id}")
def edit(asked: Asked) -> Json:
    world = asked.world
    channel = world.find_channel(asked.ids["channel_id"])
    message = world.find_message(channel, asked.ids["message_id"])
    if message.author is not world.bot:
        raise DiscordError(50005)
    if channel.thread and channel.thread.archived:
        raise DiscordError(50083)
    if channel.thread and channel.thread.locked and not may(channel, world.bot, "MANAGE_THREADS"):
        raise DiscordError(160005)
    if asked.files:
        need(channel, world.bot, "ATTACH_FILES")
    if world.age(message.id) > _OLD:
        if message.old_edits >= world.old_edits:
            raise DiscordError(30046)
        message.old_edits += 1
    change(asked, message)
    return world.shown(message)


def change(asked: Asked, message: Message, kind: Kind = "edit") -> None:
    """Apply an edit to a message and tell the gateway."""
    world, body = asked.world, asked.json
    kept = {each.id for each in message.attachments}
    checked = check_message(body, asked.files, kind, old=message)
    if "content" in body:
        message.content = checked.content
    if "embeds" in body:
        message.embeds = checked.embeds
    if "components" in body:
        message.components = checked.components
    if "flags" in body:
        message.flags = message.flags & ~SUPPRESS_EMBEDS | checked.flags & (SUPPRESS_EMBEDS | 1 << 15)
    if "attachments" in body:
        kept &= {str(each.get("id")) for each in body["attachments"] or []}
    message.attachments = [each for each in message.attachments if each.id in kept] + attach(world, asked, body)
    message.edited_at = world.now()
    message.flags &= ~LOADING
    message.mentions, message.mention_roles, message.mention_everyone = mentioned(world, message)
    look_for_pings(world, message, body)
    world.message_happened("MESSAGE_UPDATE", message)


def remove(world: Events, message: Message) -> None:
    """The message is gone; a thread that was started from it lives on."""
    message.deleted = True
    del message.channel.messages[message.id]
    world.message_gone(message)


@route("DELETE", "/channels/{channel_id}/messages/{message_id}")
def delete(asked: Asked) -> Any:
    world = asked.world
    channel = world.find_channel(asked.ids["channel_id"])
    message = world.find_message(channel, asked.ids["message_id"])
    if message.author is not world.bot:
        need(channel, world.bot, "MANAGE_MESSAGES")
    remove(world, message)
    return NOTHING


@route("GET", "/channels/{channel_id}/messages/{message_id}")
def one(asked: Asked) -> Json:
    world = asked.world
    channel = world.find_channel(asked.ids["channel_id"])
    need(channel, world.bot, "READ_MESSAGE_HISTORY")
    return world.shown(world.find_message(channel, asked.ids["message_id"]))


@route("GET", "/channels/{channel_id}/messages")
def history(asked: Asked) -> list[Json]:
    """The newest first; with `after` those right after it, still the newest first."""
    world, query = asked.world, asked.query
    channel = world.find_channel(asked.ids["channel_id"])
    limit = limited(asked, 50, 100)
    given = [name for name in ("before", "after", "around") if name in query]
    if len(given) > 1 or not all(query[name].isdigit() for name in given):
        raise bad("before", "Only one of before, after, around, and a snowflake")
    if not may(channel, world.bot, "READ_MESSAGE_HISTORY"):
        return []
    found = sorted(channel.messages.values(), key=lambda each: int(each.id))
    if "after" in query:
        return [world.shown(each) for each in found if int(each.id) > int(query["after"])][:limit][::-1]
    if "before" in query:
        found = [each for each in found if int(each.id) < int(query["before"])]
    if "around" in query:
        at = int(query["around"])
        older = [each for each in found if int(each.id) <= at][-(limit // 2) - 1 :]
        found = (older + [each for each in found if int(each.id) > at])[:limit]
    return [world.shown(each) for each in found[-limit:]][::-1]


def random_nonce() -> str:
    """What a person's client sends with every message."""
    return str(secrets.randbits(63))


def authored(world: Events, user: User, channel: Channel, text: str) -> Message:
    """A person's message, not yet in its place."""
    message = Message(world.snowflake(), channel, user, text, world.now())
    message.nonce = None if user.bot else random_nonce()
    return message
