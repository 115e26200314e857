"""Pure: where in a guild something may have been posted while nobody listened.

A session tells of the channels, and of the threads that are open; those that were closed are listed channel by channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import discord

from bots.discord import reading
from bots.discord.fields import moment, snowflake, when
from bots.discord.incoming import channel_of
from bots.discord.permissions import READ_MESSAGE_HISTORY, has, to_read
from bots.discord.places import described
from bots.discord.posts import Spot
from bots.fields import items, mapping
from core.conversation.values import ChannelRef


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel or thread, and the id of its newest post, as far as Discord told."""

    spot: Spot
    newest: int


def due(candidates: Sequence[Candidate], mapped: Callable[[ChannelRef], bool], after: int) -> tuple[Spot, ...]:
    """Where something was posted after that id and may be answered, what is newest first."""
    found = [each for each in candidates if each.newest > after and mapped(channel_of(each.spot))]
    return tuple(each.spot for each in sorted(found, key=lambda each: -each.newest))


def open_places(guild: discord.Guild) -> Iterator[Candidate]:
    """The channels and the open threads in which something was posted."""
    for channel in (*guild.channels, *guild.threads):
        newest = getattr(channel, "last_message_id", None)
        if newest and not isinstance(channel, discord.ForumChannel):  # there it is the newest post's thread
            yield Candidate(reading.spot(channel), newest)


def with_threads(guild: discord.Guild) -> Iterator[Candidate]:
    """The channels that may have threads, and what is newest in each, a post or, in a forum, a thread; 0 for none."""
    for channel in guild.channels:
        if isinstance(channel, discord.TextChannel | discord.ForumChannel):
            yield Candidate(reading.spot(channel), channel.last_message_id or 0)


def closed(listed: object, parent: Spot, after: int) -> tuple[list[Candidate], bool]:
    """What Discord lists of a channel's closed threads, those closed last first.

    And whether there may be more in which something was posted after that id: each was closed later than that.
    """
    threads, found = list(map(mapping, items(mapping(listed).get("threads")))), []
    for each in threads:
        spot = described(each, Spot(parent.guild_id, snowflake(each.get("id")) or "", None))
        newest = snowflake(each.get("last_message_id"))
        if newest and spot.channel_id and spot.known:
            found.append(Candidate(spot, int(newest)))
    since = _closed_at(threads[-1]) if threads else None
    more = mapping(listed).get("has_more") is True and (since is None or since > moment(str(after)))
    return found, more


def readable(guild: discord.Guild, spot: Spot) -> bool:
    """Whether we may read what was posted there: what Discord refuses counts, and is not to be asked for in rows."""
    place = guild.get_channel(int(spot.parent_id or spot.channel_id))
    if place is None or guild.me is None:
        return True
    return has(place.permissions_for(guild.me).value, *to_read(place.type.value), READ_MESSAGE_HISTORY)


def _closed_at(thread: object) -> datetime | None:
    return when(mapping(mapping(thread).get("thread_metadata")).get("archive_timestamp"))
