"""Forms: opened within the three seconds of a trigger, and what each is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bots.fields import mapping, text
from bots.forms import FormTickets
from bots.slack.calls import Calls, SlackRefused
from bots.slack.installed import PLATFORM
from bots.slack.installs import Installs
from bots.slack.interactions import Submitted
from bots.slack.modals import View
from bots.slack.privately import Somebody
from core import logs
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Unit
from core.relay.patience import persistently
from core.tickets import Tickets

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class About:
    """What a form is about. `channel` is None for the workspace as a whole.

    `repository` is the one a token is tried on, and belongs to unless `of_workspace`. `turn_id` is the question that
    waits for the mapping. `asked`: of a question about a message, its thread and its reference.
    """

    channel: ChannelRef | None
    repository: str = ""
    of_workspace: bool = False
    turn_id: str = ""
    response_url: str = ""
    original: bool = False
    thread_id: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A view that Slack shows."""

    view_id: str
    hash: str


class Forms:
    """The forms of this installation. Raises DatabaseError, CipherError and DeliveryError."""

    def __init__(self, tickets: Tickets, installs: Installs, calls: Calls) -> None:
        self._tickets = FormTickets(tickets, PLATFORM)
        self._installs = installs
        self._calls = calls

    async def open(self, somebody: Somebody, trigger_id: str, view: View) -> Opened:
        """Show a view: to be called before anything slow."""
        client = await self._installs.client(somebody.workspace, somebody.installed.enterprise_id)
        answer = await self._calls.call(
            client, somebody.workspace, "views.open", caller=trigger_id, trigger_id=trigger_id, view=view
        )
        shown = mapping(answer.get("view"))
        return Opened(text(shown.get("id")) or "", text(shown.get("hash")) or "")

    async def change(self, somebody: Somebody, opened: Opened, view: View) -> None:
        """Show another view in its place, unless it was closed or changed meanwhile.

        What hinders it for a while is waited for: else a sign of life stays all there is to see.
        """

        async def change() -> None:
            client = await self._installs.client(somebody.workspace, somebody.installed.enterprise_id)
            await self._calls.call(
                client,
                somebody.workspace,
                "views.update",
                caller=opened.view_id,
                view_id=opened.view_id,
                hash=opened.hash,
                view=view,
            )

        try:
            await persistently(change)
        except SlackRefused as error:
            log.info("a form is gone", reason=error.code)

    async def ticket(self, somebody: Somebody, form: str, about: About) -> str:
        """What a form of this kind carries when it is shown to this somebody."""
        channel = None if about.channel is None else about.channel.channel_id
        kept = {name: getattr(about, name) for name in About.__slots__} | {"channel": channel}
        return await self._tickets.issue(form, somebody.workspace, somebody.user_id, kept)

    async def about(self, submitted: Submitted) -> About | None:
        """What a form is about; None where it is not this person's, not of this kind, used, or too old."""
        workspace = WorkspaceRef(PLATFORM, submitted.installed.team_id or "")
        kept = await self._tickets.read(
            submitted.callback_id, submitted.private_metadata, workspace, submitted.asker.user_id
        )
        return None if kept is None else _about(submitted.installed.channel(kept.pop("channel")), kept)

    async def use_up(self, submitted: Submitted) -> bool:
        """Whether this form is sent for the first time; it cannot be sent again."""
        return await self._tickets.use_up(submitted.callback_id, submitted.private_metadata)

    def using_up(self, submitted: Submitted) -> Unit[None]:
        """As that of `FormTickets`."""
        return self._tickets.using_up(submitted.callback_id, submitted.private_metadata)


def _about(channel: ChannelRef | None, kept: Mapping[str, Any]) -> About:
    return About(channel=channel, **kept)
