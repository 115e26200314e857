"""REST: threads, from a message, alone, and as posts of a forum."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord_bodies import check_message
from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_events import Events
from tests.fakes.discord_fields import Check, anything, flag, items, number, one_of, record, snowflake, text
from tests.fakes.discord_messages import add, written
from tests.fakes.discord_permissions import may, need
from tests.fakes.discord_pings import look_for_pings
from tests.fakes.discord_reading import limited
from tests.fakes.discord_routes import NOTHING, Asked, route
from tests.fakes.discord_shapes import channel_json, thread_member_json
from tests.fakes.discord_values import (
    ANNOUNCEMENT,
    ANNOUNCEMENT_THREAD,
    FORUM,
    HAS_THREAD,
    MEDIA,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    REQUIRE_TAG,
    STARTER,
    TEXT,
    THREAD_CREATED,
    Channel,
    Json,
    Message,
    Thread,
    User,
)

_THREAD: dict[str, Check] = {
    "auto_archive_duration": one_of(60, 1440, 4320, 10080),
    "rate_limit_per_user": number(0, 21_600),
}
_NAMED = {"name": text(100, 1)}
_FROM = record(_NAMED, _THREAD)
_ALONE = record(
    _NAMED, {**_THREAD, "type": one_of(ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD), "invitable": flag}
)
_POST = record({**_NAMED, "message": anything}, {**_THREAD, "applied_tags": items(snowflake, 5, unique=True)})
_MODIFY = record({}, {**_THREAD, **_NAMED, "archived": flag, "locked": flag, "invitable": flag})


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


def check_room(world: Events, parent: Channel) -> None:
    """160006 where the guild has as many active threads as it may have."""
    assert parent.guild
    active = [each for each in world.threads(parent.guild) if each.thread and not each.thread.archived]
    if len(active) >= world.active_threads:
        raise DiscordError(160006)


@route("POST", "/channels/{channel_id}/messages/{message_id}/threads", status=201)
def from_message(asked: Asked) -> Json:
    world, body = asked.world, asked.json
    _FROM(body, "")
    channel = world.find_channel(asked.ids["channel_id"])
    if channel.type not in {TEXT, ANNOUNCEMENT}:
        raise DiscordError(50024)
    message = world.find_message(channel, asked.ids["message_id"])
    need(channel, world.bot, "CREATE_PUBLIC_THREADS", "READ_MESSAGE_HISTORY")
    if message.id in world.channels or message.thread:
        raise DiscordError(160004)
    check_room(world, channel)
    thread = open_from(world, message, world.bot, body["name"])
    _settle(thread, body)
    return _opened(world, thread)


def _opened(world: Events, thread: Channel) -> Json:
    member: Any = thread_member_json(thread, world.bot)
    return channel_json(thread) | {"member": member}


@route("POST", "/channels/{channel_id}/threads", status=201)
def alone(asked: Asked) -> Json:
    """A thread without a message; in a forum or media channel a post, whose first message has the thread's id."""
    channel = asked.world.find_channel(asked.ids["channel_id"])
    if channel.type in {FORUM, MEDIA}:
        return _post(asked, channel)
    if channel.type not in {TEXT, ANNOUNCEMENT}:
        raise DiscordError(50024)
    world, body = asked.world, asked.json
    _ALONE(body, "")
    kind = body.get("type") or PRIVATE_THREAD
    if (channel.type == ANNOUNCEMENT) != (kind == ANNOUNCEMENT_THREAD):
        raise DiscordError(50024)
    need(channel, world.bot, "CREATE_PRIVATE_THREADS" if kind == PRIVATE_THREAD else "CREATE_PUBLIC_THREADS")
    check_room(world, channel)
    thread = open_thread(world, channel, world.bot, body["name"], kind=kind)
    _settle(thread, body)
    world.thread_happened("THREAD_CREATE", thread)
    announce(world, thread)
    return _opened(world, thread)


def announce(world: Events, thread: Channel) -> None:
    """The system message in the channel about a public thread that was started without a message."""
    if thread.type == PRIVATE_THREAD or thread.parent is None or thread.thread is None:
        return
    told = Message(world.snowflake(), thread.parent, thread.thread.owner, thread.name, world.now(), THREAD_CREATED)
    told.reference_ids = ("", thread.id)
    add(world, told)


def _post(asked: Asked, forum: Channel) -> Json:
    world, body = asked.world, asked.json
    _POST(body, "")
    need(forum, world.bot, "SEND_MESSAGES", *(["ATTACH_FILES"] if asked.files else []))
    tags = [str(each) for each in body.get("applied_tags") or []]
    check_tags(forum, tags)
    check_room(world, forum)
    inner = Asked(world, asked.where, asked.ids, asked.query, body["message"], asked.files)
    checked = check_message(body["message"], asked.files, "post")
    thread = open_thread(world, forum, world.bot, body["name"])
    _settle(thread, body)
    first = written(world, inner, thread, checked)
    first.id = thread.id
    world.thread_happened("THREAD_CREATE", thread)
    look_for_pings(world, first, body["message"])
    add(world, first)
    return _opened(world, thread) | {"message": world.shown(first)}


