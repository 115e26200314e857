"""What is read of threads; to some apps that many workspaces install, Slack gives fifteen posts a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core import wording
from core.bootstrap import App
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack_values import Message
from tests.slack import house
from tests.slack.askers import keep, serving_all
from tests.slack.house import World
from tests.slack.outcomes import Seen, answers, outcome
from tests.turns import ended

SAID = lines(3)


@pytest.fixture
def transport() -> str:
    """What is read does not depend on how questions arrive."""
    return "http"


@pytest.fixture
async def restricted(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[App]:
    """Askrepo, installed by OAuth in a workspace where Slack restricts what it reads."""
    world.slack.restricted_history = True
    async with house.askrepo(world.slack, serving_all(world.slack, chat, sqlite_url)) as parts:
        await keep(parts, world.slack, world.askrepo)
        await parts.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        yield parts


def goes_on(world: World, root: Message, number: int) -> None:
    """So many posts in a thread, of which we are not told."""
    for each in range(1, number + 1):
        post = Message(world.slack.now_ts(), world.general, world.bob, f"Post {each}.", thread_ts=root.ts)
        world.general.add(post)


async def asked_late(world: World, number: int) -> Message:
    """A question in a thread of so many posts."""
    root = await world.slack.says(world.bob, world.general, "It does not work.")
    goes_on(world, root, number - 1)
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?", thread=root.ts)
    return root


async def test_of_a_very_long_thread_the_latest_posts_are_said_to_be_missing(
    world: World, app: App, chat: FakeChat
) -> None:
    chat.will(says("Because."))
    root = await asked_late(world, 1_001)
    assert await ended(app) == ["answered"]
    (post,) = answers(world, root)
    assert wording.thread_unfinished() in post.body
    assert "Post 999." in chat.requests[0].questions[0]
    assert "Post 1000." not in chat.requests[0].questions[0]


async def test_a_thread_that_slack_does_not_show_is_said_to_be_unread(world: World, app: App) -> None:
    world.slack.fail("conversations.replies", error="missing_scope", times=-1)
    root = await asked_late(world, 2)
    assert await ended(app) == ["answered"]
    (post,) = answers(world, root)
    assert wording.thread_unread() in post.body


async def test_a_thread_is_read_as_far_as_slack_lets_us_and_nobody_waits_for_more(
    world: World, restricted: App, chat: FakeChat
) -> None:
    chat.will(says("Because."), says("So."))
    root = await asked_late(world, 20)
    assert await ended(restricted) == ["answered"]
    (post,) = answers(world, root)
    assert wording.thread_unfinished() in post.body
    asked = chat.requests[0].questions[0]
    assert "It does not work." in asked
    assert "Post 14." in asked
    assert "Post 15." not in asked
    other = await asked_late(world, 2)
    assert await ended(restricted, 2) == ["answered"] * 2
    (post,) = answers(world, other)
    assert wording.thread_unread() in post.body
    assert "It does not work." not in chat.requests[1].questions[0]


async def test_a_thread_of_one_page_is_read_whole(world: World, restricted: App, chat: FakeChat) -> None:
    chat.will(says("Because."))
    root = await asked_late(world, 15)
    assert await ended(restricted) == ["answered"]
    assert [post.body for post in answers(world, root)] == ["Because."]
    assert "Post 14." in chat.requests[0].questions[0]
    assert len(world.slack.called("conversations.replies")) == 1


async def test_a_post_whose_reply_was_lost_is_found(world: World, restricted: App, chat: FakeChat) -> None:
    chat.will(*[says(SAID)] * 2)
    world.slack.fail("chat.startStream", drop="after")
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    assert await ended(restricted) == ["answered"]
    assert outcome(world, root, SAID) is Seen.WHOLE


async def test_a_post_whose_reply_was_lost_is_found_behind_those_of_others(
    world: World, restricted: App, chat: FakeChat
) -> None:
    world.slack.tiers.on = False
    chat.will(*[says(SAID)] * 2)
    held = asyncio.Event()
    fault = world.slack.fail("chat.startStream", drop="after", hold=held)
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} why?")
    while not fault.struck:  # noqa: ASYNC110 - the fake tells nobody of it
        await asyncio.sleep(0.01)
    goes_on(world, root, 20)
    held.set()
    assert await ended(restricted) == ["answered"]
    assert [post.body for post in answers(world, root)] == [SAID]
    assert len(world.slack.called("conversations.replies")) == 2
