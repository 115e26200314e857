"""The line a person types at the terminal."""

from __future__ import annotations

import os
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from bots.console.incoming import COMMANDS, read
from bots.console.outgoing import harmless
from core.channels.grammar import Token
from core.channels.pasted import holds_token

_COMMANDS = [f"/{word}" for word in COMMANDS]


class LineInterruptError(Exception):
    """Ctrl-C on an empty line. A KeyboardInterrupt would end the event loop, and everything with it."""


class Typed:
    """Lines typed at the terminal, with editing, a history that survives, and completion of commands."""

    def __init__(self, folder: Path, mark: str) -> None:
        output = create_output()
        if isinstance(output, Vt100_Output):
            output.enable_cpr = False  # not needed without a menu, and terminals that do not answer get a warning
        self._session: PromptSession[str] = PromptSession(
            FormattedText([("bold", f"{mark} ")]),
            history=_History(_private(folder / "console.history")),
            auto_suggest=AutoSuggestFromHistory(),
            completer=WordCompleter(_COMMANDS, sentence=True),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            reserve_space_for_menu=0,
            key_bindings=_keys(),
            enable_suspend=True,
            output=output,
        )

    async def line(self) -> str | None:
        """The next line; None when the user leaves. Raises LineInterruptError."""
        try:
            return await self._session.prompt_async(handle_sigint=False, set_exception_handler=False)
        except EOFError:
            return None


class _History(FileHistory):
    """What was typed in earlier sessions. A line with a token in it is not kept."""

    def store_string(self, string: str) -> None:
        """Called for each accepted line."""
        if not (isinstance(read(string), Token) or holds_token(string)):
            super().store_string(harmless(string))  # octets that are no text could not be written


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=LineInterruptError)

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def _private(path: Path) -> str:
    """The file exists, and only its owner may read it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return str(path)
