"""Texts that are no token, or hardly one, each around a canary."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

CANARY = "cAnArY-7f3a91c2"
HALVES = (CANARY[:8], CANARY[-8:])  # of which neither may be told either
LONG = CANARY * 600  # 9 KB


def odd() -> Iterator[str]:
    """With each octet at the start, in the middle and at the end; with what people paste; and 8 KB and more."""
    for octet in map(chr, range(256)):
        yield from (octet + CANARY, CANARY[:8] + octet + CANARY[8:], CANARY + octet)
    for pasted in ("\u200b", "\ufeff", "\u2028", "é", "“", "日", "😀", "\ud800", "\udcff", "\u202e", "\u0660"):
        yield from (pasted + CANARY, CANARY[:8] + pasted + CANARY[8:], CANARY + pasted)
    yield from (f"Bearer {CANARY}", f"{CANARY} {CANARY}", f"{CANARY}\r\nX-Other: {CANARY}", CANARY * 300, LONG)


def is_token(text: str) -> bool:
    """Whether a header carries it, once white space around it is dropped."""
    token = text.strip()
    return bool(token) and len(token) <= 4_096 and all("!" <= each <= "~" for each in token)


def told(error: BaseException) -> str:
    """Everything that could be read of an exception, and of those behind it."""
    texts = list(traceback.format_exception(error))
    seen: BaseException | None = error
    while seen is not None:
        texts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)
