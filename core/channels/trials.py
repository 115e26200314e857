"""Trying what is mapped by a real call: whether the service knows the repository, and takes the token."""

from __future__ import annotations

from typing import Protocol

from core.channels.choosing import choose
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import TokenRule, Tokens
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.errors import AskrepoError, MappingError, TokenRefused, TokenWanted, TooManyAsked
from core.secret import Secret
from core.wording import code, sentence


class Check(Protocol):
    """Tries a repository and a token by a real call: what the service has against them, None for nothing."""

    async def __call__(self, repository: str, token: Secret | None, *, model: str | None = None) -> AskrepoError | None:
        """The contract of `core.chat.check`, with the service it is about."""
        ...


class Count(Protocol):
    """Counts a call of the service that somebody has made."""

    async def __call__(self, workspace: WorkspaceRef, user_id: str, /) -> None:
        """Raises TooManyAsked, DatabaseError and CipherError."""
        ...


class Trials:
    """Tries repositories and tokens of channels. Every method raises DatabaseError and CipherError."""

    def __init__(
        self, mappings: Mappings, tokens: Tokens, preferences: Preferences, check: Check, count: Count
    ) -> None:
        self._mappings = mappings
        self._tokens = tokens
        self._preferences = preferences
        self._check = check
        self._count = count

    async def tried(self, channel: ChannelRef, repository: str) -> AskrepoError | None:
        """What the service has against the repository as it is mapped now; None: nothing."""
        _, problem = await self._tried(channel, repository)
        return problem

    async def would_take(
        self, place: ChannelRef | WorkspaceRef, repository: str, secret: Secret
    ) -> AskrepoError | None:
        """What the service has against a token that is not stored yet; None: nothing.

        A channel's is tried with the model that questions there are asked with: the service may know no other.
        """
        model = (await self._preferences.of(place)).model if isinstance(place, ChannelRef) else None
        return await self._check(repository, secret, model=model)

    async def _tried(self, channel: ChannelRef, repository: str) -> tuple[TokenRule | None, AskrepoError | None]:
        """Where its token is from, if one could be chosen, and what the service has against the repository."""
        workspace = channel.workspace
        here = await self._mappings.list(channel)
        token_id = next((each.token_id for each in here if each.repository == repository), None)
        try:
            token = await self._tokens.choose(workspace, token_id)
        except MappingError as error:
            return None, error
        model = (await self._preferences.of(channel)).model
        problem = await self._check(repository, token.secret, model=model)
        if isinstance(problem, TokenRefused) and token.token_id is not None:
            await self._tokens.mark_refused(workspace, token.token_id)
        return token.rule, problem

    async def health(self, place: ThreadRef | ChannelRef, by: str) -> str:
        """What a real call says to this person about the repository and token of questions here; "" where none is."""
        channel = place.channel if isinstance(place, ThreadRef) else place
        try:
            repository = choose(await self._mappings.facts(place), "").repository
        except MappingError:
            return ""
        try:
            await self._count(channel.workspace, by)
        except TooManyAsked as error:
            return f"Service: not tried. {sentence(error)}"
        rule, problem = await self._tried(channel, repository)
        if problem is None:
            takes = "no token" if rule is TokenRule.NONE else "the token"
            return f"Service: it answers, knows {code(repository)} and takes {takes}."
        if isinstance(problem, TokenWanted):
            return "Service: it does not answer without a token, and there is none yet; `/askrepo token set` takes one."
        return f"Service: {sentence(problem, repository=repository)}"
