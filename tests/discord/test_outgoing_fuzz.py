"""Random hostile answers, read by an independent parser: nobody is called, nothing hidden, code as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bots.discord.outgoing import GROWTH, escaped, rendered
from core.invisible import with_unseen_named, without_unseen
from tests.discord.markdown import Seen, cards, pinged, shapes
from tests.discord.nasty import ADDRESSES, EMOJI, KINDS, LINKS, LOOKS, MENTIONS, WORDS, listing, nasty, span
from tests.fuzzing import fuzz, half_a_million
from tests.slack.mrkdwn import is_honest
from tests.unseen import unseen

_READER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
_READER.normalizeLinkText = str  # type: ignore[assignment, method-assign]  # it would decode punycode
_WORD = re.compile(r"[^\W_]")
_MARKS = {"bold", "italic", "struck", "h1", "h2", "h3", "quote", "item"}


def assert_harmless(shown: str) -> Sequence[Seen]:
    assert not pinged(shown)
    assert not cards(shown)
    assert not unseen(shown)
    assert "\u200b" not in shown
    found = list(shapes(shown))
    for each in found:
        assert not each.mentions
        assert not each.bare
        assert {look for look, _ in each.styled} <= _MARKS
        for words, target in each.links:
            assert words == target
            assert is_honest(target)
            assert target.lower().startswith("http")
    return found


def assert_among(parts: Sequence[str], among: Sequence[str]) -> None:
    found = iter(among)
    for part in parts:
        assert any(part == other for other in found), f"{part!r} not in order among {among!r}"


def tokens(text: str) -> list[Token]:
    return [token for block in _READER.parse(text) for token in (block, *(block.children or ()))]


def assert_words_stay(text: str, found: Sequence[Seen]) -> None:
    """Every letter of the words that are no code, in their order."""
    parts = [token.content for token in tokens(text) if token.type in {"text", "text_special"}]
    for each in found:
        rest = iter(each.text)
        for letter in _WORD.findall(without_unseen("".join(parts))):
            assert any(letter == other for other in rest), f"{letter!r} of {text!r} lost in {each.text!r}"


def check(number: int, random: Random) -> None:
    text = nasty(random, 12, KINDS)
    shown = rendered(text)
    assert len(shown) <= len(text) + GROWTH
    assert shown or not text.strip()
    found = assert_harmless(shown)
    if number % 4 == 0:
        block, code = listing(random)
        before = re.sub("[~`]{3,}", "x", nasty(random, 5, KINDS))
        whole = assert_harmless(rendered(f"{before}\n\n<!-- -->\n\n{block}\n{nasty(random, 4, KINDS)}"))
        for each in whole:
            assert_among([holdable(code)], each.code)
    elif number % 4 == 1:
        line, code = span(random)
        before = re.sub(r"[`\s]", " ", nasty(random, 5, (MENTIONS, LOOKS, ADDRESSES, LINKS, WORDS))).replace("(<", "(")
        after = re.sub(r"\s", " ", nasty(random, 3, KINDS))
        whole = assert_harmless(rendered(f"so {before} {line} and {after}"))
        for each in whole:
            assert_among([spannable(code)], each.code)
    elif number % 4 == 2:
        assert_harmless(rendered(text[: random.randint(0, len(text))].rstrip("".join(EMOJI))))
        assert_words_stay(text, found)
        for each in found:
            assert_among(coded(text), each.code)
    else:
        plain = escaped(text)
        for each in assert_harmless(plain):
            assert each.text.strip() == " ".join(without_unseen(text.replace("\r", "\n")).split())
            assert not each.code
            assert not each.styled
            assert not each.links


def coded(text: str) -> list[str]:
    """The code of a text, but for blank spans, as Discord can hold it; that of tables is in one block with it all."""
    found = tokens(text)
    if any(token.type == "table_open" for token in found):
        return []
    return [
        spannable(code) if token.type == "code_inline" else holdable(code.removesuffix("\n")).strip("\n") or " "
        for token in found
        if token.type in {"code_inline", "fence", "code_block"}
        for code in [with_unseen_named(token.content)]
        if token.type != "code_inline" or code.strip()
    ]


def ticks(code: str) -> int:
    """How many of the two spans of Discord's cannot hold the code."""
    return len({1, 2} & {len(run) for run in re.findall("`+", code)})


def spannable(code: str) -> str:
    return code.replace("`", "ˋ") if ticks(code) == 2 else code


def holdable(code: str) -> str:
    return code.replace("```", "``ˋ") if "```" in code and ticks(code) == 2 else code


@pytest.mark.parametrize("start", [0, 2_500])
def test_five_thousand_answers(start: int) -> None:
    fuzz(check, 4, range(start, start + 2_500))


@pytest.mark.long
@pytest.mark.timeout(14_400)
def test_half_a_million_answers() -> None:
    half_a_million(check)
