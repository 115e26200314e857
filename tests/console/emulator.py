"""As much of a terminal as a console's output needs: what somebody who sits there has seen, scrollback included.

Like today's terminals it folds long lines and folds them anew when the window changes, with the cursor kept in place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rich.cells import cell_len

_TOKEN = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|(.)", re.DOTALL)


@dataclass
class _Row:
    cells: list[str] = field(default_factory=list)
    folded: bool = False  # goes on in the next row


class Emulator:
    """Feed it what a program writes; `text` is everything on it."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.columns, self.lines = columns, lines
        self._rows = [_Row()]
        self._at, self._column = 0, 0
        self._kept = ""  # an escape sequence cut by the end of a read

    @property
    def text(self) -> str:
        """All rows, folded ones joined, without the blanks at their ends."""
        return "\n".join("".join(line).rstrip() for line in self._unfolded()[0]).rstrip("\n")

    def feed(self, output: str) -> None:
        output, self._kept = self._kept + output, ""
        if (last := output.rfind("\x1b")) >= 0 and not _TOKEN.match(output, last, len(output)).group(0)[1:]:  # type: ignore[union-attr]
            output, self._kept = output[:last], output[last:]
        for parameters, final, character in _TOKEN.findall(output):
            if final:
                self._control(parameters, final)
            elif character:
                self._print(character)

    def resize(self, columns: int, lines: int) -> None:
        logical, at, offset = self._unfolded()
        self.columns, self.lines = columns, lines
        self._rows, self._at, self._column = [], 0, 0
        for number, line in enumerate(logical):
            first, used = len(self._rows), 0
            self._rows.append(_Row())
            for index, character in enumerate(line):
                if used + cell_len(character) > columns:
                    self._rows[-1].folded = True
                    self._rows.append(_Row())
                    used = 0
                self._rows[-1].cells.append(character)
                used += cell_len(character)
                if number == at and index + 1 == offset:
                    self._at, self._column = len(self._rows) - 1, used
            if number == at and offset == 0:
                self._at = first

    def _unfolded(self) -> tuple[list[list[str]], int, int]:
        """The lines, and the cursor's line and how many characters stand before it in that line."""
        lines: list[list[str]] = [[]]
        at = offset = 0
        for number, row in enumerate(self._rows):
            if number == self._at:
                at, offset = len(lines) - 1, len(lines[-1]) + self._index(row)
            lines[-1] += row.cells
            if not row.folded:
                lines.append([])
        return lines[:-1] or [[]], at, offset

    def _index(self, row: _Row) -> int:
        used = 0
        for index, character in enumerate(row.cells):
            if used >= self._column:
                return index
            used += cell_len(character)
        return len(row.cells)

    def _print(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down()
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character >= " ":
            if self._column + cell_len(character) > self.columns:
                self._rows[self._at].folded = True
                self._down()
                self._column = 0
            cells, index = self._rows[self._at].cells, self._index(self._rows[self._at])
            cells += [" "] * (self._column - sum(map(cell_len, cells)))
            cells[max(index, 0) : index + 1] = [character]
            self._column += cell_len(character)

    def _down(self) -> None:
        self._at += 1
        if self._at == len(self._rows):
            self._rows.append(_Row())

    def _control(self, parameters: str, final: str) -> None:
        count = int(parameters) if parameters.isdecimal() else 1
        row = self._rows[self._at]
        if final == "A":
            self._at = max(self._at - count, len(self._rows) - self.lines, 0)
        elif final == "B":
            self._at = min(self._at + count, len(self._rows) - 1)
        elif final == "C":
            self._column = min(self._column + count, self.columns)
        elif final == "D":
            self._column = max(0, self._column - count)
        elif final in "JK" and parameters in {"", "0"}:
            del row.cells[self._index(row) :]
            row.folded = False
            if final == "J":
                del self._rows[self._at + 1 :]
