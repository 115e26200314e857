"""Slack refuses our token while events still arrive: questions wait for another, and are answered with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from bots.slack.calls import Calls
from bots.slack.people import UNKNOWN, People
from bots.slack.web_client import Slack
from core.bootstrap import App
from core.database import Database
from core.errors import PlatformAway
from core.relay.limits import Allowances
from core.secret import Secret
from core.tables import TurnRow
from core.workspaces import Workspaces
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.slack import house
from tests.slack.askers import installed, keep, serving_all
from tests.slack.house import World
from tests.slack.outcomes import Seen, outcome
from tests.slack.place import environment, running
from tests.turns import ended

SAID = lines(3)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite: what differs between the databases is tested beside limits."""
    return sqlite_url


_REFUSALS = [
    "accesslimited",
    "account_inactive",
    "invalid_auth",
    "not_authed",
    "org_login_required",
    "team_access_not_granted",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
]


async def test_a_question_that_a_revoked_token_met_is_answered_with_the_next(
    world: World, chat: FakeChat, sqlite_url: str, transport: Literal["http", "socket"]
) -> None:
    chat.will(says(SAID))
    async with running(world, environment(world, chat, sqlite_url, transport), transport) as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        world.askrepo.tokens[-1].revoked = True
        root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
        assert await tried(parts) == "waiting"
    world.slack.issue(world.askrepo)
    async with running(world, environment(world, chat, sqlite_url, transport), transport) as parts:
        assert await ended(parts) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE
    assert len(chat.requests) == 1


async def test_a_question_that_came_after_an_uninstall_is_answered_once_the_app_is_back(
    world: World, chat: FakeChat, sqlite_url: str
) -> None:
    """Installed again, Slack delivers as before; the process knows the former token alone."""
    chat.will(says(SAID))
    async with running(world, environment(world, chat, sqlite_url, "socket"), "socket") as parts:
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await world.slack.uninstalls(world.askrepo)
        world.askrepo.alive, world.askrepo.tokens[-1].revoked = True, True
        root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
        assert await tried(parts) == "waiting"
    world.slack.issue(world.askrepo)
    async with running(world, environment(world, chat, sqlite_url, "socket"), "socket") as parts:
        assert await ended(parts) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE


async def test_a_workspace_that_installs_the_app_again_is_served_by_the_running_process(
    world: World, chat: FakeChat, sqlite_url: str
) -> None:
    chat.will(says(SAID))
    async with house.askrepo(world.slack, serving_all(world.slack, chat, sqlite_url)) as parts:
        kept, yesterday = installed(world.slack, world.askrepo), datetime.now(UTC) - timedelta(days=1)
        await parts.installations.save(kept.workspace, kept.payload(), installed_at=yesterday)
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await world.slack.uninstalls(world.askrepo)
        world.askrepo.alive, world.askrepo.tokens[-1].revoked = True, True
        root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
        assert await tried(parts) == "waiting"
        world.slack.issue(world.askrepo)
        await keep(parts, world.slack, world.askrepo)
        assert await ended(parts) == ["refused"]  # what was mapped is to be confirmed first
        assert outcome(world, root, SAID) is Seen.NOTICE
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} and now?")
        assert sorted(await ended(parts, 2)) == ["answered", "refused"]


async def test_a_question_that_an_expired_token_met_waits_for_the_app_to_be_installed_again(
    world: World, chat: FakeChat, sqlite_url: str
) -> None:
    """Slack does not renew it: its refresh token has been used. That is no failure of the question's."""
    chat.will(says(SAID))
    world.slack.allows("invalid_refresh_token")
    async with house.askrepo(world.slack, serving_all(world.slack, chat, sqlite_url)) as parts:
        kept, now = replace(installed(world.slack, world.askrepo), refresh_token=Secret("used")), datetime.now(UTC)
        yesterday, expired = now - timedelta(days=1), now - timedelta(minutes=1)
        await parts.installations.save(kept.workspace, kept.payload(), installed_at=yesterday, expires_at=expired)
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
        assert await tried(parts) == "waiting"
        await keep(parts, world.slack, world.askrepo)
        assert await ended(parts, seconds=90) == ["answered"]
        async with parts.database.reading() as connection:
            assert (await connection.execute(select(TurnRow.failures))).scalar_one() == 0
    assert outcome(world, root, SAID) is Seen.WHOLE


async def tried(app: App) -> str:
    """Wait until the only turn has been tried: what became of it."""
    async with asyncio.timeout(10):
        while True:
            async with app.database.reading() as connection:
                row = (await connection.execute(select(TurnRow.status, TurnRow.attempt))).one()
            if row.attempt and row.status != "running":
                return str(row.status)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("code", _REFUSALS)
async def test_what_is_about_our_token_says_nothing_about_a_place_or_a_person(
    world: World, database: Database, workspaces: Workspaces, code: str
) -> None:
    """Nor is it asked for each of them: with that token, nothing is for a minute."""
    now, workspace = 0.0, world.place.workspace
    slack, calls = Slack(world.slack.api_url), Calls(Allowances(database, workspaces), lambda: now)
    people, client = People(calls), slack.client(Secret(world.askrepo.token))
    world.slack.fail("conversations.info", error=code)
    with capture_logs() as logged:
        with pytest.raises(PlatformAway, match=code):
            await people.audience(client, world.place)
        now = 59.0
        with pytest.raises(PlatformAway, match=code):
            await people.person(client, workspace, world.alice.id)
    assert [(line["log_level"], line["reason"]) for line in logged] == [("warning", code)]  # once for both
    assert world.slack.called("users.info") == []
    now = 61.0
    assert await people.person(client, workspace, world.alice.id) is not UNKNOWN
    await slack.close()


async def test_another_token_is_tried_at_once(world: World, database: Database, workspaces: Workspaces) -> None:
    slack, calls = Slack(world.slack.api_url), Calls(Allowances(database, workspaces), lambda: 0.0)
    people, workspace = People(calls), world.place.workspace
    world.askrepo.tokens[-1].revoked = True
    with pytest.raises(PlatformAway):
        await people.person(slack.client(Secret(world.askrepo.token)), workspace, world.alice.id)
    world.slack.issue(world.askrepo)
    client = slack.client(Secret(world.askrepo.token))
    assert await people.person(client, workspace, world.alice.id) is not UNKNOWN
    await slack.close()
