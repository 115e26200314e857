"""What is printed for good stands there exactly once, whatever the window does meanwhile."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bots.console.look import THEME, Row
from bots.console.screen import Screen, height, tail
from bots.console.sheet import Sheet, caption
from core.conversation.values import Outcome
from core.relay.delivery import Footer
from tests.console.emulator import Emulator

WORDS = st.text("ab日é ", min_size=1, max_size=90).map(lambda text: f"{text.rstrip()}.")
# what has left a window that was made lower cannot be reached any more, so all are high enough
SIZES = st.tuples(st.integers(20, 120), st.just(40))
FOOTER = Footer(Outcome.ANSWERED, "github.com/acme/widgets", "gpt-4o", 1.25)


class Window(Screen):
    """A screen whose window is an emulator's."""

    def __init__(self, *, moves: bool = True) -> None:
        self.emulator = Emulator()
        self.written = io.StringIO()
        console = Console(file=self.written, theme=THEME, force_terminal=True, highlight=False)
        super().__init__(console, self.written.write, moves=moves)

    def _window(self) -> tuple[int, int]:
        return self.emulator.columns, self.emulator.lines

    def shown(self) -> str:
        self.emulator.feed(self.written.getvalue().replace("\n", "\r\n"))  # as a terminal's driver does
        self.written.seek(0)
        self.written.truncate()
        return self.emulator.text

    def resize(self, size: tuple[int, int]) -> None:
        self.shown()
        self.emulator.resize(*size)


def _rows(lines: list[str]) -> list[Row]:
    return [Row(line, line) for line in lines]


@given(st.lists(st.tuples(st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=6), SIZES), max_size=8))
def test_settled_rows_stand_once_and_live_rows_below_them(
    frames: list[tuple[list[str], list[str], tuple[int, int]]],
) -> None:
    window = Window()
    printed: list[str] = []
    for settled, live, size in frames:
        window.resize(size)
        window.paint(_rows(settled), _rows(live))
        printed += settled
        kept = [row.plain for row in tail(_rows(live), size[0], size[1] - 2)]
        assert window.shown() == "\n".join(printed + kept)
    window.paint(())
    assert window.shown() == "\n".join(printed)


def test_rows_that_may_change_never_fill_the_window() -> None:
    window = Window()
    window.resize((20, 10))
    window.paint((), _rows([f"line {number}" for number in range(50)]))
    assert window.shown().split("\n") == [f"line {number}" for number in range(42, 50)]
    window.paint(_rows(["done"]))
    assert window.shown() == "done"


def test_nothing_moves_on_a_terminal_that_cannot() -> None:
    window = Window(moves=False)
    window.paint(_rows(["one"]), _rows(["live"]))
    window.paint(_rows(["two"]))
    assert window.written.getvalue() == "one\ntwo\n"


@given(st.text("a日\u0301", max_size=60), st.integers(2, 30))
def test_height_is_that_of_the_terminal(text: str, width: int) -> None:
    emulator = Emulator(width, 100)
    emulator.feed(text)
    assert len(emulator._rows) == height(text, width)


ANSWER = """# Title

A paragraph with `code` and **bold** words that is long enough to be folded in most windows, see `core/a.py:12-20`.

```python
def f(argument: int) -> dict[str, tuple[int, int]]:  # a line that is longer than some of the windows are wide
    return {}

```

1. one
2. two

   more of two
- bullet `List<String>`

| a | b |
|---|---|
| 1 | 日本 |

> quoted
"""


SHOWN = [
    *("Title", "A paragraph with code", "core/a.py:12-20.", "def f(", "return {}", "1. one", "2. two", "more of two"),
    *("• bullet List<String>", "日本", "quoted", "github.com/acme/widgets · gpt-4o · 1.2 s"),
]


def _unspaced(text: str) -> str:
    return "".join(text.split())  # where a line was folded depends on the window


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(ANSWER)), SIZES), max_size=12))
def test_an_answer_is_shown_whole_and_once_however_it_arrives(steps: list[tuple[int, tuple[int, int]]]) -> None:
    window = Window()
    sheet = Sheet(window, clock=lambda: 0.0)
    sheet.show("")
    for end, size in sorted(steps):
        window.resize(size)
        sheet.tick()
        sheet.show(ANSWER[:end])
        assert "Ctrl-C stops" in window.shown()
    window.resize((120, 40))
    sheet.end(ANSWER, FOOTER)
    seen = _unspaced(window.shown())
    assert [seen.count(_unspaced(each)) for each in SHOWN] == [1] * len(SHOWN), window.shown()
    assert sorted(SHOWN, key=lambda each: seen.index(_unspaced(each))) == SHOWN
    assert "Ctrl-C" not in seen


def test_a_note_is_replaced_by_the_answer() -> None:
    window = Window()
    sheet = Sheet(window)
    sheet.show("The repository is still being indexed; I will try again in 5 seconds.")
    assert "still being indexed" in window.shown()
    sheet.end("Here.", FOOTER)
    assert "indexed" not in window.shown()


def test_another_attempt_says_that_it_begins_again() -> None:
    window = Window()
    sheet = Sheet(window)
    sheet.show("first paragraph\n\nsecond\n")
    sheet.show("")
    sheet.end("first paragraph\n\nsecond, other", FOOTER)
    seen = window.shown()
    assert seen.index("first paragraph") < seen.index("begins again") < seen.rindex("first paragraph")
    assert seen.count("second") == 1


def test_what_was_begun_stays_when_the_session_ends() -> None:
    window = Window()
    sheet = Sheet(window)
    sheet.show("whole\n\nbegun")
    sheet.leave()
    sheet.tick()
    assert window.shown().split() == ["whole", "begun"]


@pytest.mark.parametrize(("outcome", "last"), [(Outcome.ANSWERED, "1.2 s"), (Outcome.STOPPED, "stopped")])
def test_the_caption_names_the_repository_and_a_bad_end(outcome: Outcome, last: str) -> None:
    said = caption(Footer(outcome, "github.com/acme/\x1b[2Jwidgets", None, 1.25)).plain
    assert said.startswith("github.com/acme/widgets · ")
    assert said.endswith(last)


@contextmanager
def _terminal() -> Iterator[int]:
    ours, theirs = pty.openpty()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_size_is_the_windows_own() -> None:
    with _terminal() as descriptor, open(descriptor, "w", closefd=False) as file:
        os.environ.pop("COLUMNS", None)
        assert Screen(Console(file=file), file.write, moves=True).width == 80  # nobody has told its size
