"""The terminal's screen: what is printed for good, and below it the few rows that may still change.

rich's Live is not used: it counts the rows it has to take back by the width they were drawn at, so that a window made
narrower in mid-answer fills with leftovers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.console import Console

from bots.console.look import Row

# Terminals that know synchronised output show a frame at once; the others ignore the request.
_BEGIN, _END = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
_ASIDE = 2  # rows of the window that stay free of what may change
_WINDOW = (80, 24)


def height(row: str, width: int) -> int:
    """How many rows of a window this wide the terminal folds the text into."""
    rows, used = 1, 0
    for character in row:
        cells = cell_len(character)
        if used + cells > width:
            rows, used = rows + 1, 0
        used += cells
    return rows


def tail(rows: Sequence[Row], width: int, most: int) -> list[Row]:
    """The last of these rows that fit into `most` rows of the window."""
    kept: list[Row] = []
    for row in reversed(rows):
        most -= height(row.plain, width)
        if most < 0:
            break
        kept.append(row)
    return kept[::-1]


class Screen:
    """Writes to one terminal, from one thread at a time. Where `moves` is false nothing is ever taken back."""

    def __init__(self, console: Console, write: Callable[[str], object], *, moves: bool) -> None:
        self.console = console
        self._write = write
        self._moves = moves
        self._lock = threading.Lock()
        self._live: list[Row] = []

    @property
    def width(self) -> int:
        """Columns of the window, now."""
        return self._window()[0]

    def paint(self, settled: Sequence[Row], live: Sequence[Row] = ()) -> None:
        """Print `settled` for good, and in place of the rows that could change, `live`. Blocks; raises OSError."""
        with self._lock:
            frame = self._taken_back() if self._moves else ""
            frame += "".join(f"{row.styled}\n" for row in settled)
            if self._moves:
                width, rows = self._window()
                self._live = tail(live, width, max(1, rows - _ASIDE))
                frame = "".join((_BEGIN, frame, "\n".join(row.styled for row in self._live), _END))
            self._write(frame)

    def forget(self) -> None:
        """Something else has written below the rows that could change: they stay as they are."""
        self._live = []

    def _taken_back(self) -> str:
        """What moves the cursor to the first of the live rows and clears the window from there on."""
        if not self._live:
            return "\r\x1b[J"
        width, _ = self._window()
        rows = sum(height(row.plain, width) for row in self._live) - 1
        return (f"\x1b[{rows}A" if rows else "") + "\r\x1b[J"

    def _window(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self.console.file.fileno())
        except OSError:
            return _WINDOW
        return size.columns or _WINDOW[0], size.lines or _WINDOW[1]
