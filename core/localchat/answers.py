"""One answer from one index: rank, choose what to show, write it down. Blocking, some tens of milliseconds."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from core.chat.contract import Message, answered
from core.localchat import excerpts, extractive, languages, pointed, questions, rank, subjects, terms, usages
from core.localchat.citations import Citation
from core.localchat.excerpts import Excerpt
from core.localchat.extractive import Findings, Source, Uses
from core.localchat.index import Defined, Index
from core.localchat.listing import BY_LIMIT, Skip
from core.localchat.pointed import Spot
from core.localchat.questions import Query
from core.localchat.rank import Confidence, Ranking, Scored
from core.localchat.usages import Usage, Use

_CANDIDATES = 300  # chunks scored for one question
_PLACES = 5  # uses shown with their lines
_RELATED = 5
_BEFORE, _AFTER, _BESIDE = 5, 6, 2  # lines shown around a use, and around one outside of any definition
_HINTS = 4
_SIMILAR = 0.75


def answer(name: str, index: Index, messages: Sequence[Message]) -> str:
    """The answer to the questions at the end, in Markdown, each on its own. Every citation in it exists in `index`."""
    before = messages[: answered(messages)]
    asked = [message for message in messages[len(before) :] if message.role == "user"]
    if len(asked) < 2:
        return _answer(name, index, messages)
    numbers = range(1, len(asked) + 1)
    told = (f"**Question {number}**\n\n{_answer(name, index, [*before, *asked[:number]])}" for number in numbers)
    return "\n\n".join(told)


def _answer(name: str, index: Index, messages: Sequence[Message]) -> str:
    source = Source(name, index.commit, index.changed)
    skips = index.skipped()
    if not index.size.files:
        return extractive.unreadable(source, _remarks([extractive.skipped(Counter(why for _, why in skips))]))
    query, spots = _pointed(messages, index)
    if query.history:
        return extractive.history(source)
    within = [path for spot in spots for path in spot.files]
    named = subjects.named(query, index, within)
    values, ranking = _ranked(query, index, within)
    if spots and not named and (pointed.nothing_else(query.own) or ranking.confidence is Confidence.NONE):
        return pointed.answer(source, index, spots)
    if query.overview or not (named or query.weights or query.identifiers or query.callers):
        return _overview(source, index, asked=query.overview)
    groups = subjects.choose(query, index, ranking) if query.callers else []
    if groups:
        return _caller_answer(query, source, index, skips, *_used(query, index, groups))
    limited = _limited(skips)
    if named:
        findings = _definitions(query, index, named, ranking, values)
    else:
        findings = _findings(query, index, ranking, values, limited=limited)
    return extractive.passages(source, findings, _skip_remarks(query, skips, findings.confidence))


def _pointed(messages: Sequence[Message], index: Index) -> tuple[Query, list[Spot]]:
    """The question without what it names of files and folders, and these: where to look for the rest of it."""
    query = questions.read(messages)
    spots = pointed.find(query.text, index)
    if not spots:
        return query, []
    rest = _with(messages, pointed.without(query.text, spots))
    if rest.callers:  # who uses a file uses its name, which no word of the question need be
        return rest if rest.own else replace(rest, names=(spots[0].name,), subjects=(spots[0].name,)), []
    sure = pointed.nothing_else(rest.own) or all(spot.sure for spot in spots)
    return (rest, spots) if sure and not rest.tests else (query, [])  # the tests of a file lie elsewhere


def _with(messages: Sequence[Message], text: str) -> Query:
    return questions.read([*messages[:-1], messages[-1].model_copy(update={"content": text})])


def _ranked(query: Query, index: Index, within: Sequence[str]) -> tuple[dict[str, float], Ranking]:
    """The value of each of the query's terms in this index, and the ranking by them."""
    frequencies = index.frequencies(query.weights)
    names = (*query.identifiers, *(title.rpartition(".")[2] for title in query.qualified))
    values = rank.valued(query, frequencies, index.size)
    candidates = index.candidates(values, _CANDIDATES, within or None)
    if query.how_to and not within:  # among much code, what is written about it would not be looked at
        prose = [path for path in index.paths() if languages.explains(path)]
        found = index.candidates(values, _CANDIDATES, prose)
        candidates = found + [one for one in candidates if not languages.explains(one.path)]
    ranking = rank.rank(
        query,
        candidates,
        frequencies=frequencies,
        size=index.size,
        defining={name: index.defined_as(name) for name in names},
    )
    return values, ranking


