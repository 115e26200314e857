"""The reader of server-sent events: every oddity, and that it never matters where the octets were cut."""

from __future__ import annotations

import random
import re

import pytest

from core.chat.events import LINE_LIMIT, EventReader
from core.errors import UnusableAnswer


def read(*octets: bytes) -> list[str]:
    reader = EventReader()
    events = [data for part in octets for data in reader.feed(part)]
    return [*events, f"tail:{reader.close()}"]


def feed_all(reader: EventReader, *octets: bytes) -> None:
    for part in octets:
        list(reader.feed(part))


@pytest.mark.parametrize(
    ("octets", "events"),
    [
        (b"", ["tail:"]),
        (b"data: a\n\n", ["a", "tail:"]),
        (b"data:a\n\n", ["a", "tail:"]),
        (b"data:  a \n\n", [" a ", "tail:"]),
        (b"data: a\r\ndata: b\rdata: c\n\r\n", ["a\nb\nc", "tail:"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b", "tail:"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a", "tail:"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", ["a", "tail:"]),
        (b": ping\n\n:\n\n\n\n\r\n\r\n", ["tail:"]),
        (b": ping\ndata: a\n: ping\ndata: b\n\n", ["a\nb", "tail:"]),
        (b"event: x\nid: 1\x002\nretry: 5\nunknown: y\nno colon\ndata: a\n\n", ["a", "tail:"]),
        (b"data\n\ndata:\n\ndata: \n\n", ["tail:"]),
        (b"data:\ndata:\n\n", ["\n", "tail:"]),
        (b"data: a: b\n\n", ["a: b", "tail:"]),
        (b" data: a\n\nDATA: a\n\n", ["tail:"]),
        (b"data: \xc3\xbc \xff\xc3\n\n", ["ü \ufffd\ufffd", "tail:"]),
        (b"data: a", ["tail:a"]),
        (b"data: a\n", ["tail:a"]),
        (b"data: a\ndata: b", ["tail:a\nb"]),
        (b"data: a\n\n: bye", ["a", "tail:"]),
    ],
)
def test_reads_what_the_standard_says(octets: bytes, events: list[str]) -> None:
    assert read(octets) == events
    assert read(*(bytes([octet]) for octet in octets)) == events
    assert by_the_book(octets) == events


def test_an_event_is_there_with_its_last_octet() -> None:
    reader = EventReader()
    assert list(reader.feed(b"data: a\r\n\r")) == ["a"]
    assert list(reader.feed(b"\ndata: b\n")) == []
    assert list(reader.feed(b"\n")) == ["b"]


@pytest.mark.parametrize(
    "endless",
    [b"data: " + b"x" * LINE_LIMIT, b":" + b"x" * LINE_LIMIT, b"x" * (LINE_LIMIT + 1)],
    ids=["data", "comment", "field"],
)
@pytest.mark.parametrize("size", [1 << 10, 1 << 16, 1 << 22])
def test_a_line_without_end_is_refused_at_the_limit(endless: bytes, size: int) -> None:
    reader = EventReader()
    assert list(reader.feed(b"data: before\n\n")) == ["before"]
    with pytest.raises(UnusableAnswer):
        feed_all(reader, *(endless[start : start + size] for start in range(0, len(endless), size)))


def test_an_event_without_end_is_refused_at_the_limit() -> None:
    with pytest.raises(UnusableAnswer):
        feed_all(EventReader(), *[b"data: " + b"x" * 1_000 + b"\n"] * (LINE_LIMIT // 1_000 + 1))


def test_events_before_a_line_too_long_are_still_read() -> None:
    events = EventReader().feed(b"data: a\n\ndata: b\n\n" + b"x" * (LINE_LIMIT + 1))
    assert [next(events), next(events)] == ["a", "b"]
    with pytest.raises(UnusableAnswer):
        next(events)


def test_a_line_of_exactly_the_limit_is_taken() -> None:
    line = b":" + b"x" * (LINE_LIMIT - 1)
    assert read(line + b"\n", b"data: a\n\n") == ["a", "tail:"]


def test_where_it_is_cut_never_matters() -> None:
    cut_at_random(2_000)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_where_it_is_cut_never_matters_100_000_times() -> None:
    cut_at_random(100_000)


def cut_at_random(examples: int) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(examples):
        octets = any_stream(chance)
        expected = by_the_book(octets)
        assert read(octets) == expected, octets
        assert read(*cut(chance, octets)) == expected, octets


FRAGMENTS = [
    *(text.encode() for text in ("data:", "data: ", "data", "event: e", "id: 1", "retry: 1", ":", ": ping", "x", " ")),
    *(text.encode() for text in ("[DONE]", '{"a": "ü€😀"}', "é", "日本", "\u2028", "\x85", "\x00", "\ufeff")),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n", b"\n\n"),
    *(b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf"),
]


def any_stream(chance: random.Random) -> bytes:
    begin = b"\xef\xbb\xbf" if chance.random() < 0.2 else b""
    return begin + b"".join(chance.choices(FRAGMENTS, k=chance.randint(0, 40)))


def cut(chance: random.Random, octets: bytes) -> list[bytes]:
    places = sorted(chance.randint(0, len(octets)) for _ in range(chance.randint(0, 12)))
    return [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]


def by_the_book(octets: bytes) -> list[str]:
    """The standard, word by word, over the whole stream at once."""
    lines = re.split("\r\n|\n|\r", octets.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))
    events: list[str] = []
    data: list[str] = []
    for number, line in enumerate(lines):
        field, _, value = line.partition(":")
        if field == "data":
            data.append(value.removeprefix(" "))
        if line == "" and number < len(lines) - 1:
            events += ["\n".join(data)] if "\n".join(data) else []
            data = []
    return [*events, "tail:" + "\n".join(data)]
