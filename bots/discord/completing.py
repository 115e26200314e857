"""Pure: what is offered while somebody types the name of a repository into a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bots.discord.interactions import Completing
from bots.discord.manifest import DEFAULT, MAP, REPOSITORY, UNMAP
from core.channels.choosing import Facts
from core.errors import RepositoryNameError
from core.repositories import parse

_MOST = 25  # choices: https://docs.discord.com/developers/interactions/application-commands
_LONGEST = 100  # characters of what a choice is called, and of what it stands for

Choice = Mapping[str, str]


def choices(completing: Completing, facts: Facts) -> list[Choice]:
    """The repositories that fit what was typed so far: as Discord takes them, and as the command reads them."""
    offers = {MAP: _mappable, UNMAP: _mapped, DEFAULT: _usual}.get(completing.name)
    if offers is None or completing.option != REPOSITORY:
        return []
    typed, named = completing.typed.strip().lower(), _named(completing.typed)
    found = {value: name for value, name in offers(facts) if typed in name.lower() or value == named}
    if named is not None and completing.name != UNMAP:
        found = {named: found.get(named, named), **found}
    fitting = [(value, name) for value, name in found.items() if len(value) <= _LONGEST]
    return [{"name": name[:_LONGEST], "value": value} for value, name in fitting[:_MOST]]


def _mapped(facts: Facts) -> Iterator[tuple[str, str]]:
    """What is mapped here; an alias is shown beside its repository."""
    for each in facts.mappings:
        yield each.repository, f"{each.repository} ({each.alias})" if each.alias else each.repository


def _mappable(facts: Facts) -> Iterator[tuple[str, str]]:
    """What is mapped here, and the defaults."""
    yield from _mapped(facts)
    if facts.workspace_default is not None:
        yield facts.workspace_default.repository, facts.workspace_default.repository
    if facts.process_repository is not None:
        yield facts.process_repository, facts.process_repository


def _usual(facts: Facts) -> Iterator[tuple[str, str]]:
    """The same, and none."""
    yield from _mappable(facts)
    yield "none", "none"


def _named(typed: str) -> str | None:
    """The repository that is typed, once it is whole."""
    try:
        return parse(typed)
    except RepositoryNameError:
        return None
