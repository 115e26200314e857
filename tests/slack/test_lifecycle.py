"""What happened to channels, people and installations."""

from __future__ import annotations

import pytest

from bots.slack.ignored import Ignored, Reason
from bots.slack.incoming import of_event
from bots.slack.installed import Installed
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
    HomeOpened,
    SessionStopped,
    TokensRevoked,
)
from core.conversation.values import Asker, ChannelRef, ThreadRef
from tests.slack.payloads import ANNA, BOT, CODE, HOME, ORGANISATION, ROOT, Json, event, payload

WE = Installed(HOME, None, BOT)
CHANNEL = ChannelRef("slack", HOME, CODE)
MOVED = ChannelRef("slack", HOME, "C0CODE0002")


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (payload("channel_id_changed"), ChannelIdChanged(CHANNEL, MOVED, WE)),
        (payload("channel_shared"), ChannelShared(CHANNEL, WE)),
        (payload("channel_convert_to_public"), ChannelConverted(CHANNEL, public=True, installed=WE)),
        (
            event("channel_convert_to_public", subtype="channel_convert_to_private"),
            ChannelConverted(CHANNEL, public=False, installed=WE),
        ),
        (payload("channel_archive"), ChannelArchived(CHANNEL, WE)),
        (event("channel_archive", type="group_archive"), ChannelArchived(CHANNEL, WE)),
        (event("channel_archive", type="channel_deleted"), ChannelDeleted(CHANNEL, WE)),
        (event("channel_archive", type="group_deleted"), ChannelDeleted(CHANNEL, WE)),
        (event("channel_archive", type="channel_left"), BotLeft(CHANNEL, WE)),
        (event("channel_archive", type="group_left"), BotLeft(CHANNEL, WE)),
        (payload("member_left_channel"), BotLeft(CHANNEL, WE)),
        (payload("app_uninstalled"), AppUninstalled(WE)),
        (payload("tokens_revoked"), TokensRevoked((BOT,), WE)),
        (event("tokens_revoked", tokens=...), TokensRevoked((), WE)),
        (payload("team_access_revoked"), AccessRevoked((HOME, "T0HOME0002"), WE)),
        (payload("app_home_opened"), HomeOpened(Asker(ANNA), "home", WE)),
        (event("app_home_opened", tab="messages"), HomeOpened(Asker(ANNA), "messages", WE)),
        (
            payload("agent_session_stopped"),
            SessionStopped(ThreadRef(CHANNEL, ROOT), ("1760000100.000200",), Asker(ANNA), WE),
        ),
        (
            event("agent_session_stopped", streaming_message_ts=...),
            SessionStopped(ThreadRef(CHANNEL, ROOT), (), Asker(ANNA), WE),
        ),
    ],
)
def test_what_happened(envelope: Json, expected: Happened) -> None:
    assert of_event(envelope) == expected


def test_an_organisation_may_uninstall_without_naming_a_workspace() -> None:
    of_all: Json = {
        "team_id": ORGANISATION,
        "enterprise_id": ORGANISATION,
        "context_team_id": ...,
        "authorizations": [],
    }
    expected = AppUninstalled(Installed(None, ORGANISATION))
    assert of_event(payload("app_uninstalled", **of_all)) == expected
    assert of_event(payload("channel_archive", **of_all)) == Ignored(Reason.NO_WORKSPACE)


@pytest.mark.parametrize(
    "envelope",
    [
        event("channel_id_changed", new_channel_id=None),
        event("channel_shared", channel=7),
        event("channel_archive", channel=...),
        event("member_left_channel", user={}),
        event("team_access_revoked", team_ids="T0HOME0001"),
        event("app_home_opened", tab=None),
        event("agent_session_stopped", thread_ts=1760000000.0001),
        event("agent_session_stopped", user=None),
    ],
)
def test_what_cannot_be_read_is_malformed(envelope: Json) -> None:
    assert of_event(envelope) == Ignored(Reason.MALFORMED)


@pytest.mark.parametrize(
    "envelope",
    [
        payload("channel_unshared"),
        payload("channel_rename"),
        event("channel_rename", type="group_rename"),
        event("channel_archive", type="channel_unarchive"),
        event("channel_archive", type="group_unarchive"),
        payload("member_joined_channel"),
        event("team_access_revoked", type="team_access_granted"),
        payload("user_change"),
    ],
)
def test_what_nothing_follows_from_is_passed_over(envelope: Json) -> None:
    assert of_event(envelope) == Ignored(Reason.UNUSED)
