"""Whether a change lets anybody see a channel who could not: sixty scripts, and every combination there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.permissions import ADMINISTRATOR, CONNECT, MANAGE_CHANNELS, SEND_MESSAGES, VIEW_CHANNEL, to_read
from bots.discord.readers import Doors, Overwrite, widened

ALL, STAFF, MUTED, ANNA = "1", "2", "3", "9"
SEE, BOSS, TALK = VIEW_CHANNEL, ADMINISTRATOR, SEND_MESSAGES


def allow(target: str, bits: int = SEE) -> Overwrite:
    return Overwrite(target, bits, 0, member=target == ANNA)


def deny(target: str, bits: int = SEE) -> Overwrite:
    return Overwrite(target, 0, bits, member=target == ANNA)


def doors(*overwrites: Overwrite, everyone: int = SEE | TALK, staff: int | None = 0, muted: int | None = None) -> Doors:
    held = {ALL: everyone, STAFF: staff, MUTED: muted}
    return Doors(ALL, {role: bits for role, bits in held.items() if bits is not None}, overwrites)


OPEN = doors()
CLOSED = doors(deny(ALL))
FOR_STAFF = doors(deny(ALL), allow(STAFF))
FOR_ANNA = doors(deny(ALL), allow(ANNA))
BLIND = doors(everyone=0)  # nobody sees anything by the guild's roles
WITHOUT_MUTED = doors(deny(MUTED), muted=0)

WIDER = {
    "opened to everybody": (CLOSED, OPEN),
    "opened to everybody by allowing it": (CLOSED, doors(allow(ALL))),
    "opened to staff": (CLOSED, FOR_STAFF),
    "opened to one member": (CLOSED, FOR_ANNA),
    "from staff to everybody": (FOR_STAFF, OPEN),
    "from staff to one member": (FOR_STAFF, FOR_ANNA),
    "from one member to staff": (FOR_ANNA, FOR_STAFF),
    "staff and now one member": (FOR_STAFF, doors(deny(ALL), allow(STAFF), allow(ANNA))),
    "staff and now the muted": (
        doors(deny(ALL), allow(STAFF), muted=0),
        doors(deny(ALL), allow(STAFF), allow(MUTED), muted=0),
    ),
    "the muted are let in again": (WITHOUT_MUTED, doors(muted=0)),
    "the role that keeps out is gone": (WITHOUT_MUTED, doors(deny(MUTED))),
    "the role that keeps out is gone with its overwrite": (WITHOUT_MUTED, OPEN),
    "a denied member is let in": (doors(deny(ANNA)), OPEN),
    "a denied member is allowed": (
        doors(deny(ALL), deny(ANNA), allow(STAFF)),
        doors(deny(ALL), allow(ANNA), allow(STAFF)),
    ),
    "allowing wins over another role's denial": (
        doors(deny(MUTED), muted=0),
        doors(deny(MUTED), allow(STAFF), muted=0),
    ),
    "a member is allowed whom a role keeps out": (WITHOUT_MUTED, doors(deny(MUTED), allow(ANNA), muted=0)),
    "everybody may see channels now": (BLIND, OPEN),
    "staff may see channels now": (BLIND, doors(everyone=0, staff=SEE)),
    "staff became administrators": (CLOSED, doors(deny(ALL), staff=BOSS)),
    "staff became administrators where they were denied": (doors(deny(STAFF)), doors(deny(STAFF), staff=BOSS)),
    "staff became administrators where nobody sees": (BLIND, doors(everyone=0, staff=BOSS)),
    "everybody became administrator": (CLOSED, doors(deny(ALL), everyone=BOSS)),
    "a new role of administrators": (doors(deny(ALL), staff=None), doors(deny(ALL), staff=BOSS)),
    "a new role that sees channels": (doors(everyone=0, staff=None), doors(everyone=0, staff=SEE)),
    "a new role that is let in": (doors(deny(ALL), staff=None), FOR_STAFF),
    "the member's administrators, who were denied": (doors(deny(ANNA)), doors(deny(ANNA), staff=BOSS)),
    "moved into an open category": (doors(deny(ALL), allow(STAFF)), doors(allow(STAFF, TALK))),
    "moved into the category of another team": (FOR_STAFF, doors(deny(ALL), allow(MUTED), muted=0)),
    "one denial less of two": (doors(deny(STAFF), deny(MUTED), muted=0), doors(deny(STAFF), muted=0)),
    "nothing is said any more where it was denied": (doors(deny(ALL), everyone=SEE), doors(allow(ALL, TALK))),
}

NOT_WIDER = {
    "nothing changed": (OPEN, OPEN),
    "closed to everybody": (OPEN, CLOSED),
    "closed but for staff": (OPEN, FOR_STAFF),
    "closed but for one member": (OPEN, FOR_ANNA),
    "staff lost it": (FOR_STAFF, CLOSED),
    "a member lost it": (FOR_ANNA, CLOSED),
    "a member lost it, staff keeps it": (doors(deny(ALL), allow(STAFF), allow(ANNA)), FOR_STAFF),
    "the muted are kept out": (doors(muted=0), WITHOUT_MUTED),
    "a new role that is kept out": (OPEN, WITHOUT_MUTED),
    "everybody may be let in who could see anyway": (OPEN, doors(allow(ALL))),
    "staff may be let in who could see anyway": (OPEN, doors(allow(STAFF))),
    "a member may be let in who could see anyway": (OPEN, doors(allow(ANNA))),
    "staff may write": (FOR_STAFF, doors(deny(ALL), allow(STAFF, SEE | TALK))),
    "everybody may write": (CLOSED, doors(deny(ALL), allow(ALL, TALK))),
    "a member may write": (FOR_ANNA, doors(deny(ALL), allow(ANNA, SEE | TALK))),
    "a member may not write": (FOR_ANNA, doors(deny(ALL), Overwrite(ANNA, SEE, TALK, member=True))),
    "staff manages channels": (FOR_STAFF, doors(deny(ALL), allow(STAFF), staff=MANAGE_CHANNELS)),
    "staff may see channels, but not this one": (CLOSED, doors(deny(ALL), staff=SEE)),
    "everybody may see channels, but not this one": (doors(deny(ALL), everyone=0), CLOSED),
    "administrators who could see anyway": (OPEN, doors(staff=BOSS)),
    "administrators no more": (doors(deny(ALL), staff=BOSS), CLOSED),
    "nobody sees channels any more": (OPEN, BLIND),
    "staff is gone": (FOR_STAFF, doors(deny(ALL), staff=None)),
    "a new role without anything": (doors(deny(ALL), staff=None), CLOSED),
    "a new role that writes": (doors(deny(ALL), staff=None), doors(deny(ALL), staff=TALK)),
    "the overwrite of a role that is gone": (doors(deny(ALL), staff=None), doors(deny(ALL), allow(STAFF), staff=None)),
    "a member is denied": (OPEN, doors(deny(ANNA))),
    "moved into a closed category": (OPEN, FOR_STAFF),
    "moved into a category that says the same": (FOR_STAFF, doors(allow(STAFF), deny(ALL))),
    "an overwrite that says nothing": (CLOSED, doors(deny(ALL), Overwrite(STAFF, 0, 0))),
}


def test_there_are_sixty_scripts() -> None:
    assert len(WIDER) + len(NOT_WIDER) == 60


@pytest.mark.parametrize("script", WIDER)
def test_more_readers(script: str) -> None:
    assert widened(*WIDER[script])


@pytest.mark.parametrize("script", NOT_WIDER)
def test_no_more_readers(script: str) -> None:
    assert not widened(*NOT_WIDER[script])


def sees(door: Doors, roles: tuple[str, ...], member: str, permission: int = SEE) -> bool:
    """Discord's own recipe, step by step, for somebody with these roles."""
    permissions = door.roles[door.everyone]
    for role in roles:
        permissions |= door.roles.get(role, 0)
    if permissions & BOSS:
        return True
    of = {(each.target_id, each.member): each for each in door.overwrites}
    nothing = Overwrite("", 0, 0)
    everyone = of.get((door.everyone, False), nothing)
    permissions = permissions & ~everyone.deny | everyone.allow
    mine = [of.get((role, False), nothing) for role in roles if role in door.roles]
    denied = allowed = 0
    for each in mine:
        denied, allowed = denied | each.deny, allowed | each.allow
    permissions = permissions & ~denied | allowed
    own = of.get((member, True), nothing)
    return bool((permissions & ~own.deny | own.allow) & permission)


