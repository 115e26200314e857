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
    called = mentioned(text(event.get("text")) or "")
    # of an organisation's people the one may be the workspace, and the other the organisation
    theirs = [each for name in ("user_team", "team") if (each := identifier(event.get(name))) is not None]
    for team in dict.fromkeys(theirs):
        known = await installs.known(WorkspaceRef(PLATFORM, team))
        workspace = known and (known.team_id or next((each for each in theirs if each.startswith("T")), None))
        if known and workspace and known.bot_user_id in called:
            authorization = {
                "team_id": workspace,
                "enterprise_id": known.enterprise_id,
                "user_id": known.bot_user_id,
                "is_bot": True,
            }
            return {**envelope, "context_team_id": workspace, "authorizations": [authorization]}
    return None