def check_tags(forum: Channel, tags: list[str]) -> None:
    """The tags of a post: those of the forum, and at least one where it requires one (40067)."""
    if forum.flags & REQUIRE_TAG and not tags:
        raise DiscordError(40067)
    if not set(tags) <= {each["id"] for each in forum.tags}:
        raise bad("applied_tags", "Unknown tag")


def _settle(thread: Channel, body: Json) -> None:
    assert thread.thread
    thread.thread.auto_archive_duration = body.get("auto_archive_duration") or 1440
    thread.thread.invitable = body.get("invitable") is not False
    thread.thread.applied_tags = [str(each) for each in body.get("applied_tags") or []]


@route("PATCH", "/channels/{channel_id}")
def modify(asked: Asked) -> Json:
    """Of threads only: the app changes no channel. Its creator may do all but lock; MANAGE_THREADS everything."""
    world, body = asked.world, asked.json
    channel = world.find_channel(asked.ids["channel_id"])
    thread = channel.thread
    if thread is None:
        raise DiscordError(50013)
    _MODIFY(body, "")
    manages = may(channel, world.bot, "MANAGE_THREADS")
    if not manages and (thread.owner is not world.bot or "locked" in body):
        raise DiscordError(50013)
    if thread.locked and not manages:
        raise DiscordError(160005)
    if thread.archived and body.get("archived") is not False:
        raise DiscordError(50083)
    channel.name = body.get("name") or channel.name
    thread.locked = bool(body.get("locked", thread.locked))
    thread.auto_archive_duration = body.get("auto_archive_duration") or thread.auto_archive_duration
    if bool(body.get("archived", thread.archived)) != thread.archived:
        thread.archived, thread.archive_at = bool(body["archived"]), world.now()
    world.thread_happened("THREAD_UPDATE", channel)
    return channel_json(channel)


@route("GET", "/channels/{channel_id}/threads/archived/public")
def archived(asked: Asked) -> Json:
    return _archived(asked, private=False)


@route("GET", "/channels/{channel_id}/threads/archived/private")
def archived_private(asked: Asked) -> Json:
    return _archived(asked, private=True)


def _archived(asked: Asked, *, private: bool) -> Json:
    """Those last archived first."""
    world = asked.world
    channel = world.find_channel(asked.ids["channel_id"])
    if channel.type not in ({TEXT} if private else {TEXT, ANNOUNCEMENT, FORUM, MEDIA}):
        raise DiscordError(50024)
    need(channel, world.bot, "READ_MESSAGE_HISTORY", *(["MANAGE_THREADS"] if private else []))
    before, most = asked.query.get("before", "9"), limited(asked, 50, 100, least=2)
    found = [
        each
        for each in world.threads(channel)
        if each.thread and each.thread.archived and (each.type == PRIVATE_THREAD) == private
        if each.thread.archive_at < before
    ]
    found.sort(key=lambda each: each.thread.archive_at if each.thread else "", reverse=True)
    members = [thread_member_json(each, world.bot) for each in found[:most]]
    return {
        "threads": [channel_json(each) for each in found[:most]],
        "members": [each for each in members if each],
        "has_more": len(found) > most,
    }


@route("PUT", "/channels/{channel_id}/thread-members/@me")
def join(asked: Asked) -> object:
    channel = asked.world.find_channel(asked.ids["channel_id"])
    if channel.thread is None:
        raise DiscordError(50024)
    if channel.thread.archived:
        raise DiscordError(50083)
    channel.thread.members.setdefault(asked.world.bot.id, asked.world.now())
    return NOTHING


@route("DELETE", "/channels/{channel_id}/thread-members/@me")
def leave(asked: Asked) -> object:
    channel = asked.world.find_channel(asked.ids["channel_id"])
    if channel.thread is None:
        raise DiscordError(50024)
    if channel.thread.archived:
        raise DiscordError(50083)
    channel.thread.members.pop(asked.world.bot.id, None)
    return NOTHING


@route("GET", "/channels/{channel_id}/thread-members/{user_id}")
def thread_member(asked: Asked) -> Json:
    channel = asked.world.find_channel(asked.ids["channel_id"])
    user = asked.world.users.get(asked.ids["user_id"])
    found = thread_member_json(channel, user) if user else None
    if found is None:
        raise DiscordError(10007)
    return found