def everybody(*roles: str) -> Iterator[tuple[tuple[str, ...], str]]:
    some = chain.from_iterable(combinations(roles, number) for number in range(len(roles) + 1))
    return ((held, member) for held in some for member in (ANNA, "8"))


bits = st.sampled_from([0, SEE, BOSS, TALK, SEE | TALK])
overwrite = st.tuples(st.sampled_from([0, SEE, TALK]), st.sampled_from([0, SEE, TALK]))


@st.composite
def any_doors(draw: st.DrawFn) -> Doors:
    roles = {ALL: draw(bits), **draw(st.dictionaries(st.sampled_from([STAFF, MUTED, "4", "5"]), bits))}
    said = draw(st.dictionaries(st.sampled_from([ALL, STAFF, MUTED, "4", "5", ANNA]), overwrite))
    overwrites = [Overwrite(target, *each, member=target == ANNA) for target, each in said.items()]
    return Doors(ALL, roles, tuple(overwrites))


@given(any_doors(), any_doors())
def test_it_is_what_some_combination_of_roles_finds(before: Doors, after: Doors) -> None:
    people = everybody(STAFF, MUTED, "4", "5")
    expected = any(sees(after, *each) and not sees(before, *each) for each in people)
    assert widened(before, after) == expected


BOTH = (VIEW_CHANNEL, CONNECT)


