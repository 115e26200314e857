"""Pure: what a line of Markdown is, told line by line, because the text of an answer so far has no end yet.

As CommonMark does with tables and without HTML blocks, which no platform renders.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

CODE_INDENT = 4  # columns that make indented code of a line
_DEEPEST = 20  # containers in each other; as Markdown parsers have it, for hostile texts

_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"(?P<marker> {0,3}(?:[-+*]|(?P<number>\d{1,9})[.)]))(?: (?P<more> {0,3}(?=[^ ]))?|$)")
_RULE = re.compile(r" {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$")
_OPENER = re.compile(r"(?P<marker> {0,3}(?:`{3,}(?=[^`]*$)|~{3,}))(?P<info>.*)")
_CLOSER = re.compile(r" {0,3}(?P<marker>`{3,}|~{3,}) *$")
_HEADING = re.compile(r" {0,3}#{1,6}(?: |$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+) *$")
_DELIMITER = re.compile(r" {0,3}\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$")
_PIPE = re.compile(r"(?<!\\)\|")


class Kind(Enum):
    """What a line is inside its containers."""

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


class Block(NamedTuple):
    """Where a line leaves its reader. A tuple, because there is one for each line of each call.

    `containers` are the prefixes of the quotes and list items it stands in, as they were opened. `head` is what
    reopens the block: marker and info string of a fence, header and delimiter of a table; of other lines, the line.
    `fresh`: the line began a list item.
    """

    containers: tuple[str, ...] = ()
    kind: Kind = Kind.BLANK
    head: tuple[str, ...] = ()
    fresh: bool = False

    @property
    def fenced(self) -> bool:
        """A fenced code block is open."""
        return self.kind is Kind.CODE or self.kind is Kind.OPENER

    @property
    def tabled(self) -> bool:
        """A table is open."""
        return self.kind is Kind.ROW or self.kind is Kind.DELIMITER


def advance(block: Block, line: str) -> Block:
    """The block after one more line, whose end may be missing."""
    if not block.containers:
        # Most lines of most answers; nothing below would say otherwise.
        if block.kind is Kind.CODE and block.head[0][-1] not in line:
            return block
        if line[:1].isalpha() and not block.fenced and not block.tabled:
            return Block((), Kind.TEXT, (line,))
    rest, entered = enter(block.containers, expanded(line))
    inside = len(entered) == len(block.containers)
    if inside and block.fenced:
        return _in_code(block, rest)
    if not rest.strip(" "):
        # An item that begins with a blank line ends with a second one.
        return Block(entered[:-1] if inside and block.fresh and block.kind is Kind.BLANK else entered)
    paragraph = block.kind is Kind.TEXT
    containers, rest, fresh = _open(entered, rest, paragraph=paragraph and inside)
    opened = len(containers) > len(entered)
    kind, head = _leaf(rest, block if inside and not opened else Block())
    if paragraph and not inside and not opened and (kind is Kind.TEXT or is_deep(rest)):
        return Block(block.containers, Kind.TEXT, (rest,))  # a paragraph goes on without its markers
    return Block(containers, kind, head, fresh)


def expanded(line: str) -> str:
    """The line without its end, its tabs as the spaces they stand for."""
    return line.rstrip("\r\n").expandtabs(CODE_INDENT)


def enter(containers: tuple[str, ...], line: str) -> tuple[str, tuple[str, ...]]:
    """What is left of an expanded line inside those of the containers that it continues, and these."""
    for depth, container in enumerate(containers):
        if is_quote(container):
            if not (found := _QUOTE.match(line)):
                return line, containers[:depth]
            line = line[found.end() :]
        elif line[: len(container)].strip(" "):
            return line, containers[:depth]
        else:
            line = line[len(container) :]
    return line, containers


def is_quote(container: str) -> bool:
    """Whether the container is a quote; else it is a list item."""
    return container[0] == ">"


def is_deep(rest: str) -> bool:
    """Whether the indentation makes it code, unless a paragraph goes on."""
    return rest.startswith(" " * CODE_INDENT)


def _open(containers: tuple[str, ...], rest: str, *, paragraph: bool) -> tuple[tuple[str, ...], str, bool]:
    """The containers with those the line opens, what is left of it, and whether an item begins with it."""
    fresh = False
    while len(containers) < _DEEPEST:
        if found := _QUOTE.match(rest):
            container, fresh = "> ", False
        elif (found := _ITEM.match(rest)) and not _RULE.match(rest):
            # Only some items may interrupt a paragraph.
            if paragraph and (int(found["number"] or 1) != 1 or not rest[found.end() :].strip(" ")):
                return containers, rest, False
            container, fresh = f"{found['marker']} {found['more'] or ''}", True
        else:
            break
        containers, rest, paragraph = (*containers, container), rest[found.end() :], False
    return containers, rest, fresh


def _in_code(block: Block, rest: str) -> Block:
    found = _CLOSER.match(rest)
    if found and found["marker"].startswith(block.head[0].strip(" ")):
        return Block(block.containers, Kind.CLOSER)
    return block if block.kind is Kind.CODE else block._replace(kind=Kind.CODE)


def _leaf(rest: str, block: Block) -> tuple[Kind, tuple[str, ...]]:
    """What the rest of a line is after `block` in the same containers, and its head."""
    kind, head = Kind.TEXT, (rest,)
    paragraph = block.kind is Kind.TEXT
    if not rest.strip(" "):
        kind = Kind.BLANK
    elif is_deep(rest):
        kind = Kind.TEXT if paragraph else Kind.OTHER
    elif found := _OPENER.match(rest):
        return Kind.OPENER, (found["marker"], found["info"].rstrip(" "))
    elif _HEADING.match(rest):
        kind = Kind.HEADING
    elif paragraph and _DELIMITER.match(rest) and (_columns(rest) or 1) == _columns(block.head[0]):
        return Kind.DELIMITER, (block.head[0].strip(), rest.strip())
    elif paragraph and _UNDERLINE.match(rest):
        kind = Kind.UNDERLINE
    elif _RULE.match(rest):
        kind = Kind.OTHER
    elif block.tabled:
        return Kind.ROW, block.head
    return kind, head


def _columns(row: str) -> int:
    """How many cells a row has; a line without a pipe is none."""
    cells = _PIPE.split(row.strip())
    return len(cells) - (not cells[0]) - (not cells[-1]) if len(cells) > 1 else 0
