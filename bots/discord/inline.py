"""Pure: the words of a paragraph, heading or cell in Discord's formatting.

What Discord's clients make of `**`, `_` and the like they find by one search from left to right that takes code and
links for nothing special (the rules of simple-markdown; LyricLy/parse-discord, checked by hand against the client). So
a mark is only written where its next occurrence is certainly its end; else the words stand without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

from markdown_it.tree import SyntaxTreeNode

from bots.discord import links, verbatim
from bots.discord.literal import literal
from core.invisible import with_unseen_named, without_unseen
from core.links import BARE, reach, same

_BARE = re.compile(BARE)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_WORD = re.compile(r"[A-Za-z0-9_]")


class Style(Enum):
    """A look of words."""

    BOLD = auto()
    ITALIC = auto()
    STRUCK = auto()


@dataclass(frozen=True, slots=True)
class Words:
    """Text as the reader is to see it; a line feed ends a line."""

    text: str


@dataclass(frozen=True, slots=True)
class Raw:
    """What is in Discord's own form already, a code span or a link, and how it reads where nothing is formatted."""

    text: str
    plain: str


@dataclass(frozen=True, slots=True)
class Styled:
    """Pieces in one look."""

    style: Style
    pieces: tuple[Piece, ...]


Piece = Words | Raw | Styled

_MARKS = frozenset("*_~")
_STYLES = {"strong": Style.BOLD, "em": Style.ITALIC, "s": Style.STRUCK}


def pieces(nodes: Iterable[SyntaxTreeNode]) -> tuple[Piece, ...]:
    """The pieces of what was read; links with their targets beside them."""
    found: list[Piece] = []
    for node in nodes:
        if node.type == "inline":
            found += pieces(node.children)
        elif node.type in _STYLES:
            found.append(Styled(_STYLES[node.type], pieces(node.children)))
        elif node.type == "code_inline":
            found.append(Raw(verbatim.span(node.content), node.content))
        elif node.type in {"link", "image"}:
            found += _link(node)
        else:
            found.append(Words("\n" if node.type.endswith("break") else node.content))
    return tuple(found)


def plain(parts: Iterable[Piece]) -> str:
    """How the pieces read without any formatting; what nobody sees is named in code and targets, and gone elsewhere."""
    return without_unseen("".join(map(_read, parts)))


def _read(part: Piece) -> str:
    match part:
        case Words(text):
            return text
        case Raw(plain=code):
            return with_unseen_named(code)
        case Styled(pieces=inner):
            return plain(inner)


def written(parts: Sequence[Piece]) -> str:
    """The pieces in Discord's formatting, as they may stand at the start of a line."""
    return _Writer().write(parts, frozenset())


def _link(node: SyntaxTreeNode) -> list[Piece]:
    target = str(node.attrs.get("href" if node.type == "link" else "src", ""))
    label = pieces(node.children)
    said = plain(label)
    if node.info == "auto" and "://" not in target:
        return [Words(said if target.startswith("mailto:") else f"<{said}>")]
    if not target:
        return [*label]
    link = Raw(links.shown(target), target)
    if not said.strip() or same(said, target):
        return [link]
    return [*label, Words(" ("), link, Words(")")]


class _Writer:
    """Writes pieces from left to right. `_fresh`: nothing stands on the line yet but marks."""

    def __init__(self) -> None:
        self._fresh = True

    def write(self, parts: Sequence[Piece], inside: frozenset[Style]) -> str:
        joined = _joined(parts)
        out: list[str] = []
        for before, part, following in zip([None, *joined], joined, [*joined[1:], None], strict=False):
            text = self._piece(part, inside, following)
            both_styled = isinstance(before, Styled) and isinstance(part, Styled)
            if both_styled and out and out[-1][-1:] in _MARKS and text[:1] in _MARKS:
                out.append(" ")  # marks of the one would be taken for the other's
            _add(out, text)
        return "".join(out)

    def _piece(self, part: Piece, inside: frozenset[Style], following: Piece | None) -> str:
        if isinstance(part, Words):
            return self._words(part.text)
        if isinstance(part, Raw):
            self._fresh = False
            return part.text
        inner = self.write(part.pieces, inside | {part.style})
        if part.style in inside or not inner or inner.strip() != inner:
            return inner
        next_word = isinstance(following, Words) and _WORD.match(following.text) is not None
        mark = _mark(part.style, inner, inside, mid_word=next_word)
        return f"{mark}{inner}{mark}"

    def _words(self, text: str) -> str:
        lines = text.split("\n")
        out = [self._line(lines[0])]
        for line in lines[1:]:
            self._fresh = True
            out.append(self._line(line.lstrip()))
        return "\n".join(out)

    def _line(self, text: str) -> str:
        out: list[str] = []
        at = begin = 0
        while found := _BARE.search(text, at):
            at = found.start() + reach(found[0])
            address = text[found.start() : at]
            if "://" in address and not address.endswith("://"):
                out.append(self._plain(text[begin : found.start()]))
                _add(out, links.shown(address))
                begin = at
                self._fresh = False
        out.append(self._plain(text[begin:]))
        return "".join(out)

    def _plain(self, text: str) -> str:
        shown = literal(text, fresh=self._fresh)
        self._fresh = self._fresh and not text.strip()
        return shown


def _add(out: list[str], text: str) -> None:
    """Add to the texts, and keep code from backticks right before it."""
    if text.startswith("`") and out and out[-1].endswith("`"):
        out.append(" ")
    if text:
        out.append(text)


def _joined(parts: Iterable[Piece]) -> list[Piece]:
    """The pieces with neighbouring words as one, for an address or a sign may have been written in parts."""
    joined: list[Piece] = []
    for is_words, group in groupby(parts, lambda part: isinstance(part, Words)):
        if not is_words:
            joined += group
        elif text := without_unseen("".join(part.text for part in group if isinstance(part, Words))):
            joined.append(Words(text))
    return joined


def _mark(style: Style, inner: str, inside: frozenset[Style], *, mid_word: bool) -> str:
    """The mark that makes Discord show `inner` in the style and end it right behind; none if no mark does."""
    bare = _ESCAPE.sub("", inner)  # as Discord skips escapes, in code too
    match style:
        case Style.BOLD if "**" not in bare and bare[-1:] != "*":
            return "**"
        case Style.STRUCK if "~~" not in inner and inner[-1] != "~":
            return "~~"
        case Style.ITALIC if not mid_word and "_" not in bare and inner[-2:] != "~~":
            return "_"
        case Style.ITALIC if Style.BOLD not in inside and "*" not in bare:
            return "*"
    return ""
