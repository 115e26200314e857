"""Random hostile answers, read by an independent parser: nobody is called, nothing hidden, code as it was."""

from __future__ import annotations

import re
from random import Random

import pytest

from bots.slack.outgoing import GROWTH, Growing, escaped, rendered
from tests.fuzzing import fuzz, half_a_million
from tests.slack.mrkdwn import (
    BARE_COMMONMARK,
    PLAIN,
    SPOKEN,
    WITH_HTML,
    code,
    links,
    mentions,
    prose,
    spans,
    traps,
)
from tests.slack.nasty import BLOCKS, CODE, KINDS, LINKS, MENTIONS, PARAGRAPH, WORDS, listing, nasty
from tests.unseen import unseen

READERS = (WITH_HTML, PLAIN, BARE_COMMONMARK)


def assert_harmless(shown: str, number: int) -> None:
    assert not mentions(shown)
    assert not unseen(shown)
    parsed = READERS[number % len(READERS)].parse(shown)
    assert not links(parsed)
    read, apart = prose(parsed)
    assert not mentions(read)
    assert not SPOKEN.search(read)
    assert not traps(apart)


def assert_same_when_cut(text: str, shown: str, random: Random) -> None:
    known = Growing().streamable(text[: random.randint(0, len(text))])
    assert text.startswith(known)
    assert shown.startswith(rendered(known))


def assert_same_as_it_grows(text: str, random: Random) -> None:
    """At each of some changes, and now and then with a shorter text or another, it is as if read for the first time."""
    page, cuts = Growing(), sorted(random.randint(0, len(text)) for _ in range(6))
    for cut in [*cuts, len(text), random.choice(cuts)]:
        other = nasty(random, 3) if random.random() < 0.1 else ""
        known = page.streamable(text[:cut] + other)
        assert known == Growing().streamable(text[:cut] + other)
        assert page.rendered(known) == rendered(known)
        assert page.rendered(text[:cut] + other) == rendered(text[:cut] + other)


def as_was(shown: str) -> str:
    return shown.replace("\u200b", "")


def check(number: int, random: Random) -> None:
    text = nasty(random, 12)
    shown = rendered(text)
    assert len(shown) <= len(text) + GROWTH
    assert_harmless(shown, number)
    assert_same_when_cut(text, shown, random)
    assert_same_as_it_grows(text, random)
    story = nasty(random, 30, (PARAGRAPH,) * 10 + KINDS)
    assert_same_when_cut(story, rendered(story), random)
    if number % 4 == 0:
        block, inside = listing(random)
        before = nasty(random, 6, (MENTIONS, LINKS, WORDS, ("` ", "`a`", "# ", "- ", "> ", "|-|"))).replace("~", "")
        whole = rendered(f"{before}\n\n{block}\n{nasty(random, 4)}")
        assert as_was(inside) in map(as_was, code(whole, READERS[number // 4 % 3]))
        assert_harmless(whole, number)
    elif number % 4 == 1:
        # Without what hides, breaks or divides readers, all blocks of code are those of the text.
        tame = nasty(random, 14, (BLOCKS, CODE, ("a", "b ", " ", "[a](b)", "*"))).replace("|", "")
        # markdown-it takes some deep lines that continue a paragraph for code
        tame = re.sub(r"\n {4,}", "\n\n    ", re.sub(">[ >]*", "> ", tame.replace("\t", "    ")))
        assert [*map(as_was, code(rendered(tame)))] == [*map(as_was, code(tame))]
    elif number % 4 == 2:
        words = nasty(random, 10, (CODE, LINKS, ("a ", "b. ", "*", "| "))).replace("\n", " ")
        line = re.sub(r"<(?=\S)", "< ", f"so {words}")  # readers see tags and addresses before code
        assert_subsequence(spans_of(line), spans_of(rendered(line)))
    else:
        plain = escaped(text)
        assert not mentions(plain)
        assert not unseen(plain)
        assert not re.search(r"[<>*`~]", plain)


def spans_of(text: str) -> list[str]:
    return [as_was(part) for part in spans(text)]


def assert_subsequence(parts: list[str], among: list[str]) -> None:
    found = iter(among)
    for part in parts:
        assert any(part == other for other in found), f"{part!r} not in order among {among!r}"


@pytest.mark.timeout(600)  # all of it is work of the processor
def test_ten_thousand_answers() -> None:
    fuzz(check, 3, range(10_000))


@pytest.mark.long
@pytest.mark.timeout(7_200)
def test_half_a_million_answers() -> None:
    half_a_million(check)
