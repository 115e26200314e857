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
        """Why something was not done. Raises DeliveryError."""
        await self.delivery.say(Notice(markdown))

    async def reply(self, markdown: str) -> None:
        """What came of a command. Raises DeliveryError."""
        await self.delivery.reply(Notice(markdown))

    async def remark(self, markdown: str) -> None:
        """What nobody asked for. Raises DeliveryError."""
        await self.delivery.remark(Notice(markdown))

    async def print(self, lines: Sequence[Text]) -> None:
        """What only somebody who reads along needs. Raises DeliveryError."""
        if isinstance(self.delivery, TerminalDelivery):
            screen = self.delivery.screen
            await self.delivery.print([row for line in lines for row in own_rows(line, screen.console, screen.width)])

    def forget(self) -> None:
        """Something else has written to the terminal: what is on it stays there."""
        if isinstance(self.delivery, TerminalDelivery):
            self.delivery.screen.forget()


def desk(folder: Path, *, one: bool = False) -> Desk:
    """The desk of this process; `folder` keeps the terminal's history. Raises CommandError where there is no output.

    In a pipe each line is answered on standard output, if only by why there is no answer. Where there is `one`
    question alone, the command has failed with it, and says so on standard error.
    """
    answers, errors = _open(sys.stdout), _open(sys.stderr)
    if not (_is_terminal(sys.stdin) and answers.isatty()):
        out, aside = Outlet(answers), Outlet(errors)
        return Desk(Piped(_descriptor()), PlainDelivery(out, aside, aside if one else out), ">")
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
