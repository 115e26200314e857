"""What a form is about, which never leaves us: the form carries a ticket for it.

It is good for one hour, for one person, in one workspace, and for one kind of form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from core.conversation.values import WorkspaceRef
from core.database import Unit
from core.secret import Secret
from core.tickets import Tickets

_SECONDS = 3_600.0


class FormTickets:
    """The forms of a platform. Every method raises DatabaseError and CipherError."""

    def __init__(self, tickets: Tickets, platform: str) -> None:
        self._tickets = tickets
        self._platform = platform

    async def issue(self, form: str, workspace: WorkspaceRef, user_id: str, kept: Mapping[str, object]) -> str:
        """What a form of this kind carries when it is shown to this person: 43 characters. `kept` is JSON."""
        told = {**kept, "workspace": workspace.workspace_id, "user": user_id}
        return (await self._tickets.issue(self._purpose(form), json.dumps(told), _SECONDS)).reveal()

    async def read(self, form: str, ticket: str, workspace: WorkspaceRef, user_id: str) -> dict[str, object] | None:
        """What was kept; None where the form is not this person's, not of this kind, used, or too old."""
        kept = await self._tickets.peek(self._purpose(form), Secret(ticket))
        if kept is None:
            return None
        told = dict(json.loads(kept))
        if told.pop("user") != user_id or told.pop("workspace") != workspace.workspace_id:
            return None
        return told

    async def use_up(self, form: str, ticket: str) -> bool:
        """Whether this form is sent for the first time; it cannot be sent again."""
        return await self._tickets.redeem(self._purpose(form), Secret(ticket)) is not None

    def using_up(self, form: str, ticket: str) -> Unit[None]:
        """The same, in the transaction of what the form is for; FormGone, and that is not done, where it was sent."""
        return self._tickets.using_up(self._purpose(form), Secret(ticket))

    def _purpose(self, form: str) -> str:
        return f"{self._platform} form {form}"
