"""Aliases are one only if their characters are the same."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.channels import aliases
from core.errors import BadAlias


@pytest.mark.parametrize("alias", ["a", "0", "web", "web-2", "a" * 32, "w-", "x--y"])
def test_an_alias(alias: str) -> None:
    assert aliases.check(alias) == alias


@pytest.mark.parametrize(
    "text",
    ["", " ", "-web", "Web", "WEB", "we b", "web\n", "a" * 33, "wéb", "ｗeb", "wеb", "w\u200beb", "a/b", "a.b", "²"],
)
def test_no_alias(text: str) -> None:
    assert not aliases.is_alias(text)
    with pytest.raises(BadAlias):
        aliases.check(text)


def test_no_character_beyond_the_pattern_can_stand_for_one_of_it() -> None:
    """Whatever folds or normalises to a letter of an alias is refused itself, so no two aliases can be confused."""
    alphabet = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    for point in itertools.chain(range(0x20, 0x30000), range(0xE0000, 0xE0200)):
        character = chr(point)
        spellings = {character, character.casefold(), character.lower(), unicodedata.normalize("NFKC", character)}
        if character not in alphabet and spellings & alphabet:
            assert not aliases.is_alias(f"a{character}")


@given(st.text(max_size=40))
def test_what_is_shown_of_a_bad_alias_is_short(text: str) -> None:
    if not aliases.is_alias(text):
        with pytest.raises(BadAlias) as caught:
            aliases.check(text + "!" * 100)
        assert len(caught.value.alias) <= 40
