"""Pure: characters that a reader does not see, or that make a text read otherwise than it is."""

from __future__ import annotations

import re

# controls, and what reorders a line
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SURROGATES = re.compile(r"[\ud800-\udfff]")

# zero-width characters, fillers, variation selectors, tags, annotations, controls of notations
_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# The subdivisions that fonts have; free tags behind a flag would be a hiding place.
_SUBDIVISIONS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)
_PICTURE = (
    rf"(?:{_SUBDIVISIONS}|[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    r"\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f3fa\U0001f400-\U0001faff]"
    r"(?:[\ufe0e\ufe0f]|[\U0001f3fb-\U0001f3ff]\ufe0f?)?)"
)
_EMOJI = rf"{_PICTURE}(?:\u200d{_PICTURE})*|[0-9#*]\ufe0f?\u20e3"
_FOUND = re.compile(f"({_EMOJI})|[{_UNSEEN}]")
_ANY = re.compile(f"[{_UNSEEN}\ud800-\udfff]")
_BREAKS = re.compile(r"[\x0b\x0c\x85\u2028\u2029]")


def without_unseen(text: str) -> str:
    """The text without what nobody sees, its emoji whole; tabs and line ends stay, rarer line breaks become spaces.

    A surrogate, which no encoding holds, becomes the replacement character.
    """
    if text.isascii() and text.isprintable():
        return text
    text = SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    return _FOUND.sub(lambda found: found[1] or "", _BREAKS.sub(" ", text)) if _ANY.search(text) else text


def with_unseen_named(text: str) -> str:
    """The text with what nobody sees written out, like `<U+202E>`, for code, which must not lose anything."""
    if text.isascii() and text.isprintable():
        return text
    text = SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)
    if not _ANY.search(text):
        return text
    return _FOUND.sub(lambda found: found[1] or f"<U+{ord(found[0]):04X}>", text)
