"""The commands, carried out. What is typed as a question of `/askrepo` may be a command too, as it is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from bots.discord import manifest, native
from bots.discord.components import Button
from bots.discord.interactions import Commanded, Sender
from bots.discord.managing import Managing, confirm
from bots.discord.posing import Posing
from bots.discord.replying import Reply
from bots.discord.text import readable
from bots.parts import Parts
from core.channels import aliases, grammar
from core.channels.grammar import (
    Ask,
    Command,
    Default,
    Help,
    List,
    Map,
    Mistake,
    Settings,
    Status,
    Token,
    TokenAction,
    Unmap,
    Why,
)
from core.errors import BadAlias, RepositoryNameError
from core.repositories import parse


@dataclass(frozen=True, slots=True)
class Blank:
    """A command whose option was left empty: a form asks for it."""

    name: str


def meant(command: Commanded) -> Command | Ask | Blank:
    """What a command asks for. Never raises."""
    repository = command.option(manifest.REPOSITORY)
    match command.name:
        case manifest.ASK:
            return grammar.parse(readable(command.option(manifest.QUESTION), {}))
        case manifest.MAP:
            return _map(repository, command.option(manifest.ALIAS)) if repository else Blank(manifest.MAP)
        case manifest.UNMAP:
            return _unmap(repository)
        case manifest.DEFAULT:
            return _default(repository) if repository else Blank(manifest.DEFAULT)
        case manifest.TOKEN:
            action = command.option(manifest.ACTION)
            of_workspace = command.options.get(manifest.WHOLE_SERVER) is True
            return Token(TokenAction(action) if action in set(TokenAction) else TokenAction.SHOW, of_workspace)
        case name:
            return _ALONE.get(name, Help())


def _map(repository: str, alias: str) -> Map | Mistake:
    try:
        return Map(parse(repository), aliases.check(alias) if alias else None)
    except (RepositoryNameError, BadAlias) as error:
        return Mistake(error)


def _unmap(repository: str) -> Unmap | Mistake:
    if aliases.is_alias(repository):
        return Unmap(alias=repository)
    try:
        return Unmap(parse(repository) if repository else None)
    except RepositoryNameError as error:
        return Mistake(error)


def _default(repository: str) -> Default | Mistake:
    if repository.lower() == "none":
        return Default(None)
    try:
        return Default(parse(repository))
    except RepositoryNameError as error:
        return Mistake(error)


_ALONE: dict[str, Command] = {
    manifest.LIST: List(),
    manifest.WHY: Why(),
    manifest.STATUS: Status(),
    manifest.SETTINGS: Settings(),
    manifest.HELP: Help(),
}


class Commanding:
    """Carries commands out; what comes of it is told. Raises DeliveryError."""

    def __init__(self, parts: Parts, managing: Managing, posing: Posing, *, reads_all: bool) -> None:
        self._parts = parts
        self._managing = managing
        self._posing = posing
        self._usage = native.usage(reads_all=reads_all)

    async def commanded(self, reply: Reply, command: Commanded) -> None:
        """A command was used: open its form, or acknowledge it at once and carry it out."""
        await self._managing.told(reply, self._commanded(reply, command.sender, meant(command)))

    async def _commanded(self, reply: Reply, sender: Sender, command: Command | Ask | Blank) -> None:
        managing = self._managing
        match command:
            case Ask(text):
                await reply.begin()
                await self._posing.command(reply, sender, text)
            case Blank(manifest.MAP):
                await managing.map_form(reply, sender)
            case Blank():
                await managing.default_form(reply, sender)
            case Settings():
                await managing.settings_form(reply, sender)
            case Token(TokenAction.SET, of_workspace, pasted):
                await managing.enter_token(reply, sender, None if of_workspace else "", pasted=pasted)
            case Help():
                await reply.say(self._usage)
            case _:
                await reply.think()
                await self._run(reply, sender, command)

    async def _run(self, reply: Reply, sender: Sender, command: Command) -> None:
        of_workspace = isinstance(command, Default) or (isinstance(command, Token) and command.of_workspace)
        actor = self._managing.rights(sender).actor(sender.asker.user_id, of_workspace=of_workspace)
        if isinstance(command, Map) and actor.may_manage:
            said = await self._managing.map(sender, command)
            await self._managing.mapped(reply, sender, command, said)
            return
        place = sender.thread or sender.channel
        words = (await self._parts.commands.run(command, place, actor)).text
        if isinstance(command, Status):
            words = "\n".join(filter(None, (words, await self._parts.trials.health(place, actor.user_id))))
        await reply.say(words, *await self._offers(sender, command))

    async def _offers(self, sender: Sender, command: Command) -> list[Button]:
        """What those who may can do about a suspended mapping."""
        if not self._managing.rights(sender).manages or not isinstance(command, List | Status):
            return []
        here = await self._parts.mappings.list(sender.channel)
        return [confirm(here)] if any(each.suspended for each in here) else []
