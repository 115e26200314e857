"""Mappings, tokens and settings, as commands, buttons and forms alike change them.

Every step asks anew whether this person may: what was offered to somebody who might is no proof later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bots.fields import mapping, text
from bots.pages.token import token_link
from bots.parts import Parts
from bots.slack import modals, offers
from bots.slack.calls import Calls
from bots.slack.forms import About, Forms, Opened
from bots.slack.installs import Installs
from bots.slack.modals import View
from bots.slack.people import People
from bots.slack.privately import Privately, Somebody
from bots.slack.reference import Reference
from bots.slack.rights import Doorman, Rights
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.channels.access import Audience
from core.channels.choosing import choose
from core.channels.grammar import Map
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import AskrepoError, DeliveryError, NotMapped, NoTokenNeeded, TokenWanted
from core.relay.patience import audience_now
from core.relay.steering import Steering
from core.wording import code, sentence

_AUDIENCE_SECONDS = 1.0  # for whoever waits for a reply

log = logs.get(__name__)


class Managing:
    """What is behind commands, buttons and forms. Raises AskrepoError."""

    def __init__(
        self,
        parts: Parts,
        installs: Installs,
        calls: Calls,
        people: People,
        privately: Privately,
        steering: Steering,
        tasks: Tasks,
    ) -> None:
        self._parts = parts
        self._installs = installs
        self._calls = calls
        self._people = people
        self._steering = steering
        self._tasks = tasks
        self.forms = Forms(parts.tickets, installs, calls)
        self.privately = privately
        self.doorman = Doorman(installs, people, parts.preferences, parts.settings.map_policy)

    async def told(self, somebody: Somebody, work: Awaitable[None]) -> None:
        """Do it; a failure is told to them."""
        try:
            await work
        except DeliveryError:
            raise
        except AskrepoError as error:
            log.info("not done", kind=type(error).__name__, reason=str(error))
            await self.privately.say(somebody, sentence(error))

    async def form(self, somebody: Somebody, trigger_id: str, title: str, build: Callable[[], Awaitable[View]]) -> None:
        """Open a form at once, and fill it in when all is known that it shows."""
        opened = await self.opened(somebody, trigger_id, modals.loading(title))
        if opened is None:
            return
        try:
            view = await build()
        except AskrepoError as error:
            view = modals.told(title, sentence(error))
        try:
            await self.forms.change(somebody, opened, view)
        except DeliveryError as error:
            await self._not_in_time(somebody, error)

    async def opened(self, somebody: Somebody, trigger_id: str, view: View) -> Opened | None:
        """Open a form; None where Slack did not, which they are told."""
        try:
            return await self.forms.open(somebody, trigger_id, view)
        except DeliveryError as error:
            await self._not_in_time(somebody, error)
            return None

    async def _not_in_time(self, somebody: Somebody, error: DeliveryError) -> None:
        log.info("a form was not opened", reason=str(error))
        await self.privately.say(somebody, "Slack did not open the form in time. Please try again.")

    # mapping

    async def map(self, somebody: Somebody, channel: ChannelRef, wanted: Map, audience: Audience) -> str:
        """Map it, for somebody who may, where these read along; what came of it."""
        return await self._parts.commands.carry_out(wanted, channel, somebody.user_id, audience=audience)

    async def mapped(
        self, somebody: Somebody, channel: ChannelRef, wanted: Map, said: str, *, turn_id: str = ""
    ) -> None:
        """Say that it was mapped, try it, and have the question run that waited for it."""
        saying = asyncio.create_task(self.privately.say(somebody, said, instead=True))
        self._tasks.start(saying)  # the question that waits must not wait for this
        problem = await self._parts.trials.tried(channel, wanted.repository)
        refused = ""
        if turn_id and not isinstance(problem, TokenWanted):
            refused = await self._steering.again(channel, turn_id, somebody.user_id)
        await asyncio.wait({saying})
        if isinstance(problem, TokenWanted):
            words = f"There is no token for {code(wanted.repository)} yet, and the service does not answer without one."
            again = [offers.ask_again(turn_id)] if turn_id else []
            await self.privately.say(somebody, words, offers.enter_token(wanted.repository), *again)
            return
        if refused:
            await self.privately.say(somebody, refused)
        if problem is not None:
            await self.privately.say(somebody, f"I tried it out. {sentence(problem, repository=wanted.repository)}")

    async def map_form(self, somebody: Somebody, trigger_id: str, reference: Reference, about: About) -> None:
        """Ask for a repository."""

        async def build() -> View:
            held = await self.doorman.rights(somebody, reference)
            if not held.manages:
                return modals.told("Map a repository", replies.denied(held.right))
            return modals.map_form(await self.forms.ticket(somebody, modals.MAP_FORM, about))

        await self.form(somebody, trigger_id, "Map a repository", build)

    async def confirm(self, somebody: Somebody, channel: ChannelRef, suspension: str) -> str:
        """Lift the suspension the button was about; what came of it."""
        audience = await self.audience(somebody, channel)
        if not await self._parts.mappings.confirm(channel, suspension, audience=audience, actor=somebody.user_id):
            return "That has changed meanwhile. `/askrepo list` shows what is mapped here now."
        return "Confirmed. Questions are answered here again, and everybody who can read this channel sees the answers."

    async def audience(self, somebody: Somebody, channel: ChannelRef, seconds: float = _AUDIENCE_SECONDS) -> Audience:
        """Who can read along now, not a moment ago; unknown where Slack does not say it within so many seconds."""
        since = time.monotonic()

        async def ask() -> Audience:
            client = await self._installs.client(channel.workspace, somebody.installed.enterprise_id)
            return await self._people.audience(client, channel, since=since)

        return await audience_now(ask, seconds)

    # tokens

    async def enter_token(
        self, somebody: Somebody, trigger_id: str, reference: Reference, repository: str | None, *, pasted: bool = False
    ) -> None:
        """Offer to enter the token of a mapping here, or of the workspace (None): on our page, else in a form.

        `repository` is "" for the mapping that questions here are asked under.
        """
        warning = f"{replies.token_pasted()}\n\n" if pasted else ""
        if (base := self._parts.settings.token_page) is not None:
            try:
                held, about = await self._token_about(somebody, reference, repository)
            except AskrepoError as error:
                await self.privately.say(somebody, warning + sentence(error))
                return
            if about is None:
                await self.privately.say(somebody, warning + replies.denied(held.right))
                return
            link = await self._link(base, somebody, held, about)
            words = "Enter the token on this page. The link is for you alone, and good for ten minutes."
            await self.privately.say(somebody, warning + words, offers.open_page(link))
            return
        if pasted:
            await self.privately.say(somebody, warning.strip())

        async def build() -> View:
            held, about = await self._token_about(somebody, reference, repository)
            if about is None:
                return modals.told("Enter a token", replies.denied(held.right))
            ticket = await self.forms.ticket(somebody, modals.TOKEN_FORM, about)
            whose = "this workspace" if about.of_workspace else "this channel"
            return modals.token_form(ticket, whose=whose, repository=code(about.repository))

        await self.form(somebody, trigger_id, "Enter a token", build)

    async def _token_about(
        self, somebody: Somebody, reference: Reference, repository: str | None
    ) -> tuple[Rights, About | None]:
        """What a token would be for; None for those who may not. Raises MappingError where there is nothing."""
        held = await self.doorman.rights(somebody, reference)
        actor = held.actor(somebody.user_id, of_workspace=repository is None)
        if not actor.may_manage:
            return Rights(held.standing, False, False, actor.right, held.name), None
        if self._parts.settings.chat_url is None:
            raise NoTokenNeeded
        about = About(
            somebody.channel,
            await self._token_repository(somebody.channel, repository),
            of_workspace=repository is None,
            response_url=somebody.response_url,
        )
        return held, about

    async def _token_repository(self, channel: ChannelRef | None, repository: str | None) -> str:
        if channel is None:
            raise NotMapped
        if repository:
            return repository
        facts = await self._parts.mappings.facts(channel)
        if repository is None:
            return choose(facts, "").repository
        default = next(iter(facts.mappings), None)
        if default is None:
            raise NotMapped
        return default.repository

    async def _link(self, base: str, somebody: Somebody, held: Rights, about: About) -> str:
        channel = somebody.channel
        if channel is None:
            raise NotMapped
        return await token_link(
            self._parts.tickets,
            base,
            channel.workspace if about.of_workspace else channel,
            place_name="the whole workspace" if about.of_workspace else await self._place_name(somebody, channel),
            repository=about.repository,
            actor=somebody.user_id,
            actor_name=held.name,
        )

    async def _place_name(self, somebody: Somebody, channel: ChannelRef) -> str:
        """What people call a channel."""
        client = await self._installs.client(channel.workspace, somebody.installed.enterprise_id)
        try:
            answer = await self._calls.patiently(
                client,
                channel.workspace,
                "conversations.info",
                caller=channel.channel_id,
                channel=channel.channel_id,
            )
        except DeliveryError:
            return "your channel"
        name = text(mapping(answer.get("channel")).get("name"))
        return f"#{name}" if name else "your direct message"

    # settings

    async def settings_form(self, somebody: Somebody, trigger_id: str, reference: Reference) -> None:
        """The channel's settings, to be changed by those who may and read by the others."""
        channel, title = somebody.channel, "Settings of this channel"
        if channel is None:
            return

        async def build() -> View:
            held = await self.doorman.rights(somebody, reference)
            await self.doorman.admit(held, channel)
            now = await self._parts.preferences.of(channel)
            if not held.manages:
                shown = replies.settings(now, (await self._parts.mappings.facts(channel)).workspace_default)
                return modals.told(title, f"{shown}\n\nTo change them you need to be {held.right}.")
            ticket = await self.forms.ticket(
                somebody, modals.SETTINGS_FORM, About(channel, response_url=somebody.response_url)
            )
            default = await self.default(channel.workspace) or ""
            return modals.settings_form(ticket, now, default=default if held.administers else None)

        await self.form(somebody, trigger_id, title, build)

    async def default(self, workspace: WorkspaceRef) -> str | None:
        """The workspace's default repository."""
        facts = await self._parts.mappings.facts(ChannelRef(workspace.platform, workspace.workspace_id, ""))
        return facts.workspace_default.repository if facts.workspace_default is not None else None

    async def default_form(self, somebody: Somebody, trigger_id: str, reference: Reference) -> None:
        """The workspace's default repository, for admins."""

        async def build() -> View:
            held = await self.doorman.rights(somebody, reference)
            if not held.administers:
                return modals.told(
                    "Default repository", replies.denied(held.actor(somebody.user_id, of_workspace=True).right)
                )
            ticket = await self.forms.ticket(somebody, modals.DEFAULT_FORM, About(None))
            return modals.default_form(ticket, await self.default(somebody.workspace) or "")

        await self.form(somebody, trigger_id, "Default repository", build)
