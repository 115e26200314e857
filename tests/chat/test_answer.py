"""Putting an answer together, without a network."""

from __future__ import annotations

import json
import random
import tracemalloc
from typing import Any

import pytest

from core.chat.answer import ANSWER_LIMIT, StreamedAnswer, whole_answer
from core.chat.contract import MODEL_LIMIT, parse
from core.chat.events import LINE_LIMIT
from core.chat.progress import Finished
from core.errors import BrokenOff, ChatError, ServiceUnavailable, UnusableAnswer
from tests.chat.test_events import cut
from tests.fakes.chat_replies import event, piece, stream, whole


def streamed(*parts: bytes) -> tuple[str, Finished | ChatError]:
    answer = StreamedAnswer()
    text = ""
    for part in parts:
        if not answer.over:
            text += answer.feed(part)
    if not answer.over:
        text += answer.close()
    try:
        return text, answer.result()
    except ChatError as error:
        return text, error


def finished(*parts: bytes) -> Finished:
    text, end = streamed(*parts)
    assert isinstance(end, Finished), end
    assert end.text == text
    return end


@pytest.mark.parametrize(
    ("first", "second"),
    [("\\ud83d", "\\ude00"), ("a\\ud83d", "\\ude00b"), ("\\ud83d\\ude00", "")],
)
def test_an_emoji_cut_by_utf_16_units_is_one_character(first: str, second: str) -> None:
    parts = [f'data: {{"choices": [{{"delta": {{"content": "{half}"}}}}]}}\n\n'.encode() for half in (first, second)]
    assert "😀" in finished(*parts, event(piece(finish="stop"))).text


def test_half_a_character_and_nul_never_leave() -> None:
    raw = b'data: {"choices": [{"delta": {"content": "a\\ude00b\\u0000c\\ud83d"}, "finish_reason": "stop"}]}\n\n'
    assert finished(raw).text == "a\ufffdb\ufffdc"


def test_neither_leaves_in_the_models_name() -> None:
    for octets in (rb"a\u0000b\ud83dc", rb"\u0000", rb"\ud800", rb"\udc00\ud800", rb"\u00e9\u0000"):
        found = parse(f'{{"model": "{octets.decode()}"}}')
        assert found is not None
        assert found.model
        assert "\0" not in found.model
        assert found.model.encode().decode() == found.model
    body = json.dumps({**whole("text"), "model": "gpt\0-4o"})
    assert whole_answer(body.encode()).model == "gpt\ufffd-4o"
    chunk = json.dumps({**piece("text", "stop"), "model": "gpt\ud83d-4o"})
    assert finished(event(chunk)).model == "gpt\ufffd-4o"


@pytest.mark.parametrize("name", ["x" * MODEL_LIMIT + "y", "\U0001f600" * 5_000, "\0" * 5_000])
def test_a_models_name_is_kept_as_far_as_a_line_has_room(name: str) -> None:
    model = whole_answer(json.dumps({**whole("text"), "model": name}).encode()).model
    assert model == name[:MODEL_LIMIT].replace("\0", "\ufffd")


@pytest.mark.parametrize("field", ["message", "type", "param", "code"])
def test_an_error_holds_neither(field: str) -> None:
    found = parse(json.dumps({"error": {field: "a\0b\ud83dc"}}))
    assert found is not None
    assert found.error is not None
    assert getattr(found.error, field) == "a\ufffdb\ufffdc"


def test_metadata_is_kept_from_wherever_it_came() -> None:
    usage = {**piece(), "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens_details": {"x": 1}}}
    end = finished(event(piece("a")), event({**piece("b", "length"), "model": "m-2"}), event(usage), event("[DONE]"))
    assert (end.text, end.model, end.finish_reason) == ("ab", "gpt-4o", "length")


@pytest.mark.parametrize("field", ["delta", "message"])
def test_the_first_choice_counts(field: str) -> None:
    choices = json.dumps([None, "", {field: {"content": "a"}, "finish_reason": "stop"}, {field: {"content": "b"}}])
    octets = f'{{"choices": {choices}}}'.encode()
    assert (finished(event(octets.decode())) if field == "delta" else whole_answer(octets)).text == "a"


def test_choices_that_nobody_reads_cost_next_to_nothing() -> None:
    """A process answers many at once, and each may be sent as long a line as there is."""
    room = LINE_LIMIT - len('data: {"choices": []}')
    octets = event(f'{{"choices": [{",".join(["{}"] * (room // len("{},")))}]}}')
    assert LINE_LIMIT - 3 <= len(octets.rstrip()) <= LINE_LIMIT
    streamed(octets)  # warm
    tracemalloc.start()
    try:
        streamed(octets)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


ODD: list[Any] = [None, "", "text", 0, -1, 1.5, True, [], [1], {}, {"a": {}}, [[]], [{}], 1 << 70, "\ud800"]


@pytest.mark.parametrize("field", ["id", "object", "created", "model", "usage", "service_tier", "system_fingerprint"])
def test_no_answer_fails_over_metadata(field: str) -> None:
    for odd in ODD:
        body = json.dumps({**whole("text"), field: odd}).encode()
        assert whole_answer(body).text == "text"
        chunk = json.dumps({**piece("text", "stop"), field: odd})
        assert finished(event(chunk)).text == "text"


