"""What a form is about, which is kept on our side; and the forms of each kind, filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bots.discord import modals
from bots.discord.interactions import Sender
from bots.discord.modals import Modal, Typed
from bots.forms import FormTickets
from core.database import Unit
from core.tickets import Tickets

_AGAIN = "again"  # the kind of ticket that a button carries which opens a form once more


@dataclass(frozen=True, slots=True)
class About:
    """What a form is about, in the channel it was opened in.

    `repository` is the one a token is tried on, and belongs to unless `of_workspace`. `turn_id` is the question that
    waits for the mapping. `thread_id` and `reference` are those of a question about a message. `typed` fills it in;
    `again`: once more, after something in it was wrong.
    """

    form: str
    typed: Typed = field(default_factory=dict)
    again: bool = False
    repository: str = ""
    of_workspace: bool = False
    pasted: bool = False
    turn_id: str = ""
    thread_id: str = ""
    reference: str = field(default="", repr=False)


class Forms:
    """The forms of this installation. Every method raises DatabaseError and CipherError."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = FormTickets(tickets, "discord")

    async def modal(self, sender: Sender, about: About) -> Modal:
        """A form for this person in this channel, good for one hour and one time."""
        return _modal(await self._issue(about.form, sender, about), about)

    async def about(self, sender: Sender, form: str, ticket: str) -> About | None:
        """What a form is about; None where it is not theirs, not of this kind or channel, used, or too old."""
        return await self._read(form, sender, ticket)

    async def use_up(self, form: str, ticket: str) -> bool:
        """Whether this form is sent for the first time; it cannot be sent again."""
        return await self._tickets.use_up(form, ticket)

    def using_up(self, form: str, ticket: str) -> Unit[None]:
        """As that of `FormTickets`."""
        return self._tickets.using_up(form, ticket)

    async def keep(self, sender: Sender, about: About) -> str:
        """What a button carries that opens this form once more."""
        return await self._issue(_AGAIN, sender, about)

    async def kept(self, sender: Sender, ticket: str) -> About | None:
        """The form that such a button opens; None as for a form."""
        return await self._read(_AGAIN, sender, ticket)

    async def _issue(self, kind: str, sender: Sender, about: About) -> str:
        kept = {**asdict(about), "channel": sender.channel.channel_id}
        return await self._tickets.issue(kind, sender.workspace, sender.asker.user_id, kept)

    async def _read(self, kind: str, sender: Sender, ticket: str) -> About | None:
        kept: dict[str, Any] | None = await self._tickets.read(kind, ticket, sender.workspace, sender.asker.user_id)
        if kept is None or kept.pop("channel") != sender.channel.channel_id:
            return None
        return About(**kept)


def _modal(ticket: str, about: About) -> Modal:
    typed: Mapping[str, str] = about.typed
    match about.form:
        case modals.MAP_FORM:
            return modals.map_form(ticket, typed)
        case modals.TOKEN_FORM:
            whose = "this server" if about.of_workspace else "this channel"
            return modals.token_form(ticket, typed, whose=whose, repository=about.repository, pasted=about.pasted)
        case modals.SETTINGS_FORM:
            return modals.settings_form(ticket, typed)
        case modals.DEFAULT_FORM:
            return modals.default_form(ticket, typed)
        case _:
            return modals.ask_form(ticket, typed)
