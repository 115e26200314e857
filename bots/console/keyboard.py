"""The keyboard while nobody is asked for anything."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

if sys.platform == "win32":

    @contextlib.contextmanager
    def silent() -> Iterator[None]:
        """What is typed meanwhile waits for the next prompt; nothing needs to be done for it here."""
        yield

else:
    import termios

    @contextlib.contextmanager
    def silent() -> Iterator[None]:
        """What is typed meanwhile waits for the next prompt instead of showing; Ctrl-C still interrupts."""
        try:
            keyboard = sys.stdin.fileno()
            before = termios.tcgetattr(keyboard)
        except (OSError, ValueError, termios.error):  # no terminal
            yield
            return
        quiet = [*before]
        quiet[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, quiet)
        try:
            yield
        finally:
            # at once: whoever waits for a paused terminal to take what is being written waits for ever
            with contextlib.suppress(OSError, termios.error):  # the terminal was closed meanwhile
                termios.tcsetattr(keyboard, termios.TCSANOW, before)
