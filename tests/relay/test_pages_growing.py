"""Full pages never change: what makes it safe to post them while the answer is still streaming in."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.relay.pages import MINIMUM, Page, pages
from tests.relay.markdown import WILD, answer, garbage, limits, pipes, seeds, texts
from tests.relay.test_pages import assert_lossless, ends

LIMITS = (500, 2_000, 9_000)
STARTS = (
    "so\n",
    "so on and ",
    "```py\nx = 1\n",
    "> ~~~\n> so\n",
    "1. a\n    - b\n",
    "| a | b |\n| - | - |\n| c | d |\n",
    "x",
)
ENDINGS = (
    "",
    "",
    "\n```a` so",
    "\n```\r\nx\r\n```\r\n",
    "\n- - -\n",
    "\n2. so",
    "\n    so",
    "\r\n~~~~\r\r\n",
    "\n\n# So\n\n",
)


def assert_stable(before: list[Page], after: list[Page]) -> None:
    assert len(after) >= len(before)
    assert after[: len(before)][:-1] == before[:-1]


@given(texts(WILD, 6), limits, seeds)
@settings(max_examples=150, deadline=None)
def test_full_pages_stay_as_the_text_grows(text: str, limit: int, seed: int) -> None:
    random, end, before = Random(seed), 0, list[Page]()
    while end < len(text):
        end = min(len(text), end + random.choice((1, 2, 3, 5, 8, 40, 200)))
        after = pages(text[:end], limit)
        assert_stable(before, after)
        assert pages(text[:end], limit, before) == after, "going on from earlier pages gives other pages"
        before = after


@given(st.sampled_from(STARTS), st.integers(-40, 5), st.sampled_from(ENDINGS), seeds)
@settings(max_examples=70, deadline=None)
def test_no_character_that_arrives_moves_the_end_of_a_full_page(start: str, over: int, ending: str, seed: int) -> None:
    line = start.splitlines(keepends=True)[-1]
    text = (start + line * MINIMUM)[: MINIMUM + over] + ending + garbage(Random(seed)) + pipes(Random(seed))
    before: list[Page] = []
    for end in range(MINIMUM - 40, min(len(text), MINIMUM + 60)):
        after = pages(text[:end], MINIMUM)
        assert_stable(before, after)
        assert pages(text[:end], MINIMUM, before) == after
        before = after


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