def _findings(query: Query, index: Index, ranking: Ranking, values: dict[str, float], *, limited: bool) -> Findings:
    shown = tuple(_excerpt(one, index, query, values) for one in ranking.passages)
    paths = {excerpt.citation.path for excerpt in shown}
    nothing = ranking.confidence is Confidence.NONE
    return Findings(
        shown,
        ranking.confidence,
        tuple(path for path in ranking.files if path not in paths)[:_RELATED],
        _occurring(query, index) if nothing else (),
        _hints(query, index) if nothing else (),
        limited,
    )


def _definitions(
    query: Query, index: Index, named: Sequence[Sequence[Defined]], ranking: Ranking, values: dict[str, float]
) -> Findings:
    """The definitions of what is named, then what else was found: in full, unless nothing but these was asked for."""
    firsts = [group[0] for group in named]
    told = {term for place in firsts for term in terms.of_text(f"{place.path} {place.definition.title}")}
    alone = set(query.own) <= told | questions.DEFINING_WORDS
    others = [place for group in named for place in group[1:]] if alone else []
    shown = [_definition(place, index) for place in (*firsts, *others)]
    for scored in ranking.passages:
        excerpt = _excerpt(scored, index, query, values)
        if not any(_overlap(excerpt.citation, one.citation) for one in shown):
            shown.append(excerpt)
    most = len(firsts) + 1 if alone else rank.MOST_PASSAGES
    paths = {excerpt.citation.path for excerpt in shown}
    related = tuple(path for path in ranking.files if path not in paths)[:_RELATED]
    more = tuple(excerpt.citation for excerpt in shown[most:]) if alone else ()
    return Findings(tuple(shown[:most]), Confidence.STRONG, related, more=more)


def _definition(place: Defined, index: Index) -> Excerpt:
    lines, defined = index.lines(place.path), index.defined_in(place.path)
    return excerpts.take(place.path, lines, excerpts.whole(place.path, lines, place.definition, defined), defined)


def _excerpt(scored: Scored, index: Index, query: Query, values: dict[str, float]) -> Excerpt:
    path, chunk = scored.candidate.path, scored.candidate.chunk
    lines, defined = index.lines(path), index.defined_in(path)
    span = excerpts.window(path, lines, (chunk.first, chunk.last), values, defined)
    return excerpts.take(path, lines, span, defined, values)


def _used(query: Query, index: Index, groups: Sequence[Sequence[Defined]]) -> tuple[Sequence[Defined], list[Usage]]:
    """The group that was meant and its uses: a plain word that nothing defines is a name only where code uses it."""
    group, found = groups[-1], list[Usage]()
    for group in groups:
        found = usages.find(index, group)
        if found and (group[0].path or query.names or found[0].use is not Use.MENTION):
            break
    return group, found


def _caller_answer(
    query: Query,
    source: Source,
    index: Index,
    skips: Sequence[tuple[str, str]],
    group: Sequence[Defined],
    found: Sequence[Usage],
) -> str:
    """One excerpt for each function that uses the name; its further uses are part of it or left out."""
    if not found and not group[0].path:
        asked, remarks = query.names or query.subjects, _skip_remarks(query, skips, Confidence.NONE)
        return extractive.unknown(source, asked, _hints(query, index), remarks, limited=_limited(skips))
    shown: list[Excerpt] = []
    seen: set[tuple[str, str]] = set()
    more: list[Citation] = []
    for usage in found:
        place = usage.path, usage.within.title if usage.within else ""
        if place in seen and place[1]:
            continue
        seen.add(place)
        if len(shown) < _PLACES and not _covered(usage, shown):
            shown.append(_around(usage, index))
        elif not _covered(usage, shown):
            more.append(Citation(usage.path, usage.line, usage.line))
    used = {usage.name for usage in found} or {place.definition.name for place in group}
    names = list(dict.fromkeys(place.definition.name for place in group if place.definition.name in used))
    whole = next((name for name in query.names if name.rpartition(".")[2] == names[0]), names[0])
    defined = subjects.places(whole, index) if len(names) == 1 else []
    meant = [place for place in group if place.definition.name in used and place.path] if query.meaning else []
    absent = [
        name
        for name in query.subjects
        if not query.names and name not in names and not usages.find(index, [subjects.elsewhere(name)])
    ]
    uses = Uses(
        tuple(names),
        tuple(shown),
        tuple(dict.fromkeys(more)),
        tuple(Citation(place.path, place.definition.line, place.definition.line) for place in defined),
        tuple(_definition(place, index) for place in meant[:1]),
        tuple(absent),
        _limited(skips),
    )
    sure = shown and not absent
    return extractive.usages(source, uses, _skip_remarks(query, skips, Confidence.STRONG if sure else Confidence.NONE))


