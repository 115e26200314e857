"""Interactions of the fake Discord handed straight to what answers them, as the gateway would."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from bots.discord import manifest
from bots.discord.asking import Asking
from bots.discord.bot import Bot, Ourselves
from bots.discord.direct import Direct
from bots.discord.interacting import Interacting
from bots.discord.people import People
from bots.discord.rest import Rest
from bots.tasks import Tasks
from core.bootstrap import App
from core.conversation.values import Notice, Question, ThreadRef
from core.relay.steering import Steering
from core.secret import Secret
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_payloads import new_interaction
from tests.fakes.discord_values import Channel, Interaction, Json, Message, User


class DeskDiscord(FakeDiscord):
    """Without a gateway: `happened` gets each interaction as Discord writes it down."""

    happened: Callable[[Json], None]

    async def _happens(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        *,
        message: Message | None = None,
        user_install: bool = False,
        opener: Interaction | None = None,
        wait: bool = True,
    ) -> Interaction:
        interaction, payload = new_interaction(
            self, kind, user, channel, data, message=message, user_install=user_install, opener=opener
        )
        self.happened(payload)
        if wait:
            await self.until(lambda: interaction.answered)
        return interaction


@dataclass
class Desk:
    """What answers interactions, with all it does to the outside in sight. No worker runs."""

    discord: DeskDiscord
    app: App
    bot: Bot
    interacting: Interacting
    tasks: Tasks
    stopped: list[ThreadRef] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    not_joined: set[str] = field(default_factory=set)

    async def quiet(self) -> None:
        """Wait for all that was begun."""
        await self.tasks.finished(10)


@contextlib.asynccontextmanager
async def desk(discord: DeskDiscord, app: App) -> AsyncIterator[Desk]:
    rest, tasks, stopped, told = (
        Rest(Secret(discord.token), discord.api_url, app.allowances),
        Tasks(),
        list[ThreadRef](),
        list[str](),
    )
    bot = Bot(discord.bot.id, discord.application_id)

    async def stop(thread: ThreadRef, turn_id: str | None = None, *, before: int | None = None) -> bool:
        stopped.append(thread)
        return await app.leases.stop(thread, turn_id, before=before)

    async def tell(question: Question, turn_id: str, notice: Notice) -> None:
        told.append(notice.text)

    not_joined: set[str] = set()
    steering = Steering(app.threads, app.history, app.mappings, app.revisions, stop, app.allowances)
    asking = Asking(app, steering, tell, tasks, reads_all=bot.reads_all)
    direct = Direct(rest, app.mappings)
    people = People(rest, Ourselves(rest))
    interacting = Interacting(
        app, rest, people, bot, direct, asking, steering, tasks, lambda guild: guild not in not_joined
    )
    discord.happened = interacting.happened
    await manifest.sync(rest, bot, app.settings.map_policy)
    yield Desk(discord, app, bot, interacting, tasks, stopped, told, not_joined)
    await tasks.finished(10)
    await rest.close()
