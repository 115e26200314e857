"""Pure: a table, of which Discord has none, as aligned text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

WIDEST = 64  # columns; a narrower window of Discord's desktop client shows that much of a code block in a line
_GAP = "  "


def aligned(rows: Sequence[Sequence[str]], to_right: Sequence[bool]) -> list[str] | None:
    """The rows, the header first, as lines of columns under each other; None if that gets too wide.

    All rows are of one length. `to_right`: of each column, whether its cells stand at its right edge.
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) > WIDEST:
        return None
    lines = [
        _GAP.join(_padded(cell, width, right=right) for cell, width, right in zip(row, widths, to_right, strict=True))
        for row in rows
    ]
    rule = _GAP.join("-" * width for width in widths)
    return [line.rstrip() for line in (lines[0], rule, *lines[1:])]


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if right else cell + space


def _width(text: str) -> int:
    """Columns of a monospaced font."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )
