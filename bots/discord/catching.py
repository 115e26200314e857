"""Looks for questions that were asked while nobody listened: what a new session missed is not delivered again.

Only posts that call us by name are looked for, in channels that have a repository, and only of the last hour: an
answer that comes later helps nobody. What is found twice is one question.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import discord

from bots.discord import reading
from bots.discord.hearing import Hearing
from bots.discord.incoming import PLATFORM, channel_of
from bots.discord.posts import Spot
from bots.discord.rest import Rest
from bots.fields import items
from bots.parts import Parts
from core import logs
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import DatabaseError, DeliveryError

WINDOW_SECONDS = 3_600.0
MOST_CALLS = 100  # for one guild
_PAGE = 100  # messages, the most that Discord returns
_CALLER = "looking for missed questions"  # it has one place in the line of calls, behind those that answer

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel or thread, and the id of its newest post, as far as Discord told."""

    spot: Spot
    newest: int


def due(candidates: Sequence[Candidate], mapped: Callable[[ChannelRef], bool], after: int) -> tuple[Spot, ...]:
    """Where something was posted after that id and may be answered, what is newest first."""
    found = [each for each in candidates if each.newest > after and mapped(channel_of(each.spot))]
    return tuple(each.spot for each in sorted(found, key=lambda each: -each.newest))


class Catching:
    """Reads channels back and hands on what it finds. `clock` gives Unix seconds."""

    def __init__(self, parts: Parts, rest: Rest, hearing: Hearing, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._rest = rest
        self._hearing = hearing
        self._clock = clock

    async def look(self, guilds: Sequence[discord.Guild]) -> None:
        """Look through these guilds, one after another. What cannot be read is named in the log."""
        for guild in guilds:
            try:
                await self._look(guild)
            except DatabaseError as error:
                log.warning("questions may have been missed", guild=str(guild.id), reason=str(error))

    async def _look(self, guild: discord.Guild) -> None:
        after = _snowflake(self._clock() - WINDOW_SECONDS)
        workspace = WorkspaceRef(PLATFORM, str(guild.id))
        spots = due(tuple(_candidates(guild)), await self._mapped(workspace), after)
        pages = deque((spot, after) for spot in spots)
        for _ in range(MOST_CALLS):
            if not pages:
                return
            spot, since = pages.popleft()
            newest = await self._read(guild, spot, since)
            if newest:
                pages.append((spot, newest))
        if pages:
            left = sorted({spot.channel_id for spot, _ in pages})
            log.warning("questions may have been missed: too much was posted", guild=str(guild.id), channels=left)

    async def _mapped(self, workspace: WorkspaceRef) -> Callable[[ChannelRef], bool]:
        """Which channels have a repository, by a mapping or a default."""
        anywhere = await self._parts.mappings.facts(ChannelRef(PLATFORM, workspace.workspace_id, ""))
        if anywhere.workspace_default is not None or anywhere.process_repository is not None:
            return lambda channel: True
        return frozenset(await self._parts.mappings.channels(workspace)).__contains__

    async def _read(self, guild: discord.Guild, spot: Spot, after: int) -> int:
        """Read one page; the id of its newest post where there may be more."""
        try:
            told = items(
                await self._rest.patiently(
                    "GET",
                    "/channels/{channel_id}/messages",
                    caller=_CALLER,
                    query={"after": str(after), "limit": str(_PAGE)},
                    channel_id=spot.channel_id,
                )
            )
        except DeliveryError as error:
            log.warning("questions may have been missed", channel=spot.channel_id, reason=str(error))
            return 0
        posts = [post for each in told if (post := reading.of_raw(each, spot, guild))]
        for post in sorted(posts, key=lambda each: int(each.message_id)):
            await self._hearing.missed(post)
        return max((int(each.message_id) for each in posts), default=0) if len(told) >= _PAGE else 0


def _candidates(guild: discord.Guild) -> Iterator[Candidate]:
    for channel in (*guild.channels, *guild.threads):
        newest = getattr(channel, "last_message_id", None)
        if newest and not isinstance(channel, discord.ForumChannel):  # there it is the newest post's thread
            yield Candidate(reading.spot(channel), newest)


def _snowflake(seconds: float) -> int:
    """An id of that moment, in Unix seconds."""
    return max(0, int(seconds * 1000) - discord.utils.DISCORD_EPOCH) << 22
