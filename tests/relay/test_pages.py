from __future__ import annotations

from itertools import accumulate
from typing import SupportsIndex
from unicodedata import combining

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.relay.pages import MINIMUM, Page, closed, pages
from tests.relay.markdown import READER, limits, neat, wild


def assert_lossless(text: str, made: list[Page], limit: int) -> None:
    assert "".join(page.body for page in made) == (text if text.strip() else "")
    assert max((len(page.text) for page in made), default=0) <= limit
    for number, page in enumerate(made):
        if page.body.isspace():
            run = len(made[number - 1].body) - len(made[number - 1].body.rstrip()) if number else 0
            assert run + len(page.body) >= limit // 2, "a blank page where white space alone fills no page"


def code_lines(text: str) -> list[tuple[str, str]]:
    fences = [token for token in READER.parse(text) if token.type == "fence"]
    return [(token.info.strip(), line) for token in fences for line in token.content.splitlines()]


def rows(text: str) -> list[str]:
    """The data rows of all tables, as read."""
    tokens, found = READER.parse(text), list[str]()
    for number, token in enumerate(tokens):
        if token.type == "td_open" and tokens[number - 1].type == "tr_open":
            found.append("")
        if token.type == "td_open":
            found[-1] += f"|{tokens[number + 1].content}"
    return found


def ends(made: list[Page]) -> list[int]:
    """Where in the text the pages end, but for the last."""
    return list(accumulate(len(page.body) for page in made))[:-1]


@given(wild, limits)
@settings(max_examples=120, deadline=None)
def test_nothing_is_lost_and_no_page_is_over_the_limit_or_blank(text: str, limit: int) -> None:
    assert_lossless(text, pages(text, limit), limit)


@given(neat, limits)
@settings(max_examples=120, deadline=None)
def test_code_stays_code_of_its_language(text: str, limit: int) -> None:
    made = pages(text, limit)
    assert [line for page in made for line in code_lines(page.text)] == code_lines(text)


@given(wild, st.sampled_from((500, 2_000)))
@settings(max_examples=120, deadline=None)
def test_no_page_leaves_a_code_block_open(text: str, limit: int) -> None:
    for page in pages(text, limit):
        tokens = READER.parse(f"{page.text}\n\nafterwards")
        assert [token.content for token in tokens[-3:]] == ["", "afterwards", ""], page.text


@given(neat, limits)
@settings(max_examples=120, deadline=None)
def test_tables_are_cut_between_rows_and_go_on_as_tables(text: str, limit: int) -> None:
    made = pages(text, limit)
    assert [row for page in made for row in rows(page.text)] == rows(text)
    starts = {0, *accumulate(map(len, text.splitlines(keepends=True)))}
    for end in ends(made):
        line = text.rfind("\n", 0, end) + 1
        assert end in starts or not text.startswith("|", line)


@given(neat, limits)
@settings(max_examples=120, deadline=None)
def test_no_heading_is_parted_from_what_it_heads(text: str, limit: int) -> None:
    for page in pages(text, limit)[:-1]:
        last = [token for token in READER.parse(page.text) if token.level == 0][-1]
        assert last.type != "heading_close"


@given(wild, limits)
@settings(max_examples=120, deadline=None)
def test_no_character_is_parted_from_its_marks(text: str, limit: int) -> None:
    for end in ends(pages(text, limit)):
        around = text[max(0, end - 40) : end + 1]
        if "\u0301" * 20 not in around:
            assert text[end - 1 : end + 1] != "\r\n"
            assert "\u200d" not in text[end - 1 : end + 1]
            assert not combining(text[end]) or text[end - 1] in "\r\n"
            assert text[end] not in "\ufe0f🏽"
            assert text[end - 1 : end + 1] != "🇩🇪"


