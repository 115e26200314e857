"""Where the `askrepo` command begins: Ctrl-C ends it without a word while it is still being loaded."""

from __future__ import annotations

import signal


def main() -> None:
    """The console script."""
    asked = signal.getsignal(signal.SIGINT)
    if asked is signal.default_int_handler:  # else whoever started us does not want it to end us
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bots.cli import main as command  # noqa: PLC0415 - loading it takes up to some seconds

    signal.signal(signal.SIGINT, asked)
    command()
