"""Which unmentioned replies are for us: every combination of what it depends on."""

from __future__ import annotations

from itertools import product

import pytest

from core.conversation.followup import FollowUps, Reply, ThreadFacts, decide

FLAGS = list(product((False, True), repeat=3))  # crowded, asked before, mentions others
A, I, C = Reply.ANSWER, Reply.IGNORE, Reply.IGNORE_AND_CROWD  # noqa: E741
TABLE = {
    FollowUps.ALWAYS: [A, I, A, I, A, I, A, I],
    FollowUps.SMART: [C, C, A, C, I, I, I, I],
    FollowUps.MENTION: [I] * 8,
}


@pytest.mark.parametrize("mode", list(FollowUps))
@pytest.mark.parametrize("muted", [False, True])
@pytest.mark.parametrize("direct", [False, True])
def test_every_combination(mode: FollowUps, muted: bool, direct: bool) -> None:
    said = [
        decide(ThreadFacts(mode, muted, crowded, asked), mentions_others=mentions, direct=direct)
        for crowded, asked, mentions in FLAGS
    ]
    assert said == ([A] * 8 if direct else [I] * 8 if muted else TABLE[mode])


@pytest.mark.parametrize("mentions", [False, True])
def test_a_thread_nothing_was_asked_in_is_not_ours(mentions: bool) -> None:
    assert decide(None, mentions_others=mentions, direct=False) is I
    assert decide(None, mentions_others=mentions, direct=True) is A


def test_a_stored_word_is_read_again_and_a_strange_one_answers_nothing_unasked() -> None:
    assert [FollowUps.of(each.value) for each in FollowUps] == list(FollowUps)
    assert FollowUps.of(None) is FollowUps.SMART
    assert FollowUps.of("telepathy") is FollowUps.MENTION
