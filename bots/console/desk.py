"""Where a session reads and writes: a terminal somebody sits at, or pipes and files."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from bots.console.delivery import PlainDelivery, TerminalDelivery
from bots.console.keyboard import silent
from bots.console.look import THEME, own_rows
from bots.console.outlet import Behind, Outlet
from bots.console.piped import Dumb, Piped
from bots.console.prompt import Typed
from bots.console.screen import Screen
from bots.errors import CommandError
from core.conversation.values import Notice


class Desk:
    """The lines that come in, and the delivery that answers them. `mark` stands before what the user says."""

    def __init__(self, source: Typed | Piped, delivery: TerminalDelivery | PlainDelivery, mark: str) -> None:
        self.source = source
        self.delivery = delivery
        self.mark = mark

    @property
    def interactive(self) -> bool:
        """Somebody sits here and reads along."""
        return isinstance(self.delivery, TerminalDelivery)

    def quiet(self) -> AbstractContextManager[None]:
        """While the context is open, what is typed between two prompts waits for the next one, unseen."""
        return silent() if isinstance(self.source, Typed) else nullcontext()

    async def say(self, markdown: str) -> None:
        """A notice. Raises DeliveryError."""
        await self.delivery.say(Notice(markdown))

    async def print(self, lines: Sequence[Text]) -> None:
        """What only somebody who reads along needs. Raises DeliveryError."""
        if isinstance(self.delivery, TerminalDelivery):
            screen = self.delivery.screen
            await self.delivery.print([row for line in lines for row in own_rows(line, screen.console, screen.width)])

    def forget(self) -> None:
        """Something else has written to the terminal: what is on it stays there."""
        if isinstance(self.delivery, TerminalDelivery):
            self.delivery.screen.forget()


def desk(folder: Path) -> Desk:
    """The desk of this process; `folder` keeps the terminal's history. Raises CommandError where there is no output."""
    answers, notices = _open(sys.stdout), _open(sys.stderr)
    if not (_is_terminal(sys.stdin) and answers.isatty()):
        return Desk(Piped(_descriptor()), PlainDelivery(Outlet(answers), Outlet(notices)), ">")
    console = Console(file=answers, theme=THEME, highlight=False)
    screen = Screen(console, Behind(answers).write, moves=not (console.is_dumb_terminal or console.legacy_windows))
    mark = "›" if console.encoding.lower().startswith("utf") else ">"
    source = Dumb(_descriptor(), answers, mark) if console.is_dumb_terminal else Typed(folder, mark)
    return Desk(source, TerminalDelivery(screen), mark)


def _open(stream: TextIO | None) -> TextIO:
    if stream is None:
        raise CommandError("There is nowhere to write to: standard output or standard error is closed.")
    return stream


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _descriptor() -> int:
    """Standard input's, or that of nothing where it is closed."""
    return os.open(os.devnull, os.O_RDONLY) if sys.stdin is None else sys.stdin.fileno()
