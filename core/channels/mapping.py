"""What becomes of a channel's mappings when one is made or taken away. Pure."""

from __future__ import annotations

from datetime import datetime

from core.channels.choosing import Mapping
from core.errors import AliasTaken, NotMapped, NotMappedHere, SeveralMapped
from core.repositories import same


def mapped_anew(
    here: tuple[Mapping, ...], repository: str, *, alias: str | None, token_id: str | None, actor: str, now: datetime
) -> Mapping:
    """The mapping that results from mapping `repository` in a channel that has the mappings `here`.

    A channel's first mapping is its default, and so is one that joins only suspended ones. A repository mapped again
    becomes the default; its alias and token stay unless others are given; a suspension is lifted, since whoever maps
    it now sees who reads along now. Raises AliasTaken.
    """
    taken = next((each for each in here if alias is not None and each.alias == alias), None)
    if alias is not None and taken is not None and not same(taken.repository, repository):
        raise AliasTaken(alias, taken.repository)
    known = next((each for each in here if same(each.repository, repository)), None)
    if known is not None:
        alias, token_id = alias or known.alias, token_id or known.token_id
    usable_default = any(each.is_default and not each.suspended for each in here)
    return Mapping(
        repository=repository,
        alias=alias,
        is_default=known is not None or not usable_default,
        token_id=token_id,
        set_by=actor,
        set_at=now,
    )


def rebinds(here: tuple[Mapping, ...], made: Mapping) -> bool:
    """Whether questions of a channel that had the mappings `here` may be bound otherwise now that `made` is stored."""
    known = next((each for each in here if same(each.repository, made.repository)), None)
    before = (None, False) if known is None else (known.token_id, known.is_default)
    return before != (made.token_id, made.is_default)


def next_default(remaining: tuple[Mapping, ...]) -> Mapping | None:
    """The mapping that takes over when the default is unmapped: the one made first, suspended ones last."""
    return min(remaining, key=lambda each: (each.suspended, each.set_at, each.repository), default=None)


def meant(here: tuple[Mapping, ...], name: str | None) -> Mapping:
    """The one mapping of a channel that is called so; None for its only one. Raises MappingError."""
    found = tuple(each for each in here if name is None or same(each.repository, name))
    if len(found) > 1:
        raise SeveralMapped(tuple(each.repository for each in found))
    if not found:
        raise NotMapped if name is None else NotMappedHere(name)
    return found[0]
