"""What is kept of Slack with a question."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.attached import MOST, File
from bots.slack.reference import Invocation, Reference, decode, files_of

_WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
_FILES = st.builds(File, st.from_regex(r"F[A-Z0-9]{1,10}", fullmatch=True), _WORDS, _WORDS, st.integers(0), _WORDS)
_COMMANDS = st.builds(Invocation, _WORDS, _WORDS)
_REFERENCES = st.builds(
    Reference,
    st.none() | st.just("T0HOME0001"),
    st.none() | st.just("E0HOME0001"),
    st.none() | st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(_FILES, max_size=MOST).map(tuple),
    st.integers(0, 90),
    st.none() | _COMMANDS,
    _WORDS,
)


@given(_REFERENCES)
def test_what_was_kept_comes_back(reference: Reference) -> None:
    assert decode(reference.encode()) == reference


def test_nothing_takes_no_room() -> None:
    assert Reference().encode() == "{}"
    assert Reference("T1", foreign=False).encode() == '{"team":"T1","foreign":false}'


@pytest.mark.parametrize("stored", ["", "null", "7", "[]", '"a"', "{", "[" * 200_000, '{"team":' * 50_000, "\ud800"])
def test_what_cannot_be_read_says_nothing(stored: str) -> None:
    assert decode(stored) == Reference()


def test_what_is_unknown_or_odd_is_passed_over() -> None:
    told = {
        "team": 7,
        "foreign": "no",
        "guest": 1,
        "shared": "true",
        "thread": None,
        "files": [["F1", "a"], "F2", ["F3", "a", "b", 3, "c"], {"id": "F4"}],
        "left_out": -1,
        "command": {"url": 1, "text": None, "more": 1},
        "about": ["it"],
        "later": {"a": 1},
    }
    assert decode(json.dumps(told)) == Reference(files=(File("F3", "a", "b", 3, "c"),), command=Invocation())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_of_a_field_raises(odd: object) -> None:
    for key in ("team", "foreign", "guest", "shared", "thread", "files", "left_out", "command", "about"):
        decode(json.dumps({key: odd}))
        decode(json.dumps({key: {"url": odd, "ts": odd, "text": odd}}))


def test_ten_files_are_kept_and_the_rest_counted() -> None:
    files, left_out = files_of([{"id": f"F{number}"} for number in range(13)])
    assert [file.file_id for file in files] == [f"F{number}" for number in range(10)]
    assert left_out == 3


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({"mode": "hosted"}, "https://files.slack.com/x"),
        ({"mode": "snippet"}, "https://files.slack.com/x"),
        ({"mode": "external", "is_external": True}, ""),
        ({"mode": "hosted", "is_external": True}, ""),
        ({"mode": "hidden_by_limit"}, ""),
        ({}, ""),
    ],
)
def test_only_what_slack_holds_is_fetched(changes: dict[str, object], url: str) -> None:
    files, _ = files_of(
        [{"id": "F1", "size": "big", "name": None, "url_private": "https://files.slack.com/x", **changes}]
    )
    assert files == (File("F1", url=url),)


def test_what_is_no_file_is_left_out() -> None:
    assert files_of([{"id": "F1", "mode": "tombstone"}, {"id": 7}, "F1", None]) == ((), 0)
    assert files_of({"id": "F1"}) == ((), 0)
