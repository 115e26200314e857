"""What "it" is, when somebody asks who calls it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.localchat import terms
from core.localchat.citations import Citation
from core.localchat.definitions import Definition
from core.localchat.index import Defined, Index
from core.localchat.languages import Kind, kind
from core.localchat.questions import Query
from core.localchat.rank import Ranking

_MOST = 4
_CITATIONS = 3  # of the answer before; further ones were found by chance


def choose(query: Query, index: Index, ranking: Ranking) -> list[list[Defined]]:
    """The definitions asked about, in groups: the first group with any use is the one that was meant.

    A name in the question wins; then what the answer before has shown, if the question points there; then what the
    question itself finds.
    """
    named = _named(query, index)
    if named:
        return [named]
    groups = _shown_before(query, index) if query.pointing else []
    return groups or _found_now(query, index, ranking)


def _named(query: Query, index: Index) -> list[Defined]:
    """Names written as code, or a single plain word that is a defined name: "who calls connect"."""
    words = [word for word in terms.identifiers(query.text) if set(terms.of_identifier(word)) & set(query.own)]
    for names in (query.identifiers, words if len(words) == 1 else []):
        found = [place for name in names for place in _defined(name, query, index)]
        if found:
            return found[:_MOST]
    return []


def _defined(name: str, query: Query, index: Index) -> list[Defined]:
    """The definition of a name, at most one: uses are found by name, so that others would only repeat them."""
    shown = {citation.path for citation in query.previous}
    places = index.defined_as(name)
    return [place for place in places if place.path in shown][:1] or places[:1]


def _shown_before(query: Query, index: Index) -> list[list[Defined]]:
    groups = [_in_citation(citation, query, index) for citation in query.previous[:_CITATIONS]]
    mentioned = [place for name in query.mentioned for place in _defined(name, query, index)]
    return [group[:_MOST] for group in (*groups, mentioned) if group]


def _in_citation(citation: Citation, query: Query, index: Index) -> list[Defined]:
    """What the cited lines define or are part of, then what else of that file goes by the words asked for."""
    path = citation.path
    if kind(path) is Kind.PROSE:
        return []
    defined = [one for one in index.defined_in(path) if not _hidden(one)]
    inside = [one for one in defined if citation.first <= one.line <= citation.last]
    around = [one for one in defined if one.line < citation.first][-1:]
    called = [one for one in inside if not one.name.isupper()]  # constants only where nothing else is defined
    chosen = _by_relevance(called or inside or around, query)
    kin = [one for one in defined if one not in chosen and not one.name.isupper() and _shared(one, query)]
    return [Defined(path, one) for one in (*chosen, *kin)]


def _hidden(one: Definition) -> bool:
    """What nobody calls from elsewhere by its name: special methods, and functions inside of functions."""
    return one.name.startswith("__") or one.scope[:1].islower()


def _by_relevance(found: Sequence[Definition], query: Query) -> list[Definition]:
    """Those whose names share most with what was asked before; without any such, all of them."""
    best = [one for one in found if _shared(one, query)]
    return sorted(best, key=lambda one: _shared(one, query), reverse=True) or list(found)


def _shared(one: Definition, query: Query) -> int:
    return len(set(terms.of_identifier(one.name)) & set(query.weights))


def _found_now(query: Query, index: Index, ranking: Ranking) -> list[list[Defined]]:
    spans: Iterable[Citation] = (
        Citation(one.candidate.path, one.candidate.chunk.first, one.candidate.chunk.last) for one in ranking.passages
    )
    groups = [_in_citation(span, query, index) for span in spans]
    return [group[:_MOST] for group in groups if group]
