"""The listening half of askrepo in Discord, on a real database, with nobody who answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Row, select, update

from bots.discord.app import points_to
from bots.discord.asking import Asking
from bots.discord.bot import Ourselves
from bots.discord.catching import Catching
from bots.discord.changes import Changes
from bots.discord.direct import Direct
from bots.discord.gateway import Gateway
from bots.discord.guilds import Guilds
from bots.discord.hearing import Hearing
from bots.discord.identifying import Identifying
from bots.discord.inbox import Inbox
from bots.discord.places import Places
from bots.discord.posting import Posting
from bots.discord.privately import Privately
from bots.discord.rest import Rest
from bots.discord.shards import Shards
from bots.tasks import Tasks
from core import bootstrap
from core.bootstrap import App
from core.conversation.values import ChannelRef, Notice, Question
from core.relay.steering import Steering
from core.settings import Settings
from core.tables import AllowanceRow, TurnRow
from tests.fakes.discord import FakeDiscord

Thing = TypeVar("Thing")


@dataclass
class Ear:
    """What one listener heard, said and waited for. Its days pass as those of the fake do."""

    discord: FakeDiscord
    parts: App
    inbox: Inbox
    rest: Rest
    hearing: Hearing
    gateway: Gateway
    guilds: Guilds
    told: list[tuple[Question, str, Notice]] = field(default_factory=list)
    forgotten: list[ChannelRef] = field(default_factory=list)
    interactions: list[Mapping[str, object]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    running: asyncio.Task[None] | None = None

    async def turns(self) -> list[Row[tuple[object, ...]]]:
        """The questions that were accepted, in order."""
        async with self.parts.database.reading() as connection:
            return list((await connection.execute(select(TurnRow.__table__).order_by(TurnRow.position))).all())

    async def heard(self, number: int = 1) -> list[str]:
        """Wait until so many questions were accepted, and nothing more is in line: their messages."""
        await _until(self.turns, number)
        return await self.accepted()

    async def accepted(self) -> list[str]:
        """What was accepted once nothing is in line any more: the ids of the messages."""
        await self.inbox.empty()
        return [str(row.message_id) for row in await self.turns()]

    async def until_told(self, number: int = 1) -> list[str]:
        """Wait until so many notices were told."""
        await self.until(lambda: len(self.told) >= number)
        return [notice.text for _, _, notice in self.told]

    async def passes(self, seconds: float) -> None:
        """So much time passes for Discord, and for the pace that we keep with it."""
        earlier = update(AllowanceRow).values(free_at=AllowanceRow.free_at - int(seconds * 1_000))
        await self.parts.database.write(lambda connection: connection.execute(earlier))
        self.discord.advance(seconds)

    async def until(self, seen: Callable[[], object], *, seconds: float = 10) -> None:
        """Wait until something is so in this process."""

        async def look() -> list[None]:
            return [None] if seen() else []

        await _until(look, 1, seconds)


async def _until(look: Callable[[], Awaitable[list[Thing]]], number: int, seconds: float = 10) -> list[Thing]:
    """Look until there are so many."""
    async with asyncio.timeout(seconds):
        while len(found := await look()) < number:  # noqa: ASYNC110 - it is another task's, or the database's
            await asyncio.sleep(0.01)
    return found


@contextlib.asynccontextmanager
async def ear(
    discord: FakeDiscord,
    settings: Settings,
    *,
    shards: Shards | None = None,
    content: bool | None = None,
    room: int = 10_000,
    identifies: asyncio.Event | None = None,
    silent_seconds: float = 600.0,
) -> AsyncIterator[Ear]:
    """A listener that is put together and not running yet. It begins no session before `identifies`."""
    points_to(discord.api_url)
    assert settings.discord_token is not None
    async with bootstrap.opened(settings) as parts:
        rest = Rest(settings.discord_token, settings.discord_api_url, parts.allowances)
        tasks, pauses, forgotten = Tasks(), list[float](), list[ChannelRef]()
        inbox = Inbox(room=room)
        bot = await Ourselves(rest).bot()
        direct, places = Direct(rest, parts.mappings), Places(rest)

        async def tell(question: Question, turn_id: str, notice: Notice) -> None:
            made.told.append((question, turn_id, notice))

        def interacting(payload: Mapping[str, object]) -> None:
            made.interactions.append(payload)

        async def until_it_may(seconds: float) -> None:
            await (pause(seconds) if identifies is None else identifies.wait())

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            discord.advance(seconds)
            await asyncio.sleep(0.01)

        def now() -> datetime:
            return datetime.fromisoformat(discord.now())

        stop = parts.leases.stop
        steering = Steering(parts.threads, parts.history, parts.mappings, parts.revisions, stop, parts.allowances)
        asking = Asking(parts, steering, tell, tasks, reads_all=bot.reads_all, now=now)
        guilds = Guilds(parts, rest, now)
        changes = Changes(parts, guilds, forgotten.append, Privately(rest, Posting(rest)), tasks)
        hearing = Hearing(bot.user_id, inbox, places, direct, asking, changes, interacting)
        gateway = Gateway(
            settings.discord_token,
            hearing,
            Identifying(rest, parts.allowances, pause=until_it_may),
            inbox,
            Catching(parts, rest, hearing, places, direct, lambda: now().timestamp(), pause),
            guilds,
            shards,
            content=bot.reads_all if content is None else content,
            silent_seconds=silent_seconds,
            pause=pause,
        )
        made = Ear(discord, parts, inbox, rest, hearing, gateway, guilds, pauses=pauses, forgotten=forgotten)
        try:
            yield made
        finally:
            await tasks.finished(1)
            await rest.close()


@contextlib.asynccontextmanager
async def listening(made: Ear) -> AsyncIterator[Ear]:
    """It listens, and every shard has a session."""
    made.running = asyncio.create_task(made.gateway.run())
    try:
        ready = asyncio.create_task(made.gateway.ready.wait())
        await asyncio.wait({ready, made.running}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        if made.running.done():
            made.running.result()
        assert made.gateway.ready.is_set()
        yield made
    finally:
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)
