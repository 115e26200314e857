"""Answers that say of each of their pieces where it belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MARK = re.compile(r"‹(\d+)\|([^|]*)\|(\d+)/(\d+)›")


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of an answer: of which generation, to which question, and which of how many."""

    generation: int
    word: str
    number: int
    of: int


def mark(generation: int, word: str, number: int, of: int) -> str:
    """One piece of an answer."""
    return f"‹{generation}|{word}|{number}/{of}›"


def marks(text: str) -> list[Mark]:
    """The pieces that stand whole in a text."""
    return [Mark(int(generation), word, int(number), int(of)) for generation, word, number, of in _MARK.findall(text)]


def generation_of(text: str) -> int:
    """The generation of the first piece that stands whole in a text; 0 where there is none."""
    found = _MARK.search(text)
    return int(found[1]) if found else 0
