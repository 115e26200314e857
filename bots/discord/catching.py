"""Looks for questions that were asked while nobody listened: what a new session missed is not delivered again.

Searched are channels with a repository, their threads (closed ones too, unless private) and direct messages, for the
last hour only: nobody waits longer. A question that is found twice is one question. A post that we heard and that was
none must not become one: so one that does not mention us counts only behind the last that is known of its conversation.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import discord

from bots.discord import reading
from bots.discord.candidates import Candidate, closed, due, open_places, readable, with_threads
from bots.discord.direct import Direct
from bots.discord.hearing import Hearing
from bots.discord.incoming import PLATFORM, channel_of
from bots.discord.places import Places
from bots.discord.posts import Post, Spot
from bots.discord.rest import Rest
from bots.fields import items
from bots.parts import Parts
from core import logs
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.errors import DatabaseError, DeliveryError, DeliveryUncertain, PlatformAway

WINDOW_SECONDS = 3_600.0
MOST_CALLS = 100  # for one guild, or for all direct messages
MOST_DIRECT = 50  # people whose direct messages are looked through
_DIRECT_SECONDS = 86_400.0
_PAGE = 100  # messages, the most that Discord returns
_LISTED = 100  # threads, the most that Discord lists at once
_AGAIN_SECONDS = (1.0, 5.0, 20.0)  # before Discord is asked again, where it does not answer
_DATABASE_SECONDS = 5.0
_CALLER = "looking for missed questions"  # it has one place in the line of calls, behind those that answer

Result = TypeVar("Result")

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is to be read of one place: all after `after`. `heard` is as `unheard` has it."""

    spot: Spot
    after: int
    heard: int | None