@given(neat, st.sampled_from((500, 2_000)))
@settings(max_examples=120, deadline=None)
def test_no_page_but_the_last_is_nearly_empty(text: str, limit: int) -> None:
    assert all(len(page.text) >= limit // 2 for page in pages(text, limit)[:-1])


def test_code_that_is_cut_is_closed_and_opened_again() -> None:
    lines = [f"line {number}\n" for number in range(40)]
    first, *_, last = pages("So:\n\n```python\n" + "".join(lines) + "```\nDone.", 200)
    assert first.body.startswith("So:\n\n```python\nline 0\n")
    assert first.closing == "```"
    assert (last.opening, last.closing) == ("```python\n", "")
    assert last.body.endswith("line 39\n```\nDone.")


def test_code_still_growing_is_closed_for_the_time_being() -> None:
    assert pages("```python", 200) == [Page("```python")]
    assert pages("```python\nx = 1", 200) == [Page("```python\nx = 1", closing="\n```")]
    assert pages("```python\nx = 1\n``", 200)[0].closing == "\n```"
    assert pages("```python\nx = 1\n```", 200)[0].closing == ""


@pytest.mark.parametrize(
    ("start", "prefix", "opening", "closing"),
    [
        ("- So:\n\n", "  ", "  ```sh\n", "  ```"),
        ("> So:\n>\n", "> ", "> ```sh\n", "> ```"),
        ("1. So:\n   - so:\n\n", " " * 5, "1. - ```sh\n", "     ```"),
        ("1. So:\n   - so:\n\n", " " * 6, "1. - ```sh\n", "      ```"),
    ],
)
def test_code_in_lists_and_quotes_is_opened_where_it_stood(start: str, prefix: str, opening: str, closing: str) -> None:
    text = start + "".join(f"{prefix}{line}\n" for line in ["```sh", *["make all"] * 40, "```"])
    first, second, *_ = pages(text, 200)
    assert (first.closing, second.opening) == (closing, opening)


def test_code_that_ended_with_its_list_is_not_opened_again() -> None:
    first, second, *_ = pages("- ```sh\n" + "  code\n" * 22 + "# So\n" + "so on\n" * 10, 200)
    assert (first.closing, second.opening) == ("  ```", "")


def test_a_quote_goes_on_as_one_without_its_markers_too() -> None:
    assert pages("> so on and\n" + "so on and " * 40, 200)[1].opening == "> "


def test_an_endless_info_string_is_not_repeated() -> None:
    made = pages("```" + "i" * 100 + "\n" + "code\n" * 60 + "```", 200)
    assert {page.opening for page in made[1:]} == {"```\n"}
    assert_lossless("~~~" + "i" * 5_000, pages("~~~" + "i" * 5_000, 200), 200)


def test_a_table_that_is_cut_goes_on_under_its_header() -> None:
    header = "| a | b |\n| - | - |\n"
    made = pages(header + "| one | two |\n" * 50, 200)
    assert {page.opening for page in made[1:]} == {header}
    assert all(page.body.endswith("|\n") for page in made)


def test_a_wide_header_is_not_repeated() -> None:
    header = f"| {'a' * 40} | b |\n| - | - |\n"
    assert pages(header + "| one | two |\n" * 50, 200)[1].opening == ""


@pytest.mark.parametrize(
    ("start", "item"),
    [("1. So:\n", "    - do this and that\n"), ("- a\n  - b\n    - c\n", " " * 6 + "- d and so on\n")],
)
def test_a_deep_list_stays_a_list(start: str, item: str) -> None:
    for page in pages(start + item * 20, 200):
        assert {token.type for token in READER.parse(page.text)}.isdisjoint({"code_block", "hr"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("word " * 20 + "\n\n" + "word " * 10 + "\n\n", "# Title\n\n" + "word " * 20),
        ("word " * 30 + "\n\n", "More\nthan one line\n" + "word " * 20),
        ("```\n" + "code\n" * 25 + "```\n", "Done.\n" * 20),
        ("- one item " * 7 + "\n  and more\n" + "- one item " * 7 + "\n", "- last\n  item\n" + "  so\n" * 20),
        ("A sentence with `code`. " * 6, "Another `one. with a stop` " + "in it " * 20),
        ("many words without end " * 8, "`code in which no cut is` " + "so " * 20),
        ("many words without end " * 8, "[a link with many words](x) " + "so " * 20),
        ("many words without end " * 8, "**bold with many words** " + "so " * 20),
        ("word " * 12 + "\n\n", "``` no fence " + "word " * 40 + "```\n"),  # else the half line would be one
        ("so\n" * 40, "```py\n" + "x" * 100),  # else the first page had code of no lines
        ("```\n" + "code\n" * 37, "code\n```\nDone.\n" + "so " * 20),  # else the second page had
        ("> # " + "so " * 62 + "\n>\n", "> - sooooon\n> - so"),  # a marker belongs to its text
        ("- ```sh\n" + "  code\n" * 22, "# So\n" + "so on\n" * 10),
        ("x" + "🇩🇪" * 99, "🇩🇪" * 99),  # a flag is two characters
    ],
)
def test_good_places_to_cut(before: str, after: str) -> None:
    assert len(before) < 200
    first, *_ = pages(before + after, 200)
    assert first.body == before


def test_markup_amid_a_line_stays_text_at_the_start_of_a_page() -> None:
    made = pages("word " * 39 + "``` no fence " * 30, 200)
    assert made[1].opening == "\u200b"
    assert not [token for page in made for token in READER.parse(page.text) if token.type == "fence"]


def test_nothing_visible_is_no_page() -> None:
    assert pages("", 200) == []
    assert pages(" \n" * 500, 200) == []
    assert [page.body for page in pages("so\n\n" + "\n" * 150 + "on", 200)] == ["so\n\n" + "\n" * 150 + "on"]


def test_trailing_white_space_makes_no_page_of_its_own() -> None:
    assert [page.body for page in pages("x" * 200 + "\n", 200)] == ["x" * 199, "x\n"]


def test_a_limit_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="200 characters or more, not 199"):
        pages("so", MINIMUM - 1)


@pytest.mark.parametrize(
    ("text", "ending"), [("", ""), ("so\n", ""), ("```py\nx", "\n```"), ("> ~~~\n> x\n", "> ~~~"), ("```", "\n```")]
)
def test_closed_ends_open_code(text: str, ending: str) -> None:
    assert closed(text) == text + ending


class Counted(str):
    """Counts the characters that are taken out of it."""

    __slots__ = ("taken",)

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        part = super().__getitem__(key)
        self.taken = getattr(self, "taken", 0) + len(part)
        return part


@pytest.mark.parametrize("unit", ["x", "a\n", "> ", "`a b` ", "[ ", "** ", "e\u0301", " \n", "| a ", "- ", "```\n"])
def test_the_work_is_linear(unit: str) -> None:
    text = Counted("x" + unit * ((2**20 if unit == "x" else 2**17) // len(unit)))
    made = pages(text, 2_000)
    assert_lossless(text, made, 2_000)
    assert text.taken <= 4 * len(text)
    text.taken = 0
    assert pages(text, 2_000, made) == made
    assert text.taken <= 4 * 2_000, "going on takes the last pages only"
