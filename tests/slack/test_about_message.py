"""Asking about a message that monitors and builds posted, by the shortcut: what /chat gets to read of it."""

from __future__ import annotations

from typing import Any

import pytest

from bots.slack.words import shared, words
from core.bootstrap import App
from tests.fakes.chat import FakeChat
from tests.fakes.slack_talk import rich_text
from tests.fakes.slack_values import Message, View
from tests.slack import house
from tests.slack.house import World

_SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "Build 17 of &lt;main&gt; failed"}}
_FIELDS = {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Stage*"}, {"type": "mrkdwn", "text": "lint"}]}


def _rich(*elements: dict[str, Any], kind: str = "section") -> dict[str, Any]:
    return {"type": f"rich_text_{kind}", "elements": list(elements)}


def _text(words: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": words, "style": style}


# what Slack makes of a bot's Markdown, as recordings of conversations.replies show it
_RICH = {
    "type": "rich_text",
    "elements": [
        _rich(_text("Body "), _text("bold", bold=True), _text(" <b> & "), _text("\n\n")),
        _rich(_rich(_text("a")), _rich({"type": "link", "url": "https://example.com/?a&b"}), kind="list"),
        _rich({"type": "link", "url": "https://example.com/17", "text": "Build <17>"}),
        _rich(_text("x = 1"), kind="preformatted"),
        _rich({"type": "user", "user_id": "U1"}, _text(" "), {"type": "emoji", "name": "tada"}),
    ],
}
_CELLS = [{"type": "raw_text", "text": "Test"}, {"type": "rich_text", "elements": [_rich(_text("failed"))]}]
_MADE = [{"type": "header", "text": {"type": "plain_text", "text": "Why"}}, _RICH, {"type": "table", "rows": [_CELLS]}]
_LINKS = "- https://example.com/?a&b\nBuild <17> (https://example.com/17)"
_BODY = f"Body bold <b> & \n- a\n{_LINKS}\n```\nx = 1\n```\n@U1 :tada:"
_BUTTONS = {"type": "actions", "elements": [{"type": "button", "action_id": "x", "text": {"text": "Rerun"}}]}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"text": "a &lt;b&gt;"}, "a <b>"),
        ({"text": "typed", "blocks": rich_text("typed")}, "typed"),
        ({"text": "for notifications", "blocks": [_SECTION, _BUTTONS]}, "Build 17 of <main> failed"),
        ({"text": "", "blocks": [{"type": "header", "text": {"text": "CI"}}, _FIELDS]}, "CI\n*Stage*\nlint"),
        ({"blocks": [{"type": "markdown", "text": "**failed**"}]}, "**failed**"),
        ({"text": "", "attachments": [{"text": "disk full", "fallback": "alert"}]}, "disk full"),
        ({"attachments": [{"title": "Alert", "fields": [{"title": "Host", "value": "db1"}]}]}, "Alert\nHost\ndb1"),
        ({"attachments": [{"fallback": "alert: disk full"}, {"pretext": "on db1"}]}, "alert: disk full\non db1"),
        ({"attachments": [{"blocks": [_SECTION], "fallback": "[no preview available]"}]}, "Build 17 of <main> failed"),
        ({"attachments": [{"blocks": [_BUTTONS], "fallback": "[no preview available]"}]}, ""),
        ({"text": "typed", "attachments": [{"text": "the preview of a link"}]}, "typed"),
        ({"text": "Why Body…", "bot_id": "B1", "blocks": _MADE}, f"Why\n{_BODY}\nTest | failed"),
        ({"text": "for notifications", "bot_id": "B1", "blocks": [_RICH]}, _BODY),
        ({"text": "typed", "blocks": [_RICH, _MADE[2]]}, "typed"),
        ({"attachments": [{"blocks": [_RICH]}]}, _BODY),
        ({"text": "x", "blocks": [{"type": ["y"]}, {"type": {}}]}, "x"),
        ({"text": "", "blocks": [_BUTTONS]}, ""),
        ({"text": 7, "blocks": {"type": "section"}, "attachments": ["x", {"text": ["y"], "fields": "z"}]}, ""),
        ({"attachments": [{"text": "x" * 50_000}] * 9}, "x" * 40_000),
        ({}, ""),
    ],
)
def test_what_a_message_says(message: dict[str, Any], said: str) -> None:
    assert words(message) == said


