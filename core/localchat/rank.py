"""Which passages answer a question best, and how sure that is. Pure: everything known about the index is passed in."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.localchat import languages
from core.localchat.index import Candidate, Defined, Size
from core.localchat.languages import Kind
from core.localchat.questions import Query

_SATURATION, _LENGTH = 1.2, 0.75  # BM25's k1 and b
_PATH, _NAMES = 3, 3  # what a term in these fields counts
_DECAY = (1.0, 0.3, 0.15, 0.1, 0.05)  # of a file's chunks, best first
_DAMPED = 0.7
_UNASKED = 0.35  # code, where it is asked what to do: that it does the thing explains nothing
_DEFINES = 0.3  # of the best score, shared among the definitions of a name the question writes as code
_TITLED = 1.2  # likewise, of a name that it writes with what it belongs to: nothing asks more precisely
_CITED = 1.15  # a file the answer before has shown, where the question stands alone
_POINTED = 1.3  # and where it points there
_PRIOR_CHUNKS, _PRIOR_COUNT = 200, 2  # how rare a word is cannot be told from a handful of chunks
FEW = 5  # a name defined more often distinguishes nothing
MOST_PASSAGES = 5
_LEAST_PASSAGES = 3
_WORTH, _FILLING = 0.35, 0.15  # of the best file's score; what reaches only the second is shown to fill up
_STRONG, _WEAK = 0.55, 0.33  # share of the question's weight that the best passage covers


class Confidence(StrEnum):
    """How much of the question its best passage covers."""

    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Scored:
    """A chunk with its score and the share of the question's weight it covers."""

    candidate: Candidate
    score: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The passages to show, at most one a file but for the first, and all files that match, best first."""

    passages: tuple[Scored, ...]
    files: tuple[str, ...]
    confidence: Confidence


def rarity(frequencies: Mapping[str, int], chunks: int, terms: Iterable[str]) -> dict[str, float]:
    """Each term's inverse document frequency: always positive, highest for a term that stands nowhere."""
    counts = {term: frequencies.get(term, 0) for term in terms}
    return {term: math.log(1 + (chunks - count + 0.5) / (count + 0.5)) for term, count in counts.items()}


def importance(frequencies: Mapping[str, int], chunks: int, terms: Iterable[str]) -> dict[str, float]:
    """What covering a term says about a passage: as `rarity`, but sober in a small repository."""
    counts = {term: frequencies.get(term, 0) for term in terms}
    return {term: math.log((chunks + _PRIOR_CHUNKS) / (count + _PRIOR_COUNT)) for term, count in counts.items()}


def rank(
    query: Query,
    candidates: Sequence[Candidate],
    *,
    frequencies: Mapping[str, int],
    size: Size,
    defining: Mapping[str, Sequence[Defined]],
) -> Ranking:
    """Ranks the candidates. `frequencies` says in how many chunks each term of the query stands."""
    values = valued(query, frequencies, size)
    scores = [_score(candidate, values, size.average) for candidate in candidates]
    top = max(scores, default=0.0)
    cited = {citation.path for citation in query.previous}
    asked = importance(frequencies, size.chunks, query.own or values)
    scored = [
        Scored(
            candidate,
            _adjusted(candidate, score + top * _defined_here(candidate, defining, query.qualified), query, cited),
            _coverage(candidate, asked),
        )
        for candidate, score in zip(candidates, scores, strict=True)
    ]
    by_file = _by_file(scored)
    passages = tuple(_passages(by_file))
    best = max((one.coverage for one in passages), default=0.0)
    return Ranking(passages, tuple(by_file), confidence(best))


def valued(query: Query, frequencies: Mapping[str, int], size: Size) -> dict[str, float]:
    """What one occurrence of each term is worth; guesses that stand nowhere are dropped."""
    rarities = rarity(frequencies, size.chunks, query.weights)
    guesses = query.compounds - set(query.own) - set(frequencies)
    return {term: weight * rarities[term] for term, weight in query.weights.items() if term not in guesses}


