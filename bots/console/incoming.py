"""Pure: what a line typed or piped into the console means.

After `/askrepo` stands the grammar of all chats; in a terminal, where nobody else reads along, `/askrepo` may be left
out: `/map owner/name`, `/new`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.console.outgoing import harmless
from core.channels.grammar import Ask, Command, ThreadWord, parse, thread_word

_COMMAND_LIKE = re.compile(r"/[A-Za-z][A-Za-z-]*")
_LEAVE = {"/quit", "/exit"}
_WORDS = {ThreadWord.STOP, ThreadWord.RETRY, ThreadWord.NEW}  # mute and unmute have no sense where one person talks


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty line."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The wish to leave the console."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that looks like a command and is none: better told than asked."""

    word: str


Incoming = Ask | Command | ThreadWord | Nothing | Leave | Unknown


def read(line: str) -> Incoming:
    """What the line means. Never raises."""
    text = harmless(line).strip()
    first, _, rest = text.partition(" ")
    if not text:
        return Nothing()
    if text.lower() in _LEAVE:
        return Leave()
    if first.lower() == "/askrepo":
        return _word(rest) or parse(rest)
    if not _COMMAND_LIKE.fullmatch(first):
        return Ask(text)  # a path may begin a question
    meant = _word(text[1:]) or parse(text[1:])
    return Unknown(first) if isinstance(meant, Ask) else meant


def _word(text: str) -> ThreadWord | None:
    word = thread_word(text)
    return word if word in _WORDS else None
