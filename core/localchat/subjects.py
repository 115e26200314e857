"""What "it" is, when somebody asks who calls it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from core.localchat import terms
from core.localchat.citations import Citation
from core.localchat.definitions import Definition
from core.localchat.index import Defined, Index
from core.localchat.languages import Kind, kind
from core.localchat.questions import Query
from core.localchat.rank import FEW, Ranking

_MOST = 4
_CITATIONS = 3  # of the answer before; further ones were found by chance


def named(query: Query, index: Index, within: Sequence[str]) -> list[list[Defined]]:
    """Of each name that is asked about, its definitions, likeliest first; names with too many are left out.

    Where it is asked of some files, only what they define counts.
    """
    found = [places(name, index) for name in query.subjects]
    groups = [[place for place in group if not within or place.path in within] for group in found]
    asked = set(query.own)
    return [
        sorted(group, key=lambda place: -len(asked & set(terms.of_text(f"{place.path} {place.definition.title}"))))
        for group in groups
        if 0 < len(group) <= FEW
    ][:_MOST]


def choose(query: Query, index: Index, ranking: Ranking) -> list[list[Defined]]:
    """The definitions asked about, in groups: the first group with any use is the one that was meant.

    A name in the question wins, even one that is defined elsewhere; then what the answer before has shown, if the
    question points there; then a plain word that nothing here defines, and what the question itself finds.
    """
    for names in (query.names, query.subjects, query.identifiers):
        found = [place for name in names for place in _defined(name, query, index)]
        if found:
            return [found[:_MOST]]
    if query.names:
        return [[elsewhere(name) for name in query.names[:_MOST]]]
    groups = _shown_before(query, index) if query.pointing else []
    return groups or [*([elsewhere(name)] for name in query.subjects), *_found_now(query, index, ranking)]


def places(name: str, index: Index) -> list[Defined]:
    """The definitions of a name; of `Owner.name` those in that class or module, if there are any."""
    *owners, last = name.split(".")
    found = index.defined_as(last)
    owned = [place for place in found if owners[-1:] in ([place.definition.scope], [PurePosixPath(place.path).stem])]
    return owned or found


def elsewhere(name: str) -> Defined:
    """A name as it may be used here, whatever defines it."""
    owner, _, last = name.rpartition(".")
    return Defined("", Definition(last, 0, 0, owner.rpartition(".")[2]))


def _defined(name: str, query: Query, index: Index) -> list[Defined]:
    """The definition of a name, at most one: uses are found by name, so that others would only repeat them."""
    shown = {citation.path for citation in query.previous}
    found = places(name, index)
    return [place for place in found if place.path in shown][:1] or found[:1]


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
