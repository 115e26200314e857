"""Which repository a question is for. Of these rules, the first that names one decides.

The question's own `in:…` > the thread's > the channel's default mapping > the workspace's default > the process's.

Only what is available here can be chosen: what this channel maps, and the two defaults. A suspended mapping closes
the defaults as well: the channel has gained readers nobody confirmed, and they are to read no other code either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from core.channels import aliases
from core.errors import MappingError, MappingGone, NotMapped, NotMappedHere, RepositoryNameError, UnknownAlias
from core.repositories import parse, same

_INLINE = re.compile(r"\A\s*in:(?P<name>\S+)(?:\s+|\Z)", re.IGNORECASE)  # phones begin a sentence with a capital


@dataclass(frozen=True, slots=True)
class Mapping:
    """Channel → repository, with its alias and token. Several in a channel, one of them the default."""

    repository: str
    alias: str | None
    is_default: bool
    token_id: str | None
    set_by: str
    set_at: datetime
    suspended_at: datetime | None = None

    @property
    def suspended(self) -> bool:
        """Whether it waits for an admin's confirmation, and may not be chosen."""
        return self.suspended_at is not None


@dataclass(frozen=True, slots=True)
class WorkspaceDefault:
    """The repository of channels without a mapping."""

    repository: str
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that choosing depends on, besides the question. Repositories are canonical names."""

    thread_repository: str | None = None
    mappings: tuple[Mapping, ...] = ()
    workspace_default: WorkspaceDefault | None = None
    process_repository: str | None = None


class Rule(StrEnum):
    """The five rules, in their order."""

    INLINE = "inline"
    THREAD = "thread"
    CHANNEL = "channel"
    WORKSPACE = "workspace"
    PROCESS = "process"


class Verdict(StrEnum):
    """What became of a rule."""

    CHOSEN = "chosen"
    REFUSED = "refused"  # it named a repository that may not be used: the question is refused
    NOTHING = "nothing"  # it named none
    NOT_REACHED = "not reached"  # it names one, but an earlier rule had decided


@dataclass(frozen=True, slots=True)
class Step:
    """One rule and what it found; for a repository that somebody set, by whom and when."""

    rule: Rule
    verdict: Verdict = Verdict.NOTHING
    repository: str | None = None
    token_id: str | None = None
    set_by: str | None = None
    set_at: datetime | None = None
    refusal: MappingError | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The repository of one question.

    `token_id` is its mapping's token, None where it has none. `text` is the question without `in:…`. `switched` says
    that `in:…` leads the thread away from the repository it was on.
    """

    repository: str
    token_id: str | None
    text: str
    switched: bool


def choose(facts: Facts, text: str) -> Choice:
    """The repository this question is for. Raises MappingError: nothing named, or what is named may not be used."""
    for step in trace(facts, text):
        if step.refusal is not None:
            raise step.refusal
        if step.verdict is Verdict.CHOSEN and step.repository is not None:
            return Choice(
                repository=step.repository,
                token_id=step.token_id,
                text=_INLINE.sub("", text),
                switched=facts.thread_repository is not None and not same(step.repository, facts.thread_repository),
            )
    raise NotMapped


def trace(facts: Facts, text: str) -> tuple[Step, ...]:
    """Each rule, in order, with what it found and what became of it. Never raises."""
    return tuple(_decided(_rules(facts, text)))


def names_repository(text: str) -> bool:
    """Whether the question begins with `in:…`, and so chooses for itself."""
    return _INLINE.match(text) is not None


def _rules(facts: Facts, text: str) -> Iterator[Step]:
    inline = _INLINE.match(text)
    yield _inline(facts, inline["name"].rstrip(",:;")) if inline else Step(Rule.INLINE)
    yield _thread(facts)
    yield _channel(facts)
    yield _workspace(facts.workspace_default)
    yield _process(facts.process_repository)


def _decided(steps: Iterator[Step]) -> Iterator[Step]:
    decided = False
    for step in steps:
        named = step.verdict is not Verdict.NOTHING
        yield replace(step, verdict=Verdict.NOT_REACHED, refusal=None) if decided and named else step
        decided = decided or named


def _inline(facts: Facts, name: str) -> Step:
    if aliases.is_alias(name):
        mapping = next((mapping for mapping in facts.mappings if mapping.alias == name), None)
        return _refused(Rule.INLINE, _unknown(facts, name)) if mapping is None else _mapped(Rule.INLINE, mapping)
    try:
        named = parse(name)
    except RepositoryNameError as error:
        return _refused(Rule.INLINE, _unknown(facts, error.given))
    return _available(facts, Rule.INLINE, named) or _refused(Rule.INLINE, NotMappedHere(named), named)


def _unknown(facts: Facts, name: str) -> UnknownAlias:
    return UnknownAlias(name, _inline_names(facts))


def _refused(rule: Rule, refusal: MappingError, named: str | None = None) -> Step:
    return Step(rule, Verdict.REFUSED, named, refusal=refusal)


def _inline_names(facts: Facts) -> tuple[str, ...]:
    """What may stand after `in:` here."""
    return tuple(mapping.alias or mapping.repository for mapping in facts.mappings if not mapping.suspended)


def _thread(facts: Facts) -> Step:
    named = facts.thread_repository
    if named is None:
        return Step(Rule.THREAD)
    return _available(facts, Rule.THREAD, named) or _refused(Rule.THREAD, MappingGone(named, suspended=False), named)


def _channel(facts: Facts) -> Step:
    default = next((mapping for mapping in facts.mappings if mapping.is_default), None)
    if default is not None:
        return _mapped(Rule.CHANNEL, default)
    suspended = _suspended(facts)
    return Step(Rule.CHANNEL) if suspended is None else _mapped(Rule.CHANNEL, suspended)


def _workspace(default: WorkspaceDefault | None) -> Step:
    if default is None:
        return Step(Rule.WORKSPACE)
    return Step(Rule.WORKSPACE, Verdict.CHOSEN, default.repository, set_by=default.set_by, set_at=default.set_at)


def _process(repository: str | None) -> Step:
    return Step(Rule.PROCESS) if repository is None else Step(Rule.PROCESS, Verdict.CHOSEN, repository)


def _available(facts: Facts, rule: Rule, named: str) -> Step | None:
    """The step for a repository this place may use, or may not use just now; None if it is nowhere to be found."""
    for mapping in facts.mappings:
        if same(mapping.repository, named):
            return _mapped(rule, mapping)
    default = facts.workspace_default
    if default is not None and same(default.repository, named):
        found = _workspace(default)
    elif facts.process_repository is not None and same(facts.process_repository, named):
        found = _process(facts.process_repository)
    else:
        return None
    found = replace(found, rule=rule)
    if _suspended(facts) is not None:
        return replace(found, verdict=Verdict.REFUSED, refusal=MappingGone(named, suspended=True))
    return found


def _mapped(rule: Rule, mapping: Mapping) -> Step:
    refusal = MappingGone(mapping.repository, suspended=True) if mapping.suspended else None
    verdict = Verdict.REFUSED if mapping.suspended else Verdict.CHOSEN
    return Step(rule, verdict, mapping.repository, mapping.token_id, mapping.set_by, mapping.set_at, refusal)


def _suspended(facts: Facts) -> Mapping | None:
    return next((mapping for mapping in facts.mappings if mapping.suspended), None)
