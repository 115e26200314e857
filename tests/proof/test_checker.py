"""The checker finds what is broken: a history without a fault passes, and each broken one is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.conversation.values import ChannelRef, Outcome, ThreadRef
from tests.proof.checker import violations
from tests.proof.history import (
    Acked,
    Asked,
    Begun,
    Binding,
    Bound,
    Called,
    Ended,
    Erased,
    Event,
    History,
    Key,
    Leased,
    Overtaken,
    Posted,
    Reopened,
    Reworded,
    StopAsked,
    Stored,
    Told,
    Visible,
)
from tests.proof.marks import mark

HERE = ThreadRef(ChannelRef("slack", "T1", "C1"), "1")
THERE = ThreadRef(ChannelRef("slack", "T2", "C1"), "1")  # equal ids in another workspace
CHANGING = ThreadRef(ChannelRef("slack", "T3", "C1"), "1")
FIRST, SECOND, OTHER = Key(HERE, "1:1"), Key(HERE, "1:2"), Key(THERE, "1:1")
CHANGED, DELETED, UNWANTED, AGAIN = (Key(CHANGING, f"1:{number}") for number in (1, 2, 3, 4))
ANSWERED, REFUSED, STOPPED = Outcome.ANSWERED, Outcome.REFUSED, Outcome.STOPPED
FOUR = Binding("github.com/o/four", "token-3-new")
BEFORE, AFTER = Binding("github.com/o/three", "token-3"), Binding("github.com/o/three", "token-3-new")


def answer(generation: int, word: str, of: int = 3) -> str:
    return " ".join(mark(generation, word, number, of) for number in range(of))


def called(at: float, key: Key, generation: int, binding: Binding, *asked: str) -> Called:
    return Called(at, key, binding.repository, binding.token, asked, generation, at, "a", asked)


def bound(at: float, *bindings: Binding) -> Bound:
    return Bound(at, CHANGING.channel, frozenset(bindings))


def changing() -> list[Event]:
    """One is stopped and edited during its answer, one deleted before it, one stopped, one asked again later."""
    return [
        bound(0, BEFORE),
        *(Asked(40, key, order, f"word-3{order}") for order, key in ((1, CHANGED), (2, DELETED), (3, UNWANTED))),
        *(Acked(40, key) for key in (CHANGED, DELETED, UNWANTED)),
        Leased(41, "changed", 1, "a"),
        called(41, CHANGED, 5, BEFORE, "word-31"),
        Posted(42, "changed", CHANGING, "a", 5),
        StopAsked(42, "changed"),
        Reworded(43, CHANGED, "word-30"),
        Leased(44, "changed", 2, "a"),
        called(44, CHANGED, 6, BEFORE, "word-30"),
        Posted(45, "changed", CHANGING, "a", 6),
        Ended(46, "changed", ANSWERED),
        StopAsked(47, "deleted"),
        Erased(47, "deleted"),
        Ended(47, "deleted", STOPPED),
        Leased(48, "unwanted", 1, "a"),
        called(48, UNWANTED, 7, BEFORE, "word-30", "word-33"),
        StopAsked(49, "unwanted"),
        Posted(49, "unwanted", CHANGING, "a", 7),
        Ended(49, "unwanted", STOPPED),
        Begun(50, CHANGING, 4),
        Asked(51, AGAIN, 4, "word-34"),
        Acked(51, AGAIN),
        Leased(52, "again", 1, "a"),
        Told(53, "again", CHANGING, "a"),
        Ended(53, "again", REFUSED),
        bound(60, AFTER),
        Reopened(61, "again"),
        Leased(62, "again", 2, "a"),
        called(62, AGAIN, 8, AFTER, "word-34"),
        Posted(63, "again", CHANGING, "a", 8),
        Ended(64, "again", ANSWERED),
    ]


def good() -> History:
    """Two questions of one thread, one of another workspace, one refused, one covered, one deleted at once."""
    third, fourth, fifth = (Key(HERE, f"1:{number}") for number in (3, 4, 5))
    return History(
        events=[
            Asked(0, FIRST, 1, "word-1"),
            Acked(0.1, FIRST),
            Asked(0.2, OTHER, 1, "word-9"),
            Acked(0.3, OTHER),
            Leased(1, "first", 1, "a"),
            Leased(1, "other", 1, "b"),
            Called(1.1, FIRST, "github.com/o/one", "token-1", ("word-1",)),
            Called(1.1, OTHER, "github.com/o/two", "token-2", ("word-9",)),
            Posted(1.2, "first", HERE, "a"),
            Asked(1.3, SECOND, 2, "word-2"),
            Acked(1.4, SECOND),
            Asked(1.5, third, 3, "word-3"),
            Acked(1.6, third),
            Leased(16, "first", 2, "b"),
            Posted(17, "first", HERE, "b"),
            Posted(17, "other", THERE, "b"),
            Leased(20, "second", 1, "a"),
            Called(20, SECOND, "github.com/o/one", "token-1", ("word-1", "word-2", "word-3")),
            Posted(21, "second", HERE, "a"),
            Asked(30, fourth, 4, "word-4"),
            Acked(30, fourth),
            Asked(30, fifth, 5, "word-5"),
            Acked(30, fifth),
            Leased(31, "fourth", 1, "a"),
            Told(32, "fourth", HERE, "a"),
            *changing(),
        ],
        visible=[
            Visible("first", HERE, 0, answer(2, "word-1"), final=True),
            Visible("second", HERE, 0, answer(3, "word-2"), final=True),
            Visible("other", THERE, 0, answer(4, "word-9")[:20], final=False),
            Visible("other", THERE, 1, answer(4, "word-9")[20:], final=True),
            Visible("changed", CHANGING, 0, answer(6, "word-30"), final=True),
            Visible("unwanted", CHANGING, 0, mark(7, "word-33", 0, 3), final=True),
            Visible("again", CHANGING, 0, answer(8, "word-34"), final=True),
        ],
        stored=[
            Stored("first", FIRST, ANSWERED),
            Stored("second", SECOND, ANSWERED),
            Stored("third", third, ANSWERED, answered_with="second"),
            Stored("fourth", fourth, REFUSED),
            Stored("fifth", fifth, STOPPED, erased=True, begun=False),
            Stored("other", OTHER, ANSWERED),
            Stored("changed", CHANGED, ANSWERED, texts=1),
            Stored("deleted", DELETED, STOPPED, erased=True, begun=False),
            Stored("unwanted", UNWANTED, STOPPED),
            Stored("again", AGAIN, ANSWERED, texts=1),
        ],
        bindings={
            HERE.channel: Binding("github.com/o/one", "token-1"),
            THERE.channel: Binding("github.com/o/two", "token-2"),
        },
    )


def test_a_history_without_a_fault_breaks_nothing() -> None:
    assert violations(good()) == []


Breaking = Callable[[History], None]


def test_a_notice_that_was_under_way_when_its_question_was_edited_is_no_outcome() -> None:
    history = good()
    before(44, Reopened(43.1, "changed"), Told(43.2, "changed", CHANGING, "a"))(history)
    assert violations(history) == []


def test_an_answer_stays_though_who_was_covered_by_it_was_asked_again_alone() -> None:
    history = good()
    history.events[-1:-1] = [Ended(22, "third", ANSWERED, "second"), Reopened(23, "third")]
    history.visible = [each for each in history.visible if each.turn_id != "second"]
    history.visible += [Visible(name, HERE, 0, answer(9, "word-3"), final=True) for name in ("second", "third")]
    history.stored = [replace(turn, answered_with=None) for turn in history.stored]
    assert violations(history) == []
    history.events = [event for event in history.events if not isinstance(event, Ended)]
    assert [each[:2] for each in violations(history)] == ["P4"]


def test_an_answer_stays_though_its_question_was_asked_again_and_refused() -> None:
    history = good()
    again = Reopened(50, "first"), Leased(51, "first", 3, "b"), Told(52, "first", HERE, "b")
    happened(*again, Ended(53, "first", ANSWERED, stays=True))(history)
    assert violations(history) == []
    hidden("first")(history)
    assert any("0 answers and 0 notices" in each for each in violations(history))


def without(turn_id: str) -> Breaking:
    def broken(history: History) -> None:
        history.stored = [turn for turn in history.stored if turn.turn_id != turn_id]

    return broken


def stored(turn_id: str, **changes: object) -> Breaking:
    def broken(history: History) -> None:
        history.stored = [
            replace(turn, **changes) if turn.turn_id == turn_id else turn  # type: ignore[arg-type]
            for turn in history.stored
        ]

    return broken


def visible(turn_id: str, number: int = 0, **changes: object) -> Breaking:
    def broken(history: History) -> None:
        history.visible = [
            replace(post, **changes) if (post.turn_id, post.number) == (turn_id, number) else post  # type: ignore[arg-type]
            for post in history.visible
        ]

    return broken


def hidden(turn_id: str) -> Breaking:
    def broken(history: History) -> None:
        history.visible = [post for post in history.visible if post.turn_id != turn_id]

    return broken


def shown(*more: Visible) -> Breaking:
    return lambda history: history.visible.extend(more)


def happened(*more: object) -> Breaking:
    return lambda history: history.events.extend(more)  # type: ignore[arg-type]


def before(at: float, *more: Event) -> Breaking:
    """These happened before anything that happened at that time or later."""

    def broken(history: History) -> None:
        place = next(number for number, event in enumerate(history.events) if event.at >= at)
        history.events[place:place] = more

    return broken


def unasked(history: History) -> None:
    history.events = [event for event in history.events if event != StopAsked(49, "unwanted")]


def edited(history: History) -> None:
    history.events.insert(history.events.index(StopAsked(49, "unwanted")) + 1, Reworded(49, UNWANTED, "word-33"))


def refused_anew(history: History) -> None:
    before(44, Reopened(43.1, "changed"))(history)
    before(45, Told(44.5, "changed", CHANGING, "a"))(history)


def untold(history: History) -> None:
    history.events = [event for event in history.events if not isinstance(event, Told)]


BROKEN: dict[str, tuple[Breaking, str]] = {
    "acknowledged and lost": (without("first"), "P2"),
    "stored twice": (lambda history: history.stored.append(Stored("twin", OTHER, REFUSED)), "P3"),
    "no outcome": (stored("first", outcome=None), "P10"),
    "recorded and not shown": (hidden("first"), "P3"),
    "answered twice": (shown(Visible("first", HERE, 1, "", final=True)), "P3"),
    "the first post twice": (shown(Visible("first", HERE, 0, "", final=False)), "P3"),
    "answered and refused": (happened(Told(40, "second", HERE, "a")), "P3"),
    "refused without a word": (untold, "P3"),
    "refused by a notice about other words": (before(32, Reopened(31.5, "fourth")), "0 answers and 0 notices"),
    "edited, refused and answered": (refused_anew, "1 answers and 1 notices"),
    "told twice": (happened(Told(40, "fourth", HERE, "a")), "P3"),
    "never ended": (visible("first", final=False), "P10"),
    "covered by nothing": (stored("third", answered_with="nobody"), "P3"),
    "covered by another thread's answer": (stored("third", answered_with="other"), "P3"),
    "covered and shown": (shown(Visible("third", HERE, 0, answer(5, "word-3"), final=True)), "P3"),
    "left out and shown": (shown(Visible("fifth", HERE, 0, answer(5, "word-5"), final=True)), "P3"),
    "visible in another workspace": (visible("first", thread=THERE), "P4"),
    "shown elsewhere on the way": (happened(Posted(50, "second", THERE, "a")), "P4"),
    "told elsewhere": (happened(Told(50, "fourth", THERE, "a", doubted=True)), "P4"),
    "another repository": (happened(Called(50, FIRST, "github.com/o/two", "token-1", ("word-1",))), "P5"),
    "another token": (happened(Called(50, FIRST, "github.com/o/one", "token-2", ("word-1",))), "P5"),
    "another thread's words sent": (happened(Called(50, FIRST, "github.com/o/one", "token-1", ("word-9",))), "P4"),
    "shown by a worker that had lost it": (happened(Posted(50, "first", HERE, "a")), "fence"),
    "leased twice as the same attempt": (happened(Leased(50, "first", 2, "b")), "fence"),
    "an earlier one after a later one": (happened(Posted(50, "first", HERE, "b")), "order"),
    "spliced": (visible("first", text=mark(1, "word-1", 0, 2) + mark(2, "word-1", 1, 2)), "P3"),
    "pieces missing": (visible("first", text=mark(2, "word-1", 0, 3) + mark(2, "word-1", 2, 3)), "P3"),
    "not whole": (visible("first", text=mark(2, "word-1", 0, 3)), "P3"),
    "nothing in it": (visible("first", text=""), "P3"),
    "another question's answer": (visible("first", text=answer(3, "word-2")), "P4"),
    "asked with what had been bound": (happened(called(70, AGAIN, 9, BEFORE, "word-34")), "not bound there then"),
    "asked where nothing is bound": (
        happened(bound(69), called(70, AGAIN, 9, AFTER, "word-34")),
        "not bound there then",
    ),
    "a thread that is about another repository": (
        happened(bound(69, AFTER, BEFORE, FOUR), called(70, AGAIN, 9, FOUR, "word-34")),
        "its thread is about another",
    ),
    "gone on with what had been bound": (happened(Posted(80, "again", CHANGING, "a", 6)), "again went on"),
    "answered with what is bound no more": (before(64, bound(63.5, BEFORE)), "again ended as answered"),
    "a deleted question sent": (
        happened(Leased(70, "again", 3, "a"), called(71, AGAIN, 9, AFTER, "word-32", "word-34")),
        "word-32, edited or deleted before",
    ),
    "an old wording sent": (
        happened(Leased(70, "again", 3, "a"), called(71, AGAIN, 9, AFTER, "word-31", "word-34")),
        "word-31, edited or deleted before",
    ),
    "a question from before a fresh start sent": (
        happened(Leased(70, "again", 3, "a"), called(71, AGAIN, 9, AFTER, "word-33", "word-34")),
        "word-33, asked before a fresh start",
    ),
    "answered as it was worded before": (before(46, Reworded(45.5, CHANGED, "word-39")), "as it is not worded"),
    "stopped though nobody wanted that": (unasked, "nobody wanted that"),
    "stopped though it was edited since": (edited, "nobody wanted that"),
    "asked though it was stopped": (
        happened(Leased(70, "unwanted", 2, "a"), called(71, UNWANTED, 9, AFTER, "word-33")),
        "had been stopped",
    ),
    "deleted before it came, and answered": (happened(Overtaken(70, AGAIN)), "taken for a question"),
    "a fresh start set back": (happened(Begun(70, CHANGING, 2)), "counts from 2"),
    "deleted and kept": (stored("deleted", texts=1), "P12"),
    "deleted, and told something": (happened(Told(48, "deleted", CHANGING, "a")), "left out, and shown as well"),
    "answered again, and refused": (happened(Told(65, "again", CHANGING, "a")), "1 answers and 1 notices"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_history_is_found(name: str) -> None:
    breaking, promise = BROKEN[name]
    history = good()
    breaking(history)
    assert any(promise in problem for problem in violations(history)), violations(history)
