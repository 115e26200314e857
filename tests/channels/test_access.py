"""Who may ask where: every row of the table, and what counts as a wider audience."""

from __future__ import annotations

from itertools import product

import pytest

from core.channels.access import Audience, Refusal, Rules, Standing, decide, widened
from core.errors import AccessError, AccessUnknown, AudienceWidened, GuestsNotAllowed, OutsidersNotAllowed

D, PR, PU, S, U = Audience
ALL_RULES = [Rules(guests, outsiders) for guests, outsiders in product((False, True), repeat=2)]
KNOWN = [None, D, PR, PU, S]


@pytest.mark.parametrize("rules", ALL_RULES)
@pytest.mark.parametrize("now", [D, PR, PU, S])
def test_who_may_ask(rules: Rules, now: Audience) -> None:
    said = {standing: decide(standing, rules, recorded=now, now=now) for standing in Standing}
    assert said == {
        Standing.MEMBER: None,
        Standing.GUEST: None if rules.guests else Refusal.GUEST,
        Standing.OUTSIDER: None if rules.outsiders else Refusal.OUTSIDER,
        Standing.BOT: Refusal.BOT,
        Standing.UNKNOWN: Refusal.UNKNOWN,
    }


def test_nothing_is_open_by_default() -> None:
    assert [each for each in Standing if decide(each, Rules(), recorded=None, now=D) is None] == [Standing.MEMBER]


@pytest.mark.parametrize("standing", list(Standing))
@pytest.mark.parametrize("rules", ALL_RULES)
@pytest.mark.parametrize("recorded", [*KNOWN, U])
def test_who_cannot_see_who_reads_along_answers_nobody(
    standing: Standing, rules: Rules, recorded: Audience | None
) -> None:
    assert decide(standing, rules, recorded=recorded, now=U) is not None


def test_nobody_is_answered_where_more_people_read_along() -> None:
    for standing, rules, (recorded, now) in product(Standing, ALL_RULES, [(D, PR), (PR, PU), (PU, S), (PR, S)]):
        allowed = decide(standing, rules, recorded=now, now=now) is None
        refused = decide(standing, rules, recorded=recorded, now=now)
        assert refused is not None
        assert (refused is Refusal.WIDENED) is allowed


def test_what_is_wider() -> None:
    wider = {(recorded, now) for recorded, now in product([*KNOWN, U], Audience) if widened(recorded, now)}
    assert wider == {
        *((D, now) for now in (PR, PU, S, U)),
        *((PR, now) for now in (PU, S, U)),
        *((PU, now) for now in (S, U)),
        (S, U),
        *((U, now) for now in Audience),
    }


def test_a_stored_word_is_read_again_and_a_strange_one_is_unknown() -> None:
    assert [Audience.of(each.word) for each in Audience] == list(Audience)
    assert Audience.of("galaxy") is Audience.UNKNOWN


def test_bots_are_told_nothing_and_people_why() -> None:
    told: dict[Refusal, type[AccessError] | None] = {
        each: None if each.error is None else type(each.error) for each in Refusal
    }
    assert told == {
        Refusal.BOT: None,
        Refusal.GUEST: GuestsNotAllowed,
        Refusal.OUTSIDER: OutsidersNotAllowed,
        Refusal.UNKNOWN: AccessUnknown,
        Refusal.WIDENED: AudienceWidened,
    }
