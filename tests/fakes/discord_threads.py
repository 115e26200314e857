"""REST: threads, from a message, alone, and as posts of a forum."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_events import Events
from tests.fakes.discord_messages import add
from tests.fakes.discord_permissions import need
from tests.fakes.discord_routes import Asked, route
from tests.fakes.discord_shapes import channel_json, thread_member_json
from tests.fakes.discord_values import (
    ANNOUNCEMENT,
    ANNOUNCEMENT_THREAD,
    HAS_THREAD,
    PUBLIC_THREAD,
    STARTER,
    TEXT,
    Channel,
    Json,
    Message,
    Thread,
    User,
)

_DURATIONS = frozenset({60, 1440, 4320, 10080})


def open_thread(
    world: Events, parent: Channel, owner: User, name: str, *, thread_id: str = "", kind: int = PUBLIC_THREAD
) -> Channel:
    """A new thread of a channel, told to the gateway."""
    now = world.now()
    thread = Channel(thread_id or world.snowflake(), parent.guild, name, kind, parent)
    thread.thread = Thread(owner, now, now, members={owner.id: now})
    world.channels[thread.id] = thread
    return thread


def open_from(world: Events, message: Message, owner: User, name: str) -> Channel:
    """A thread with the id of the message it is started from; it begins with an empty message of Discord's own."""
    kind = ANNOUNCEMENT_THREAD if message.channel.type == ANNOUNCEMENT else PUBLIC_THREAD
    thread = open_thread(world, message.channel, owner, name, thread_id=message.id, kind=kind)
    message.thread = thread
    message.flags |= HAS_THREAD
    world.thread_happened("THREAD_CREATE", thread)
    world.message_happened("MESSAGE_UPDATE", message)
    starter = Message(world.snowflake(), thread, message.author, "", world.now(), STARTER)
    starter.reference, starter.reference_ids = message, (message.id, message.channel.id)
    add(world, starter)
    return thread


def check_thread(body: Json) -> None:
    """The name and archive duration of a thread; 50035."""
    name = body.get("name")
    if not isinstance(name, str) or not len(name.strip()) >= 1 or len(name) > 100:
        raise bad("name", "Must be between 1 and 100 in length.")
    duration = body.get("auto_archive_duration")
    if duration is not None and duration not in _DURATIONS:
        raise bad("auto_archive_duration", f"Value must be one of {sorted(_DURATIONS)}.")


def check_room(world: Events, parent: Channel) -> None:
    """160006 where the guild has as many active threads as it may have."""
    assert parent.guild
    active = [each for each in world.threads(parent.guild) if each.thread and not each.thread.archived]
    if len(active) >= world.active_threads:
        raise DiscordError(160006)


@route("POST", "/channels/{channel_id}/messages/{message_id}/threads", status=201)
def from_message(asked: Asked) -> Json:
    world, body = asked.world, asked.fields("name", "auto_archive_duration", "rate_limit_per_user")
    channel = world.find_channel(asked.ids["channel_id"])
    if channel.type not in {TEXT, ANNOUNCEMENT}:
        raise DiscordError(50024)
    message = world.find_message(channel, asked.ids["message_id"])
    need(channel, world.bot, "CREATE_PUBLIC_THREADS", "READ_MESSAGE_HISTORY")
    check_thread(body)
    if message.id in world.channels or message.thread:
        raise DiscordError(160004)
    check_room(world, channel)
    thread = open_from(world, message, world.bot, body["name"])
    assert thread.thread
    thread.thread.auto_archive_duration = body.get("auto_archive_duration") or 1440
    return _opened(world, thread)


def _opened(world: Events, thread: Channel) -> Json:
    member: Any = thread_member_json(thread, world.bot)
    return channel_json(thread) | {"member": member}
