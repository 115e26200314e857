"""What a proven body means; and bodies that would be work, refused."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.payload import read
from bots.slack.verify import MOST_OCTETS, Form, Reason, Refused
from tests.fakes.slack_talk import rich_text
from tests.slack.signing import as_form, as_json, as_payload, command, event, interaction

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LEAF = (
    st.none() | st.booleans() | st.integers(-(10**19), 10**19) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
TREE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def refused(body: bytes, form: Form) -> bool:
    try:
        read(body, form)
    except Refused as caught:
        return caught.reason is Reason.BODY
    return False


@given(st.dictionaries(TEXT, TREE, max_size=6), st.booleans())
def test_an_object_comes_through_as_it_was(payload: dict[str, object], plain: bool) -> None:
    body = json.dumps(payload, ensure_ascii=not plain).encode()
    assert read(body, Form.JSON) == payload
    assert read(b"payload=" + quote_plus(body).encode(), Form.FIELDS) == payload


@given(st.binary(max_size=300), st.sampled_from(Form))
def test_any_octets_are_an_object_or_refused(body: bytes, form: Form) -> None:
    if not refused(body, form):
        assert isinstance(read(body, form), dict)


@given(st.text('"\\[]{}:,ud8c0 ', max_size=60))
def test_the_look_at_the_octets_agrees_with_the_parser(text: str) -> None:
    body = '{"a":' + text + "}"
    try:
        expected = json.loads(body)
    except ValueError:
        assert refused(body.encode(), Form.JSON)
    else:
        found = read(body.encode(), Form.JSON)
        assert found == expected or "\ufffd" in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize(
    "text", ["explain the payload format", "payload", "payload={}", "&payload={}", "a\x00b", "ж 😀 +%"]
)
def test_the_text_of_a_command_may_be_anything(text: str) -> None:
    assert read(as_form(command(text)), Form.FIELDS) == command(text)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5, unique_by=lambda pair: pair[0]))
def test_any_form_is_read_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    fields = {name: value for name, value in pairs if name != "payload"}
    assert read(as_form(fields), Form.FIELDS) == fields
    assert read(as_form(fields).replace(b"+", b"%20"), Form.FIELDS) == fields


def test_a_long_text_in_any_script_is_taken() -> None:
    text = "ж" * 40_000  # as much as Slack lets somebody write, once as text and once in blocks
    assert read(as_payload({"text": text, "blocks": [text]}), Form.FIELDS)["text"] == text


def edit(post: dict[str, object]) -> dict[str, object]:
    return event(type="message", subtype="message_changed", message=post, previous_message=post)


@pytest.mark.parametrize("letter", ["a", "ж", "𝒶"])
def test_the_longest_post_in_the_smallest_pieces_is_taken_twice_as_in_an_edit(letter: str) -> None:
    text = f"`{letter}` " * 10_000
    post: dict[str, object] = {"text": text, "blocks": rich_text(text)}
    body = json.dumps(edit(post), separators=(",", ":")).encode()  # in octets as Slack writes it
    assert len(body) <= MOST_OCTETS
    assert read(body, Form.JSON) == edit(post)
    form = as_form({"payload": json.dumps({"message": post}, separators=(",", ":"))})
    assert len(form) <= MOST_OCTETS
    assert read(form, Form.FIELDS) == {"message": post}


def test_all_that_slack_takes_in_blocks_is_taken_in_every_style_at_once() -> None:
    style = dict.fromkeys(("bold", "italic", "strike", "underline"), True)
    emoji, blank = {"type": "emoji", "name": "x", "unicode": "274c"}, {"type": "text", "text": " "}
    pair = [{**emoji, "style": style}, {**blank, "style": style}]
    section = {"type": "rich_text_section", "elements": pair * 3_300}  # 13,200 characters: ":x: " and so on
    post: dict[str, object] = {"text": ":x: " * 3_300, "blocks": [{"type": "rich_text", "elements": [section]}]}
    body = as_json(edit(post))
    assert len(body) <= MOST_OCTETS
    assert read(body, Form.JSON) == edit(post)
    form = as_payload({"message": post})
    assert len(form) <= MOST_OCTETS
    assert read(form, Form.FIELDS) == {"message": post}


def test_an_empty_field_stays() -> None:
    assert read(as_form(command("")), Form.FIELDS)["text"] == ""


def test_an_interaction_is_its_payload() -> None:
    assert read(as_payload(interaction()), Form.FIELDS) == interaction()


def test_an_event_is_itself() -> None:
    assert read(as_json(event()), Form.JSON) == event()


def test_half_a_character_becomes_a_replacement_and_a_whole_one_stays() -> None:
    body = rb'{"a": "x\ud83d", "b": "\ud83d\ude00", "c": "\\ud83d", "d": "\uDE00\ud83d", "e": "\\\ud83d\n"}'
    found = read(body, Form.JSON)
    assert found == {"a": "x�", "b": "😀", "c": r"\ud83d", "d": "��", "e": "\\�\n"}
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b"{",
        b"{}{}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        "\ufeff{}".encode(),
        '{"a": 1}'.encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"a":' + b"7" * 5_000 + b"}",
        b'{"a":' + b"7" * 21 + b"}",
        b'{"a":[' + b"1," * 240_000 + b"1]}",
        b'{"a":[' + b"[]," * 80_000 + b"1]}",
        b'"\\' * 500_000,
        b'{"a":["' + b'","' * 220_000 + b'"]}',
    ],
)
def test_a_body_that_is_no_object_or_too_much_of_one_is_refused(body: bytes) -> None:
    assert refused(body, Form.JSON)
    assert refused(b"payload=" + quote_plus(body).encode(), Form.FIELDS)


@pytest.mark.parametrize(
    "body",
    [
        b"a=%ff",
        b"a=\xff",
        b"%ff=a",
        b"payload={}&payload={}",
        b"text=a&text=b",
        b"payload=",
        b"a=&" * 1_000_000,
        b"&" * 1_000_000,
        b"text=%4",
        b"text=%",
        b"text=%zz",
        b"text=%+1",
        b"text=%u0416",
        b"text=" + b"%" * 1_000_000,
        "text=ж".encode(),
        rb"text=\n",
        b'text="',
        b"text=a\nb",
    ],
)
def test_a_form_that_is_none_of_slacks_is_refused(body: bytes) -> None:
    assert refused(body, Form.FIELDS)


@pytest.mark.parametrize(
    "payload",
    [
        {"a": "[" * 100_000},
        {"a": "," * 100_000},
        {"a": "7" * 5_000},
        {"a": '"' * 100_000},
        {"a": "\\" * 100_000},
        {"7" * 50: "1"},
        {"a": 10**19},
    ],
)
def test_a_text_is_not_mistaken_for_structure(payload: dict[str, object]) -> None:
    assert read(as_json(payload), Form.JSON) == payload


def test_the_deepest_that_is_taken() -> None:
    assert read(b'{"a":' * 64 + b"1" + b"}" * 64, Form.JSON)
