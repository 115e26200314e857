"""Pure: our own sentences in the formatting of modals and Home tabs, which take no Markdown blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST_SECTION = 3_000  # characters

_SPAN = re.compile(r"(`[^`\n]*`)")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_ITEM = re.compile(r"^- ", re.MULTILINE)


def mrkdwn(words: str) -> str:
    """Markdown as our sentences use it (code spans, bold, lists), in Slack's own formatting; nothing pings or links."""
    parts = _SPAN.split(words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return "".join(part if number % 2 else _formatted(part) for number, part in enumerate(parts))


def _formatted(part: str) -> str:
    return _ITEM.sub("• ", _BOLD.sub(r"*\1*", part))


def section(words: str) -> Mapping[str, object]:
    """A paragraph of our own words."""
    return raw_section(mrkdwn(words))


def raw_section(text: str) -> Mapping[str, object]:
    """A paragraph that is in Slack's formatting already."""
    shown = text if len(text) <= LONGEST_SECTION else f"{text[: LONGEST_SECTION - 1]}…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": shown, "verbatim": True}}
