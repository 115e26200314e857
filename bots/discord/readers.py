"""Pure: whether a change of roles or overwrites lets anybody read a channel who could not before.

Who holds which roles is not known without a privileged intent, and may change at any time. So every combination of
roles counts as somebody: what any of them may see after a change and not before it, is more readers.
https://docs.discord.com/developers/topics/permissions#permission-overwrites
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntFlag

from bots.discord.permissions import ADMINISTRATOR, VIEW_CHANNEL


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What a channel allows and denies to a role, or to one member."""

    target_id: str
    allow: int
    deny: int
    member: bool = False


@dataclass(frozen=True, slots=True)
class Doors:
    """What decides who can read a channel. `everyone` is the id of @everyone, which is the guild's own.

    `roles` are the permissions of each role of the guild, @everyone among them, by id. Reading needs all of `needed`.
    """

    everyone: str
    roles: Mapping[str, int] = field(default_factory=dict)
    overwrites: tuple[Overwrite, ...] = ()
    needed: tuple[int, ...] = (VIEW_CHANNEL,)


class _Held(IntFlag):
    """What the roles of somebody bring along, taken together."""

    SEES_ALL = 1
    SEES = 2
    DENIED = 4
    ALLOWED = 8


_BITS = 4  # of _Held


def widened(before: Doors, after: Doors) -> bool:
    """Whether somebody may read the channel after a change who could not before it.

    Where reading needs two permissions, whoever gains one of them counts: who has the other as well is not looked at.
    """
    if before == after:
        return False
    return any(_gained(_Change(before, after, each)) for each in {*before.needed, *after.needed})


@dataclass(frozen=True, slots=True)
class _Change:
    """Two states, and the one permission that is looked at."""

    before: Doors
    after: Doors
    permission: int


def _gained(change: _Change) -> bool:
    """Whether somebody has the permission after a change who had it not before."""
    members = {each.target_id for each in (*change.before.overwrites, *change.after.overwrites) if each.member}
    combinations = _combinations(change)
    return any(_more(change, each, combinations) for each in (None, *members))


def _more(change: _Change, member: str | None, combinations: Iterable[tuple[_Held, _Held]]) -> bool:
    """Whether a member, or anybody without an overwrite, may do more with any of these combinations of roles."""
    states, permission = (change.before, change.after), change.permission
    was, now = (_held(doors, doors.everyone, permission) for doors in states)
    own_before, own_after = (_own(doors, member, permission) for doors in states)
    return any(_sees(now, later, own_after) and not _sees(was, earlier, own_before) for earlier, later in combinations)


def _combinations(change: _Change) -> frozenset[tuple[_Held, _Held]]:
    """What roles can bring along together, before and after: 256 pairs at most, however many roles there are."""
    before, after, permission = change.before, change.after, change.permission
    named = {each.target_id for each in (*before.overwrites, *after.overwrites)}
    roles = {*before.roles, *after.roles} - {before.everyone}
    # those that the channel does not name differ by their permissions alone: one of each kind is enough
    alike = {(_seeing(before, role, permission), _seeing(after, role, permission)): role for role in roles - named}
    found = {0}
    for bits in {
        int(_held(before, role, permission)) | int(_held(after, role, permission)) << _BITS
        for role in (*alike.values(), *roles & named)
    }:
        found |= {each | bits for each in found}
    mask = (1 << _BITS) - 1
    return frozenset((_Held(each & mask), _Held(each >> _BITS)) for each in found)


def _seeing(doors: Doors, role: str, permission: int) -> int:
    """What of a role's permissions counts."""
    return doors.roles.get(role, 0) & (ADMINISTRATOR | permission)


def _held(doors: Doors, role: str, permission: int) -> _Held:
    """What one role brings along; one that the guild does not have brings nothing."""
    if role not in doors.roles:
        return _Held(0)
    permissions = doors.roles[role]
    held = _Held(0)
    if permissions & ADMINISTRATOR:
        held |= _Held.SEES_ALL
    if permissions & permission:
        held |= _Held.SEES
    for each in doors.overwrites:
        if each.target_id == role and not each.member:
            if each.deny & permission:
                held |= _Held.DENIED
            if each.allow & permission:
                held |= _Held.ALLOWED
    return held


def _own(doors: Doors, member: str | None, permission: int) -> bool | None:
    """What the channel says about one member: allowed, denied, nothing."""
    for each in doors.overwrites:
        if each.member and each.target_id == member and (each.allow | each.deny) & permission:
            return bool(each.allow & permission)
    return None


def _sees(everyone: _Held, roles: _Held, own: bool | None) -> bool:
    """Discord's order: permissions of roles, overwrites for everybody, for roles (allowing wins), for a member."""
    if (everyone | roles) & _Held.SEES_ALL:
        return True
    sees = bool((everyone | roles) & _Held.SEES)
    for said in (everyone, roles):
        if said & _Held.ALLOWED:
            sees = True
        elif said & _Held.DENIED:
            sees = False
    return sees if own is None else own
