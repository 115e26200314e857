"""Discord's part of a process, put together: what listens, and what answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from bots.discord import manifest
from bots.discord.app import points_to
from bots.discord.asking import Asking
from bots.discord.bot import Bot, Ourselves
from bots.discord.catching import Catching
from bots.discord.changes import Changes
from bots.discord.delivery import DiscordDelivery
from bots.discord.direct import Direct
from bots.discord.gateway import SETTING, Gateway
from bots.discord.guilds import Guilds
from bots.discord.hearing import Hearing
from bots.discord.identifying import Identifying
from bots.discord.inbox import Inbox
from bots.discord.interacting import Interacting
from bots.discord.people import People
from bots.discord.places import Places
from bots.discord.posting import Posting
from bots.discord.privately import Privately
from bots.discord.rest import Rest
from bots.discord.shards import Shards
from bots.discord.surroundings import Around
from bots.parts import Parts
from bots.tasks import Tasks
from core import logs
from core.conversation.values import Notice, Question
from core.errors import DatabaseUnavailable, DeliveryError, DeliveryUncertain, PlatformAway, SettingMissing
from core.relay.patience import persistently
from core.relay.steering import Steering, Stop
from core.secret import Secret
from core.settings import Settings

log = logs.get(__name__)

_LAST_WORDS_SECONDS = 2.0  # for what is still to be said at the end
_AGAIN_SECONDS = 15.0  # before Discord is asked who we are, or told our commands, once more


def configured(settings: Settings) -> bool:
    """Whether Discord is set up."""
    return settings.discord_token is not None


class Listening:
    """Listens to Discord, once it says who we are. `pause` waits."""

    def __init__(
        self,
        service: DiscordService,
        parts: Parts,
        steering: Steering,
        shards: Shards | None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._service = service
        self._parts = parts
        self._steering = steering
        self._shards = shards
        self._pause = pause
        self._heard: Gateway | None = None
        self._not_yet = asyncio.Event()

    @property
    def ready(self) -> asyncio.Event:
        """Set while every shard of this process has a session."""
        return self._not_yet if self._heard is None else self._heard.ready

    async def run(self) -> None:
        """Listen until it is cancelled. Raises SettingsError where that can never work."""
        bot = await self._bot()
        self._service.tasks.start(self._made_known(bot))
        self._heard = self._gateway(bot)
        await self._heard.run()

    def _joined(self, guild_id: str) -> bool:
        return self._heard is not None and self._heard.joined(guild_id)

    async def _bot(self) -> Bot:
        while True:
            try:
                return await self._service.ourselves.bot()
            except (DeliveryError, DatabaseUnavailable) as error:
                log.warning("Discord cannot be asked who we are yet", reason=str(error))
                await self._pause(_AGAIN_SECONDS)

    async def _made_known(self, bot: Bot) -> None:
        """Tell Discord our commands, where it does not know them as they are."""
        while True:
            try:
                if await manifest.sync(self._service.rest, bot, self._parts.settings.map_policy):
                    log.info("Discord was told our commands")
                return
            except (PlatformAway, DeliveryUncertain, DatabaseUnavailable) as error:
                log.warning("Discord cannot be told our commands yet", reason=str(error))
                await self._pause(_AGAIN_SECONDS)

    def _gateway(self, bot: Bot) -> Gateway:
        service, parts, steering, tasks = self._service, self._parts, self._steering, self._service.tasks
        direct, inbox, guilds = Direct(service.rest, parts.mappings), Inbox(), Guilds(parts, service.rest)
        places = Places(service.rest)
        asking = Asking(parts, steering, service.tell, tasks, reads_all=bot.reads_all)
        interacting = Interacting(
            parts, service.rest, service.people, bot, direct, asking, steering, tasks, self._joined
        )
        changes = Changes(parts, guilds, service.people.forget_channel, service.privately, tasks)
        hearing = Hearing(bot.user_id, inbox, places, direct, asking, changes, interacting.happened)
        return Gateway(
            service.token,
            hearing,
            Identifying(service.rest, parts.allowances),
            inbox,
            Catching(parts, service.rest, hearing, places, direct),
            guilds,
            self._shards,
            content=bot.reads_all,
        )


@dataclass
class DiscordService:
    """Discord in this process."""

    token: Secret
    rest: Rest
    ourselves: Ourselves
    people: People
    delivery: DiscordDelivery
    privately: Privately
    tasks: Tasks

    async def tell(self, question: Question, turn_id: str, notice: Notice) -> None:
        """Show a notice about a question, as soon as the pace allows."""
        await persistently(lambda: self.delivery.tell(question, turn_id, notice))


@contextlib.asynccontextmanager
async def opened(parts: Parts) -> AsyncIterator[DiscordService]:
    """Discord's part of this process. Raises SettingsError."""
    settings = parts.settings
    if settings.discord_token is None:
        raise SettingMissing(SETTING, "it is needed for Discord")
    points_to(settings.discord_api_url)
    rest, tasks = Rest(settings.discord_token, settings.discord_api_url, parts.allowances), Tasks()
    ourselves, posting = Ourselves(rest), Posting(rest)
    people, privately = People(rest, ourselves), Privately(rest, posting)
    delivery = DiscordDelivery(rest, ourselves, people, posting, Around(rest, posting, people), privately)
    try:
        yield DiscordService(settings.discord_token, rest, ourselves, people, delivery, privately, tasks)
    finally:
        await tasks.finished(_LAST_WORDS_SECONDS)
        await rest.close()


def listening(service: DiscordService, parts: Parts, stop: Stop, shards: Shards | None) -> Listening:
    """What listens to Discord. `stop` stops what is answered in a thread."""
    return Listening(
        service,
        parts,
        Steering(parts.threads, parts.history, parts.mappings, parts.revisions, stop, parts.allowances),
        shards,
    )


async def invitation(parts: Parts) -> str:
    """The link by which the bot is added to a server. Raises SettingsError, DeliveryError."""
    async with opened(parts) as service:
        return manifest.invite_url((await service.ourselves.bot()).application_id)
