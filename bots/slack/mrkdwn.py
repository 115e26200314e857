"""Pure: our own sentences in Slack's formatting, where no Markdown block is taken, or none shows people."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

LONGEST_SECTION = 3_000  # characters

_SPAN = re.compile(r"(`[^`\n]*`)")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_ITEM = re.compile(r"^- ", re.MULTILINE)
_SETTER = re.compile(r"\bset by `([UW][A-Z0-9]+)`")


def mrkdwn(words: str) -> str:
    """Markdown as our sentences use it (code spans, bold, lists), in Slack's own formatting.

    Nothing links, and nobody is named but who set something: for private words, where a mention notifies nobody.
    """
    parts = _SPAN.split(html.escape(words, quote=False))
    shown = "".join(part if number % 2 else _formatted(part) for number, part in enumerate(parts))
    return _SETTER.sub(r"set by <@\1>", shown)


def names_people(words: str) -> bool:
    """Whether the sentence says who set something, which no Markdown block shows as a person."""
    return _SETTER.search(words) is not None


def _formatted(part: str) -> str:
    return _ITEM.sub("• ", _BOLD.sub(r"*\1*", part))


def fits(words: str) -> bool:
    """Whether a section takes the sentence whole."""
    return len(mrkdwn(words)) <= LONGEST_SECTION


def section(words: str) -> Mapping[str, object]:
    """A paragraph of our own words."""
    return raw_section(mrkdwn(words))


def raw_section(text: str) -> Mapping[str, object]:
    """A paragraph that is in Slack's formatting already."""
    shown = text if len(text) <= LONGEST_SECTION else f"{text[: LONGEST_SECTION - 1]}…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": shown, "verbatim": True}}
