"""The lines of a chunk that are shown."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from core.localchat import chunks, definitions, languages, terms
from core.localchat.citations import Citation
from core.localchat.definitions import Definition, indent

MOST_LINES = 18
_MOST_CHARACTERS = 3_000
_REPEATED = 0.15  # what a term's second and further occurrence adds, up to three of them
_NAMED, _WHOLE = 1.15, 1.2
_LEAST_BODY = 3  # lines of what goes on; fewer say little
_MOST_ABOVE = 8  # lines of a comment over a definition; a longer one would leave no room for it


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines as they stand in a file. `lines` is empty where they are too long to be shown.

    `goes_on_to` is the last line of what the last one shown is part of, 0 where nothing of it is left.
    """

    citation: Citation
    lines: tuple[str, ...]
    defines: tuple[str, ...]
    within: str
    goes_on_to: int


def take(
    path: str,
    lines: Sequence[str],
    span: tuple[int, int],
    defined: Sequence[Definition],
    values: Mapping[str, float] = MappingProxyType({}),
    keep: int = 0,
) -> Excerpt:
    """Lines `span` of a file without blank edges, cut at the end to what can be shown, and before a bare head.

    Up to line `keep` they are shown in any case. What they define is named in order, but first what shares a term with
    `values`.
    """
    first, last = _trimmed(lines, *span)
    shown = list(lines[first - 1 : last])
    while len(shown) > 1 and sum(len(line) for line in shown) > _MOST_CHARACTERS:
        shown.pop()
    first, last = _trimmed(lines, first, first + len(shown) - 1)
    last = max(min(keep, last), _stop(lines, first, last, _heads(path, lines, (first, last), defined)))
    shown = list(lines[first - 1 : last])
    if sum(len(line) for line in shown) > _MOST_CHARACTERS:
        shown = []
    around = enclosing(lines[:last], defined)
    within, inmost = around[first - 1], around[last - 1]
    inside = sorted(
        (one for one in defined if first <= one.line <= last), key=lambda one: not shares(one.title, values)
    )
    until = _end(path, lines, inmost, defined) if inmost else 0
    return Excerpt(
        Citation(path, first, last),
        tuple(shown),
        tuple(dict.fromkeys(one.title for one in inside)),
        within.title if within is not None and within.line < first else "",
        until if until > last else 0,
    )


def window(
    path: str,
    lines: Sequence[str],
    span: tuple[int, int],
    values: Mapping[str, float],
    defined: Sequence[Definition],
) -> tuple[int, int]:
    """The at most MOST_LINES lines of `span` that hold most of what the terms are worth; the earliest of equals.

    Beginning where the span or a definition begins makes a window worth more, and so does showing one asked for.
    """
    first, last = span
    if last - first < MOST_LINES:
        return span
    language = languages.language(path)
    found = [[term for term in terms.of_lines([line], language) if term in values] for line in lines[first - 1 : last]]
    named = {one.line for one in defined if shares(one.title, values)}
    starts = {first} | chunks.starts(lines, defined)
    heads = _heads(path, lines, span, defined)
    best, chosen = -1.0, span
    for start in range(first, last + 1):
        stop = _stop(lines, start, min(last, start + MOST_LINES - 1), heads)
        worth = _worth(found[start - first : stop - first + 1], values)
        worth *= (_NAMED if named & set(range(start, stop + 1)) else 1.0) * (_WHOLE if start in starts else 1.0)
        if worth > best:
            best, chosen = worth, (start, stop)
    return chosen


def whole(path: str, lines: Sequence[str], definition: Definition, defined: Sequence[Definition]) -> tuple[int, int]:
    """A definition with what stands above it, as far as MOST_LINES go."""
    first = chunks.start(lines, definition.line)
    first = first if definition.line - first < _MOST_ABOVE else definition.line
    return first, min(first + MOST_LINES - 1, _end(path, lines, definition, defined))


def enclosing(lines: Sequence[str], defined: Sequence[Definition]) -> list[Definition | None]:
    """Of each line the innermost definition whose lines include it.

    Told of all at once, in one pass: any line of a file may be asked about, and each may follow any number of others.
    """
    begun = {one.line: one for one in defined}
    unended: list[Definition] = []  # each further in than the one before
    around = []
    for number, line in enumerate(lines, 1):
        one, depth = begun.get(number), indent(line)
        if one is not None or _ends(line):
            while unended and unended[-1].indent >= depth:
                unended.pop()
        if one is not None:
            unended.append(one)
        further_out = bisect_left(unended, depth, key=lambda each: each.indent)
        around.append(one or (unended[further_out - 1] if further_out else None))
    return around


def end(lines: Sequence[str], definition: Definition) -> int:
    """The last line of a definition, told by indentation."""
    last = definition.line
    for number in range(definition.line + 1, len(lines) + 1):
        line = lines[number - 1]
        if indent(line) <= definition.indent and _ends(line):
            break
        last = number if line.strip() else last
    return last


def _end(path: str, lines: Sequence[str], definition: Definition, defined: Sequence[Definition]) -> int:
    """The last line of a definition, or of what stands under a heading."""
    if languages.language(path) not in definitions.FLAT:
        return end(lines, definition)
    return next((one.line - 1 for one in defined if one.line > definition.line), len(lines))


def _ends(line: str) -> bool:
    """Whether a line ends the definitions that it is no further in than."""
    text = line.strip()
    return bool(text) and text[0] not in ")}]{"


def shares(name: str, values: Mapping[str, float]) -> bool:
    """Whether a name has a term in common with what is valued."""
    return any(term in values for term in terms.of_text(name))


def _worth(part: Sequence[Sequence[str]], values: Mapping[str, float]) -> float:
    counts = Counter(term for line in part for term in line)
    return sum(values[term] * (1 + _REPEATED * min(count - 1, 3)) for term, count in counts.items())


def _heads(
    path: str, lines: Sequence[str], span: tuple[int, int], defined: Sequence[Definition]
) -> list[tuple[int, int]]:
    """Of each definition that begins within `span`: where, and the last line up to which little but its head shows."""
    first, last = span
    found = []
    for one in defined:
        if first < one.line <= last + _MOST_ABOVE:
            begin = first - 1 + chunks.start(lines[first - 1 : one.line], one.line - first + 1)
            found.append((begin, min(_head(lines, one.line) + _LEAST_BODY, _end(path, lines, one, defined)) - 1))
    return found


def _head(lines: Sequence[str], line: int) -> int:
    """The last line of what a definition takes: where its parentheses are closed."""
    depth = 0
    for number, text in enumerate(lines[line - 1 : line - 1 + MOST_LINES], line):
        depth += text.count("(") - text.count(")")
        if depth <= 0:
            return number
    return line


def _stop(lines: Sequence[str], first: int, last: int, heads: Sequence[tuple[int, int]]) -> int:
    """Where lines from `first` end, if not in the midst of one of `heads`."""
    for begin, until in reversed(heads):
        if first < begin <= last <= until:
            last = _trimmed(lines, first, begin - 1)[1]
    return last


def _trimmed(lines: Sequence[str], first: int, last: int) -> tuple[int, int]:
    while first < last and not lines[first - 1].strip():
        first += 1
    while last > first and not lines[last - 1].strip():
        last -= 1
    return first, last
