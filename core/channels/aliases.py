"""Aliases: short names of repositories within one channel."""

from __future__ import annotations

import re

from core.errors import BadAlias

_ALIAS = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_SHOWN = 40  # characters of a bad one that are repeated


def is_alias(text: str) -> bool:
    """Whether the text can be an alias: 1 to 32 of a-z, 0-9 and '-', not beginning with '-'.

    Nothing is folded or normalised: two aliases are one only if their characters are the same.
    """
    return bool(_ALIAS.fullmatch(text))


def check(text: str) -> str:
    """The text, if it can be an alias. Raises BadAlias."""
    if not is_alias(text):
        raise BadAlias(text[:_SHOWN])
    return text
