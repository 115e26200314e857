"""The answer without a model: passages, where they stand, how sure the finding is. Pure: values in, Markdown out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.localchat import languages
from core.localchat.citations import Citation, code
from core.localchat.definitions import Definition
from core.localchat.excerpts import Excerpt
from core.localchat.rank import Confidence

_COMMIT = 7  # characters
_MOST_NAMED = 4
_MOST_PLACES = 12
_MOST_FILES = 50


@dataclass(frozen=True, slots=True)
class Source:
    """What is answered from: the repository's name, its commit, and whether files differ from that commit."""

    name: str
    commit: str
    changed: bool

    def __str__(self) -> str:
        """As in a sentence: `name` at `abc1234`."""
        state = " with uncommitted changes" if self.changed else ""
        return f"{code(self.name)} at {code(self.commit[:_COMMIT])}{state}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found for a question. `occurring` are those of its words that stand anywhere, `hints` similar names.

    `limited`: a limit kept some files from being read. `more` is named without its lines.
    """

    excerpts: tuple[Excerpt, ...]
    confidence: Confidence
    related: tuple[str, ...] = ()
    occurring: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    limited: bool = False
    more: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Uses:
    """Where `names` are used, the most telling first, `more` by line only.

    They are `defined` there, which is shown where that is asked too. `absent` are the names that were asked about,
    where `names` are but what was likeliest meant. `limited`: as in `Findings`.
    """

    names: tuple[str, ...]
    excerpts: tuple[Excerpt, ...]
    more: tuple[Citation, ...]
    defined: tuple[Citation, ...]
    definitions: tuple[Excerpt, ...]
    absent: tuple[str, ...]
    limited: bool


def passages(source: Source, findings: Findings, remarks: Sequence[str]) -> str:
    """The answer to an ordinary question."""
    if findings.confidence is Confidence.NONE:
        return _nothing(source, findings, remarks)
    if findings.confidence is Confidence.STRONG:
        opening = f"No model is configured; these are the closest passages in {source}."
    else:
        opening = f"No model is configured, and nothing in {source} matches this question well. The nearest passages:"
    shown = map(_passage, findings.excerpts)
    return _joined(opening, *shown, _more(findings.more), _related(findings.related), *remarks)


def usages(source: Source, uses: Uses, remarks: Sequence[str]) -> str:
    """The answer to "who calls it?"."""
    listed, whole = _coded(uses.names), _within(source, limited=uses.limited)
    absent = f"nothing {whole} is called {_coded(uses.absent)}; " if uses.absent else ""
    where = "there" if absent else f"in {source}" if uses.excerpts else whole
    places = f"Defined at {_listed([str(place) for place in uses.defined])}." if uses.defined else ""
    definitions = map(_passage, uses.definitions)
    if not uses.excerpts:
        use = f"by name alone, nothing {where} uses {listed} outside its own definition."
        return _joined(f"No model is configured; {absent}{use}", *definitions, places, *remarks)
    opening = f"No model is configured; {absent}these places {where} use {listed}, found by name alone."
    return _joined(opening, *definitions, *map(_use, uses.excerpts), _more(uses.more), places, *remarks)


def unknown(
    source: Source, names: Sequence[str], hints: Sequence[str], remarks: Sequence[str], *, limited: bool
) -> str:
    """The answer to a question about names that stand nowhere; `limited` as in `Findings`."""
    where = _within(source, limited=limited)
    return _joined(f"No model is configured, and nothing {where} is called {_coded(names)}.", _similar(hints), *remarks)


def overview(
    source: Source,
    excerpts: Sequence[Excerpt],
    folders: Sequence[str],
    written: Sequence[tuple[str, int]],
    *,
    asked: bool,
) -> str:
    """The answer to a question about all of it, or to one without a word to look for: `written` in which languages."""
    opening = f"No model is configured; this is {source} as a whole."
    if not asked:
        opening = f"No model is configured, and the question has no word to look for in {source}."
    if excerpts:
        opening += " How it describes itself:"
    top = f"At the top: {', '.join(map(code, folders))}." if folders else ""
    files = f"Most of its files: {', '.join(f'{count} {language}' for language, count in written)}." if written else ""
    hint = "Name a function, a file, a setting or an error message to get passages."
    return _joined(opening, *map(_passage, excerpts), top, files, hint)


def folder(path: str, files: Sequence[str], skipped: Sequence[tuple[str, str]]) -> str:
    """What a folder holds, and what of it was not read."""
    rest = len(files) - _MOST_FILES
    shown = [f"- {code(file)}" for file in files[:_MOST_FILES]] + ([f"- and {rest} more"] if rest > 0 else [])
    unread = _listed([f"{code(file)} ({why})" for file, why in skipped], _MOST_PLACES)
    return "\n".join((f"Files in {code(path + '/')}:", "", *shown, *(("", f"Not read: {unread}.") if unread else ())))


def file(excerpt: Excerpt, further: Sequence[Definition]) -> str:
    """A part of a file, and what it defines further on."""
    titles = [f"{code(one.title)} ({one.line})" for one in further]
    return _joined(_passage(excerpt), f"Further on: {_listed(titles, _MOST_PLACES)}." if titles else "").rstrip("\n")


def length(path: str, lines: int) -> str:
    """How long a file is."""
    if not lines:
        return f"{code(path)} is empty."
    return f"{code(path)} has {lines} line{'s' if lines > 1 else ''}."


def pointed(source: Source, parts: Sequence[str]) -> str:
    """The answer to a question that names files and folders."""
    return _joined(f"No model is configured; this stands in {source}.", *parts)


def history(source: Source) -> str:
    """The answer to who changed something, or when."""
    asked = "`git log` and `git blame` tell who changed what, and when"
    return _joined(f"No model is configured, and only the present text of the files in {source} is read: {asked}.")


def unreadable(source: Source, remarks: Sequence[str]) -> str:
    """The answer where a repository holds no text."""
    return _joined(f"There is no text to search in {source}.", *(remarks or ("It has no files.",)))


def skipped(reasons: Counter[str]) -> str:
    """How many files were not read, by reason; empty for none."""
    if not reasons:
        return ""
    counts = ", ".join(f"{count} ({why})" for why, count in sorted(reasons.items()))
    return f"Files not read: {counts}."


def skipped_by_name(files: Sequence[tuple[str, str]]) -> str:
    """Names files the question seems to be about but which were not read; empty for none."""
    named = ", ".join(f"{code(path)} ({why})" for path, why in files)
    return f"Not read, though the question may be about it: {named}." if named else ""


def fenced(lines: Sequence[str], language: str) -> str:
    """A fenced code block that no line of its content can close."""
    runs = [len(run) for line in lines for run in re.findall("`+", line)]
    fence = "`" * max(3, max(runs, default=0) + 1)
    return "\n".join((fence + language, *lines, fence))


def _within(source: Source, *, limited: bool) -> str:
    return f"in what was read of {source}" if limited else f"in {source}"


def _nothing(source: Source, findings: Findings, remarks: Sequence[str]) -> str:
    opening = f"No model is configured, and nothing in {source} matches this question."
    where = "in what was read" if findings.limited else "there"
    words = f"None of its words occurs {where}."
    if findings.occurring:
        occur = "occurs" if len(findings.occurring) == 1 else "occur"
        words = f"Of its words only {_coded(findings.occurring)} {occur} {where}."
    near = [f"- {excerpt.citation}{_about(excerpt)}" for excerpt in findings.excerpts[:3]]
    misses = "\n".join(("The nearest places, for what they are worth:", *near)) if near else ""
    advice = "Naming a function, a file, a setting or an error message helps."
    return _joined(f"{opening} {words}", misses, _similar(findings.hints), advice, *remarks)


def _passage(excerpt: Excerpt) -> str:
    return _block(f"{excerpt.citation}{_about(excerpt)}", excerpt)


def _use(excerpt: Excerpt) -> str:
    where = f" in {code(excerpt.within)}" if excerpt.within else _about(excerpt)
    return _block(f"{excerpt.citation}{where}", excerpt)


def _block(heading: str, excerpt: Excerpt) -> str:
    if not excerpt.lines:
        return f"{heading} (its lines are too long to be shown)"
    rest = f"\n… to line {excerpt.goes_on_to}" if excerpt.goes_on_to else ""
    return f"{heading}\n\n{fenced(excerpt.lines, languages.language(excerpt.citation.path))}{rest}"


def _about(excerpt: Excerpt) -> str:
    if excerpt.defines:
        return f" defines {_coded(excerpt.defines)}"
    return f" in {code(excerpt.within)}" if excerpt.within else ""


def _more(places: Sequence[Citation]) -> str:
    return f"More: {_listed([str(place) for place in places], _MOST_PLACES)}." if places else ""


def _similar(names: Sequence[str]) -> str:
    return f"Names that look similar: {_coded(names)}." if names else ""


def _related(paths: Sequence[str]) -> str:
    return f"Related files: {', '.join(map(code, paths))}." if paths else ""


def _listed(written: Sequence[str], most: int = _MOST_NAMED) -> str:
    shown = ", ".join(written[:most])
    return f"{shown} and {len(written) - most} more" if len(written) > most else shown


def _coded(names: Sequence[str]) -> str:
    return _listed([code(name) for name in names])


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
