"""Texts as terms: identifiers split, in lower case, stemmed; the same for files and for questions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from core.localchat import languages
from core.localchat.stems import stem

_IDENTIFIER = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST = 64  # characters; longer ones are hashes and encoded data
_LONGEST_NUMBER = 8


def identifiers(text: str) -> list[str]:
    """The identifiers, words and numbers of a text, in order, as they are written."""
    return _IDENTIFIER.findall(text)


@lru_cache(maxsize=65_536)
def of_identifier(identifier: str) -> tuple[str, ...]:
    """The stems of its parts and, where there are several, the whole: `getUserName` → get, user, name, getusername."""
    if len(identifier) > _LONGEST or (identifier.isdigit() and len(identifier) > _LONGEST_NUMBER):
        return ()
    found = [part.casefold() for part in parts(identifier)]
    if len(found) < 2:
        return tuple(stem(part) for part in found)
    return (*(stem(part) for part in found if len(part) > 1), joined(found))


def parts(identifier: str) -> list[str]:
    """What an identifier is put together from, as written: `getUserName` → get, User, Name."""
    return _PART.findall(identifier) if identifier.isascii() else [part for part in identifier.split("_") if part]


def joined(parts: list[str]) -> str:
    """How several parts stand as one term. Not stemmed: it is a name."""
    return "".join(parts).lower()


def of_text(text: str) -> list[str]:
    """All terms of a text, repetitions included."""
    return [term for identifier in identifiers(text) for term in of_identifier(identifier)]


def of_lines(lines: Iterable[str], language: str) -> list[str]:
    """All terms of a file's lines. Imports are left out: they name everything and explain nothing."""
    return [term for line in lines if not languages.is_import(line, language) for term in of_text(line)]
