"""Characters that nobody sees, and emoji, which may hold some."""

from __future__ import annotations

import re
import unicodedata

EMOJI = (
    *("👩‍👩‍👧", "👍🏽", "🇩🇪", "❤️", "1️⃣", "#️⃣", "🏳️‍🌈", "🤷🏽‍♀️", "👨🏾‍💻", "🐦‍⬛", "❤️‍🔥", "☎︎", "🏃‍➡️", "🙂‍↔️"),
    *(
        "🏴" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
        for name in ("gbeng", "gbsct", "gbwls")
    ),
)
_EMOJI = re.compile(f"(?:{'|'.join(map(re.escape, sorted(EMOJI, key=len, reverse=True)))})[\ufe0e\ufe0f]?")
_JOINED = re.compile("(?<=[\U0001f300-\U0001faff])\u200d(?=[\U0001f300-\U0001faff])")
_OTHER_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\u2028\u2029")
HIDDEN = (
    *map(chr, range(0xE0000, 0xE0080)),
    *map(chr, range(0xFE00, 0xFE10)),
    *"\u200b\u200c\u200d\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\u200e\u200f\x08\x1b\x7f\x9b",
    *"\u00ad\u3164",
)


def unseen(text: str) -> list[str]:
    """Characters nobody sees, but for emoji's own and the zero-width space that parts."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return []
    return [
        character
        for character in _JOINED.sub("", _EMOJI.sub("🙂", text))
        if (
            unicodedata.category(character) in {"Cc", "Cf", "Cs"}
            or character in _OTHER_UNSEEN
            or 0xFE00 <= ord(character) <= 0xFE0F
            or 0xE0000 <= ord(character) <= 0xE0FFF
        )
        and character not in "\n\t\u200b"
    ]
