"""Whose a delivery is, where several workspaces that share a channel have installed this app.

Each has a bot of its own there, and Slack delivers an event once, under the authorization of any one of them. A mention
is for the one whose bot it names, and a reply that calls nobody for the one in whose thread it is; what happens to the
channel or to a post in it is for them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bots.fields import mapping, text
from bots.slack.fields import identifier
from bots.slack.installation import SlackInstallation
from bots.slack.installed import PLATFORM, Installed, of_envelope
from bots.slack.installs import Installs
from bots.slack.text import mentioned
from core.channels.moves import Moves
from core.conversation.threads import Threads
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef

_TELLS_OF_SEVERAL = frozenset({"channel_shared", "channel_id_changed"})  # by itself, whatever the envelope says
_FOR_ALL = _TELLS_OF_SEVERAL | {
    "channel_archive",
    "channel_convert_to_public",
    "group_archive",
    "member_left_channel",  # the bot that left may be another workspace's
    "message_changed",
    "message_deleted",
}


async def readdressed(envelope: Mapping[str, object], installs: Installs) -> Mapping[str, object] | None:
    """A mention as its author's own workspace would get it, if it is the bot installed there that was called.

    None for any other: a bot's id does not tell the workspace it is installed in. Raises DatabaseError, CipherError.
    """
    event = mapping(envelope.get("event"))
    called = mentioned(text(event.get("text")) or "")
    # of an organisation's people the one may be the workspace, and the other the organisation
    theirs = [each for name in ("user_team", "team") if (each := identifier(event.get(name))) is not None]
    for team in dict.fromkeys(theirs):
        known = await installs.known(WorkspaceRef(PLATFORM, team))
        workspace = known and (known.team_id or next((each for each in theirs if each.startswith("T")), None))
        if known and workspace and known.bot_user_id in called:
            return _delivered_for(envelope, workspace, known)
    return None


async def told_to_others(
    envelope: Mapping[str, object], moves: Moves, installs: Installs
) -> Sequence[Mapping[str, object]]:
    """What happened, as each other workspace would get it for which something of the channel is stored.

    Raises DatabaseError, CipherError.
    """
    installed = of_envelope(envelope)
    channel = _of_several(envelope, installed)
    others = await moves.elsewhere(channel) if channel is not None else ()
    told = _as_told_elsewhere(envelope, installed)
    return await _delivered_elsewhere(told, installed, [each.workspace for each in others], installs)


async def replied_to_others(
    envelope: Mapping[str, object], thread: ThreadRef, threads: Threads, installs: Installs
) -> Sequence[Mapping[str, object]]:
    """A reply, as each other workspace would get it in which something was asked in its thread.

    Raises DatabaseError, CipherError.
    """
    installed = of_envelope(envelope)
    others = await threads.elsewhere(thread) if _is_shared(envelope, installed) else ()
    return await _delivered_elsewhere(envelope, installed, others, installs)


async def _delivered_elsewhere(
    envelope: Mapping[str, object], installed: Installed, others: Sequence[WorkspaceRef], installs: Installs
) -> Sequence[Mapping[str, object]]:
    theirs = []
    for other in others:
        # one without an installation of its own may be reached by the organisation's
        known = await installs.known(other) or installed
        theirs.append(_delivered_for(envelope, other.workspace_id, known))
    return theirs


def _of_several(envelope: Mapping[str, object], installed: Installed) -> ChannelRef | None:
    """The channel, of an event that may concern other workspaces too; None for any other."""
    event = mapping(envelope.get("event"))
    kind = text(event.get("subtype" if event.get("type") == "message" else "type"))
    if kind == "message_changed" and text(mapping(event.get("message")).get("bot_id")):
        return None  # no question: each answer that grows is such an event
    if kind not in _FOR_ALL or not (_is_shared(envelope, installed) or kind in _TELLS_OF_SEVERAL):
        return None
    return installed.channel(event.get("old_channel_id" if kind == "channel_id_changed" else "channel"))


def _as_told_elsewhere(envelope: Mapping[str, object], installed: Installed) -> Mapping[str, object]:
    """Where Slack has not said that others are in a channel, its new id moves nothing of a channel of theirs.

    An id alone says nothing. As it may be the same one all the same, what is mapped there waits to be confirmed.
    """
    event = mapping(envelope.get("event"))
    if event.get("type") != "channel_id_changed" or _is_shared(envelope, installed):
        return envelope
    return {**envelope, "event": {"type": "channel_shared", "channel": event.get("old_channel_id")}}


def _is_shared(envelope: Mapping[str, object], installed: Installed) -> bool:
    return envelope.get("is_ext_shared_channel") is True or installed.enterprise_id is not None


def _delivered_for(
    envelope: Mapping[str, object], team_id: str, owner: SlackInstallation | Installed
) -> Mapping[str, object]:
    authorization = {
        "team_id": team_id,
        "enterprise_id": owner.enterprise_id,
        "user_id": owner.bot_user_id,
        "is_bot": True,
    }
    return {**envelope, "context_team_id": team_id, "authorizations": [authorization]}