class Catching:
    """Reads places back and hands on what it finds. What cannot be read is named in the log.

    While the database is away it waits. `clock` gives Unix seconds, `pause` waits for some.
    """

    def __init__(
        self,
        parts: Parts,
        rest: Rest,
        hearing: Hearing,
        places: Places,
        direct: Direct,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._parts = parts
        self._rest = rest
        self._hearing = hearing
        self._places = places
        self._direct = direct
        self._clock = clock
        self._pause = pause

    def now(self) -> int:
        """The id that a message posted now would have."""
        return _snowflake(self._clock())

    async def look(self, guild: discord.Guild, until: int) -> int:
        """Search a guild of which everything is heard from the id `until` on; how many calls are left for it.

        Its closed threads are looked through by `look_closed`, once no guild waits for this.
        """
        after = _earlier(until, WINDOW_SECONDS)
        mapped = await self._patiently(partial(self._mapped, guild))
        found = due(tuple(open_places(guild)), mapped, after)
        spots = [spot for spot in found if readable(guild, spot)]
        if barred := sorted({spot.channel_id for spot in found} - {spot.channel_id for spot in spots}):
            log.info("not looked through: we may not read there", guild=str(guild.id), channels=barred)
        stretches = await self._patiently(partial(self._stretches, spots, after, until))
        return await self._through(stretches, MOST_CALLS, guild)

    async def look_closed(self, guild: discord.Guild, until: int, calls: int) -> None:
        """Look through the threads that were closed meanwhile, with so many calls; no session tells of them."""
        after = _earlier(until, WINDOW_SECONDS)
        mapped = await self._patiently(partial(self._mapped, guild))
        # -1: a channel where nothing was ever posted may have threads
        parents = [spot for spot in due(tuple(with_threads(guild)), mapped, -1) if readable(guild, spot)]
        for number, parent in enumerate(parents):
            if not calls or self._ago(WINDOW_SECONDS) > until:  # nobody waits any more for what was asked till then
                _not_listed(guild, parents[number:])
                return
            found, more = await self._closed(parent, after)
            if more:
                _not_listed(guild, [parent])
            spots = due(found, lambda channel: True, after)
            stretches = await self._patiently(partial(self._stretches, spots, after, until))
            calls = await self._through(stretches, calls - 1, guild)

    async def look_directly(self, until: int) -> None:
        """Look through what people wrote directly who did so before, within a day; from `until` on all is heard."""

        async def stretches() -> list[Stretch]:
            return [each async for each in self._direct_stretches(until)]

        await self._through(await self._patiently(stretches), MOST_CALLS)

    async def _patiently(self, act: Callable[[], Awaitable[Result]]) -> Result:
        """What it comes to, once the database is there: nobody tells of these posts again. Discord has some tries."""
        pauses, waited = iter(_AGAIN_SECONDS), False
        while True:
            try:
                return await act()
            except DatabaseError as error:
                if not waited:
                    log.warning("looking for missed questions waits for the database", reason=str(error))
                waited, pause = True, _DATABASE_SECONDS
            except (DeliveryUncertain, PlatformAway):
                again = next(pauses, None)
                if again is None:
                    raise
                pause = again
            await self._pause(pause)

    async def _direct_stretches(self, until: int) -> AsyncIterator[Stretch]:
        heard: dict[str, int] = {}
        for guild in await self._direct.possible():
            after = self._ago(_DIRECT_SECONDS)
            for thread in await self._parts.threads.whole_channels(guild, after=after, most=MOST_DIRECT + 1):
                reached = await self._parts.threads.reached(thread, before=until)
                if reached is not None:
                    heard[thread.thread_id] = max(reached, heard.get(thread.thread_id, 0))
        newest = sorted(heard, key=lambda each: -heard[each])
        if len(newest) > MOST_DIRECT:
            log.warning("direct messages may have been missed: too many people write them")
        for channel_id in newest[:MOST_DIRECT]:
            try:
                spot = await self._patiently(partial(self._places.settled, Spot("", channel_id, None)))
            except DeliveryError as error:
                log.warning("questions may have been missed", channel=channel_id, reason=str(error))
                continue
            if spot is not None and spot.direct:  # else it is what is written beside a voice channel
                yield Stretch(spot, max(self._ago(WINDOW_SECONDS), heard[channel_id]), heard[channel_id])

    async def _through(self, stretches: Sequence[Stretch], calls: int, guild: discord.Guild | None = None) -> int:
        """Read them with so many calls at most; how many of those are left."""
        pages, read = deque(stretches), defaultdict[str, list[Post]](list)
        while pages and calls:
            stretch, calls = pages.popleft(), calls - 1
            posts, more = await self._read(guild, stretch)
            found = read[stretch.spot.channel_id]
            found += posts
            if posts and more:
                pages.append(replace(stretch, after=int(posts[-1].message_id)))
            else:
                await self._hearing.missed(found, stretch.heard)
        for stretch in pages:
            await self._hearing.missed(read[stretch.spot.channel_id], stretch.heard)
        if pages:
            left = sorted({each.spot.channel_id for each in pages})
            named = str(guild.id) if guild else ""
            log.warning("questions may have been missed: too much was posted", guild=named, channels=left)
        return calls

    async def _stretches(self, spots: Sequence[Spot], after: int, until: int) -> list[Stretch]:
        first = [Stretch(spot, after, await self._reached(spot, until)) for spot in spots[:MOST_CALLS]]
        return first + [Stretch(spot, after, None) for spot in spots[MOST_CALLS:]]  # these are not come to

    async def _mapped(self, guild: discord.Guild) -> Callable[[ChannelRef], bool]:
        """Which channels of the guild have a repository, by a mapping or a default."""
        workspace = WorkspaceRef(PLATFORM, str(guild.id))
        anywhere = await self._parts.mappings.facts(ChannelRef(PLATFORM, workspace.workspace_id, ""))
        if anywhere.workspace_default is not None or anywhere.process_repository is not None:
            return lambda channel: True
        return frozenset(await self._parts.mappings.channels(workspace)).__contains__

    async def _reached(self, spot: Spot, until: int) -> int | None:
        if not spot.within:
            return None
        return await self._parts.threads.reached(ThreadRef(channel_of(spot), spot.channel_id), before=until)

    async def _read(self, guild: discord.Guild | None, stretch: Stretch) -> tuple[list[Post], bool]:
        """One page, oldest first, and whether there may be more."""
        spot, query = stretch.spot, {"after": str(stretch.after), "limit": str(_PAGE)}
        try:
            told = items(await self._asked("/channels/{channel_id}/messages", spot, query))
        except DeliveryError as error:
            log.warning("questions may have been missed", channel=spot.channel_id, reason=str(error))
            return [], False
        posts = [post for each in told if (post := reading.of_raw(each, spot, guild))]
        return sorted(posts, key=lambda each: int(each.message_id)), len(told) >= _PAGE

    async def _closed(self, parent: Spot, after: int) -> tuple[list[Candidate], bool]:
        """The threads of a channel that were closed last, and whether others matter too."""
        try:
            listed = await self._asked(
                "/channels/{channel_id}/threads/archived/public", parent, {"limit": str(_LISTED)}
            )
        except DeliveryError as error:
            log.warning("questions may have been missed", channel=parent.channel_id, reason=str(error))
            return [], False
        return closed(listed, parent, after)

    async def _asked(self, route: str, spot: Spot, query: Mapping[str, str]) -> object:
        ask = partial(self._rest.patiently, "GET", route, caller=_CALLER, query=query, channel_id=spot.channel_id)
        return await self._patiently(ask)

    def _ago(self, seconds: float) -> int:
        return _snowflake(self._clock() - seconds)


def _not_listed(guild: discord.Guild, parents: Sequence[Spot]) -> None:
    channels = sorted(each.channel_id for each in parents)
    log.warning("questions may have been missed: too many threads were closed", guild=str(guild.id), channels=channels)


def _earlier(until: int, seconds: float) -> int:
    """An id of so long before that one."""
    return max(0, until - (int(seconds * 1000) << 22))


def _snowflake(seconds: float) -> int:
    """An id of that moment, in Unix seconds."""
    return max(0, int(seconds * 1000) - discord.utils.DISCORD_EPOCH) << 22
