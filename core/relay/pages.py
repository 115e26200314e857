"""Pure: the Markdown of an answer so far, as posts of a limited length. Nothing lost, code blocks whole.

Two rules carry it. A page is read as its reader reads it: opening and body together, as a document of their own, so
what was open at a cut (code, table, list, quote) is opened again or is over. And where a page ends is decided by
the text that had arrived when it first overflowed, so later text never moves an earlier cut.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from typing import NamedTuple

from core.relay.blocks import Block, Kind, advance, enter, expanded, is_deep, is_quote

MINIMUM = 200  # the smallest limit
_SHARE = 4  # an opening, a closing and the look ahead take at most this part of a page each
_LOOK_BACK = 32  # characters given up to keep a base and its marks together
_ZERO_WIDTH_SPACE = "\u200b"
_JOINER = "\u200d"
_MODIFIERS = frozenset(map(chr, [*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)]))  # skin tones, tags
_FLAGS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # come in pairs

_UNFINISHED = (Kind.HEADING, Kind.UNDERLINE, Kind.DELIMITER)

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# what would be no text any more at the start of a line
_MARKUP = re.compile(r" *(?:```|~~~|>|#{1,6} |(?:[-+*]|\d{1,9}[.)]) )")
# what may stand before the text of a line
_MARKERS = re.compile(r"(?:[ \t]*(?:>|(?:#{1,6}|[-+*]|\d{1,9}[.)])(?=[ \t])))*[ \t]*")
# code span, link, bold; one that is not closed yet reaches to the end
_INLINE = re.compile(
    r"(?<!`)(`+)(?!`).*?(?:(?<!`)\1(?!`)|$)|\[[^\[\]]*(?:\](?:\([^()\s]*\)?)?|$)|\*\*\S[^*]*(?:\*\*|$)"
)
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


class _Rank(IntEnum):
    """How good it is to end a page before a line."""

    AWKWARD = auto()
    LINE = auto()
    GAP = auto()
    SUBITEM = auto()
    ITEM = auto()
    BLOCK = auto()
    TITLE = auto()


class _Line(NamedTuple):
    start: int
    text: str
    before: Block
    after: Block


@dataclass(frozen=True, slots=True)
class _Cut:
    at: int
    block: Block
    inside: bool  # of a line
    closing: str


def pages(text: str, limit: int, earlier: Sequence[Page] = ()) -> list[Page]:
    """The answer so far as posts of at most `limit` (200 or more) characters whose bodies join to exactly `text`.

    As `text` grows, every page but the last stays as it is. No page while nothing is visible yet, and none without
    anything visible unless white space alone fills it. Linear in the length of the text. With the `earlier` pages
    of a beginning of it, at the same limit, only the last two of them and what was added are read, for the same result.
    """
    if limit < MINIMUM:
        raise ValueError(f"a page has {MINIMUM} characters or more, not {limit}")
    if not text or text.isspace():
        return []
    if not text.startswith("".join(page.body for page in earlier)):
        earlier = ()  # what was shown before is being replaced
    # The last page of a growing text may change, its opening too; the one before it says how to go on.
    done = list(earlier[:-2])
    opening, at = earlier[-2].opening if len(earlier) > 1 else "", sum(len(page.body) for page in done)
    while True:
        shown = opening + text[at : at + limit + 1 - len(opening)]
        lines, overflows = _read(shown, limit)
        cut = _cut(shown, len(opening), lines, limit) if overflows else _cut_at(len(shown), lines, limit)
        done.append(Page(shown[len(opening) : cut.at], opening, cut.closing))
        if not overflows:
            return done
        at += cut.at - len(opening)
        opening = _opening(cut, text[at : at + limit // _SHARE], limit)


def closed(text: str) -> str:
    """The text with the code block closed that is open at its end, for something to be added after it."""
    block = Block()
    for found in _LINE.finditer(text):
        block = advance(block, found[0])
    return text + _closing(block, math.inf, inside=not text.endswith(("\r", "\n")))


def _read(shown: str, limit: int) -> tuple[list[_Line], bool]:
    """The lines up to the first that is too much for a page whose code is closed; whether there is one."""
    lines: list[_Line] = []
    before, reserve, end = Block(), 0, 0
    for text in _LINE.findall(shown):
        after = advance(before, text)
        lines.append(_Line(end, text, before, after))
        end += len(text)
        need = reserve
        # A line still growing may turn from an opening fence to text: what a text needs must not fall as it grows.
        if after is not before and text[-1] in "\r\n":
            before, reserve = after, len(_closing(after, limit, inside=True)) if after.fenced else 0
            need = max(need, reserve)
        if end + need > limit:
            return lines, True
    return lines, False


def _cut(shown: str, begin: int, lines: list[_Line], limit: int) -> _Cut:
    """The best place to end a page that overflows in its last line, by nothing but what had arrived by then."""
    last = lines[-1]
    hard = limit - len(_closing(last.before, limit, inside=True))
    end = min(hard + 1, last.start + len(last.text.rstrip("\r\n")))
    known = shown[last.start : end]
    lines = [*lines[:-1], _Line(last.start, known, last.before, advance(last.before, known))]
    # Both this page and the next are to show something.
    body = shown[begin:end]
    low = end - len(body.lstrip()) + 1
    high = min(hard, end, begin + len(body.rstrip()) - 1)
    if high < low:
        return _cut_at(min(hard, end), lines, limit)
    return _cut_at(_whole(shown, _place(shown[:end], begin, lines, range(low, high + 1), limit), low), lines, limit)


def _cut_at(at: int, lines: list[_Line], limit: int) -> _Cut:
    line = next(line for line in reversed(lines) if line.start <= at)
    if at == line.start:
        return _Cut(at, line.before, inside=False, closing=_closing(line.before, limit, inside=False))
    part = line.text[: at - line.start]
    block, inside = advance(line.before, part), part[-1] not in "\r\n"
    # An opening fence without its line break may still become text.
    closing = _closing(block, limit, inside=inside) if line.before.fenced or not inside else ""
    return _Cut(at, block, inside, closing)


def _place(shown: str, begin: int, lines: list[_Line], room: range, limit: int) -> int:
    """The best line end in the page's second half; else the best place in its prose; else a line end further up."""
    half = limit // 2
    ends = _line_ends(lines, range(max(room.start, (begin + half) // 2), room.stop))
    good = [end for end in ends if end[0] is not _Rank.AWKWARD]
    if upper := [end for end in good if end[1] >= half]:
        return max(upper)[1]
    line = next(line for line in reversed(lines) if line.start < room[-1] and line.text.strip())
    text = _MARKERS.sub("", line.text, count=1)
    reach = range(max(room.start, half, line.start + len(line.text) - len(text) + 1), room.stop)
    # Half a line that begins with a fence would be one.
    if not (line.before.fenced or line.after.tabled or text.startswith(("```", "~~~"))):
        prose = shown[: line.start] + _INLINE.sub(lambda found: "x" * len(found[0]), shown[line.start :])
        for pattern, among in ((_SENTENCE, prose), (_SPACE, prose), (_SPACE, shown)):
            if places := _places(pattern, among, reach):
                return places[-1]
    if ends:
        return (good or ends)[-1][1]
    return (_places(_SPACE, shown, reach) or room)[-1]


def _places(pattern: re.Pattern[str], text: str, room: range) -> list[int]:
    return [found.end() for found in pattern.finditer(text, max(room.start - 1, 0)) if found.end() in room]


def _line_ends(lines: list[_Line], room: range) -> list[tuple[_Rank, int]]:
    """The line starts in the room before which a page may end, in their order."""
    found: list[tuple[_Rank, int]] = []
    seen, gap = Kind.BLANK, False
    for line in lines:
        if line.start in room:
            found.append((_rank(line, seen, gap=gap), line.start))
        gap = line.after.kind is Kind.BLANK or not line.text.strip()
        seen = seen if gap else line.after.kind
    return found


def _rank(line: _Line, seen: Kind, *, gap: bool) -> _Rank:
    """How good the place before a line is, `seen` being the line before it, and before a blank line if `gap`."""
    before, after = line.before, line.after
    rank = _Rank.GAP if gap else _Rank.LINE
    if before.fenced and (after.fenced or after.kind is Kind.CLOSER):
        # Either side would have code of no lines. Of a closing fence not all may be known yet.
        if before.kind is Kind.OPENER or not line.text.strip(" \t\r\n" + before.head[0].strip(" ")[0]):
            rank = _Rank.AWKWARD
    elif seen in _UNFINISHED or after.kind in (Kind.UNDERLINE, Kind.DELIMITER):
        rank = _Rank.AWKWARD
    elif after.kind is Kind.HEADING and not after.containers:
        rank = _Rank.TITLE
    elif (gap or before.kind is Kind.CLOSER) and not (before.containers and after.containers):
        rank = _Rank.BLOCK
    elif after.fresh:
        rank = _Rank.ITEM if len(after.containers) == 1 else _Rank.SUBITEM
    return rank


def _whole(text: str, at: int, low: int) -> int:
    """The nearest place at or before `at`, within bounds, that parts no character from its marks."""
    return next((place for place in range(at, max(low, at - _LOOK_BACK) - 1, -1) if not _joined(text, place)), at)


def _joined(text: str, at: int) -> bool:
    left, right = text[at - 1], text[at]
    if left in "\r\n":
        return False
    if right in _FLAGS:
        return bool((at - len(text[:at].rstrip(_FLAGS))) % 2)
    return _JOINER in (left, right) or right in _MODIFIERS or unicodedata.category(right)[0] == "M"


def _prefixes(block: Block) -> tuple[str, str]:
    """What the first and what the further lines begin with for the block to stand in its containers again.

    Without the list's own marker, unless the indentation would then be that of code.
    """
    further = "".join(part if is_quote(part) else " " * len(part) for part in block.containers)
    indent = further.replace("> ", "") + (block.head[0] if block.fenced else "")
    return "".join(block.containers) if is_deep(indent) else further, further


def _closing(block: Block, limit: float, *, inside: bool) -> str:
    if not block.fenced:
        return ""
    closing = "\n" + _prefixes(block)[1] + block.head[0]
    return "" if len(closing) * _SHARE > limit else closing[not inside :]


def _opening(cut: _Cut, ahead: str, limit: int) -> str:
    """What lets the page that begins with `ahead` be read as it was meant."""
    found = _LINE.match(ahead)
    openings = _openings(cut, expanded(found[0]) if found else "")
    return next((opening for opening in openings if len(opening) * _SHARE <= limit), "")


def _openings(cut: _Cut, line: str) -> Iterator[str]:
    """The ways to open the page, best first."""
    block, (first, further) = cut.block, _prefixes(cut.block)
    entered = enter(block.containers, line)[1]
    again = further if cut.inside else ""
    if block.fenced and (cut.inside or entered == block.containers):
        # Behind a bullet the fence's own indentation would become the item's.
        marker = block.head[0] if first == further else block.head[0].strip(" ")
        yield f"{first}{marker}{block.head[1]}\n{again}"
        yield f"{first}{marker}\n{again}"
    elif block.tabled and (cut.inside or advance(block, line).kind is Kind.ROW):
        yield f"{first}{block.head[0]}\n{further}{block.head[1]}\n{again}"
    if cut.inside:
        yield first + (_ZERO_WIDTH_SPACE if _MARKUP.match(line) else "")
    elif entered and not is_quote(entered[-1]) and is_deep(enter(tuple(filter(is_quote, entered)), line)[0]):
        # An item without text, for the line to stand in; alternating, as three bullets alike would be a rule.
        parts = (re.sub(r"[-+*]", "-*"[depth % 2], part) for depth, part in enumerate(entered))
        yield "".join(parts).rstrip() + "\n"
