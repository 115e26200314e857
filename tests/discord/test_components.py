"""The bodies of messages and the ids of their buttons."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord import components
from bots.discord.components import Style, answer, custom_id, echo, notice, parse, said, shows
from bots.discord.outgoing import GROWTH, PAGE, rendered
from core.conversation.values import Asker, ChannelRef, Notice, Offer, Outcome, Question, ThreadRef
from core.errors import UnknownAlias
from core.relay.delivery import Footer, Post
from core.wording import sentence

TURN = "0123456789abcdef0123456789abcdef"
QUESTION = Question(
    ThreadRef(ChannelRef("discord", "1", "2"), "3"), "3", 3, Asker("4"), "why?", datetime(2026, 1, 1, tzinfo=UTC)
)
ANSWERED = Footer(Outcome.ANSWERED, "github.com/acme/my_app", "gpt_4o", 3.0, alias="web")


def post(number: int = 0, *, full: bool = False) -> Post:
    return Post(QUESTION, TURN, number, None, full)


def labels(message: components.Message) -> list[str]:
    rows = message["components"]
    assert isinstance(rows, list)
    return [button["label"] for row in rows for button in row["components"]]


def test_an_answer_begins_with_a_sign_and_a_button_that_stops_it() -> None:
    message = answer("", post(), None)
    assert message["content"] == "-# Looking through the code…"
    assert labels(message) == ["Stop"]


def test_a_full_post_has_no_buttons() -> None:
    assert answer("text", post(full=True), None) == {"content": "text", "components": []}


@pytest.mark.parametrize(
    ("outcome", "buttons"),
    [
        (Outcome.ANSWERED, ["👍", "👎", "Retry"]),
        (Outcome.STOPPED, ["Retry"]),
        (Outcome.FAILED, ["Retry"]),
    ],
)
def test_a_finished_answer(outcome: Outcome, buttons: list[str]) -> None:
    message = answer("text", post(2), Footer(outcome, "github.com/acme/my_app", "gpt_4o", 3.0, alias="web"))
    content = str(message["content"])
    assert content.startswith("text\n-# `github.com/acme/my_app` · in:web · gpt")
    assert "·" in content
    assert labels(message) == buttons


def test_a_name_in_a_footer_neither_links_nor_calls() -> None:
    message = answer("x", post(), Footer(Outcome.ANSWERED, None, "[free](https://evil.example) @everyone <@1>", 1.0))
    footer = str(message["content"]).rpartition("-# ")[2]
    assert "](" not in footer.replace("\\", "") or "\\" in footer
    assert "<@1>" not in footer


@given(st.text(min_size=1, max_size=PAGE), st.text(max_size=400), st.text(max_size=400))
def test_every_post_fits(text: str, model: str, repository: str) -> None:
    footer = Footer(Outcome.FAILED, repository, model, 86_400.0, alias="a" * 32, attached=True)
    assert len(str(answer(text, post(), footer)["content"])) <= 2_000


@pytest.mark.parametrize("model", ["claude-sonnet-4-5-20250929", "_" * 60])
def test_the_fullest_post_fits(model: str) -> None:
    """A page with as many characters to be escaped as may be, under a footer of long names."""
    text = ("a_snake_b " + "word " * 8 + "\n\n") * 100
    while len(rendered(text[:PAGE])) < PAGE + GROWTH - 4:
        text = text.replace("word", "w_rd", 1)
    footer = Footer(Outcome.ANSWERED, "github.com/" + "long-" * 9, model, 75.0, alias="mobile-app", attached=True)
    content = str(answer(text[:PAGE], post(), footer)["content"])
    assert len(content) <= 2_000
    assert "\n-# `github.com" in content
    assert content.endswith("· the whole answer is in the attached file")


def test_every_notice_fits() -> None:
    """A channel may have any number of aliases to choose from."""
    error = UnknownAlias("web", tuple(f"a-long-alias-of-number-{number}" for number in range(100)))
    content = str(notice(Notice(sentence(error)), TURN)["content"])
    assert len(content) <= 2_000
    assert content.startswith("`in:web` names nothing here")
    assert content.endswith("…")


@given(st.text(min_size=1, max_size=6_000))
def test_every_question_fits(text: str) -> None:
    assert len(str(echo("123456789012345678", text)["content"])) <= 2_000


def test_a_question_that_came_by_a_command() -> None:
    assert echo("7", "Why **so**?") == {"content": "-# <@7> asks\nWhy **so**?", "components": []}


def test_a_notice_offers_what_can_be_done() -> None:
    message = notice(Notice("Run `/askrepo map owner/name`.", Offer.MAP), TURN)
    assert message["content"] == "Run `/askrepo-map repository:owner/name`."
    assert labels(message) == ["Map a repository"]
    assert shows(message, TURN) is None  # it is no post of an answer
    assert labels(said("hello")) == []


@pytest.mark.parametrize("action", sorted(components.ACTIONS))
@pytest.mark.parametrize("number", [-1, 0, 12])
def test_ids_are_read_as_they_were_written(action: str, number: int) -> None:
    assert parse(custom_id(action, TURN, number)) == (action, TURN, number)
    assert len(custom_id(action, TURN, number)) <= 100  # characters that Discord takes


def test_the_subject_of_an_id_may_hold_colons() -> None:
    assert parse(custom_id("token", "https://example.com:8080/x", 3)) == ("token", "https://example.com:8080/x", 3)


@pytest.mark.parametrize(
    "given", ["", "stop", "stop:", "stop:x", "stop:x:", "stop:x:y", "other:x:1", "stop:x:--1", f"stop:x:{'9' * 50}"]
)
def test_foreign_ids(given: str) -> None:
    assert parse(given) is None


@given(st.text(max_size=120))
def test_no_id_raises(text: str) -> None:
    parse(text)


def test_a_post_is_known_by_its_buttons() -> None:
    shown = answer("text", post(3), None)
    assert shows(shown, TURN) == 3
    assert shows(shown, "another") is None
    assert shows({"components": [{"components": [{"custom_id": 5}, None]}, "x"]}, TURN) is None


def test_buttons() -> None:
    assert components.button("map", "Map", TURN, style=Style.PRIMARY)["style"] == 1
    assert components.row() == []
    assert components.link("Open", "https://example.com") == {
        "type": 2,
        "style": 5,
        "label": "Open",
        "url": "https://example.com",
    }
