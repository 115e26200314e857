"""The lines of a chunk that are shown."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from core.localchat import chunks, languages, terms
from core.localchat.citations import Citation
from core.localchat.definitions import Definition, indent

MOST_LINES = 18
_MOST_CHARACTERS = 3_000
_REPEATED = 0.15  # what a term's second and further occurrence adds, up to three of them
_NAMED, _WHOLE = 1.15, 1.2


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines as they stand in a file. `lines` is empty where they are too long to be shown."""

    citation: Citation
    lines: tuple[str, ...]
    defines: tuple[str, ...]
    within: str


def take(
    path: str,
    lines: Sequence[str],
    span: tuple[int, int],
    defined: Sequence[Definition],
    values: Mapping[str, float] = MappingProxyType({}),
) -> Excerpt:
    """Lines `span` of a file without blank edges, cut at the end to what can be shown.

    What they define is named in order, but first what shares a term with `values`.
    """
    first, last = _trimmed(lines, *span)
    shown = list(lines[first - 1 : last])
    while len(shown) > 1 and sum(len(line) for line in shown) > _MOST_CHARACTERS:
        shown.pop()
    first, last = _trimmed(lines, first, first + len(shown) - 1)
    shown = list(lines[first - 1 : last])
    if sum(len(line) for line in shown) > _MOST_CHARACTERS:
        shown = []
    within = enclosing(lines[:first], defined)[-1]
    inside = sorted(
        (one for one in defined if first <= one.line <= last), key=lambda one: not shares(one.title, values)
    )
    return Excerpt(
        Citation(path, first, last),
        tuple(shown),
        tuple(dict.fromkeys(one.title for one in inside)),
        within.title if within is not None and within.line < first else "",
    )


def window(
    path: str,
    lines: Sequence[str],
    span: tuple[int, int],
    values: Mapping[str, float],
    defined: Sequence[Definition],
    qualified: Sequence[str] = (),
) -> tuple[int, int]:
    """The at most MOST_LINES lines of `span` that hold most of what the terms are worth; the earliest of equals.

    Beginning where the span or a definition begins makes a window worth more, and so does showing one asked for. What
    is titled as one of `qualified` is shown from its beginning.
    """
    first, last = span
    if last - first < MOST_LINES:
        return span
    titled = [one.line for one in defined if first <= one.line <= last and one.title in qualified]
    if titled:
        begin = max(first, chunks.start(lines, titled[0]))
        return begin, min(last, begin + MOST_LINES - 1)
    language = languages.language(path)
    found = [[term for term in terms.of_lines([line], language) if term in values] for line in lines[first - 1 : last]]
    named = {one.line for one in defined if shares(one.title, values)}
    starts = {first} | chunks.starts(lines, defined)
    best, chosen = -1.0, first
    for start in range(first, last + 1):
        part = found[start - first : start - first + MOST_LINES]
        worth = _worth(part, values) * (_NAMED if named & set(range(start, start + MOST_LINES)) else 1.0)
        if (worth := worth * (_WHOLE if start in starts else 1.0)) > best:
            best, chosen = worth, start
    return chosen, min(last, chosen + MOST_LINES - 1)


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


def _trimmed(lines: Sequence[str], first: int, last: int) -> tuple[int, int]:
    while first < last and not lines[first - 1].strip():
        first += 1
    while last > first and not lines[last - 1].strip():
        last -= 1
    return first, last