def _covered(usage: Usage, shown: Sequence[Excerpt]) -> bool:
    spans = (excerpt.citation for excerpt in shown)
    return any(span.path == usage.path and span.first <= usage.line <= span.last for span in spans)


def _overlap(one: Citation, other: Citation) -> bool:
    return one.path == other.path and one.first <= other.last and other.first <= one.last


def _around(usage: Usage, index: Index) -> Excerpt:
    lines = index.lines(usage.path)
    first, last = max(1, usage.line - _BESIDE), min(len(lines), usage.line + _BESIDE)
    if usage.within is not None:
        first, last = max(1, usage.line - _BEFORE), min(len(lines), usage.line + _AFTER)
        first = min(usage.line, max(first, usage.within.line))  # a decorator stands above what it is within
        last = max(usage.line, min(last, excerpts.end(lines, usage.within)))
    excerpt = excerpts.take(usage.path, lines, (first, last), index.defined_in(usage.path), keep=usage.line)
    return replace(excerpt, within=usage.within.title if usage.within else "")


def _overview(source: Source, index: Index, *, asked: bool) -> str:
    paths = index.paths()
    readme = next((path for path in paths if path.lower().startswith("readme")), None)
    shown = []
    if readme is not None and index.lines(readme):
        lines = index.lines(readme)
        shown = [excerpts.take(readme, lines, (1, min(len(lines), excerpts.MOST_LINES)), index.defined_in(readme))]
    top = dict.fromkeys(f"{path.split('/')[0]}/" if "/" in path else path for path in paths)
    written = Counter(language for path in paths if (language := languages.language(path)))
    folders = sorted(top, key=lambda entry: not entry.endswith("/"))[:12]
    return extractive.overview(source, shown, folders, written.most_common(5), asked=asked)


def _occurring(query: Query, index: Index) -> tuple[str, ...]:
    """The words of the question, as written, that stand somewhere; of what stands nowhere as a whole, its parts."""
    found = index.frequencies(query.own)
    standing: list[str] = []
    for word in terms.identifiers(query.text):
        pieces = [word] if found.keys() & terms.of_identifier(word)[-1:] else terms.parts(word)
        standing += [piece for piece in pieces if found.keys() & terms.of_identifier(piece)]
    return tuple(dict.fromkeys(standing))


def _hints(query: Query, index: Index) -> tuple[str, ...]:
    """Defined names that are written nearly like a word of the question."""
    words = [word for word in terms.identifiers(query.text) if set(terms.of_identifier(word)) & set(query.own)]
    similar = (
        match
        for word in words[:_HINTS]
        for match in difflib.get_close_matches(word, index.names_like(word[:2], 2_000), n=2, cutoff=_SIMILAR)
    )
    return tuple(dict.fromkeys(similar))[:_HINTS]


def _limited(skips: Sequence[tuple[str, str]]) -> bool:
    return any(why in BY_LIMIT for _, why in skips)


def _skip_remarks(query: Query, skips: Sequence[tuple[str, str]], confidence: Confidence) -> list[str]:
    """What was not read, where it may matter: after a poor finding, by a limit, or by a name the question holds."""
    named = [item for item in skips if set(query.own) & set(terms.of_text(item[0].rpartition("/")[2]))]
    reasons = Counter(why for _, why in skips)
    matters = confidence is not Confidence.STRONG or Skip.CAP in reasons
    return _remarks([extractive.skipped(reasons) if matters else "", extractive.skipped_by_name(named[:3])])


def _remarks(sentences: Sequence[str]) -> list[str]:
    return [sentence for sentence in sentences if sentence]
