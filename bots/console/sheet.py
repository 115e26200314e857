"""One answer on the screen as it grows: finished pieces are printed for good, the rest is drawn anew each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from rich.text import Text

from bots.console.look import Row, row, rows
from bots.console.outgoing import Growth, Piece, cut, harmless, one_line
from bots.console.screen import Screen
from core.conversation.values import Outcome
from core.relay.delivery import Footer

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"
_ALERTS = {Outcome.STOPPED: "yellow", Outcome.FAILED: "red", Outcome.REFUSED: "red"}


class Sheet:
    """The answer to one question. All methods block and may be called from any thread; they raise OSError."""

    def __init__(self, screen: Screen, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._since = clock()
        self._guard = threading.Lock()
        self._growth = Growth()
        self._settled = ""  # the text that has been printed for good
        self._rest: list[Piece] = []
        self._drawn: tuple[int, list[Row]] = (0, [])  # the rest as rows, for a window of that width
        self._ended = False

    def show(self, text: str) -> None:
        """The answer so far is this Markdown."""
        with self._guard:
            self._ended = False
            settled = self._grow(harmless(text), whole=False)
            self._screen.paint(settled, self._live())

    def end(self, text: str, footer: Footer) -> None:
        """The whole answer is this; nothing changes any more."""
        with self._guard:
            settled = self._grow(harmless(text), whole=True)
            self._ended = True
            self._screen.paint([*settled, Row("", ""), row(caption(footer), self._screen.console)])

    def tick(self) -> None:
        """Time has passed, or the window has another size."""
        with self._guard:
            if not self._ended:
                self._screen.paint((), self._live())

    def leave(self) -> None:
        """Nothing more will come: what was still changing stays as it is."""
        with self._guard:
            if not self._ended:
                self._ended = True
                self._screen.paint(self._rest_rows())

    def _grow(self, text: str, *, whole: bool) -> list[Row]:
        begun: list[Row] = []
        if not text.startswith(self._settled.rstrip()):
            # another attempt began: what was printed cannot be taken back
            again = Text("— the answer begins again —", style="dim")
            begun = [Row("", ""), row(again, self._screen.console)]
            self._growth, self._settled = Growth(), ""
        pieces, self._growth = cut(text, self._growth, whole=whole)
        self._settled = text[: max(self._growth.taken, len(self._settled))]
        self._rest = [] if whole else cut(text, self._growth, whole=True)[0]
        self._drawn = (0, [])
        return [*begun, *self._as_rows(pieces)]

    def _as_rows(self, pieces: Sequence[Piece]) -> list[Row]:
        width = self._screen.width
        return [each for piece in pieces for each in rows(piece, self._screen.console, width)]

    def _rest_rows(self) -> list[Row]:
        width = self._screen.width
        if self._drawn[0] != width:
            self._drawn = (width, self._as_rows(self._rest))
        return self._drawn[1]

    def _live(self) -> list[Row]:
        seconds = self._clock() - self._since
        frames = _FRAMES if self._screen.console.encoding.lower().startswith("utf") else _ASCII_FRAMES
        spinner = frames[int(seconds * 8) % len(frames)]
        doing = "answering" if self._settled or self._rest else "asking"
        status = Text(f"{spinner} {doing} {seconds:.0f} s · Ctrl-C stops", style="dim")
        return [*self._rest_rows(), Row("", ""), row(status, self._screen.console)]


def caption(footer: Footer) -> Text:
    """What stands under an answer: what it was asked of, how long it took, and how it ended if not well."""
    parts = [footer.repository or "", footer.model or "", f"{footer.seconds:.1f} s"]
    text = Text(" · ".join(one_line(part) for part in parts if part), style="dim")
    if footer.outcome in _ALERTS:
        text.append(" · ").append(footer.outcome.value, style=f"not dim {_ALERTS[footer.outcome]}")
    return text