def in_voice(*overwrites: Overwrite, everyone: int = SEE | CONNECT, staff: int = 0) -> Doors:
    return replace(doors(*overwrites, everyone=everyone, staff=staff), needed=BOTH)


def test_beside_a_voice_channel_who_may_not_connect_reads_nothing() -> None:
    locked = in_voice(deny(ALL, CONNECT), allow(STAFF, CONNECT))
    assert widened(locked, in_voice())
    assert widened(locked, in_voice(deny(ALL, CONNECT), allow(STAFF, CONNECT), allow(ANNA, CONNECT)))
    assert not widened(in_voice(), locked)
    assert not widened(doors(deny(ALL, CONNECT)), doors())  # elsewhere it says nothing


voice_bits = st.sampled_from([0, SEE, CONNECT, BOSS, SEE | CONNECT])
voice_overwrite = st.tuples(*[st.sampled_from([0, SEE, CONNECT, SEE | CONNECT])] * 2)


@st.composite
def any_voice(draw: st.DrawFn) -> Doors:
    roles = {ALL: draw(voice_bits), **draw(st.dictionaries(st.sampled_from([STAFF, MUTED]), voice_bits))}
    said = draw(st.dictionaries(st.sampled_from([ALL, STAFF, MUTED, ANNA]), voice_overwrite))
    overwrites = [Overwrite(target, each[0], each[1], member=target == ANNA) for target, each in said.items()]
    return Doors(ALL, roles, tuple(overwrites), BOTH)


@given(any_voice(), any_voice())
def test_nobody_comes_to_read_beside_a_voice_channel_unnoticed(before: Doors, after: Doors) -> None:
    def reads(door: Doors, roles: tuple[str, ...], member: str) -> bool:
        return all(sees(door, roles, member, permission) for permission in BOTH)

    if any(reads(after, *each) and not reads(before, *each) for each in everybody(STAFF, MUTED)):
        assert widened(before, after)


def test_a_guild_with_as_many_roles_as_it_can_have() -> None:
    roles = {ALL: 0} | {str(number): [SEE, 0, BOSS, TALK][number % 4] for number in range(10, 260)}
    overwrites = tuple(Overwrite(role, SEE if int(role) % 3 else 0, 0 if int(role) % 3 else SEE) for role in roles)
    assert not widened(Doors(ALL, roles, overwrites), Doors(ALL, roles, overwrites))


@pytest.mark.parametrize("changed", [str(number) for number in range(10, 18)])
def test_one_of_many_roles_that_the_channel_does_not_name(changed: str) -> None:
    roles = {ALL: 0} | {str(number): TALK for number in range(10, 18)}
    denied = (deny(changed),)
    assert widened(Doors(ALL, roles), Doors(ALL, roles | {changed: SEE}))
    assert not widened(Doors(ALL, roles | {changed: SEE}), Doors(ALL, roles))
    assert not widened(Doors(ALL, roles, denied), Doors(ALL, roles | {changed: SEE}, denied))
    seeing = roles | dict.fromkeys(set(roles) - {ALL}, SEE)
    assert widened(Doors(ALL, roles, denied), Doors(ALL, seeing, denied))  # all of them but the one that is named


@pytest.mark.parametrize(
    ("kind", "connects"), [(2, True), (13, True), (0, False), ({}, False), ([], False), (None, False)]
)
def test_what_reading_a_channel_needs(kind: object, connects: bool) -> None:
    assert to_read(kind) == ((VIEW_CHANNEL, CONNECT) if connects else (VIEW_CHANNEL,))
