"""The pure parts of answering: what a question asks for, what goes over the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.chat.contract import ErrorBody, Message
from core.chat.refusals import in_answer
from core.chat.refusals import refusal as meant
from core.errors import (
    AskrepoError,
    CacheUnusable,
    ChatError,
    NoGit,
    RepositoryAway,
    RepositoryTooLarge,
    RepositoryUnreadable,
)
from core.localchat import questions, refusals, replies
from tests.linear import is_linear
from tests.localchat.asking import content, events


@pytest.mark.parametrize(
    ("text", "callers"),
    [
        ("and who calls it?", True),
        ("Who uses this?", True),
        ("where is it called from", True),
        ("which functions call it?", True),
        ("which other modules import that?", True),
        ("where do we raise GaveUp?", True),
        ("I wonder where:\nis it used?", True),
        ("is it used, and where?", False),
        ("do we use it, and where is it?", False),
        ("is it used anywhere?", True),
        ("usages?", True),
        ("callers of foo", True),
        ("what depends on the cache?", True),
        ("does anything else use it?", True),
        ("which database does it use?", False),
        ("what calls does it make?", False),
        ("how does the call log work?", False),
        ("how is the cache used for sessions?", False),
        ("who maintains this?", False),
    ],
)
def test_questions_for_callers_are_told_apart(text: str, callers: bool) -> None:
    assert questions.read([Message(role="user", content=text)]).callers is callers


@pytest.mark.parametrize(
    "unit", ["where ", "where do ", "which a b c ", "who ", "this ", "a", "aB", "a_", "a.", "`", "`a", " "]
)
def test_the_work_is_linear(unit: str) -> None:
    def read(text: str) -> object:
        turns = zip(("user", "assistant", "user"), (text, text, text), strict=True)
        return questions.read([Message(role=role, content=content) for role, content in turns])

    assert is_linear(read, unit, 20_000)


@pytest.mark.parametrize("kind", [RepositoryAway, RepositoryUnreadable, RepositoryTooLarge, NoGit, CacheUnusable])
def test_a_client_is_told_why_it_gets_no_answer(kind: type[ChatError]) -> None:
    refusal = refusals.of(kind("/srv/canary cannot be used" if kind is CacheUnusable else "github.com/o/n: so it is"))
    body = refusal.body()
    assert "canary" not in json.dumps(body)
    assert type(meant(refusal.status, {}, json.dumps(body).encode(), datetime.now(UTC))) is kind
    assert type(in_answer(ErrorBody.model_validate(body["error"]))) is kind


def test_an_error_nobody_expected_is_a_plain_500() -> None:
    refusal = refusals.of(AskrepoError("secret detail"))
    assert refusal.status == 500
    assert refusal.body()["error"]["type"] == "server_error"
    assert "secret" not in json.dumps(refusal.body())


@settings(deadline=None)
@given(st.text())
def test_the_pieces_of_a_stream_are_the_text_and_survive_any_reader(text: str) -> None:
    pieces = replies.pieces(text)
    assert "".join(pieces) == text
    assert all(0 < len(piece.strip("\n")) <= 61 for piece in pieces if piece.strip("\n"))
    reply = replies.Reply("id", 0)
    stream = b"".join(reply.events(text)).decode()
    assert stream.splitlines() == stream.split("\n")[:-1], "no character in it may look like a line end"
    assert content(events(stream)) == text
