"""What happened to channels, people and installations, carried out: more readers suspend, what is gone is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bots.parts import Parts
from bots.slack.installed import PLATFORM
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
from bots.slack.people import People
from core import logs
from core.conversation.values import ChannelRef, WorkspaceRef

_ACTOR = "slack"  # as the audit table has it
_MOST_OPEN = 1_000  # threads of one channel that are answered at once

log = logs.get(__name__)


class Changes:
    """Carries out what happened. Raises DatabaseError and CipherError: then it was not."""

    def __init__(self, parts: Parts, installs: Installs, people: People) -> None:
        self._parts = parts
        self._installs = installs
        self._people = people

    async def happened(self, happened: Happened, envelope: Mapping[str, object]) -> None:
        """Do what follows from it, if anything does."""
        match happened:
            case ChannelIdChanged(old, new):
                self._people.forget_channel(old)
                await self._parts.moves.moved(old, new.channel_id, actor=_ACTOR)
            case ChannelShared(channel) | ChannelConverted(channel, public=True):
                await self._suspend(channel)
                for thread in await self._parts.threads.unfinished(channel, most=_MOST_OPEN):
                    await self._parts.leases.free_thread(thread)  # whoever takes it over sees that, and refuses
            case ChannelArchived(channel) | BotLeft(channel):
                await self._suspend(channel)  # what is being answered finds out by itself that it cannot post there
            case ChannelDeleted(channel):
                await self._parts.moves.forget_channel(channel, actor=_ACTOR)
            case AppUninstalled(installed):
                await self._installs.uninstalled(_owner(installed.team_id, installed.enterprise_id), _at(envelope))
            case TokensRevoked(bot_user_ids, installed):
                owner = _owner(installed.team_id, installed.enterprise_id)
                await self._installs.revoked(owner, bot_user_ids, _at(envelope))
            case AccessRevoked(team_ids):
                for team_id in team_ids:
                    await self._installs.uninstalled(WorkspaceRef(PLATFORM, team_id), _at(envelope))
            case _:
                log.debug("nothing follows", kind=type(happened).__name__)

    async def _suspend(self, channel: ChannelRef) -> None:
        self._people.forget_channel(channel)
        if await self._parts.mappings.suspend(channel, actor=_ACTOR):
            log.warning("suspended: its readers may have changed", channel=channel.channel_id)


def _owner(team_id: str | None, enterprise_id: str | None) -> WorkspaceRef:
    return WorkspaceRef(PLATFORM, team_id or enterprise_id or "")


def _at(envelope: Mapping[str, object]) -> datetime:
    """When it happened, by Slack's clock."""
    seconds = envelope.get("event_time")
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) else datetime.now(UTC)