def confidence(coverage: float) -> Confidence:
    """What a share of covered weight means. A BM25 score means nothing here: it has no common scale."""
    if coverage >= _STRONG:
        return Confidence.STRONG
    return Confidence.WEAK if coverage >= _WEAK else Confidence.NONE


def _score(candidate: Candidate, values: Mapping[str, float], average: float) -> float:
    counts: Counter[str] = Counter(term for term in candidate.body_terms if term in values)
    for field, factor in ((candidate.path_terms, _PATH), (candidate.name_terms, _NAMES)):
        for term in field:
            if term in values:
                counts[term] += factor
    length = len(candidate.body_terms) + len(candidate.path_terms) + len(candidate.name_terms)
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * length / (average or 1.0))
    return sum(values[term] * count * (_SATURATION + 1) / (count + norm) for term, count in counts.items())


def _defined_here(candidate: Candidate, defining: Mapping[str, Sequence[Defined]], qualified: Sequence[str]) -> float:
    share = 0.0
    for places in defining.values():
        titled = [place for place in places if place.definition.title in qualified]
        meant, worth = (titled, _TITLED) if titled else (places, _DEFINES)
        if 0 < len({place.path for place in meant}) <= FEW:
            here = any(_holds(candidate, place) for place in meant)
            share += worth * here / len(meant)
    return share


def _holds(candidate: Candidate, place: Defined) -> bool:
    chunk = candidate.chunk
    return candidate.path == place.path and chunk.first <= place.definition.line <= chunk.last


def _adjusted(candidate: Candidate, score: float, query: Query, cited: set[str]) -> float:
    if query.how_to:
        score *= 1.0 if languages.explains(candidate.path) else _UNASKED
    elif query.tests:
        score *= 1.0 if candidate.kind is Kind.TEST else _DAMPED
    elif query.prose:
        score *= 1.0 if candidate.kind is Kind.PROSE else _DAMPED
    elif candidate.kind is not Kind.CODE:
        score *= _DAMPED
    return score * ((_POINTED if query.pointing else _CITED) if candidate.path in cited else 1.0)


def _coverage(candidate: Candidate, asked: Mapping[str, float]) -> float:
    present = {*candidate.path_terms, *candidate.name_terms, *candidate.body_terms}
    total = sum(asked.values())
    return sum(value for term, value in asked.items() if term in present) / total if total else 0.0


def _by_file(scored: Iterable[Scored]) -> dict[str, list[Scored]]:
    """The chunks of each file, best first; files by the decaying sum of their chunks' scores."""
    grouped: defaultdict[str, list[Scored]] = defaultdict(list)
    for one in sorted(scored, key=lambda one: (-one.score, one.candidate.path, one.candidate.chunk.first)):
        grouped[one.candidate.path].append(one)
    return dict(sorted(grouped.items(), key=lambda item: (-_file_score(item[1]), item[0])))


def _file_score(chunks: Sequence[Scored]) -> float:
    return sum(one.score * factor for one, factor in zip(chunks, _DECAY, strict=False))


def _passages(by_file: Mapping[str, Sequence[Scored]]) -> list[Scored]:
    files = _without_copies(by_file.values())
    if not files:
        return []
    best = _file_score(files[0])
    first = [one for one in files[0][:2] if one.score >= files[0][0].score * 2 * _WORTH]
    rest = [
        chunks[0]
        for number, chunks in enumerate(files[1:], 1)
        if _file_score(chunks) >= best * (_FILLING if number < _LEAST_PASSAGES else _WORTH)
    ]
    return (first + rest)[:MOST_PASSAGES]


def _without_copies(files: Iterable[Sequence[Scored]]) -> list[Sequence[Scored]]:
    """The files without those whose best chunk says word by word what that of one before them says."""
    found: dict[tuple[tuple[str, ...], ...], Sequence[Scored]] = {}
    for chunks in files:
        found.setdefault((chunks[0].candidate.name_terms, chunks[0].candidate.body_terms), chunks)
    return list(found.values())