@pytest.mark.parametrize(
    ("attachments", "said"),
    [
        ([{"is_share": True, "is_msg_unfurl": True, "text": "KeyError &lt;sid&gt;"}], "KeyError <sid>"),
        ([{"is_share": True, "text": "one"}, {"is_msg_unfurl": True, "text": "two"}], "one\ntwo"),
        ([{"from_url": "https://example.com", "title": "A page", "text": "the preview of a link"}], ""),
        ([{"is_share": "true", "text": "odd"}, {"is_msg_unfurl": 1, "text": "odd"}], ""),
        ([{"is_share": True, "message_blocks": [{"message": {"blocks": [_SECTION]}}]}], "Build 17 of <main> failed"),
        ([{"is_share": True, "text": "x" * 5_000}], "x" * 4_000),
        ([{"is_share": True, "text": f"export KEY=ghp_{'aB3dE6gH9jK2' * 3}"}], ""),
        ([{"is_share": True, "files": [{"id": "F1"}], "message_blocks": "odd"}, "odd"], ""),
        ("odd", ""),
    ],
)
def test_what_is_shared_with_a_message(attachments: Any, said: str) -> None:
    assert shared({"text": "see this", "attachments": attachments}) == said


@pytest.fixture
def transport() -> str:
    """An interaction is the same over Socket Mode, for which the contract of all platforms stands."""
    return "http"


def of_ci(world: World, root: Message | None = None, **holding: Any) -> Message:
    """A post of a build, of which we were not told."""
    ci = world.slack.user(world.team, "ci", bot=True)
    message = Message(world.slack.now_ts(), world.general, ci, bot_id="B0CI", **holding)
    message.thread_ts = None if root is None else root.ts
    world.general.add(message)
    return message


async def ask_form(world: World) -> View:
    await world.slack.until(lambda: world.slack.modal(world.bob))
    form = world.slack.modal(world.bob)
    assert form is not None
    return form


async def asked_about(world: World, message: Message) -> None:
    world.slack.allows_pings_of(world.bob)
    await world.slack.shortcut(world.bob, message, "ask_about_message")
    await world.slack.submits(world.bob, await ask_form(world), question="why that?")


@pytest.mark.parametrize(
    "holding",
    [{"blocks": [_SECTION]}, {"attachments": [{"text": "Build 17 of &lt;main&gt; failed"}]}],
    ids=["blocks", "attachments"],
)
@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_message_without_text_is_what_is_asked_about(
    world: World, app: App, chat: FakeChat, holding: dict[str, Any], in_thread: bool
) -> None:
    root = await world.slack.says(world.alice, world.general, "Deploying.") if in_thread else None
    message = of_ci(world, root, **holding)
    await asked_about(world, message)
    (asked,) = (await chat.arrival()).questions
    assert "why that?" in asked
    assert "> Build 17 of <main> failed" in asked
    await house.answered(world, root or message)


async def test_a_reply_that_is_a_file_alone_is_asked_about_with_its_thread(
    world: World, app: App, chat: FakeChat
) -> None:
    root = await world.slack.says(world.alice, world.general, "It fails since 4711.")
    of_ci(world, root, attachments=[{"fallback": "alert: disk full"}])
    picture = world.slack.file(world.alice, "screen.png", b"\x89PNG", "image/png")
    message = await world.slack.says(world.alice, world.general, thread=root, files=[picture])
    await asked_about(world, message)
    (asked,) = (await chat.arrival()).questions
    assert "It fails since 4711." in asked
    assert "alert: disk full" in asked
    await house.answered(world, root)


async def test_whoever_asks_about_nothing_is_told_so(world: World, app: App, chat: FakeChat) -> None:
    message = of_ci(world, blocks=[_BUTTONS])
    await world.slack.shortcut(world.bob, message, "ask_about_message")
    await world.slack.until(lambda: world.slack.ephemerals(world.general, world.bob))
    (told,) = world.slack.ephemerals(world.general, world.bob)
    assert told.shown.startswith("I can read no text in that message.")
    assert world.slack.modal(world.bob) is None
    assert chat.requests == []
