"""Pure: the Markdown of an answer as the content of a Discord message, made harmless.

It is read as CommonMark and written anew in what Discord's clients understand: headings of three levels, lists, quotes
of one level, code, bold, italic, struck. All other words get a backslash before what would format, link or call. What
Discord has not is shown by what it has: tables, deeper headings and quotes. Nothing is left out but the titles of
links and what nobody sees. Each call renders the whole text, so a text that is still growing is harmless too.

At most `GROWTH` characters are added to any text: a block that would take more, which only a hostile one does, is
shown with look-alikes of the same length. Discord counts code points (discord-api-docs#1315, its staff: "the API
calculates length based on the number of codepoints").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from markdown_it.tree import SyntaxTreeNode

from bots.discord import tables, verbatim
from bots.discord.inline import Piece, Style, Styled, Words, pieces, plain, written
from bots.discord.literal import alike, named
from bots.discord.tree import read
from core.invisible import without_unseen

PAGE = 1_600  # characters of Markdown: with what is added and 150 of a footer they fit into Discord's 2,000
GROWTH = 240
_HEADINGS = 3  # levels
_DEEPEST = 18  # levels in each other; what stands deeper than 20 is not read
_NOTHING = "…"
_LINE_END = re.compile(r"\r\n?")
_BREAK = re.compile(r"\n[ \t]*\n")
_HAS_MARGIN = re.compile(r"^#{1,3} .*\Z|^```\Z", re.MULTILINE)  # headings and code, which Discord parts from the rest


class _Line(NamedTuple):
    """A line of a block. One that is `fixed` stays at the margin, whatever list it stands in."""

    text: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a block stands, and how much it may take: `full` if tables are aligned and unseen code is written out."""

    source: Sequence[str]
    full: bool
    quoted: bool = False
    listed: bool = False


def rendered(text: str) -> str:
    """A page of an answer, or any beginning of it, as content; nothing only if the text is blank.

    At most `GROWTH` characters longer than the text; linear in its length.
    """
    text = _LINE_END.sub("\n", text)
    return "".join(_blocks(text)).rstrip("\n") or (_NOTHING if text.strip() else "")


def escaped(text: str) -> str:
    """Plain words on one line, shown as they are; the length may double."""
    return named(without_unseen(_LINE_END.sub("\n", text)))


def _blocks(text: str) -> Iterator[str]:
    """The top-level blocks, each with the line ends behind it."""
    source = text.split("\n")
    nodes = read(text).children
    ends = [*map(_first_line, nodes), len(source)][1:]
    at, done, written_so_far = 0, 0, 0
    for node, end in zip(nodes, ends, strict=True):
        region = "\n".join(source[at:end]) + "\n" * (end < len(source))
        at, done = end, done + len(region)
        parted = _BREAK.search(region, len(region.rstrip())) is not None
        for shown in _ways(node, region, source):
            gap = "\n\n" if parted and not _HAS_MARGIN.search(shown) else "\n"
            if written_so_far + len(shown) + len(gap) <= done + GROWTH:
                break
        if shown:
            written_so_far += len(shown) + len(gap)
            yield shown + gap


def _ways(node: SyntaxTreeNode, region: str, source: Sequence[str]) -> Iterator[str]:
    """The block, best first; the last is no longer than its region."""
    if all(inner.level < _DEEPEST for inner in node.walk()):
        for full in (True, False):
            yield "\n".join(line.text for line in _lines(node, _Place(source, full=full)))
    yield alike(without_unseen(region).rstrip())


def _first_line(node: SyntaxTreeNode) -> int:
    return node.map[0] if node.map else 0


def _lines(node: SyntaxTreeNode, place: _Place) -> list[_Line]:
    match node.type:
        case "heading":
            lines = _heading(node, place)
        case "fence" | "code_block":
            lines = _fixed(verbatim.block(node.content, node.info, named=place.full))
        case "blockquote":
            lines = _quote(node, place)
        case "bullet_list" | "ordered_list":
            lines = _list(node, place)
        case "table":
            lines = _table(node, place)
        case "hr":
            lines = [_Line("---")]
        case _:
            lines = _words(pieces(node.children))
    return lines


def _sequence(nodes: Sequence[SyntaxTreeNode], place: _Place) -> list[_Line]:
    """Blocks under each other, parted by a blank line where they are so in the source, but for those of lists."""
    lines: list[_Line] = []
    for node in nodes:
        more = _lines(node, place)
        above = place.source[_first_line(node) - 1] if _first_line(node) else ""
        parted = not place.listed and not above.strip("> \t")
        if lines and more and parted and not _HAS_MARGIN.search(lines[-1].text):
            lines.append(_Line(""))
        lines += more
    return lines


def _words(parts: Sequence[Piece]) -> list[_Line]:
    return [_Line(line) for line in written(parts).strip().split("\n")] if plain(parts).strip() else []


def _fixed(text: str) -> list[_Line]:
    return [_Line(line, fixed=True) for line in text.split("\n")]


def _heading(node: SyntaxTreeNode, place: _Place) -> list[_Line]:
    """Discord has no headings in lists, and takes `#` off their ends."""
    parts = pieces(node.children)
    level = int(node.tag[1:])
    shown = " ".join(line.text for line in _words(parts))
    if level > _HEADINGS or place.listed or shown.endswith("#"):
        return _words([Styled(Style.BOLD, parts)])
    return [_Line(f"{'#' * level} {shown}")] if shown else []


def _quote(node: SyntaxTreeNode, place: _Place) -> list[_Line]:
    """In a quote there is no other: its sign is shown as text."""
    lines = _sequence(node.children, replace(place, quoted=True, listed=place.listed and place.quoted))
    if place.quoted:
        return [line if line.fixed else _Line(f"\\> {line.text}") for line in lines]
    return [_Line(f"> {line.text}", fixed=True) for line in lines]


def _list(node: SyntaxTreeNode, place: _Place) -> list[_Line]:
    """Code and quotes go to the margin, where nothing can be taken for their end; numbers go on behind them."""
    lines: list[_Line] = []
    for number, item in enumerate(node.children, int(node.attrs.get("start", 1))):
        bullet = f"{number}. " if node.type == "ordered_list" else "- "
        inner = _sequence(item.children, replace(place, listed=True))
        # A bullet without words would take the next line for them; one without a space behind it is none.
        first = [] if not inner or inner[0].fixed else inner[:1]
        lines.append(_Line(f"{bullet}{first[0].text}" if first else bullet.rstrip()))
        lines += [line if line.fixed else _Line(" " * len(bullet) + line.text) for line in inner[len(first) :]]
    return lines


def _table(node: SyntaxTreeNode, place: _Place) -> list[_Line]:
    """Aligned, as code; or each row an item."""
    rows = [[pieces(cell.children) for cell in row.children] for part in node.children for row in part.children]
    head = node.children[0].children[0].children
    if place.full:
        cells = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
        lines = tables.aligned(cells, ["right" in str(cell.attrs.get("style", "")) for cell in head])
        if lines is not None and not any("```" in line for line in lines):
            return _fixed(verbatim.block("\n".join(lines), ""))
    title, *items = ([part for cell in row for part in (Words(" · "), *cell)][1:] for row in rows)
    return [
        *_words([Styled(Style.BOLD, tuple(title))]),
        *(_Line(f"- {line.text}") for item in items for line in _words(item)),
    ]
