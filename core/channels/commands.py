"""Runs what was typed after `/askrepo`, questions excepted, and says what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from core import logs
from core.channels import replies
from core.channels.access import Audience
from core.channels.choosing import Facts, choose, trace
from core.channels.grammar import (
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
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.conversation.values import ChannelRef, Notice, ThreadRef
from core.errors import AskrepoError, MappingError, NotMapped, RepositoryNameError, UnknownAlias
from core.wording import sentence

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gave a command. The platform decides whether they may change mappings and tokens.

    `right` is what the platform calls the right to do so, as it is told to those who lack it.
    """

    user_id: str
    may_manage: bool = False
    right: str = "managing this channel"


class Commands:
    """The commands, for all platforms alike."""

    def __init__(self, mappings: Mappings, tokens: Tokens, preferences: Preferences) -> None:
        self._mappings = mappings
        self._tokens = tokens
        self._preferences = preferences

    async def run(self, command: Command, place: ThreadRef | ChannelRef, actor: Actor) -> Notice:
        """Do it, and say what came of it. Failures are told, not raised."""
        if _changes(command) and not actor.may_manage:
            return Notice(replies.denied(actor.right))
        try:
            return Notice(await self.carry_out(command, place, actor.user_id))
        except AskrepoError as error:
            if not isinstance(error, MappingError | RepositoryNameError):
                log.warning("a command failed", command=type(command).__name__, reason=str(error))
            return Notice(sentence(error))

    async def carry_out(
        self, command: Command, place: ThreadRef | ChannelRef, actor: str, *, audience: Audience = Audience.UNKNOWN
    ) -> str:
        """Do it for somebody who may do everything, and say what came of it. Raises AskrepoError.

        `audience` is who can read the channel that is mapped.
        """
        channel = _channel(place)
        match command:
            case Map():
                said = await self._map(command, channel, actor, audience)
            case Unmap():
                said = await self._unmap(command, channel, actor)
            case Token():
                said = await self._token(command, place, actor)
            case List():
                said = replies.listed(await self._mappings.facts(channel))
            case Why(text):
                said = replies.why(trace(await self._mappings.facts(place), text))
            case Status():
                said = await self._status(place)
            case Settings():
                said = await self._settings(channel)
            case Default(repository):
                await self._mappings.set_default(channel.workspace, repository, actor=actor)
                said = replies.default_set(repository)
            case Mistake(error):
                raise error
            case Help():
                said = replies.HELP_IN_CHATS
        return said

    async def _map(self, command: Map, channel: ChannelRef, actor: str, audience: Audience) -> str:
        mapping = await self._mappings.map(
            channel, command.repository, alias=command.alias, audience=audience, actor=actor
        )
        return replies.mapped(mapping, await self._mappings.list(channel))

    async def _unmap(self, command: Unmap, channel: ChannelRef, actor: str) -> str:
        repository = command.repository
        if command.alias is not None:
            here = await self._mappings.list(channel)
            named = next((each.repository for each in here if each.alias == command.alias), None)
            if named is None:
                raise UnknownAlias(command.alias, tuple(each.alias or each.repository for each in here), inline=False)
            repository = named
        removed = await self._mappings.unmap(channel, repository, actor=actor)
        return replies.unmapped(removed, await self._mappings.list(channel))

    async def _status(self, place: ThreadRef | ChannelRef) -> str:
        choice = choose(await self._mappings.facts(place), "")
        return replies.status(
            choice.repository, await self._tokens.applying(_channel(place).workspace, choice.token_id)
        )

    async def _settings(self, channel: ChannelRef) -> str:
        facts = await self._mappings.facts(channel)
        return replies.settings(await self._preferences.of(channel), facts.workspace_default)

    async def _token(self, command: Token, place: ThreadRef | ChannelRef, actor: str) -> str:
        workspace = _channel(place).workspace
        if command.action is TokenAction.SET:
            return replies.token_not_by_chat(pasted=command.pasted)
        own = None if command.of_workspace else _own_token(await self._mappings.facts(place))
        if command.action is TokenAction.SHOW:
            return replies.token(await self._tokens.applying(workspace, own))
        token_id = await self._tokens.of_workspace(workspace) if command.of_workspace else own
        if token_id is None or not await self._tokens.remove(workspace, token_id, actor=actor):
            return replies.no_token(of_workspace=command.of_workspace)
        return replies.token_removed(of_workspace=command.of_workspace)


def _own_token(facts: Facts) -> str | None:
    """The token of the mapping that a question here would be asked under."""
    try:
        return choose(facts, "").token_id
    except NotMapped:
        return None


def _changes(command: Command) -> bool:
    return isinstance(command, Map | Unmap | Default) or (
        isinstance(command, Token) and command.action is TokenAction.REMOVE
    )


def _channel(place: ThreadRef | ChannelRef) -> ChannelRef:
    return place.channel if isinstance(place, ThreadRef) else place
