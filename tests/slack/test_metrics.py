"""What is counted of questions in Slack."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest

from bots.roles import Role
from core.bootstrap import App
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack_pushing import Delivery
from tests.slack import house
from tests.slack.house import REPOSITORY, World, answered
from tests.turns import ended


@pytest.fixture
def transport() -> str:
    """What is counted does not depend on it."""
    return "http"


def counted(app: App, name: str, **labels: str) -> float:
    return app.metrics.registry.get_sample_value(f"askrepo_{name}", {"platform": "slack", **labels}) or 0.0


async def test_a_question_and_its_outcome(world: World, app: App, chat: FakeChat) -> None:
    chat.will(says("Here."))
    question = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} where?")
    await answered(world, question)
    await ended(app, 1)
    assert counted(app, "accept_seconds_count") == 1
    async with asyncio.timeout(10):
        while app.metrics.registry.get_sample_value("askrepo_answers_running"):  # noqa: ASYNC110 - counted once it is stored
            await asyncio.sleep(0.01)
    assert counted(app, "turn_seconds_count", outcome="answered") == 1
    before = counted(app, "questions_again_total")
    mention = next(each for each in world.slack.deliveries if each.payload["event"]["type"] == "app_mention")
    await world.slack.pushing.push(Delivery(mention.type, mention.payload | {"event_id": "Ev0AGAIN"}))
    assert counted(app, "questions_again_total") == before + 1
    assert counted(app, "accept_seconds_count") == 1


async def test_a_reply_that_was_lost(world: World, app: App) -> None:
    world.slack.fail("chat.startStream", drop="after")
    question = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} where?")
    await answered(world, question)
    assert counted(app, "posts_in_doubt_total") == 1
    assert counted(app, "posts_unknowable_total") == 0


async def test_a_notice_whose_reply_was_lost_is_told_again_and_counted(world: World, app: App) -> None:
    slack = world.slack
    unmapped = slack.channel(world.team, "unmapped", world.alice)
    slack.fail("chat.postEphemeral", drop="after")
    await slack.says(world.alice, unmapped, f"{world.askrepo.bot} where?")
    await ended(app, 1)
    assert len({notice.body for notice in slack.ephemerals(unmapped, world.alice)}) == 1
    assert len(slack.ephemerals(unmapped, world.alice)) == 2
    assert counted(app, "posts_in_doubt_total") == 1


async def test_where_nobody_can_know_nothing_is_posted_twice_and_it_is_told(world: World, app: App) -> None:
    slack = world.slack
    slack.fail("chat.startStream", drop="after")
    slack.fail("conversations.replies", error="missing_scope", times=-1)
    question = await slack.says(world.alice, world.general, f"{world.askrepo.bot} where?")
    await slack.until(lambda: slack.ephemerals(world.general, world.alice))
    await ended(app, 1)
    (notice,) = slack.ephemerals(world.general, world.alice)
    assert "I did not post it again" in notice.shown
    assert len([post for post in slack.thread(world.general, question.ts) if post.bot_id]) == 1
    assert counted(app, "posts_unknowable_total") == 1
    assert counted(app, "turn_seconds_count", outcome="failed") == 1


async def test_no_names_are_told(world: World, app: App) -> None:
    question = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} where?")
    await answered(world, question)
    told = generate_latest(app.metrics.registry).decode()
    assert "askrepo_accept_seconds" in told
    secret = (world.team.id, world.general.id, world.alice.id, REPOSITORY, "where?", world.askrepo.token)
    assert [each for each in secret if each in told] == []


async def test_a_process_serves_what_it_counts_where_it_is_set_to(world: World, chat: FakeChat, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    more = {"SLACK_SIGNING_SECRET": world.slack.app.signing_secret, "ASKREPO_METRICS_PORT": str(port)}
    given = house.settings(world.slack, world.askrepo, chat, f"sqlite:///{tmp_path}/askrepo.db", **more)
    async with house.askrepo(world.slack, given, (Role.WEB,)), httpx.AsyncClient() as client:
        assert "askrepo_answers_running 0.0" in (await client.get(f"http://127.0.0.1:{port}/metrics")).text
