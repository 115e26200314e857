"""What happened to channels, people and installations, carried out: more readers suspend, what is gone is forgotten."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

from bots.fields import items, mapping
from bots.parts import Parts
from bots.slack import blocks
from bots.slack.installed import PLATFORM, Installed
from bots.slack.installs import Installs
from bots.slack.lifecycle import (
    AccessRevoked,
    AppUninstalled,
    BotLeft,
    ChannelArchived,
    ChannelConverted,
    ChannelDeleted,
    ChannelIdChanged,
    ChannelShared,
    Happened,
    TokensRevoked,
)
from bots.slack.mrkdwn import mrkdwn, raw_section
from bots.slack.people import People
from bots.slack.privately import Privately, Somebody
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.channels.choosing import Mapping as Mapped
from core.conversation.values import ChannelRef, WorkspaceRef
from core.relay.patience import patiently

_ACTOR = "slack"  # as the audit table has it
_PERSON = re.compile(r"[UW][A-Z0-9]+")  # others who map are at a shell

log = logs.get(__name__)


class Changes:
    """Carries out what happened. Raises DatabaseError and CipherError: then it was not.

    Where more people can read along, whoever mapped the channel is told, once for each suspension.
    """

    def __init__(self, parts: Parts, installs: Installs, people: People, privately: Privately, tasks: Tasks) -> None:
        self._parts = parts
        self._installs = installs
        self._people = people
        self._privately = privately
        self._tasks = tasks

    async def happened(self, happened: Happened, envelope: Mapping[str, object]) -> None:
        """Do what follows from it, if anything does."""
        match happened:
            case ChannelIdChanged(old, new, installed):
                self._people.forget_channel(old)
                mapped = [each for channel in (old, new) for each in await self._parts.mappings.list(channel)]
                if await self._parts.moves.moved(old, new.channel_id, actor=_ACTOR):
                    self._tell(installed, new, [each for each in mapped if not each.suspended])
            case ChannelShared(channel, installed) | ChannelConverted(channel, public=True, installed=installed):
                self._tell(installed, channel, await self._suspend(channel, widened=True))
            case ChannelArchived(channel) | BotLeft(channel):
                await self._suspend(channel)  # what is being answered finds out by itself that it cannot post there
            case ChannelDeleted(channel):
                self._people.forget_channel(channel)
                await self._parts.moves.forget_channel(channel, actor=_ACTOR)
            case AppUninstalled(installed):
                await self._uninstalled(_owner(installed, envelope), _at(envelope))
            case TokensRevoked(bot_user_ids, installed):
                await self._installs.revoked(_owner(installed, envelope), bot_user_ids, _at(envelope))
            case AccessRevoked(team_ids):
                for team_id in team_ids:
                    await self._uninstalled(WorkspaceRef(PLATFORM, team_id), _at(envelope))
            case _:
                log.debug("nothing follows", kind=type(happened).__name__)

    async def _uninstalled(self, workspace: WorkspaceRef, at: datetime) -> None:
        """What is mapped there waits for somebody to confirm it: while we are away, we are not told of new readers."""
        await self._installs.uninstalled(workspace, at)
        if await self._installs.known(workspace) is None:  # else it has been installed again since
            channels = await self._parts.mappings.channels(workspace)
            await asyncio.gather(*map(self._suspend, channels))  # at once, for Slack waits

    async def _suspend(self, channel: ChannelRef, *, widened: bool = False) -> Sequence[Mapped]:
        self._people.forget_channel(channel)
        suspended = await self._parts.mappings.suspend(channel, actor=_ACTOR, widened=widened)
        if suspended:
            log.warning("suspended: its readers may have changed", channel=channel.channel_id)
        return suspended

    def _tell(self, installed: Installed, channel: ChannelRef, suspended: Sequence[Mapped]) -> None:
        for user_id, words in replies.suspended(suspended).items():
            if _PERSON.fullmatch(user_id):
                self._tasks.start(self._told(Somebody(installed, user_id, None), channel, words))

    async def _told(self, somebody: Somebody, channel: ChannelRef, words: str) -> None:
        shown = {
            "text": blocks.alternative(words),
            "blocks": [raw_section(f"<#{channel.channel_id}>: {mrkdwn(words)}")],
        }
        caller = uuid4().hex
        await patiently(lambda: self._privately.tell(somebody, shown, caller=caller))


def _owner(installed: Installed, envelope: Mapping[str, object]) -> WorkspaceRef:
    """Whose installation it was: of an organisation's, Slack may name one of its workspaces too."""
    given = [mapping(entry) for entry in items(envelope.get("authorizations"))]
    if any(entry.get("is_enterprise_install") is True for entry in given):
        owner = installed.enterprise_id or installed.team_id
    else:
        owner = installed.team_id or installed.enterprise_id
    return WorkspaceRef(PLATFORM, owner or "")


def _at(envelope: Mapping[str, object]) -> datetime:
    """When it happened, by Slack's clock."""
    seconds = envelope.get("event_time")
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else datetime.now(UTC)
