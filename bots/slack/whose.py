"""Whose a mention is, where several workspaces that share a channel have installed this app.

Each has a bot of its own there, and Slack delivers a post once, under the authorization of any one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from bots.fields import mapping, text
from bots.slack.fields import identifier
from bots.slack.installed import PLATFORM
from bots.slack.installs import Installs
from bots.slack.text import mentioned
from core.conversation.values import WorkspaceRef


async def readdressed(envelope: Mapping[str, object], installs: Installs) -> Mapping[str, object] | None:
    """A mention as its author's own workspace would get it, if it is the bot installed there that was called.

    None for any other: nothing leads from a bot to the workspace it is installed in. Raises DatabaseError, CipherError.
    """
    event = mapping(envelope.get("event"))
    team = identifier(event.get("user_team")) or identifier(event.get("team"))
    known = None if team is None else await installs.known(WorkspaceRef(PLATFORM, team))
    if known is None or known.team_id != team or known.bot_user_id not in mentioned(text(event.get("text")) or ""):
        return None
    authorization = {
        "team_id": known.team_id,
        "enterprise_id": known.enterprise_id,
        "user_id": known.bot_user_id,
        "is_bot": True,
    }
    return {**envelope, "context_team_id": known.team_id, "authorizations": [authorization]}
