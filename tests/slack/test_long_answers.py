"""Answers longer than a post, and longer than a thread should get: nothing lost, nothing twice."""

from __future__ import annotations

import pytest

from bots.slack.outgoing import rendered
from core.bootstrap import App
from core.relay.pages import pages
from tests.essays import essay
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack_values import File, Message
from tests.sampling import sampled
from tests.slack.house import World
from tests.slack.outcomes import answers
from tests.turns import ended

_POST = 9_000
_MOST = 6
_FIRST = 3  # step: with the shorter ones before it, a page would be more blocks than Slack takes
_UPLOADING = ["files.getUploadURLExternal", "files.completeUploadExternal"]


@pytest.fixture
def transport() -> str:
    """What answers meet does not depend on how questions arrive."""
    return "http"


async def ask(world: World, app: App, chat: FakeChat, said: str) -> Message:
    chat.will(says(*(said[at : at + 400] for at in range(0, len(said), 400)), delay=0.002))
    root = await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} how does login work?")
    assert await ended(app, seconds=60) == ["answered"]
    return root


def parted(world: World, root: Message) -> tuple[list[str], list[File]]:
    """What stands in the posts in order, and the files."""
    posts = answers(world, root)
    assert not any(each["action_id"] == "stop" for post in posts for each in post.buttons)
    assert not any(world.slack.streaming(post) for post in posts)
    shown = [post for post in posts if not post.files]
    assert [any(each["action_id"] == "retry" for each in post.buttons) for post in shown] == [False] * (
        len(shown) - 1
    ) + [True]
    return [post.body for post in shown], [file for post in posts for file in post.files]


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_long_answer_fills_posts(world: World, app: App, chat: FakeChat, streaming: bool) -> None:
    world.slack.native_streaming = streaming
    said = essay(30_000, first=_FIRST)
    expected = pages(said, _POST)
    root = await ask(world, app, chat, said)
    shown, files = parted(world, root)
    assert shown == [rendered(page.text) for page in expected]
    assert "".join(page.body for page in expected) == said
    assert 1 < len(shown) < _MOST
    assert files == []


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_very_long_answer_is_its_beginning_and_a_file(
    world: World, app: App, chat: FakeChat, streaming: bool
) -> None:
    world.slack.native_streaming = streaming
    said = essay(60_000, first=_FIRST)
    root = await ask(world, app, chat, said)
    shown, files = parted(world, root)
    assert shown == [rendered(page.text) for page in pages(said, _POST)[:_MOST]]
    (file,) = files
    assert file.content.decode() == said
    assert any("the whole answer is in the attached file" in post.shown for post in answers(world, root))


@pytest.mark.parametrize(
    ("method", "fault"),
    sampled(_UPLOADING, [{"drop": "before"}, {"drop": "after"}, {"status": 500}, {"html": True}], one_in=2),
)
async def test_the_file_is_there_once(
    world: World, app: App, chat: FakeChat, method: str, fault: dict[str, object]
) -> None:
    world.slack.native_streaming = False
    spoiled = world.slack.fail(method, **fault)  # type: ignore[arg-type]
    said = essay(60_000, first=_FIRST)
    root = await ask(world, app, chat, said)
    shown, files = parted(world, root)
    assert spoiled.struck
    assert len(shown) == _MOST
    assert [file.content.decode() for file in files] == [said]


@pytest.mark.parametrize(
    ("method", "fault"),
    sampled(_UPLOADING, [{"error": "missing_scope"}, {"status": 500}, {"drop": "before"}], one_in=2),
)
async def test_without_a_file_all_is_in_posts(
    world: World, app: App, chat: FakeChat, method: str, fault: dict[str, object]
) -> None:
    world.slack.native_streaming = False
    world.slack.fail(method, **fault, times=-1)  # type: ignore[arg-type]
    said = essay(60_000, first=_FIRST)
    root = await ask(world, app, chat, said)
    shown, files = parted(world, root)
    assert files == []
    assert shown == [rendered(page.text) for page in pages(said, _POST)]


@pytest.mark.parametrize("refused_before", [0, 2])
async def test_a_file_that_slack_took_without_saying_so_is_there_once(
    world: World, app: App, chat: FakeChat, refused_before: int
) -> None:
    world.slack.native_streaming = False
    if refused_before:
        world.slack.fail("files.completeUploadExternal", status=500, times=refused_before)
    world.slack.fail("files.completeUploadExternal", drop="after", times=-1)
    said = essay(60_000, first=_FIRST)
    root = await ask(world, app, chat, said)
    shown, files = parted(world, root)
    assert len(shown) == _MOST
    assert [file.content.decode() for file in files] == [said]


async def test_a_redo_replaces_posts_and_file(world: World, app: App, chat: FakeChat) -> None:
    world.slack.native_streaming = False
    root = await ask(world, app, chat, essay(60_000, first=_FIRST))
    said = essay(61_000)
    chat.will(says(said))
    await world.slack.says(world.alice, world.general, f"{world.askrepo.bot} retry", thread=root.ts)
    await world.slack.until(lambda: len(chat.requests) == 2)
    assert await ended(app, seconds=60) == ["answered"]
    shown, files = parted(world, root)
    assert shown == [rendered(page.text) for page in pages(said, _POST)[:_MOST]]
    assert [file.content.decode() for file in files] == [said]
