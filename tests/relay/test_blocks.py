from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.relay.blocks import Block, Kind, advance
from core.relay.pages import closed
from tests.relay.markdown import READER

# no pipes: readers disagree whether a fence with a pipe may head a table
FENCES = ("```", "~~~", "````", "`", "a", "\n", "\n\n", "\n", "\r\n", "\r", "  ", "    ", "\t")
MARKERS = ("- ", "* ", "-", "1. ", "2. ", "> ", ">", "# ", "---", "===", "- - -")
soup = st.lists(st.sampled_from(FENCES + MARKERS), max_size=16).map("".join)


def read(*lines: str) -> Block:
    block = Block()
    for line in lines:
        block = advance(block, line)
    return block


@given(soup)
@settings(max_examples=1_500, deadline=None)
def test_a_code_block_is_open_where_a_whole_parse_has_it_open(text: str) -> None:
    tokens = READER.parse(f"{closed(text)}\n\nafterwards")
    assert [token.content for token in tokens[-3:]] == ["", "afterwards", ""]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["so"], Kind.TEXT),
        (["# so"], Kind.HEADING),
        (["so", "==="], Kind.UNDERLINE),
        (["```py"], Kind.OPENER),
        (["```a`"], Kind.TEXT),
        (["```", "so"], Kind.CODE),
        (["```", "~~~"], Kind.CODE),
        (["````", "```"], Kind.CODE),
        (["```", "````"], Kind.CLOSER),
        (["so", "    so"], Kind.TEXT),
        (["    so"], Kind.OTHER),
        (["- ```", "so"], Kind.TEXT),
        (["| a | b |", "| - | - |"], Kind.DELIMITER),
        (["a | b", "- | -"], Kind.TEXT),
        (["a | b", "-- | :-:"], Kind.DELIMITER),
        (["| a | b |", "| - |"], Kind.TEXT),
        (["| a \\| b |", "| - |"], Kind.DELIMITER),
        (["| a | b |", "| - | - |", "| c |"], Kind.ROW),
        (["| a | b |", "| - | - |", ""], Kind.BLANK),
        (["| a | b |", "| - | - |", "- c"], Kind.TEXT),
    ],
)
def test_kinds_of_lines(lines: list[str], kind: Kind) -> None:
    assert read(*lines).kind is kind


@pytest.mark.parametrize(
    ("lines", "containers"),
    [
        (["> so"], ("> ",)),
        (["> so", "so"], ("> ",)),
        (["> so", "", "so"], ()),
        (["- so", "", "  so"], ("- ",)),
        (["- so", "", " so"], ()),
        (["12.  so", "     - so"], ("12.  ", "- ")),
        (["-\tso"], ("-   ",)),
        (["-", "", "  so"], ()),
        (["- > 1.", "", "  so"], ("- ",)),
        (["so", "2. so"], ()),
        (["so", "1. so"], ("1. ",)),
        (["- - -"], ()),
        (["- so", "- - -"], ()),
    ],
)
def test_containers_of_lines(lines: list[str], containers: tuple[str, ...]) -> None:
    assert read(*lines).containers == containers


def test_hostile_depth_is_bounded() -> None:
    assert len(read("> " * 1_000).containers) == 20
