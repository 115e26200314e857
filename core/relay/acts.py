"""What people have done besides asking: an answer given anew and a trial are calls of the service, as a question is."""

from __future__ import annotations

from core.conversation.values import WorkspaceRef
from core.errors import AllowanceSpent, Level, TooManyAsked
from core.relay.limits import Allowances
from core.relay.shares import Shares

_RATE = Shares().person.rate


async def count(allowances: Allowances, workspace: WorkspaceRef, user_id: str) -> None:
    """Count one of this person's, by all processes together. Raises TooManyAsked, DatabaseError and CipherError."""
    try:
        await allowances.reserve(
            workspace, f"acts of {user_id}", per_minute=_RATE.per_minute, burst=_RATE.burst, within=0.0
        )
    except AllowanceSpent as error:
        raise TooManyAsked(Level.PERSON, error.seconds) from None
