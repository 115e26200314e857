"""Slack's part of a process, as a whole."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bots.roles import Role
from core.errors import SettingMissing, SettingsError
from tests.fakes.chat import FakeChat
from tests.slack import house
from tests.slack.house import World


@pytest.fixture
def transport() -> str:
    return "http"


async def test_a_start_that_slack_refuses_leaves_no_connection_open(
    world: World, chat: FakeChat, tmp_path: Path
) -> None:
    """Else aiohttp complains below the one sentence that tells why."""
    database_url, secret = f"sqlite:///{tmp_path}/askrepo.db", world.slack.app.signing_secret
    given = house.settings(
        world.slack, world.askrepo, chat, database_url, SLACK_BOT_TOKEN="wrong", SLACK_SIGNING_SECRET=secret
    )
    with pytest.raises(SettingsError, match=r"SLACK_BOT_TOKEN: Slack refuses it \(invalid_auth\)$"):
        async with house.askrepo(world.slack, given):
            pass
    gc.collect()


async def test_a_start_is_not_ended_by_what_is_no_reply_of_slacks(world: World, chat: FakeChat, tmp_path: Path) -> None:
    """Whoever stands between Slack and us says something else for a moment: questions wait, as they do for Slack."""
    database_url, secret = f"sqlite:///{tmp_path}/askrepo.db", world.slack.app.signing_secret
    given = house.settings(world.slack, world.askrepo, chat, database_url, SLACK_SIGNING_SECRET=secret)
    fault = world.slack.fail("auth.test", body=b'["busy"]')
    with capture_logs() as logged:
        async with house.askrepo(world.slack, given) as app:
            assert fault.struck
            await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
            root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
            await house.answered(world, root)
    assert "Slack's reply is no JSON" in [each.get("reason") for each in logged]


@pytest.mark.parametrize("by_oauth", [False, True])
async def test_a_web_process_needs_a_way_in_for_slack(
    world: World, chat: FakeChat, tmp_path: Path, *, by_oauth: bool
) -> None:
    """Where Socket Mode is another process's, it serves what else there is; where nobody hears Slack, it ends."""
    app, more = world.slack.app, {}
    if by_oauth:
        more = {"SLACK_CLIENT_ID": app.client_id, "SLACK_CLIENT_SECRET": app.client_secret}
        more |= {"SLACK_BOT_TOKEN": "", "ASKREPO_PUBLIC_URL": "https://askrepo.example.com"}
    given = {**more, "database_url": f"sqlite:///{tmp_path}/askrepo.db"}
    with pytest.raises(SettingMissing, match="SLACK_SIGNING_SECRET"):
        async with house.askrepo(world.slack, house.settings(world.slack, world.askrepo, chat, **given), (Role.WEB,)):
            pass
    heard_elsewhere = house.settings(world.slack, world.askrepo, chat, **given, SLACK_APP_TOKEN=app.app_token)
    with capture_logs() as logged:
        async with house.askrepo(world.slack, heard_elsewhere, (Role.WEB,)):
            assert not world.slack.sockets.open
    lent = [each["lent"] for each in logged if "lent" in each]
    assert lent == (["`ASKREPO_CHAT_TOKEN`"] if by_oauth else [])  # by which strangers would be answered
