"""What ends a command before it is done."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot be done; its text is one sentence for whoever ran it, with the next step."""
