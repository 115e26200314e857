"""Mappings, tokens and settings, as commands, buttons and forms alike change them.

Every step looks anew at what this person may: what was offered to somebody who might is no proof later.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from functools import partial

from bots.discord import components, modals
from bots.discord.components import CONFIRM, TOKEN, Button, Style, button, link
from bots.discord.forms import About, Forms
from bots.discord.interactions import Sender
from bots.discord.people import People
from bots.discord.replying import Reply
from bots.discord.rights import Rights, rights
from bots.pages.token import token_link
from bots.parts import Parts
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.channels.access import Audience
from core.channels.choosing import Mapping as Mapped
from core.channels.choosing import choose
from core.channels.grammar import Map
from core.channels.suspensions import suspension_of
from core.conversation.threads import Place
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.errors import AskrepoError, DeliveryError, FormGone, NotMapped, NoTokenNeeded, TokenWanted
from core.relay.patience import audience_now
from core.relay.steering import NOT_HERE, Steering
from core.repositories import same
from core.wording import code, sentence

REOPEN = "reopen"  # the action of a button that opens a form once more
_SLOW = "I could not open the form in time. Please try again."
_FOR_SERVER = "server"  # instead of a mapping, in the button to enter a token
_FORM_SECONDS = 2.0  # of Discord's three, for all that a form shows
_AUDIENCE_SECONDS = 5.0  # somebody waits

log = logs.get(__name__)


class Managing:
    """What is behind commands, buttons and forms. Raises AskrepoError."""

    def __init__(self, parts: Parts, people: People, steering: Steering, tasks: Tasks) -> None:
        self._parts = parts
        self._people = people
        self._steering = steering
        self._tasks = tasks
        self.forms = Forms(parts.tickets)

    def rights(self, sender: Sender) -> Rights:
        """What this person may do where they are."""
        in_guild = not sender.spot.direct
        return rights(sender.permissions, self._parts.settings.map_policy, in_guild=in_guild)

    async def told(self, reply: Reply, work: Awaitable[None]) -> None:
        """Do it; a failure is told to them, as far as Discord takes anything."""
        try:
            await work
        except DeliveryError:
            raise
        except AskrepoError as error:
            log.info("not done", kind=type(error).__name__, reason=str(error))
            await reply.say(sentence(error))
        except Exception:
            await reply.say(sentence(AskrepoError()))
            raise

    # forms

    async def form(self, reply: Reply, sender: Sender, about: Awaitable[About | str]) -> None:
        """Open a form, once it is known what it is about; or say why there is none."""
        try:
            async with asyncio.timeout(_FORM_SECONDS):
                found = await about
                shown = found if isinstance(found, str) else await self.forms.modal(sender, found)
        except TimeoutError:
            shown = _SLOW
        if isinstance(shown, str):
            await reply.say(shown)
        else:
            await reply.form(shown)

    async def map_form(self, reply: Reply, sender: Sender, turn_id: str | None = None) -> None:
        """Ask for a repository; `turn_id` is the question that waits for it."""

        async def about() -> About | str:
            if turn_id is not None and await self.place(sender, turn_id) is None:
                return NOT_HERE
            actor = self.rights(sender).actor(sender.asker.user_id)
            return About(modals.MAP_FORM, turn_id=turn_id or "") if actor.may_manage else replies.denied(actor.right)

        await self.form(reply, sender, about())

    async def settings_form(self, reply: Reply, sender: Sender) -> None:
        """The channel's settings, to be changed by those who may and read by the others."""

        async def about() -> About | str:
            held, channel = self.rights(sender), sender.channel
            now, default = await self._parts.preferences.of(channel), await self.default(channel)
            if held.manages:
                typed = modals.typed_of(now, (default or "") if held.administers else None)
                return About(modals.SETTINGS_FORM, typed)
            words = replies.settings(now, (await self._parts.mappings.facts(channel)).workspace_default, people=False)
            return f"{words}\n\nTo change them you need a right: {held.actor(sender.asker.user_id).right}."

        await self.form(reply, sender, about())

    async def default_form(self, reply: Reply, sender: Sender) -> None:
        """The server's default repository, for those who may set it."""

        async def about() -> About | str:
            actor = self.rights(sender).actor(sender.asker.user_id, of_workspace=True)
            if not actor.may_manage:
                return replies.denied(actor.right)
            return About(modals.DEFAULT_FORM, {modals.DEFAULT: await self.default(sender.channel) or ""})

        await self.form(reply, sender, about())

    async def reopen(self, reply: Reply, sender: Sender, ticket: str) -> None:
        """Open a form once more, with what was typed."""

        async def about() -> About | str:
            return await self.forms.kept(sender, ticket) or sentence(FormGone())

        await self.form(reply, sender, about())

    async def try_again(self, sender: Sender, about: About, typed: modals.Typed) -> Button:
        """A button that opens a form once more."""
        ticket = await self.forms.keep(sender, replace(about, typed=typed, again=True))
        return button(REOPEN, "Try again", ticket, style=Style.PRIMARY)

    # mapping

    async def place(self, sender: Sender, turn_id: str) -> Place | None:
        """Where a turn stands, if that is where this person did something: in its thread, or its channel."""
        place = await self._steering.place(sender.channel, turn_id)
        here = place is not None and sender.thread in {None, place.thread}
        return place if here else None

    async def map(self, sender: Sender, wanted: Map) -> str:
        """Map the channel, for somebody who may; what came of it."""
        audience = await self._audience(sender)
        return await self._parts.commands.carry_out(wanted, sender.channel, sender.asker.user_id, audience=audience)

    async def mapped(
        self, reply: Reply, sender: Sender, wanted: Map, said: str, *, instead: bool = False, turn_id: str = ""
    ) -> None:
        """Say that it was mapped, try it, and have the question run that waited for it."""
        saying = asyncio.create_task(reply.say(said, instead=instead))
        self._tasks.start(saying)  # the question that waits must not wait for this
        problem = await self._parts.trials.tried(sender.channel, wanted.repository)
        refused = ""
        if turn_id and not isinstance(problem, TokenWanted):
            refused = await self._steering.again(sender.channel, turn_id, sender.asker.user_id)
        await asyncio.wait({saying})
        if isinstance(problem, TokenWanted):
            words = f"There is no token for {code(wanted.repository)} yet, and the service does not answer without one."
            again = [button(components.AGAIN, "Ask again", turn_id)] if turn_id else []
            await reply.say(words, enter_token(wanted.repository), *again)
            return
        if refused:
            await reply.say(refused)
        if problem is not None:
            await reply.say(f"I tried it out. {sentence(problem, repository=wanted.repository)}")

    async def confirm(self, sender: Sender, mark: str) -> str:
        """Lift the suspension that a button is about; what came of it."""
        audience, actor = await self._audience(sender), sender.asker.user_id
        if not await self._parts.mappings.confirm(sender.channel, mark, audience=audience, actor=actor):
            return "That has changed meanwhile. `/askrepo list` shows what is mapped here now."
        return "Confirmed. Questions are answered here again, and everybody who can read this channel sees the answers."

    async def _audience(self, sender: Sender) -> Audience:
        """Who can read along now, not a moment ago."""
        self._people.forget_channel(sender.channel)
        ask = partial(self._people.audience, sender.channel, direct=sender.spot.direct)
        return await audience_now(ask, _AUDIENCE_SECONDS)

    # tokens

    async def token_by_button(self, reply: Reply, sender: Sender, subject: str) -> None:
        """Offer to enter the token of what the button names."""
        if subject == _FOR_SERVER:
            await self.enter_token(reply, sender, None)
            return
        here = await self._parts.mappings.list(sender.channel)
        named = next((each.repository for each in here if _digest(each.repository) == subject), None)
        if named is None:
            await reply.say(NOT_HERE)
        else:
            await self.enter_token(reply, sender, named)

    async def enter_token(self, reply: Reply, sender: Sender, repository: str | None, *, pasted: bool = False) -> None:
        """Offer to enter the token of a mapping here, or of the server (None): on our page, else in a form.

        `repository` is "" for the mapping that questions here are asked under.
        """
        base = self._parts.settings.token_page
        if base is None:
            await self.form(reply, sender, self._token_about(sender, repository, pasted=pasted))
            return
        await reply.think()
        about = await self._token_about(sender, repository, pasted=pasted)
        if isinstance(about, str):
            await reply.say(about)
            return
        warning = f"{replies.token_pasted()}\n\n" if pasted else ""
        url = await self._link(base, sender, about)
        words = "Enter the token on this page. The link is for you alone, and good for ten minutes."
        await reply.say(warning + words, link("Enter the token", url))

    async def _token_about(self, sender: Sender, repository: str | None, *, pasted: bool) -> About | str:
        """What a token would be for; or why there is none, in words, behind what is to be said of a `pasted` one."""
        try:
            about = await self._token_for(sender, repository)
        except AskrepoError as error:
            about = sentence(error)
        if isinstance(about, str):
            return f"{replies.token_pasted()}\n\n{about}" if pasted else about
        return replace(about, pasted=pasted)

    async def _token_for(self, sender: Sender, repository: str | None) -> About | str:
        """What a token would be for; or why they may not enter it. Raises MappingError where there is nothing."""
        of_workspace = repository is None
        actor = self.rights(sender).actor(sender.asker.user_id, of_workspace=of_workspace)
        if not actor.may_manage:
            return replies.denied(actor.right)
        if self._parts.settings.chat_url is None:
            raise NoTokenNeeded
        tried_on = repository or await self._token_repository(
            sender.thread or sender.channel, of_workspace=of_workspace
        )
        return About(modals.TOKEN_FORM, repository=tried_on, of_workspace=of_workspace)

    async def _token_repository(self, place: ThreadRef | ChannelRef, *, of_workspace: bool) -> str:
        facts = await self._parts.mappings.facts(place)
        if of_workspace:
            return choose(facts, "").repository
        if not facts.mappings:
            raise NotMapped
        here, default = facts.thread_repository, facts.mappings[0].repository
        return next((each.repository for each in facts.mappings if here and same(each.repository, here)), default)

    async def _link(self, base: str, sender: Sender, about: About) -> str:
        place: ChannelRef | WorkspaceRef = sender.workspace if about.of_workspace else sender.channel
        return await token_link(
            self._parts.tickets,
            base,
            place,
            place_name="the whole server" if about.of_workspace else "your channel",
            repository=about.repository,
            actor=sender.asker.user_id,
            actor_name=sender.asker.name,
        )

    async def default(self, channel: ChannelRef) -> str | None:
        """The server's default repository."""
        default = (await self._parts.mappings.facts(channel)).workspace_default
        return default.repository if default is not None else None


def enter_token(repository: str | None) -> Button:
    """Enter the token of a mapping, or of the server (None). Names are too long for a button: it has a digest."""
    return button(
        TOKEN, "Enter a token", _FOR_SERVER if repository is None else _digest(repository), style=Style.PRIMARY
    )


def confirm(here: Sequence[Mapped]) -> Button:
    """Lift the suspension of these mappings."""
    return button(CONFIRM, "Confirm, everybody here may read along", suspension_of(here), style=Style.DANGER)


def _digest(repository: str) -> str:
    return hashlib.sha256(repository.encode()).hexdigest()[:32]