@pytest.mark.parametrize("field", ["index", "logprobs", "finish_reason", "message.role", "message.tool_calls", "new"])
def test_no_answer_fails_over_a_choices_metadata(field: str) -> None:
    for odd in ODD:
        completion = whole("text")
        inside, _, name = field.rpartition(".")
        target = completion["choices"][0][inside] if inside else completion["choices"][0]
        target[name] = odd
        assert whole_answer(json.dumps(completion).encode()).text == "text"


def test_a_refusal_is_the_answer_where_there_is_no_content() -> None:
    body = whole(None)
    body["choices"][0]["message"]["refusal"] = "I won't."
    assert whole_answer(json.dumps(body).encode()).text == "I won't."


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'"text"', b"{}", b'{"choices": []}', b'{"choices": [{}]}', b"[" * 100_000, b"\xff"],
)
def test_a_body_that_is_no_answer(body: bytes) -> None:
    with pytest.raises(UnusableAnswer):
        whole_answer(body)


@pytest.mark.parametrize("text", [None, "", " \n", 5, ["a"], {}])
def test_content_that_says_nothing(text: Any) -> None:
    with pytest.raises(UnusableAnswer):
        whole_answer(json.dumps(whole(text)).encode())
    _, end = streamed(event(piece(text)), event(piece(finish="stop")))
    assert isinstance(end, UnusableAnswer)


def test_a_whole_body_may_have_a_byte_order_mark_and_bad_octets() -> None:
    body = b"\xef\xbb\xbf" + json.dumps(whole("text")).encode().replace(b"text", b"t\xffxt")
    assert whole_answer(body).text == "t\ufffdxt"


def test_an_error_in_a_whole_body_is_that_error() -> None:
    with pytest.raises(ServiceUnavailable):
        whole_answer(b'{"error": {"message": "boom"}}')
    with pytest.raises(ServiceUnavailable):
        whole_answer(b'{"error": "boom"}')
    assert whole_answer(json.dumps({**whole("text"), "error": None}).encode()).text == "text"


@pytest.mark.parametrize("junk", [b"data: {\n\n", b"data: null\n\n", b"data: <html>\n\n", b'data: {"a": "\\u12\n\n'])
def test_a_damaged_event_ends_the_answer(junk: bytes) -> None:
    text, end = streamed(event(piece("a")) + junk + event(piece("b", "stop")))
    assert text == "a"
    assert isinstance(end, BrokenOff)
    assert end.partial == "a"
    assert isinstance(streamed(junk)[1], UnusableAnswer)


def test_an_answer_of_the_limit_is_taken_and_one_octet_more_is_not() -> None:
    pieces = [event(piece("x" * (ANSWER_LIMIT // 8)))] * 8
    assert len(finished(*pieces, event(piece(finish="stop"))).text) == ANSWER_LIMIT
    text, end = streamed(*pieces, event(piece("x")), event(piece(finish="stop")))
    assert isinstance(end, UnusableAnswer)
    assert end.partial == text == "x" * ANSWER_LIMIT
    with pytest.raises(UnusableAnswer):
        whole_answer(json.dumps(whole("é" * (ANSWER_LIMIT // 2) + "x")).encode())


def test_text_after_a_finish_reason_belongs_to_the_answer() -> None:
    assert finished(event(piece("a", "stop")), event(piece("b", "stop")), event("[DONE]")).text == "ab"


def test_what_follows_done_does_not() -> None:
    assert finished(*stream(["a"]), event(piece("b"))).text == "a"
    assert finished(b"".join([*stream(["a"]), event(piece("b"))])).text == "a"


def test_where_an_answer_is_cut_never_matters() -> None:
    cut_at_random(300)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_where_an_answer_is_cut_never_matters_20_000_times() -> None:
    cut_at_random(20_000)


def cut_at_random(examples: int) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(examples):
        tokens = chance.choices(["a", "ü", "€", "😀", "日本", "\n", "\r\n", '"', "\\", " ", "\u2028"], k=12)
        events = [*stream(["x", *tokens], done=chance.random() < 0.5)]
        for _ in range(chance.randint(0, 4)):
            noise = chance.choice([b": ping\n\n", b"\n", b":\n", b"retry: 1\n\n", event({"choices": []}), b"id: 1\n"])
            events.insert(chance.randint(0, len(events)), noise)
        octets = b"".join(events)
        if chance.random() < 0.5:
            octets = octets.replace(b"\n\n", chance.choice([b"\r\n\r\n", b"\r\r", b"\n\r\n"]))
        if chance.random() < 0.3:
            octets = octets.rstrip(b"\r\n")
        assert finished(*cut(chance, octets)).text == "x" + "".join(tokens), octets


def test_parse_never_raises() -> None:
    for odd in ODD:
        for name in ("choices", "error", "usage", "model"):
            assert parse(json.dumps({name: odd})) is not None
        for name in ("delta", "message", "finish_reason", "index"):
            assert parse(json.dumps({"choices": [{name: odd}]})) is not None


def test_an_event_that_ends_too_long_takes_nothing_of_the_text_before() -> None:
    half = b"data: " + b"x" * (LINE_LIMIT // 2)
    text, end = streamed(event(piece("So far.")), half + b"\n", half + b"x")
    assert isinstance(end, UnusableAnswer)
    assert text == end.partial == "So far."
