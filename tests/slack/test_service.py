"""Slack's part of a process, as a whole."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from core.errors import SettingsError
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
