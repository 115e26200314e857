"""What a suspension is known by, and what it breaks off. Whether a mapping is suspended stands in its own row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels.choosing import Mapping
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import now_ms
from core.locks import lock_claims
from core.scope import in_channel
from core.statuses import RUNNING, waiting_again
from core.tables import TurnRow


def suspension_of(mappings: Sequence[Mapping]) -> str:
    """Which suspension a button to confirm is about: a later one needs a button of its own. "" where there is none."""
    marks = sorted(f"{each.repository} {each.suspended_at.isoformat()}" for each in mappings if each.suspended_at)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:32] if marks else ""


async def handed_back(connection: AsyncConnection, place: ChannelRef | WorkspaceRef, *, but: str = "") -> None:
    """Within a unit: the place's running turns wait again, without blame, for whoever claims them anew.

    They are due once their leases end or their workers let go (`Leases.hand_back`), so that a call under way lands
    before anybody looks at what is shown. Claims that are not committed yet could not be seen: they are waited for.
    """
    await lock_claims(connection)
    running = and_(_in(place), TurnRow.status == RUNNING, TurnRow.turn_id != but)
    waiting = waiting_again(due_at=func.coalesce(TurnRow.lease_until, now_ms()))
    await connection.execute(update(TurnRow).where(running).values(waiting))


def _in(place: ChannelRef | WorkspaceRef) -> ColumnElement[bool]:
    """The condition that a turn is of this place."""
    if isinstance(place, ChannelRef):
        return in_channel(TurnRow, place)
    # no index that begins with the platform helps: SQLite would go through all that is stored of the workspace
    return and_(TurnRow.platform.concat("") == place.platform, TurnRow.workspace_id == place.workspace_id)
