"""Where a name is used. By name and its surroundings alone: nothing here knows types, and the answer says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath

from core.localchat import excerpts, languages
from core.localchat.definitions import Definition
from core.localchat.index import Defined, Index
from core.localchat.languages import Kind

_MOST_FILES = 200  # of one name; a name in more files is a word


class Use(IntEnum):
    """How a line uses a name, the most telling first."""

    CALL = 0
    REFERENCE = 1
    IMPORT = 2
    MENTION = 3  # in a comment or in prose


class Evidence(IntEnum):
    """How likely the name on a line means this very definition."""

    SHOWN = 0  # qualified, imported, or in the same file
    POSSIBLE = 1
    DOUBTFUL = 2  # `options.get(…)` for a function `get` of another module


@dataclass(frozen=True, slots=True)
class Usage:
    """One line that uses `name`. `within` is the definition around it, or None at the top of a file."""

    name: str
    path: str
    line: int
    use: Use
    evidence: Evidence
    kind: Kind
    within: Definition | None


_COMMENT = re.compile(r"\s*(?:#(?!\s*(?:include|define|if))|//|/\*|\*(?:\s|/|$)|--\s|;;|<!--|%)")
_FROM = re.compile(r"\s*from\s+[\w.]+\s+import\b")  # what it names before `import` is a module
_REMARK = re.compile(r"\s(?:#|//)\s")
_QUOTES = re.compile(r'"""|\'\'\'')
_DOCSTRING = re.compile(r'\s*[rRbBuU]?(?:"""|\'\'\')')
_MEMBER = re.compile(r"(?:\.|->|::)\s*$")
_OWNER = re.compile(r"(?<!\w)(\w+)\s*(?:\.|->|::)\s*$")  # a whole word: else a long one is tried from each letter


def find(index: Index, subjects: Sequence[Defined]) -> list[Usage]:
    """The uses of names outside their own definitions: code before tests before prose, then by subject, calls first.

    Doubtful ones and mere mentions are left out where there are better ones, imports where their file has another use.
    """
    order = [subject.definition.name for subject in subjects]
    found = [usage for subject in subjects for usage in _of(index, subject)]
    return sorted(_telling(found), key=lambda usage: _order(usage, order.index(usage.name)))


def _of(index: Index, subject: Defined) -> Iterator[Usage]:
    places = index.defined_as(subject.definition.name)
    for path, kind in index.containing(subject.definition.name)[:_MOST_FILES]:
        own = [place.definition for place in places if place.path == path]
        yield from _in_file(index, path, kind, subject, own)


def classify(line: str, name: str, language: str, *, module: bool = False) -> Use | None:
    """How a line of code uses a name, perhaps a module's; None where it does not stand there as a whole word."""
    escaped = re.escape(name)
    word = re.compile(rf"(?<!\w){escaped}(?!\w)")
    if not word.search(line):
        return None
    if _COMMENT.match(line) or not word.search(_REMARK.split(line, maxsplit=1)[0]):
        return Use.MENTION
    if language == "python" and not module and (source := _FROM.match(line)):
        return Use.IMPORT if word.search(line[source.end() :]) else None
    if languages.is_import(line, language) or re.fullmatch(rf"\s*{escaped}(?:\s+as\s+\w+)?,?\s*", line):
        return Use.IMPORT  # or one line of a longer list, mostly of imports
    called = rf"(?<!\w){escaped}(?:(?:::)?<[^<>]*>)?\s*[(!]|^\s*@(?:\w+\.)*{escaped}(?!\w)"
    return Use.CALL if re.search(called, line) else Use.REFERENCE


def judge(line: str, subject: Defined, *, same_file: bool, imported: bool, knows_scope: bool) -> Evidence:
    """How likely a line means `subject`.

    `imported`: the file imports that name; `knows_scope`: it mentions the class the definition belongs to.
    """
    name, scope = subject.definition.name, subject.definition.scope
    before = re.split(rf"(?<!\w){re.escape(name)}(?!\w)", line, maxsplit=1)[0]
    member = bool(_MEMBER.search(before))
    if scope:
        if member and (same_file or knows_scope):
            return Evidence.SHOWN
        return Evidence.POSSIBLE if member or same_file else Evidence.DOUBTFUL
    if member:
        owner = _OWNER.search(before)
        return Evidence.SHOWN if owner and owner[1] in _modules(subject.path) else Evidence.DOUBTFUL
    return Evidence.SHOWN if same_file or imported else Evidence.POSSIBLE


def _modules(path: str) -> set[str]:
    """What a file is called where its contents are used: by its own name, or by its folder's."""
    pure = PurePosixPath(path)
    return {pure.name.partition(".")[0], pure.parent.name}


def _telling(found: Sequence[Usage]) -> list[Usage]:
    used = {usage.path for usage in found if usage.use < Use.IMPORT}
    kept = [usage for usage in found if usage.use is not Use.IMPORT or usage.path not in used]
    real = [usage for usage in kept if usage.use is not Use.MENTION] or kept
    return [usage for usage in real if usage.evidence is not Evidence.DOUBTFUL] or real


def _order(usage: Usage, subject: int) -> tuple[int, ...]:
    kind = list(Kind).index(usage.kind)
    return usage.use is Use.MENTION, kind, subject, int(usage.evidence), int(usage.use)


def _in_file(index: Index, path: str, kind: Kind, subject: Defined, own: Sequence[Definition]) -> Iterator[Usage]:
    name, scope, language = subject.definition.name, subject.definition.scope, languages.language(path)
    lines, defined = index.lines(path), index.defined_in(path)
    excluded = {one.line for one in own}
    if path == subject.path:
        excluded |= set(range(subject.definition.line, excerpts.end(lines, subject.definition) + 1))
    module = not subject.path
    uses = {
        number: classify(line, name, language, module=module) for number, line in enumerate(lines, 1) if name in line
    }
    imported = Use.IMPORT in uses.values()
    knows_scope = bool(scope) and any(scope in line for line in lines)
    quoted = _quoted(lines) if language == "python" else frozenset()
    within = around(lines, defined)
    for number, use in uses.items():
        if use is None or number in excluded:
            continue
        mention = number in quoted or kind is Kind.PROSE or bool(_DOCSTRING.match(lines[number - 1]))
        evidence = judge(
            lines[number - 1], subject, same_file=path == subject.path, imported=imported, knows_scope=knows_scope
        )
        yield Usage(name, path, number, Use.MENTION if mention else use, evidence, kind, within[number - 1])


def around(lines: Sequence[str], defined: Sequence[Definition]) -> list[Definition | None]:
    """Of each line the definition it belongs to: a decorator to the one it stands above."""
    found = excerpts.enclosing(lines, defined)
    for place in reversed(range(len(lines) - 1)):
        if lines[place].lstrip().startswith("@"):
            found[place] = found[place + 1]
    return found


def _quoted(lines: Sequence[str]) -> frozenset[int]:
    """The lines of Python that begin inside a string of several lines, which mostly is a docstring."""
    inside, found = False, set()
    for number, line in enumerate(lines, 1):
        if inside:
            found.add(number)
        if len(_QUOTES.findall(line)) % 2:
            inside = not inside
    return frozenset(found)
