"""What was typed after `/askrepo`, questions excepted, carried out once Slack was acknowledged; replies are private."""

from __future__ import annotations

from collections.abc import Mapping

from bots.parts import Parts
from bots.slack import offers
from bots.slack.interactions import Commanded
from bots.slack.managing import Managing
from bots.slack.privately import Somebody
from bots.slack.rights import Rights
from bots.tasks import Tasks
from core.channels import replies
from core.channels.grammar import Command, Default, Help, List, Map, Mistake, Settings, Status, Token, TokenAction


class Commanding:
    """Carries commands out."""

    def __init__(self, parts: Parts, managing: Managing, tasks: Tasks) -> None:
        self._parts = parts
        self._tasks = tasks
        self._managing = managing

    async def commanded(self, command: Commanded, parsed: Command) -> None:
        """Begin to carry a command out; what comes of it is told to whoever gave it."""
        somebody = Somebody(
            command.installed, command.asker.user_id, command.channel, response_url=command.response_url
        )
        self._tasks.start(self._managing.told(somebody, self._run(somebody, command, parsed)))

    async def _run(self, somebody: Somebody, command: Commanded, parsed: Command) -> None:
        managing, reference = self._managing, command.reference
        match parsed:  # forms first: they have three seconds
            case Settings():
                await managing.settings_form(somebody, command.trigger_id, reference)
                return
            case Token(TokenAction.SET, of_workspace, pasted):
                repository = None if of_workspace else ""
                await managing.enter_token(somebody, command.trigger_id, reference, repository, pasted=pasted)
                return
            case Help() | Mistake():
                held = None
            case _:
                held = await managing.doorman.rights(somebody, reference)
                await managing.doorman.admit(held, command.channel)
        if held is not None and isinstance(parsed, Map):
            await self._map(somebody, command, parsed, held)
            return
        await self._say(somebody, command, parsed, held)

    async def _map(self, somebody: Somebody, command: Commanded, parsed: Map, held: Rights) -> None:
        if held.manages:
            audience = await self._managing.audience(somebody, command.channel)
            said = await self._managing.map(somebody, command.channel, parsed, audience)
            await self._managing.mapped(somebody, command.channel, parsed, said)
        else:
            await self._managing.privately.say(somebody, replies.denied(held.right))

    async def _say(self, somebody: Somebody, command: Commanded, parsed: Command, held: Rights | None) -> None:
        of_workspace = isinstance(parsed, Default) or (isinstance(parsed, Token) and parsed.of_workspace)
        held = held or Rights.none()
        actor = held.actor(somebody.user_id, of_workspace=of_workspace)
        words = (await self._parts.commands.run(parsed, command.channel, actor)).text
        if isinstance(parsed, Status):
            words = "\n".join(filter(None, (words, await self._parts.trials.health(command.channel, somebody.user_id))))
        await self._managing.privately.say(somebody, words, *await self._offers(command, parsed, held))

    async def _offers(self, command: Commanded, parsed: Command, held: Rights) -> list[Mapping[str, object]]:
        """What those who may can do about a suspended mapping."""
        if not held.manages or not isinstance(parsed, List | Status):
            return []
        here = await self._parts.mappings.list(command.channel)
        return [offers.confirm(here)] if any(each.suspended for each in here) else []
