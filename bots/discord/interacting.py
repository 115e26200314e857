"""Interactions, from what Discord delivers to what is answered. Each has three seconds for its first answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from bots.discord.asking import Asking
from bots.discord.bot import Bot
from bots.discord.commands import Commanding, meant
from bots.discord.completing import choices
from bots.discord.direct import Direct
from bots.discord.ignored import Ignored
from bots.discord.interactions import (
    NOT_ADDED,
    Clicked,
    Commanded,
    Completing,
    Refused,
    Sender,
    Shortcut,
    Submitted,
    of_interaction,
)
from bots.discord.managing import Managing
from bots.discord.people import People
from bots.discord.posing import Posing
from bots.discord.pressing import Pressing
from bots.discord.refusals import counted_for
from bots.discord.replying import Aside, Reply
from bots.discord.rest import Rest
from bots.discord.submitting import Submitting
from bots.parts import Parts
from bots.tasks import Tasks
from core import logs
from core.channels.grammar import Help
from core.conversation.values import WorkspaceRef
from core.errors import AskrepoError
from core.relay.steering import Steering

_COMPLETED_WITHIN_SECONDS = 2.0  # of Discord's three
_NOT_DIRECT = "That works in the channels of a server. Here, just write to me."

_Served = Commanded | Shortcut | Clicked | Submitted | Completing

log = logs.get(__name__)


class Interacting:
    """Answers interactions, each in a task of its own. `joined` says whether the bot is in a guild of this id."""

    def __init__(
        self,
        parts: Parts,
        rest: Rest,
        people: People,
        bot: Bot,
        direct: Direct,
        asking: Asking,
        steering: Steering,
        tasks: Tasks,
        joined: Callable[[str], bool],
    ) -> None:
        self._parts = parts
        self._rest = rest
        self._bot = bot
        self._direct = direct
        self._tasks = tasks
        self._joined = joined
        managing, posing = Managing(parts, people, steering, tasks), Posing(asking)
        self._commanding = Commanding(parts, managing, posing, reads_all=bot.reads_all)
        self._pressing = Pressing(parts, managing, steering, tasks)
        self._submitting = Submitting(parts, managing, posing)
        self._managing = managing

    def happened(self, payload: Mapping[str, object]) -> None:
        """Begin to answer an interaction as Discord delivers it. Never raises, whatever its fields hold."""
        found = of_interaction(payload, self._bot)
        if isinstance(found, Ignored):
            log.debug("interaction ignored", reason=found.reason)
        elif isinstance(found, Refused):
            log.info("interaction refused")
            self._tasks.start(self._refused(Reply(self._rest, found.handle), found))
        else:
            self._tasks.start(self._answered(self._reply(found.sender), found))

    def _reply(self, sender: Sender) -> Reply:
        return Reply(self._rest, sender.handle, Aside(self._rest, sender.asker.user_id, sender.spot.channel_id))

    async def _refused(self, reply: Reply, refused: Refused) -> None:
        await (reply.choose([]) if refused.completing else reply.say(refused.words))

    async def _answered(self, reply: Reply, found: _Served) -> None:
        counted_for(found.sender.spot.guild_id)
        if found.sender.spot.direct:
            await self._managing.told(reply, self._directly(reply, found))
        elif not self._joined(found.sender.spot.guild_id):
            await self._refused(reply, Refused(found.sender.handle, NOT_ADDED, isinstance(found, Completing)))
        else:
            await self._served(reply, found)

    async def _directly(self, reply: Reply, found: _Served) -> None:
        """A direct message is for a guild that has to be found out, which may take long: no form is opened there."""
        if isinstance(found, Commanded) and isinstance(meant(found), Help):
            await self._served(reply, found)  # it is the same for every guild
        elif isinstance(found, Commanded | Clicked):
            await (reply.begin() if isinstance(found, Commanded) else reply.update())
            guild = await self._direct.guild(found.sender.asker.user_id)
            if isinstance(guild, WorkspaceRef):
                await self._served(reply, replace(found, sender=found.sender.under(guild.workspace_id)))
            else:
                await reply.say(guild.words)
        elif isinstance(found, Completing):
            await reply.choose([])
        else:
            await reply.say(_NOT_DIRECT)

    async def _served(self, reply: Reply, found: _Served) -> None:
        match found:
            case Commanded():
                await self._commanding.commanded(reply, found)
            case Shortcut():
                await self._pressing.shortcut(reply, found)
            case Clicked():
                await self._pressing.clicked(reply, found)
            case Submitted():
                await self._submitting.submitted(reply, found)
            case Completing():
                await self._completed(reply, found)

    async def _completed(self, reply: Reply, completing: Completing) -> None:
        try:
            async with asyncio.timeout(_COMPLETED_WITHIN_SECONDS):
                offered = choices(completing, await self._parts.mappings.facts(completing.sender.channel))
        except (AskrepoError, TimeoutError) as error:
            log.info("nothing is offered", reason=type(error).__name__)
            offered = []
        await reply.choose(offered)
