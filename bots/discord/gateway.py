"""The connection to Discord's gateway, kept up for as long as the process runs.

discord.py reconnects and resumes by itself while a connection can be had. Around it stands this: a client that has
ended for whatever reason is replaced, later each time; a new session begins only when it may (identifying.py); what
can never work ends the process with a sentence.
https://docs.discord.com/developers/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NoReturn

import discord

from bots.discord.app import Client, Hearing, closed, gateway_at
from bots.discord.catching import Catching
from bots.discord.guilds import Guilds
from bots.discord.identifying import Door, Identifying
from bots.discord.inbox import Inbox
from bots.discord.shards import Shards
from bots.tasks import Tasks
from core import logs
from core.errors import AskrepoError, SettingsError
from core.secret import Secret

SETTING = "DISCORD_TOKEN"
_FINISH_SECONDS = 4.0
_LIFE_SECONDS = 60.0  # a client that lived longer had no trouble in beginning
_LONGEST_PAUSE_SECONDS = 60.0
_SILENT_SECONDS = 600.0  # without any connection before it is begun anew: discord.py tries ever more seldom
_LONGEST_SILENCES = 6  # of one shard: then its client is of no use, for discord.py pauses for 17 minutes at most
_LOOK_SECONDS = 6 * 3_600.0  # between two looks at the guilds we may have been removed from
_DIRECT, _DIRECT_SHARD = 0, 0  # stands for direct messages among guilds; all of them come by the first shard
_NEVER = {
    4004: (SETTING, "Discord refuses it; copy it anew from the developer portal, page Bot"),
    4010: ("--shards", "Discord refuses a shard of this number"),
    4011: ("--shards", "so many guilds need more shards; leave it out, and Discord says how many"),
    4012: (SETTING, "Discord does not serve this version of its gateway any more; update askrepo"),
    4013: (SETTING, "Discord does not know what is to be delivered; update askrepo"),
    4014: (SETTING, "Discord does not deliver messages to it; look at the intents in the developer portal, page Bot"),
}

_FEW_SHARDS = 4011  # Discord says anew how many there are to be, where we leave it to Discord

log = logs.get(__name__)


class Gateway:
    """Listens until it is cancelled; then what was heard is carried out first, within seconds.

    `ready` is set while every shard of this process has a session. `content` says whether the developer portal lets us
    read messages that do not mention us. `shards` None: all, as many as Discord says. A client that hears nothing for
    `silent_seconds` is started anew. `pause` waits.
    """

    def __init__(
        self,
        token: Secret,
        hearing: Hearing,
        identifying: Identifying,
        inbox: Inbox,
        catching: Catching,
        guilds: Guilds,
        shards: Shards | None,
        *,
        content: bool,
        silent_seconds: float = _SILENT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.ready = asyncio.Event()
        self._token = token
        self._hearing = hearing
        self._identifying = identifying
        self._inbox = inbox
        self._catching = catching
        self._guilds = guilds
        self._shards = shards
        self._content = content
        self._silent_seconds = silent_seconds
        self._clock = clock
        self._pause = pause
        self._client: Client | None = None
        self._connected: set[int] = set()
        self._silent: dict[int, float] = {}  # the other shards, and since when each ought to be among those
        self._begun = 0
        self._holds: Shards | None = None
        self._begins: dict[int, int] = {}  # by shard: an id of the moment its connection was made
        self._overlooked: set[int] = set()  # shards of which something found no room, and that had no connection since
        self._due: dict[int, int] = {}  # guilds that are to be looked through, with an id from when they were heard
        self._news = asyncio.Event()
        self._closed = deque[Callable[[], Awaitable[None]]]()  # each looks through closed threads
        self._of_guilds = False  # whether it is to be looked which of them we are in

    def joined(self, guild_id: str) -> bool:
        """Whether the bot is in a guild of this id, as far as this process is told."""
        return self._client is not None and self._client.get_guild(int(guild_id)) is not None

    async def run(self) -> None:
        """Listen for ever. Raises SettingsError where waiting does not help."""
        logging.getLogger("discord").setLevel(logging.WARNING)  # below that it logs whole messages
        if not self._content:
            log.warning("Discord shows us only messages that mention us: the message content intent is off")
        beside = [asyncio.create_task(self._look()), asyncio.create_task(self._look_again())]
        failures = 0
        try:
            while True:
                began = self._clock()
                why = await self._listened()
                failures = 0 if self._clock() - began >= _LIFE_SECONDS else failures + 1
                log.warning("the connection to Discord is begun anew", reason=why, failures=failures)
                longest = min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(failures, 10))
                await self._pause(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._inbox.finished(_FINISH_SECONDS)

    async def _listened(self) -> str:
        """Listen with one client until it ends; why it did. Raises SettingsError where another would not do better."""
        try:
            door = await self._identifying.door()
            shards = self._shards or Shards.all(door.shards)
            gateway_at(door.url)
            await self._with_client(door, shards)
        except discord.PrivilegedIntentsRequired:
            self._without_content()
            return "the message content intent is not granted"
        except discord.LoginFailure:
            _never(4004)
        except discord.ConnectionClosed as error:
            if error.code in _NEVER and not (error.code == _FEW_SHARDS and self._shards is None):
                _never(error.code)
            return f"closed with {error.code}"
        except SettingsError:
            raise
        except AskrepoError as error:
            return str(error)
        except Exception as error:  # discord.py fails in many ways when a connection cannot be had
            return type(error).__name__
        return "closed"

    async def _with_client(self, door: Door, shards: Shards) -> None:
        async def before_identify(shard: int) -> None:
            # sessions wait for their turn, for hours where many were begun: that is no silence
            self._silent = dict.fromkeys(self._silent, self._clock())
            await self._identifying.wait(shard, shards.count, door)

        client = Client(self._hearing, self, before_identify, shards, content=self._content)
        self._client, self._holds = client, shards
        self._silent = dict.fromkeys(shards.ids, self._clock())
        running: asyncio.Task[None] | None = None
        try:
            await client.login(self._token.reveal())
            running = asyncio.create_task(client.connect())
            await self._watched(client, running)
        finally:
            self._client = None
            self._connected.clear()
            self.ready.clear()
            await closed(client, running)

    async def _watched(self, client: Client, running: asyncio.Task[None]) -> None:
        """Return when the client has ended; begin single shards anew. Raises TimeoutError where all of it is to be."""
        anew = Tasks()
        try:
            while not running.done():
                begun = self._begun
                await asyncio.wait({running}, timeout=self._silent_seconds)
                if running.done():
                    break
                none = not self._connected and self._begun == begun
                if none or self._silent_for(self._silent_seconds * _LONGEST_SILENCES):
                    raise TimeoutError
                for shard in self._silent_for(self._silent_seconds):
                    info = client.get_shard(shard)
                    # on an open connection discord.py waits for READY or RESUMED without end; another it makes itself
                    if info is not None and not info.is_closed():
                        log.warning("a shard of Discord is begun anew: no session came of its connection", shard=shard)
                        anew.start(info.reconnect())
        finally:
            await anew.finished(0)
        running.result()

    def _silent_for(self, seconds: float) -> list[int]:
        return [shard for shard, since in self._silent.items() if self._clock() - since >= seconds]

    def connected(self, shard: int) -> None:
        """A session was begun or taken up again."""
        self._begun += 1
        self._begins[shard] = self._catching.now()
        self._connected.add(shard)
        self._silent.pop(shard, None)
        if shard in self._overlooked:
            self._overlooked.discard(shard)
            self._to_look(shard, self._begins[shard])
        if self._holds is not None and self._connected.issuperset(self._holds.ids):
            self.ready.set()

    def lost(self, shard: int) -> None:
        """The connection is gone."""
        self._connected.discard(shard)
        self._silent[shard] = self._clock()
        self.ready.clear()

    def settled(self, shard: int) -> None:
        """A session was begun, and its guilds are known: what was missed before it is to be looked for."""
        if self._client is not None:
            log.info("listening to Discord", shard=shard, servers=len(_of(self._client, shard)))
        self._of_guilds = True
        self._to_look(shard, self._begins[shard])

    def arrived(self, guild_id: int) -> None:
        """A guild is there that was not when its session settled: nobody delivers what was said in it meanwhile."""
        self._due.setdefault(guild_id, self._catching.now())
        self._news.set()

    def _to_look(self, shard: int, until: int) -> None:
        """Where all that this shard hears is heard from the id `until` on."""
        guilds = _of(self._client, shard) if self._client is not None else set()
        for each in guilds if shard != _DIRECT_SHARD else {*guilds, _DIRECT}:
            self._due.setdefault(each, until)
        self._news.set()

    def _without_content(self) -> None:
        """The developer portal does not allow to read everything: go on with what mentions us."""
        if not self._content:
            _never(4014)
        self._content = False
        log.warning("the message content intent is not granted: only what mentions us is heard")

    async def _look(self) -> None:
        """Look for what was missed at every new session, and now and then for guilds that are gone."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):  # wait_for may take being cancelled for news
                    await self._news.wait()
            except TimeoutError:
                self._of_guilds = True
            self._news.clear()
            due, self._due = self._due, {}
            client, shards = self._client, self._holds
            if client is None or shards is None:
                continue
            if _DIRECT in due:
                await _tried(self._catching.look_directly(due[_DIRECT]))
            for guild in [each for each in client.guilds if each.id in due]:
                await _tried(self._look_through(guild, due[guild.id]))
            while self._closed and not self._news.is_set():
                await _tried(self._closed.popleft()())
            if self._of_guilds and not self._news.is_set():
                self._of_guilds = False
                await _tried(self._guilds.look({str(each.id) for each in client.guilds}, shards.hold))

    async def _look_through(self, guild: discord.Guild, until: int) -> None:
        """What may still be answered soon first: closed threads are looked through when no guild waits for that."""
        left = await self._catching.look(guild, until)
        self._closed.append(partial(self._catching.look_closed, guild, until, left))

    async def _look_again(self) -> None:
        """Once what was kept is done, look for what found no room."""
        while True:
            await self._inbox.missed.wait()
            await self._inbox.empty()
            self._inbox.missed.clear()
            self._overlooked = set(self._holds.ids if self._holds is not None else ()) - self._connected
            for shard in list(self._connected):
                self._to_look(shard, self._catching.now())


async def _tried(looking: Awaitable[None]) -> None:
    """Who stopped looking unnoticed would find nothing any more."""
    try:
        await looking
    except AskrepoError as error:
        log.warning("not looked through", reason=str(error))
    except Exception as error:
        log.warning("not looked through", kind=type(error).__name__)


def _of(client: Client, shard: int) -> set[int]:
    return {each.id for each in client.guilds if each.shard_id == shard}


def _never(code: int) -> NoReturn:
    name, problem = _NEVER[code]
    raise SettingsError(name, problem) from None
