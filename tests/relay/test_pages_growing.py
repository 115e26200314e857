"""Full pages never change: what makes it safe to post them while the answer is still streaming in."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given, settings

from core.relay.pages import MINIMUM, Page, pages
from tests.relay.markdown import WILD, answer, garbage, limits, pipes, seeds, texts
from tests.relay.test_pages import assert_lossless, ends

LIMITS = (500, 2_000, 9_000)
STARTS = ("so\n", "```py\nx = 1\n", "> ~~~\n> so\n", "1. a\n    - b\n", "| a |\n| - |\n| c |\n", "x")
ENDINGS = (
    "```a` so",
    "\n```\r\nx\r\n```\r\n",
    "\n- - -\n",
    "\n    so",
    "\r\n~~~~\r\r\n",
    "\n# So\n\n",
    "\u0301\u200d🇩🇪",
)


def assert_stable(before: list[Page], after: list[Page]) -> None:
    assert len(after) >= len(before)
    assert after[: len(before)][:-1] == before[:-1]


@given(texts(WILD, 6), limits, seeds)
@settings(max_examples=120, deadline=None)
def test_full_pages_stay_as_the_text_grows(text: str, limit: int, seed: int) -> None:
    random, end, before = Random(seed), 0, list[Page]()
    while end < len(text):
        end = min(len(text), end + random.choice((1, 2, 3, 5, 8, 40, 200)))
        after = pages(text[:end], limit)
        assert_stable(before, after)
        assert pages(text[:end], limit, before) == after, "going on from earlier pages gives other pages"
        before = after


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("ending", [*ENDINGS, garbage(Random(1)), pipes(Random(1))])
def test_no_character_that_arrives_moves_the_end_of_a_full_page(start: str, ending: str) -> None:
    line = start.splitlines(keepends=True)[-1]
    for filled in range(MINIMUM - 12, MINIMUM + 2):
        text, before = (start + line * MINIMUM)[:filled] + ending, list[Page]()
        for end in range(filled, len(text) + 1):
            after = pages(text[:end], MINIMUM)
            assert_stable(before, after)
            assert pages(text[:end], MINIMUM, before) == after
            before = after


def test_pages_of_another_text_are_no_help() -> None:
    text = "so on and on.\n" * 90
    assert pages(text, 500, pages(f" {text}", 500)) == pages(text, 500)


def assert_grows(text: str, limit: int, random: Random) -> list[Page]:
    """Token by token around one page's end and in coarse steps elsewhere; some steps are made anew, as is the last."""
    whole = pages(text, limit)
    around = random.choice([0, *ends(whole)]) + random.randrange(limit)
    lengths = {random.randrange(len(text)) for _ in range(6)} | {around + random.randrange(40) for _ in range(12)}
    before: list[Page] = []
    for length in sorted(length for length in lengths if length < len(text)):
        after = pages(text[:length], limit, before)
        assert_stable(before, after)
        assert random.random() > 0.1 or after == pages(text[:length], limit)
        before = after
    assert_stable(before, whole)
    assert pages(text, limit, before) == whole
    return whole


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hundred_thousand_answers() -> None:
    started, count = time.monotonic(), dict.fromkeys(LIMITS, 0)
    for seed in range(100_000):
        random = Random(seed)
        limit = random.choices(LIMITS, (92, 7, 1))[0]
        parts = [(random.choice(WILD), seed * 100 + number) for number in range(limit // 120)]
        text = answer(parts, random.choice(("\n", "\r\n")), random.choice(("\n", "\n\n")))
        try:
            made = assert_grows(text, limit, random)
            assert_lossless(text, made, limit)
        except AssertionError as error:
            error.add_note(f"seed {seed}, limit {limit}")
            raise
        count[limit] += len(made)
    print(f"{count} pages in {time.monotonic() - started:.0f} s")
