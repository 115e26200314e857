"""What a suspension is known by, and what it breaks off. Whether a mapping is suspended stands in its own row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import and_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels.choosing import Mapping
from core.conversation.values import ChannelRef
from core.database import now_ms
from core.scope import in_channel
from core.tables import TurnRow

_LANDING_MS = 2_000


def suspension_of(mappings: Sequence[Mapping]) -> str:
    """Which suspension a button to confirm is about: a later one needs a button of its own. "" where there is none."""
    marks = sorted(f"{each.repository} {each.suspended_at.isoformat()}" for each in mappings if each.suspended_at)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:32] if marks else ""


async def handed_back(connection: AsyncConnection, channel: ChannelRef, *, but: str = "") -> None:
    """Within a unit: the channel's running turns wait again, without blame, for whoever claims them anew.

    Not at once: a call that is under way lands before anybody looks at what is shown.
    """
    running = and_(in_channel(TurnRow, channel), TurnRow.status == "running", TurnRow.turn_id != but)
    waiting = {"status": "waiting", "due_at": now_ms() + _LANDING_MS, "worker": None, "lease_until": None}
    await connection.execute(update(TurnRow).where(running).values(waiting))
