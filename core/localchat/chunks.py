"""A file cut into the pieces that are ranked: at its definitions, small neighbours together, long ones in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.localchat.definitions import Definition

LONGEST = 80  # lines
_USUAL = 40  # neighbours are merged up to this
_SMALL = 15  # what is shorter wants a neighbour
_DEEPEST = 4  # columns; a definition further in is part of the one around it
_ABOVE = re.compile(r"\s*(?:@|//|/\*|\*|#|--|;;|\[<?\w)")  # decorators and comments belong to what they stand above


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines `first` to `last` of a file, from 1 and inclusive."""

    first: int
    last: int


def cut(lines: list[str], definitions: list[Definition]) -> list[Chunk]:
    """The whole file in pieces without gap or overlap; blank ones are left out."""
    begins = sorted({1} | starts(lines, [one for one in definitions if one.indent <= _DEEPEST]))
    ends = [begin - 1 for begin in begins[1:]] + [len(lines)]
    spans = [Chunk(first, last) for first, last in zip(begins, ends, strict=True) if first <= last]
    pieces = [piece for span in spans for piece in _split(lines, span)]
    return [piece for piece in _merged(pieces) if any(line.strip() for line in lines[piece.first - 1 : piece.last])]


def start(lines: Sequence[str], line: int) -> int:
    """The first line of what belongs to a definition: its decorators and the comments right above it."""
    while line > 1 and _ABOVE.match(lines[line - 2]):
        line -= 1
    return line


def starts(lines: Sequence[str], definitions: Sequence[Definition]) -> set[int]:
    """The first line of each of these, in one pass.

    A definition may itself look like what stands above one: a header of C can be a run of thousands of such lines.
    """
    wanted = {one.line for one in definitions}
    found, first = set(), 1
    for number, above in enumerate(["", *lines[:-1]], 1):
        first = first if _ABOVE.match(above) else number
        if number in wanted:
            found.add(first)
    return found


def _split(lines: list[str], span: Chunk) -> Iterator[Chunk]:
    """A long span in parts of 40 to 80 lines, at blank lines where there are any."""
    first = span.first
    while span.last - first + 1 > LONGEST:
        candidates = range(first + LONGEST - 1, first + _USUAL - 1, -1)
        last = next((number for number in candidates if not lines[number - 1].strip()), first + LONGEST - 1)
        yield Chunk(first, last)
        first = last + 1
    yield Chunk(first, span.last)


def _merged(pieces: list[Chunk]) -> list[Chunk]:
    merged: list[Chunk] = []
    for piece in pieces:
        before = merged[-1] if merged else None
        if before is not None and _belong_together(before, piece):
            merged[-1] = Chunk(before.first, piece.last)
        else:
            merged.append(piece)
    return merged


def _belong_together(before: Chunk, piece: Chunk) -> bool:
    lengths = before.last - before.first + 1, piece.last - piece.first + 1
    return min(lengths) < _SMALL and sum(lengths) <= _USUAL
