"""Pieces of a growing answer, and what a terminal must never get to see."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bots.console.outgoing import Growth, Kind, Piece, cut, harmless, parsed

LINES = st.sampled_from(
    [
        *(
            "",
            "",
            "  ",
            "text",
            "a *b* `c`",
            "# head",
            "head\n===",
            "---",
            "> quote",
            "    indented",
            "\ttab",
            "<b>x</b>",
        ),
        *("- item", "* other", "  - nested", "1. one", "2. two", "10) ten", "   more", "-", "- ```py", "  ```"),
        *("```", "```py", "````", "~~~", "   ```", "``` `", "    ```", "~~~ x", "code()", "[a]: /b", "| a | b |"),
        *("|---|---|", "| 1 | 2 |", "a | b", "--|--"),
    ]
)
MARKDOWN = st.builds("\n".join, st.lists(LINES | st.text("ab `~-#>|\n", max_size=8), max_size=14))
NOISE = st.text(
    st.sampled_from("ab\n\r\t \x1b[]0;31m\x07\\\x9b\x9d\x9c\x00\x08\x7f\x85\u2028\u202e\u2066\u200f\ud800é日?P^_X(B")
)
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def grown(text: str, ends: list[int]) -> list[Piece]:
    """The pieces of a text that arrives up to each of these places, then whole."""
    growth, pieces = Growth(), []
    for end in [*ends, len(text)]:
        more, growth = cut(text[:end], growth)
        pieces += more
    more, growth = cut(text, growth, whole=True)
    return pieces + more


@given(MARKDOWN, st.lists(st.integers(0, 200)))
def test_pieces_join_to_the_whole_text_however_it_grows(text: str, ends: list[int]) -> None:
    text = harmless(text)
    pieces = grown(text, sorted(min(end, len(text)) for end in ends))
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)


@given(MARKDOWN)
def test_pieces_that_were_cut_are_never_taken_back(text: str) -> None:
    text = harmless(text)
    at_once = grown(text, [])
    token_by_token = grown(text, list(range(len(text))))
    assert _shown(token_by_token) == _shown(at_once)


@given(MARKDOWN)
@example("```\n\n```")
def test_code_is_what_markdown_says_is_code(text: str) -> None:
    text = harmless(text).replace("\t", " ")  # a tab behind an indented fence stays one with us
    expected = [token.content for token in parsed(text) if token.type == "fence" and token.level == 0]
    found = [lines for kind, lines, _ in _shown(grown(text, [])) if kind is Kind.CODE]
    assert list(map(_not_blank, found)) == list(map(_not_blank, expected))


def _not_blank(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _shown(pieces: list[Piece]) -> list[tuple[Kind, str, int | None]]:
    """The pieces, those of one code block joined, blank ones left out."""
    shown: list[tuple[Kind, str, int | None]] = []
    for fresh, group in itertools.groupby(pieces, lambda piece: piece.fresh or piece.kind is not Kind.CODE):
        for piece in group:
            if piece.kind is Kind.CODE and not fresh:
                kind, lines, number = shown.pop()
                shown.append((kind, lines + piece.lines, number))
            elif piece.text.strip():
                content = piece.lines if piece.kind is Kind.CODE else piece.text.strip()
                shown.append((piece.kind, content, piece.number))
    return shown


def test_items_of_a_list_count_on_across_pieces() -> None:
    pieces = grown("7. a\n7. b\n\n7. c\n\ntext\n\n1. x\n", list(range(40)))
    assert [piece.number for piece in pieces] == [7, 8, 9, None, 1]
    assert [piece.fresh for piece in pieces] == [True, False, True, True, True]


def test_a_line_before_an_added_fence_is_not_finished() -> None:
    """The core closes a code block that is still growing, so the line before its fence may be half of one."""
    pieces, growth = cut("```py\nwhole\nha\n```", Growth())
    assert [piece.lines for piece in pieces] == ["whole\n"]
    more, _ = cut("```py\nwhole\nhalf\n```", growth, whole=True)
    assert [piece.lines for piece in more] == ["half\n"]


@given(NOISE)
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    clean = harmless(text)
    assert not OBEYED.search(clean)
    assert harmless(clean) == clean
    clean.encode()


@given(NOISE, st.integers(0, 50))
def test_a_finished_line_stays_as_it_is(text: str, end: int) -> None:
    whole, begun = harmless(text), harmless(text[:end])
    assert whole.startswith(begun[: begun.rfind("\n") + 1])


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;cm0=\x07", ""),
        ("\x9b2Jgone", "gone"),
        ("\x1b(Bcharset", "charset"),
        ("a\x08b\x00", "ab"),
        ("if user\u202e #elif\u2066:", "if user #elif:"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b]0;never ended", "]0;never ended"),
    ],
)
def test_escape_sequences(given: str, clean: str) -> None:
    assert harmless(given) == clean
