"""Which posts, read back, count as questions: none that was settled when it was said."""

from __future__ import annotations

import pytest

from bots.discord.posts import Post, Spot
from bots.discord.unheard import unheard

BOT, ANNA = "900000000000000001", "100000000000000001"
GENERAL = Spot("700000000000000001", "710000000000000001", 0)
THREAD = Spot("700000000000000001", "720000000000000001", 11, "710000000000000001")
DIRECT = Spot("", "730000000000000001", 1)


def said(*texts: str, spot: Spot = THREAD) -> list[Post]:
    """Posts with the ids 1, 2 and so on; what begins with @ calls us."""
    return [
        Post(
            spot,
            str(number),
            0,
            ANNA,
            text=text.removeprefix("@"),
            users=frozenset({BOT} if text.startswith("@") else ()),
        )
        for number, text in enumerate(texts, start=1)
    ]


def found(posts: list[Post], heard: int | None) -> list[int]:
    return [int(each.message_id) for each in unheard(posts, BOT, heard)]


@pytest.mark.parametrize(("heard", "count"), [(None, []), (0, [1, 2, 3]), (1, [2, 3]), (3, []), (9, [])])
def test_what_does_not_call_us_counts_behind_what_was_heard(heard: int | None, count: list[int]) -> None:
    assert found(said("one?", "two?", "three?"), heard) == count
    assert found(said("one?", "two?", "three?", spot=DIRECT), heard) == count
    assert found(said("one?", "two?", "three?", spot=GENERAL), heard) == []


def test_what_calls_us_counts_always() -> None:
    assert found(said("@one?", "@two?"), 9) == [1, 2]
    assert found(said("@one?", "two?", spot=GENERAL), None) == [1]


def test_a_conversation_begins_with_the_first_question() -> None:
    assert found(said("one?", "@two?", "three?", "@four?"), None) == [2, 3, 4]


@pytest.mark.parametrize("word", ["stop", "unmute"])
def test_a_word_settles_what_was_said_before_it(word: str) -> None:
    assert found(said("one?", f"@{word}", "three?", "@"), 0) == [3]
    assert found(said("one?", word, "three?", spot=DIRECT), 0) == [3]
    assert found(said("@one?", f"@{word}"), 0) == [1]
    assert found(said("one?", word, "three?"), 0) == [1, 2, 3]  # who does not call us says nothing special


@pytest.mark.parametrize("word", ["retry", "new"])
def test_what_was_said_before_another_word_is_waited_for(word: str) -> None:
    assert found(said("one?", f"@{word}", "three?"), 0) == [1, 3]


def test_what_holds_a_token_is_none() -> None:
    """It was never stored, so its id is not known, and each start would tell so again."""
    assert found(said("@token set sekrit-1234", "two?", "@three?", f"four ghp_{'aB3dE6gH9' * 4}"), None) == [3]


def test_after_mute_one_has_to_call_us() -> None:
    assert found(said("one?", "@mute", "three?", "@four?"), 0) == [1, 4]
    assert found(said("one?", "@mute", "three?", "@unmute", "five?"), 0) == [5]
    assert found(said("one?", "@mute", "three?", "@stop", "five?"), 0) == []
    assert found(said("one?", "mute", "three?", spot=DIRECT), 0) == [1, 3]
