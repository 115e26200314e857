"""Files and folders that a question names, perhaps with lines: where to look, and the answer where that is all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.localchat import chunks, excerpts, extractive
from core.localchat.excerpts import Excerpt
from core.localchat.extractive import Source
from core.localchat.index import Index
from core.localchat.stems import stem

_MOST_WRITTEN = 16  # looked up of one question
_MOST = 3  # shown; what more files end in is the name of none
_FURTHEST = 12  # lines from the head of a definition to the line asked for, if both are to be seen

_WRITTEN = re.compile(r"`([^`\n]{1,300})`|([^\s`]{1,300})")
_EDGES = "\"'()[]{}<>,;:!?*"
_SPOT = re.compile(r"(?:\./)?(?P<path>.+?)/?(?:(?::|#L)(?P<first>\d{1,7})(?:-L?(?P<last>\d{1,7}))?)?")
_LINES = re.compile(r"\blines?\s+(?P<first>\d{1,7})(?:\s*(?:-|–|to)\s*(?P<last>\d{1,7}))?", re.IGNORECASE)
_FOLDER = re.compile(r"\b(?:files|folder|directory)\b", re.IGNORECASE)
_SHOWING = "content contain directory display file folder line list open overview print purpose read summarize summary"
_SHOWING_WORDS = frozenset(stem(word) for word in _SHOWING.split())


@dataclass(frozen=True, slots=True)
class Spot:
    """A file or a folder as `written` in a question. `files` are all it holds; `first` is 0 where no line is named."""

    written: str
    path: str
    files: tuple[str, ...]
    first: int = 0
    last: int = 0

    @property
    def sure(self) -> bool:
        """Whether it is a path; a mere file name may be meant otherwise, like `discord.py`."""
        return "/" in self.written or self.written.startswith(self.path)

    @property
    def name(self) -> str:
        """What code calls it: `leases` for `core/relay/leases.py`."""
        return PurePosixPath(self.path).name.partition(".")[0]


def find(text: str, index: Index) -> list[Spot]:
    """What the text names of an index, files also by their ends. A pasted log names much, and means all of it."""
    if "\n" in text.strip():
        return []
    plain = bool(_FOLDER.search(text))
    found = [match[1] or match[2].strip(_EDGES).removesuffix(".") for match in _WRITTEN.finditer(text)]
    written = [one for one in dict.fromkeys(found) if one and (plain or "/" in one or "." in one)][:_MOST_WRITTEN]
    paths = index.paths() if written else []
    return [spot for one in written for spot in _spots(one, paths, _LINES.search(text))][:_MOST]


def without(text: str, spots: Sequence[Spot]) -> str:
    """The text without what is written there of these."""
    for spot in spots:
        text = re.sub(rf"(?<![\w./-]){re.escape(spot.written)}(?!\.?[\w/-])", "", text)
    return text


def nothing_else(terms: Sequence[str]) -> bool:
    """Whether these terms, which stand beside a path, only ask to see it."""
    return all(term in _SHOWING_WORDS or term.isdigit() for term in terms)


def answer(source: Source, index: Index, spots: Sequence[Spot]) -> str:
    """What stands there: a folder's files, the lines asked for, or how a file begins and what it defines further on."""
    parts = [_file(spot, index) if spot.files == (spot.path,) else _folder(spot, index) for spot in spots]
    return extractive.pointed(source, parts)


def _folder(spot: Spot, index: Index) -> str:
    skipped = [item for item in index.skipped() if item[0].startswith(f"{spot.path}/")]
    return extractive.folder(spot.path, spot.files, skipped)


def _file(spot: Spot, index: Index) -> str:
    lines = len(index.lines(spot.path))
    if not lines:
        return extractive.length(spot.path, lines)
    excerpt = _excerpt(spot, index)
    defined = [] if spot.first else index.defined_in(spot.path)
    told = extractive.file(excerpt, [one for one in defined if one.line > excerpt.citation.last])
    return f"{extractive.length(spot.path, lines)}\n\n{told}" if spot.first > lines else told


def _spots(written: str, paths: Sequence[str], lines: re.Match[str] | None) -> Iterator[Spot]:
    match = _SPOT.fullmatch(written)
    if match is None:
        return
    path, place = match["path"], match if match["first"] else lines
    first = int(place["first"]) if place else 0
    last = int(place["last"] or first) if place else 0
    if inside := [one for one in paths if one.startswith(f"{path}/")]:
        yield Spot(written, path, tuple(inside))
        return
    found = [path] if path in paths else [one for one in paths if "." in path and one.endswith(f"/{path}")]
    if len(found) <= _MOST:
        yield from (Spot(written, one, (one,), first, last) for one in found)


def _excerpt(spot: Spot, index: Index) -> Excerpt:
    lines, defined = index.lines(spot.path), index.defined_in(spot.path)
    first = max(1, min(spot.first, len(lines)))
    last = min(len(lines), max(first, spot.last))
    if spot.first and first == last:
        within = excerpts.enclosing(lines[:first], defined)[-1]
        begin = chunks.start(lines, within.line) if within is not None else 1
        first = begin if last - begin < _FURTHEST else max(1, last - _FURTHEST // 2)
    most = first + excerpts.MOST_LINES - 1
    until = min(most, last if spot.last > spot.first else len(lines))
    return excerpts.take(spot.path, lines, (first, until), defined, keep=min(last, until))
