"""Pure: the Markdown of an answer so far, as posts of a limited length. Nothing lost, code blocks whole.

Two rules carry it. A page is read as its reader reads it: opening and body together, as a document of their own, so
what was open at a cut (code, table, list, quote) is opened again or is over. And where a page ends is decided by
the text that had arrived when it first overflowed, so later text never moves an earlier cut.

Blocks are told apart as CommonMark does, HTML aside, by line, because a whole parse knows no "so far".
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

MINIMUM = 200
_SHARE = 4  # an opening, a closing and the look ahead each take at most this part of a page
_CODE_INDENT = 4
_LOOK_BACK = 32  # characters given up to keep a base and its marks together
_ZERO_WIDTH_SPACE = "\u200b"
_JOINER = "\u200d"
_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3}(?:[-+*]|(\d{1,9})[.)]))(?: ( {0,3}(?=[^ ]))?|$)")
_RULE = re.compile(r" {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$")
_OPENER = re.compile(r"( {0,3}(?:`{3,}(?=[^`]*$)|~{3,}))(.*)")
_CLOSER = re.compile(r" {0,3}(`{3,}|~{3,}) *$")
_HEADING = re.compile(r" {0,3}#{1,6}(?: |$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+) *$")
_DELIMITER = re.compile(r" {0,3}\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$")
_PIPE = re.compile(r"(?<!\\)\|")
# what would be no text any more at the start of a line
_MARKUP = re.compile(r"[ \t]*(?:```|~~~|>|#{1,6}[ \t]|(?:[-+*]|\d{1,9}[.)])[ \t])")
# code span, link, bold; one that is not closed yet reaches to the end
_INLINE = re.compile(r"(?<!`)(`+)(?!`).*?(?:(?<!`)\1(?!`)|$)|\[[^\[\]]*(?:\](?:\([^()\s]*\)?)?|$)|\*\*\S[^*]*(?:\*\*|$)")
_SENTENCE = re.compile(r"[.!?…][\"')\]*_»”’]*[ \t]+(?=\S)|[。！？]+(?=\S)")
_SPACE = re.compile(r"[ \t]+(?=\S)")


@dataclass(frozen=True, slots=True)
class Page:
    """One post. `body` is its exact slice of the answer; the rest is added so that it reads well alone."""

    body: str
    opening: str = ""
    closing: str = ""

    @property
    def text(self) -> str:
        """What is posted; at most `limit` characters."""
        return self.opening + self.body + self.closing


class _Kind(Enum):
    BLANK = auto()
    TEXT = auto()
    HEADING = auto()
    UNDERLINE = auto()
    OPENER = auto()
    CODE = auto()
    CLOSER = auto()
    DELIMITER = auto()
    ROW = auto()
    OTHER = auto()  # a rule, indented code


class _Rank(IntEnum):
    """How good it is to end a page before a line."""

    AWKWARD = auto()
    LINE = auto()
    GAP = auto()
    SUBITEM = auto()
    ITEM = auto()
    BLOCK = auto()
    TITLE = auto()


@dataclass(frozen=True, slots=True)
class _Block:
    """Where a line leaves the reader.

    `containers` are the prefixes of the lists and quotes it stands in, as they were opened. `head` is what reopens
    the block: marker and info string of a fence, header and delimiter of a table; of text, its last line.
    """

    containers: tuple[str, ...] = ()
    kind: _Kind = _Kind.BLANK
    head: tuple[str, ...] = ()
    fresh: bool = False  # the line began a list item

    @property
    def fenced(self) -> bool:
        return self.kind is _Kind.CODE or self.kind is _Kind.OPENER

    @property
    def tabled(self) -> bool:
        return self.kind is _Kind.ROW or self.kind is _Kind.DELIMITER


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str
    before: _Block
    after: _Block

    @property
    def stop(self) -> int:
        """Where its line break begins."""
        return self.start + len(self.text.rstrip("\r\n"))

    @property
    def complete(self) -> bool:
        return self.text[-1:] in ("\r", "\n")


@dataclass(frozen=True, slots=True)
class _Cut:
    at: int
    block: _Block
    inside: bool  # of a line
    closing: str


def pages(text: str, limit: int) -> list[Page]:
    """The answer so far as posts of at most `limit` (200 or more) characters whose bodies join to exactly `text`.

    As `text` grows, every page but the last stays as it is. No page while nothing is visible yet, and none without
    anything visible unless white space alone fills it. Linear in the length of the text.
    """
    if limit < MINIMUM:
        raise ValueError(f"a page has {MINIMUM} characters or more, not {limit}")
    done: list[Page] = []
    if not text or text.isspace():
        return done
    opening, at = "", 0
    while True:
        shown = opening + text[at : at + limit + 1 - len(opening)]
        lines, overflows = _read(shown, limit)
        cut = _cut(shown, len(opening), lines, limit) if overflows else _cut_at(len(shown), lines[-1], limit)
        done.append(Page(shown[len(opening) : cut.at], opening, cut.closing))
        if not overflows:
            return done
        at += cut.at - len(opening)
        opening = _opening(cut, text[at : at + limit // _SHARE], limit // _SHARE)


def _read(shown: str, limit: int) -> tuple[list[_Line], bool]:
    """The lines up to the first after which the page, its code closed, is over the limit; whether there is one."""
    lines: list[_Line] = []
    before, reserve = _Block(), 0
    for found in _LINE.finditer(shown):
        line = _Line(found.start(), found[0], before, _advance(before, found[0]))
        lines.append(line)
        need = reserve
        # A line still growing may turn from an opening fence to text again: what it needs must never fall.
        if line.after is not before and line.complete:
            before, reserve = line.after, len(_closing(line.after, limit, inside=True))
            need = max(need, reserve)
        if found.end() + need > limit:
            return lines, True
    return lines, False


def _advance(block: _Block, line: str) -> _Block:
    """The block after one more line, which may lack its end."""
    line = line.rstrip("\r\n")
    if "\t" in line:
        line = line.expandtabs(_CODE_INDENT)
    rest, entered = _enter(block.containers, line)
    inside = len(entered) == len(block.containers)
    if inside and block.fenced:
        return _in_code(block, rest)
    if not rest.strip(" "):
        # An item that begins with a blank line ends with a second one.
        return _Block(entered[:-1] if block.fresh and block.kind is _Kind.BLANK else entered)
    paragraph = block.kind is _Kind.TEXT
    containers, rest, fresh = _containers(entered, rest, paragraph=paragraph and inside)
    same = inside and len(containers) == len(entered)
    kind, head = _leaf(rest, block if same else _Block())
    if paragraph and not same and len(containers) == len(entered) and (kind is _Kind.TEXT or _deep(rest)):
        return _Block(block.containers, _Kind.TEXT, (rest,))  # a paragraph goes on without its markers
    return _Block(containers, kind, head, fresh)


def _enter(containers: tuple[str, ...], line: str) -> tuple[str, tuple[str, ...]]:
    """What of the line is left inside the containers it continues, and these."""
    for depth, container in enumerate(containers):
        if container[0] == ">":
            if not (found := _QUOTE.match(line)):
                return line, containers[:depth]
            line = line[found.end() :]
        elif line[: len(container)].strip(" ") and line.strip(" "):
            return line, containers[:depth]
        else:
            line = line[len(container) :]
    return line, containers


def _containers(
    containers: tuple[str, ...], rest: str, *, paragraph: bool
) -> tuple[tuple[str, ...], str, bool]:
    """The lists and quotes after those the line opens, what is left of it, and whether an item began."""
    fresh = False
    while True:
        if found := _QUOTE.match(rest):
            container, fresh = "> ", False
        elif (found := _ITEM.match(rest)) and not _RULE.match(rest):
            container, fresh = found[1] + " " + (found[2] or ""), True
            if paragraph and (not rest[found.end() :].strip(" ") or int(found[2 - 0] or 1) != 1):
                return containers, rest, False
        else:
            return containers, rest, fresh
        containers, rest, paragraph = (*containers, container), rest[found.end() :], False
