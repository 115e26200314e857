"""Answers longer than a post, and longer than a thread should get: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bots.discord.outgoing import PAGE, rendered
from core.bootstrap import App
from core.relay.pages import pages
from tests.discord.answering import answering, ask, question, settings
from tests.discord.house import World
from tests.discord.outcomes import answers, said
from tests.essays import essay
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import in_two, says
from tests.fakes.discord_values import Attachment, Message
from tests.turns import ended

_MOST = 8
POST = ("POST", "/channels/{channel_id}/messages")


@pytest.fixture
async def app(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[App]:
    async with answering(world, settings(chat, sqlite_url)) as parts:
        yield parts


async def asked(world: World, app: App, chat: FakeChat, text: str) -> Message:
    chat.will(says(*(text[at : at + 400] for at in range(0, len(text), 400)), delay=0.002))
    root = await ask(world, app, "how does login work?")
    assert await ended(app, seconds=100) == ["answered"]
    return root


def parted(world: World, root: Message) -> tuple[list[str], list[Attachment]]:
    """What stands in the posts in order, and the files."""
    posts = answers(world, root)
    assert not any("Stop" in post.buttons for post in posts)
    assert all(len(post.content) <= 2_000 for post in posts)
    shown = [post for post in posts if not post.attachments]
    assert ["Retry" in post.buttons for post in shown] == [False] * (len(shown) - 1) + [True]
    return [said(post) for post in shown], [file for post in posts for file in post.attachments]


def expected(text: str) -> list[str]:
    return [rendered(page.text).strip() for page in pages(text, PAGE)]


async def test_a_long_answer_fills_posts(world: World, app: App, chat: FakeChat) -> None:
    text = essay(7_000)
    shown, files = parted(world, await asked(world, app, chat, text))
    assert shown == expected(text)
    assert "".join(page.body for page in pages(text, PAGE)) == text
    assert 1 < len(shown) < _MOST
    assert files == []


async def test_a_very_long_answer_is_its_beginning_and_a_file(world: World, app: App, chat: FakeChat) -> None:
    text = essay(60_000)
    root = await asked(world, app, chat, text)
    shown, files = parted(world, root)
    assert shown == expected(text)[:_MOST]
    assert [file.content.decode() for file in files] == [text]
    assert any("the whole answer is in the attached file" in post.content for post in answers(world, root))


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"drop": "after"}, {"status": 500}, {"html": True}], ids=str)
async def test_the_file_is_there_once(world: World, app: App, chat: FakeChat, fault: dict[str, object]) -> None:
    spoiled = world.discord.fail(*POST, after=_MOST, **fault)  # type: ignore[arg-type]
    text = essay(14_000)
    shown, files = parted(world, await asked(world, app, chat, text))
    assert spoiled.struck
    assert len(shown) == _MOST
    assert [file.content.decode() for file in files] == [text]


async def test_without_a_file_all_is_in_posts(world: World, app: App, chat: FakeChat) -> None:
    await world.discord.denies(world.general, "ATTACH_FILES")
    text = essay(16_000)
    shown, files = parted(world, await asked(world, app, chat, text))
    assert files == []
    assert len(shown) > _MOST
    assert shown == expected(text)


@pytest.mark.parametrize("growing", [True, False])
async def test_a_post_is_deleted_in_mid_answer(world: World, app: App, chat: FakeChat, growing: bool) -> None:
    """The one that grows is posted again; one that was full has been read, and stays away."""
    text, gate = essay(6_000), asyncio.Event()
    chat.will(in_two(text, gate, at=text[:3_500].count("\n")))
    root = await ask(world, app, "how does login work?")
    await world.discord.until(lambda: any("Stop" in post.buttons for post in answers(world, root)[1:]))
    gone = answers(world, root)[-1 if growing else 0]
    lost = 0 if growing else gone.content.count("def step_")
    await world.discord.deletes(gone)
    gate.set()
    assert await ended(app, seconds=100) == ["answered"]
    shown = "\n".join(parted(world, root)[0])
    assert shown.count("def step_") == text.count("def step_") - lost
    assert shown.endswith("The end.")


async def test_a_page_nobody_recorded_does_not_stand_beside_a_shorter_answer(
    world: World, app: App, chat: FakeChat
) -> None:
    """It is posted full, while the question is edited; that Discord would know its nonce again helps nobody."""
    posting = world.discord.fail(*POST, after=1, hold=(go_on := asyncio.Event()))
    chat.will(says(essay(7_000)), says("Because.\n"))
    root = await ask(world, app, "how does login work?")
    await world.discord.until(lambda: posting.struck)
    await app.revisions.revise(replace(question(world, root), text="why?"))
    go_on.set()
    assert await ended(app, seconds=100) == ["answered"]
    assert parted(world, root)[0] == ["Because."]
