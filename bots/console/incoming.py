"""Pure: what a line typed or piped into the console means.

After `/askrepo` stands the grammar of all chats; in a terminal, where nobody else reads along, `/askrepo` may be left
out: `/map owner/name`, `/new`. A word that means something alone needs no slash either: `new`, `quit`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from bots.console.outgoing import harmless
from core.channels.grammar import Ask, Command, Help, ThreadWord, Token, TokenAction, gives_token, parse, thread_word

COMMANDS = ("default", "help", "list", "map", "new", "quit", "retry", "status", "token", "unmap", "why")

_COMMAND_LIKE = re.compile(r"/[A-Za-z][A-Za-z-]*")
_ALIKE = 0.75  # from here on a first word is taken for a misspelt command
_LEAVE = {"quit", "exit"}
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
    if first.lower() == "/askrepo":
        meant = _meant(rest)
        return Unknown(f"{first} {rest.split()[0]}") if isinstance(meant, Ask) and _is_slip(rest) else meant
    if _COMMAND_LIKE.fullmatch(first):
        meant = _meant(text[1:])
        return Unknown(first) if isinstance(meant, Ask) else meant
    if gives_token(text):  # as a question it would be stored and sent on
        return Token(TokenAction.SET, pasted=True)
    return _alone(text) or Ask(text)  # a path may begin a question


def _meant(text: str) -> Incoming:
    return _alone(text) or parse(text)


def _alone(text: str) -> Leave | Help | ThreadWord | None:
    """What has its meaning alone on a line, also without a slash."""
    plain = text.strip().lower()
    if plain in _LEAVE:
        return Leave()
    if plain == "help":
        return Help()
    word = thread_word(text)
    return word if word in _WORDS else None


def _is_slip(text: str) -> bool:
    """Whether it would be a command, but for its first word."""
    first, _, rest = text.strip().partition(" ")
    alike = get_close_matches(first.lower(), COMMANDS, n=1, cutoff=_ALIKE)
    return any(not isinstance(_meant(f"{word} {rest}"), Ask) for word in alike)
