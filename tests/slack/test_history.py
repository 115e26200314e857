"""What is read of threads."""

from __future__ import annotations

import pytest

from core import wording
from core.bootstrap import App
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack_values import Message
from tests.slack.house import World
from tests.slack.outcomes import answers
from tests.turns import ended


@pytest.fixture
def transport() -> str:
    """What is read does not depend on how questions arrive."""
    return "http"


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
