"""Pure: text as a terminal may show it, and a growing Markdown text cut into pieces that will not change any more.

A terminal cannot take back what has scrolled by, so a piece is only cut where nothing that may follow can alter it: at
the next top-level block, the next item of a list, the next line of a code block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import zip_longest

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.invisible import CONTROLS, SURROGATES

_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# What a terminal would obey rather than show. A sequence that has no end on its line is no sequence yet: its escape
# character goes, the rest is text, so that a growing text never takes back a finished line.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, modes
    r"|(?:\x1b[\]P^_X]|[\x9d\x90\x9e\x9f\x98])[^\n\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: titles, clipboard
    r"|\x1b[ -/]+[0-~]|\x1b[0-Z\\`-~]"
)
_FENCE = re.compile(r"[ \t>]*(?:`{3,}|~{3,})[ \t]*")
# HTML and link definitions are text to a terminal: rendered, `List<String>` in prose and all definitions would be lost
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("reference")


def harmless(text: str) -> str:
    """The text without anything a terminal obeys, hides or reorders: escape sequences, controls, bidi overrides.

    Every line end becomes a line feed. A finished line stays as it is whatever follows it.
    """
    text = _LINE_END.sub("\n", text)
    return SURROGATES.sub("\N{REPLACEMENT CHARACTER}", CONTROLS.sub("", _SEQUENCE.sub("", text)))


def one_line(text: str) -> str:
    """The text harmless and on one line, for names and footers."""
    return " ".join(harmless(text).split())


def parsed(text: str) -> list[Token]:
    """The text as Markdown tokens."""
    return _PARSER.parse(text)


class Kind(Enum):
    """What a piece is, as far as its look depends on it."""

    BLOCK = auto()
    TABLE = auto()
    ITEM = auto()  # one item of a top-level list
    CODE = auto()  # lines of a top-level fenced code block


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced code block whose lines are shown as they come: its opening line, and its lines so far."""

    opening: str
    before: str = ""

    @property
    def language(self) -> str:
        """The first word of the fence's info string."""
        words = self.opening.strip().lstrip("`~").split()
        return words[0] if words else ""

    def closed_by(self, line: str) -> bool:
        """Whether this line is the closing fence."""
        marker = self.opening.strip()
        fence = marker[: len(marker) - len(marker.lstrip(marker[0]))]
        return re.fullmatch(rf" {{0,3}}{re.escape(fence)}{re.escape(fence[0])}*[ \t]*\n?", line) is not None

    def without_indent(self, line: str) -> str:
        """A line of the block without the spaces that its fence stands behind."""
        deep = len(self.opening) - len(self.opening.lstrip(" "))
        return line[min(deep, len(line) - len(line.lstrip(" "))) :]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the answer to be shown at once. The texts of all pieces, joined, are the answer.

    `fresh`: a blank line stands before it. `number`: of an ordered list's item. `code`, `lines`: of a code block.
    """

    kind: Kind
    text: str
    fresh: bool = True
    number: int | None = None
    code: Code | None = None
    lines: str = ""


@dataclass(frozen=True, slots=True)
class Growth:
    """How far a growing text has been cut into pieces. `number` is that of the list item that comes next."""

    taken: int = 0
    code: Code | None = None
    in_list: bool = False
    loose: bool = True
    number: int | None = None


@dataclass(frozen=True, slots=True)
class _Unit:
    """A top-level block, or an item of a top-level list: the line it begins on, and its number in an ordered list."""

    kind: Kind
    line: int
    number: int | None = None
    continues: bool = False  # a list whose earlier item is the unit before


def cut(text: str, growth: Growth, *, whole: bool = False) -> tuple[list[Piece], Growth]:
    """The further pieces of a harmless text that has grown, and how far they reach; with `whole`, up to its end."""
    rest = text[growth.taken :]
    if not whole:
        rest = rest[: _finished(rest)]
    lines = rest.splitlines(keepends=True)
    pieces: list[Piece] = []
    if growth.code is not None and lines:
        piece, growth = _code_piece(lines, growth, growth.code, 0)
        pieces.append(piece)
        lines = lines[len(piece.text.splitlines()) :]
    units = list(_units(parsed("".join(lines))))
    done = 0
    for unit, following in zip_longest(units, units[1:]):
        if following is None and not whole and unit.kind is not Kind.CODE:
            break
        end = len(lines) if following is None else following.line
        if unit.kind is Kind.CODE:
            code = Code(lines[unit.line])
            piece, growth = _code_piece(lines[done:end], growth, code, unit.line + 1 - done)
        else:
            piece, growth = _piece("".join(lines[done:end]), growth, unit, following)
        pieces.append(piece)
        done = end
    if whole and done < len(lines):  # blank lines alone
        pieces.append(Piece(Kind.BLOCK, "".join(lines[done:]), fresh=False))
        growth = replace(growth, taken=len(text))
    return pieces, growth


def _finished(text: str) -> int:
    """Where the last line begins that may still become anything."""
    end = text.rfind("\n") + 1
    if _FENCE.fullmatch(text, end):
        # a post whose text breaks off inside of code is closed by the core: the line before may be unfinished too
        end = text.rfind("\n", 0, max(0, end - 1)) + 1
    return end


def _units(tokens: Sequence[Token]) -> Iterator[_Unit]:
    kinds = {"fence": Kind.CODE, "table_open": Kind.TABLE}
    number: int | None = None
    first = True
    for token in tokens:
        line = token.map[0] if token.map else 0
        if token.type == "list_item_open" and token.level == 1:
            yield _Unit(Kind.ITEM, line, number, continues=not first)
            number, first = None if number is None else number + 1, False
        elif token.level == 0 and token.type in {"bullet_list_open", "ordered_list_open"}:
            number = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
            first = True
        elif token.level == 0 and token.nesting >= 0:
            yield _Unit(kinds.get(token.type, Kind.BLOCK), line)


def _piece(text: str, growth: Growth, unit: _Unit, following: _Unit | None) -> tuple[Piece, Growth]:
    in_list = unit.kind is Kind.ITEM and (unit.continues or growth.in_list)
    number = unit.number if growth.number is None or not in_list else growth.number
    piece = Piece(unit.kind, text, fresh=not in_list or growth.loose, number=number)
    more = following is not None and following.continues
    return piece, Growth(
        taken=growth.taken + len(text),
        in_list=more,
        loose=not more or not text.splitlines()[-1].strip(),
        number=number + 1 if more and number is not None else None,
    )


def _code_piece(lines: Sequence[str], growth: Growth, code: Code, begin: int) -> tuple[Piece, Growth]:
    """What is there of a code block, from line `begin` on. Lines after its end belong to the piece only if blank."""
    end = next((at for at in range(begin, len(lines)) if code.closed_by(lines[at])), None)
    inner = "".join(map(code.without_indent, lines[begin:end]))
    taken = len(lines)
    if end is not None:
        taken = next((at for at in range(end + 1, len(lines)) if lines[at].strip()), len(lines))
    text = "".join(lines[:taken])
    piece = Piece(Kind.CODE, text, fresh=growth.code is None, code=code, lines=inner)
    still_open = replace(code, before=code.before + inner) if end is None else None
    return piece, Growth(taken=growth.taken + len(text), code=still_open)
