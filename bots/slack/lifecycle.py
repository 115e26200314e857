"""Pure: what happened to a channel, to the bot in it, to a person or to the installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bots.fields import items, mapping, text
from bots.slack.fields import identifier, stamp
from bots.slack.ignored import Ignored, Reason
from bots.slack.installed import Installed
from core.conversation.values import Asker, ChannelRef, ThreadRef


@dataclass(frozen=True, slots=True)
class ChannelIdChanged:
    """A channel is known under another id from now on."""

    old: ChannelRef
    new: ChannelRef
    installed: Installed


@dataclass(frozen=True, slots=True)
class ChannelShared:
    """Another organisation came into the channel."""

    channel: ChannelRef
    installed: Installed


@dataclass(frozen=True, slots=True)
class ChannelConverted:
    """A channel was made public or private."""

    channel: ChannelRef
    public: bool
    installed: Installed


@dataclass(frozen=True, slots=True)
class ChannelArchived:
    """Nobody can post in the channel any more."""

    channel: ChannelRef
    installed: Installed


@dataclass(frozen=True, slots=True)
class ChannelDeleted:
    """The channel is gone for good."""

    channel: ChannelRef
    installed: Installed


@dataclass(frozen=True, slots=True)
class BotLeft:
    """The bot was removed from a channel."""

    channel: ChannelRef
    installed: Installed


@dataclass(frozen=True, slots=True)
class AppUninstalled:
    """The app was removed from the workspace or, without a `team_id`, from the organisation."""

    installed: Installed


@dataclass(frozen=True, slots=True)
class TokensRevoked:
    """Bot tokens are good for nothing any more: those of these bot users; of all where none is named."""

    bot_user_ids: tuple[str, ...]
    installed: Installed


@dataclass(frozen=True, slots=True)
class AccessRevoked:
    """An organisation-wide installation does not reach these workspaces any more."""

    team_ids: tuple[str, ...]
    installed: Installed


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """Somebody opened a tab of the app: `home` or `messages`."""

    asker: Asker
    tab: str
    installed: Installed


@dataclass(frozen=True, slots=True)
class SessionStopped:
    """Somebody pressed Slack's own stop button. `streaming` are the posts that were being written then."""

    thread: ThreadRef
    streaming: tuple[str, ...]
    asker: Asker
    installed: Installed


Happened: TypeAlias = (
    ChannelIdChanged
    | ChannelShared
    | ChannelConverted
    | ChannelArchived
    | ChannelDeleted
    | BotLeft
    | AppUninstalled
    | TokensRevoked
    | AccessRevoked
    | HomeOpened
    | SessionStopped
)

_Event: TypeAlias = Mapping[str, object]
_Reading: TypeAlias = Callable[[_Event, Installed], Happened | Ignored | None]


def happened(event: _Event, installed: Installed) -> Happened | Ignored:
    """What an event other than a message says. Never raises."""
    reading = _READINGS.get(text(event.get("type")) or "")
    if not reading:
        return Ignored(Reason.UNUSED)
    if not installed.team_id and not (installed.enterprise_id and reading in _OF_ORGANISATIONS):
        return Ignored(Reason.NO_WORKSPACE)
    return reading(event, installed) or Ignored(Reason.MALFORMED)


def converted(channel: ChannelRef, subtype: str, installed: Installed) -> ChannelConverted | None:
    """What a message of this subtype says about who may see the channel, if anything."""
    public = _CONVERSIONS.get(subtype)
    return None if public is None else ChannelConverted(channel, public, installed)


def _of_channel(kind: Callable[[ChannelRef, Installed], Happened]) -> _Reading:
    def read(event: _Event, installed: Installed) -> Happened | None:
        channel = installed.channel(event.get("channel"))
        return kind(channel, installed) if channel else None

    return read


def _id_changed(event: _Event, installed: Installed) -> Happened | None:
    old, new = (installed.channel(event.get(f"{which}_channel_id")) for which in ("old", "new"))
    return ChannelIdChanged(old, new, installed) if old and new else None


def _left(event: _Event, installed: Installed) -> Happened | Ignored | None:
    channel, user = installed.channel(event.get("channel")), event.get("user")
    if not channel or not identifier(user):
        return None
    return BotLeft(channel, installed) if user == installed.bot_user_id else Ignored(Reason.SOMEBODY_ELSE)


def _uninstalled(_: _Event, installed: Installed) -> Happened:
    return AppUninstalled(installed)


def _revoked(event: _Event, installed: Installed) -> Happened | Ignored:
    tokens = mapping(event.get("tokens"))
    bots = _ids(tokens.get("bot"))
    of_people_alone = not bots and bool(_ids(tokens.get("oauth")))
    return Ignored(Reason.UNUSED) if of_people_alone else TokensRevoked(bots, installed)


def _taken(event: _Event, installed: Installed) -> Happened | None:
    teams = _ids(event.get("team_ids"))
    return AccessRevoked(teams, installed) if teams else None


def _home(event: _Event, installed: Installed) -> Happened | None:
    user, tab = identifier(event.get("user")), text(event.get("tab"))
    return HomeOpened(Asker(user), tab, installed) if user and tab else None


def _stopped(event: _Event, installed: Installed) -> Happened | None:
    channel, thread_ts = installed.channel(event.get("channel")), stamp(event.get("thread_ts"))
    streaming = tuple(ts for entry in items(event.get("streaming_message_ts")) if (ts := stamp(entry)))
    user = identifier(event.get("user"))
    if not (channel and thread_ts and user):
        return None
    return SessionStopped(ThreadRef(channel, thread_ts), streaming, Asker(user), installed)


def _ids(value: object) -> tuple[str, ...]:
    return tuple(found for entry in items(value) if (found := identifier(entry)))


_OF_ORGANISATIONS = frozenset({_uninstalled, _revoked, _taken})  # they may name no workspace
_CONVERSIONS = {"channel_convert_to_public": True, "channel_convert_to_private": False}
_READINGS: dict[str, _Reading] = {
    "channel_id_changed": _id_changed,
    "channel_shared": _of_channel(ChannelShared),
    "channel_archive": _of_channel(ChannelArchived),
    "group_archive": _of_channel(ChannelArchived),
    "channel_deleted": _of_channel(ChannelDeleted),
    "group_deleted": _of_channel(ChannelDeleted),
    "channel_left": _of_channel(BotLeft),  # these two are sent to whoever left, and so mean the bot
    "group_left": _of_channel(BotLeft),
    "member_left_channel": _left,
    "app_uninstalled": _uninstalled,
    "tokens_revoked": _revoked,
    "team_access_revoked": _taken,
    "app_home_opened": _home,
    "agent_session_stopped": _stopped,
}
