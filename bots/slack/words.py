"""Pure: what a message says, in whichever of its parts: monitors and builds often post blocks or attachments alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bots.fields import items, mapping
from bots.fields import text as string
from bots.slack.text import readable

_MOST = 40_000  # characters; as many as Slack takes in the text of a message
_NOTHING = "[no preview available]"  # what Slack puts beside an attachment that consists of blocks

_Fields = Mapping[str, object]


def words(message: _Fields) -> str:
    """The words of its blocks, else its text, else those of its attachments, as people read them.

    Beside blocks, the text stands for them in notifications alone. What people type is read from the text: their blocks
    are of another kind.
    """
    said = _blocks(message) or string(message.get("text")) or _joined(map(_attachment, _each(message, "attachments")))
    return readable(said[:_MOST])


def _blocks(message: _Fields) -> str:
    """What stands in its blocks of text; not what we write under an answer."""
    found: list[str | None] = []
    for block in _each(message, "blocks"):
        if block.get("type") in {"markdown", "section", "header"}:
            parts = [block.get("text"), *items(block.get("fields"))]
            found += [string(mapping(part).get("text") if isinstance(part, Mapping) else part) for part in parts]
    return _joined(found)


def _attachment(attachment: _Fields) -> str:
    fields = [each.get(key) for each in _each(attachment, "fields") for key in ("title", "value")]
    shown = [attachment.get("pretext"), attachment.get("title"), attachment.get("text"), *fields]
    fallback = string(attachment.get("fallback"))
    return _joined([*map(string, shown), _blocks(attachment)]) or ("" if fallback == _NOTHING else fallback or "")


def _each(holder: _Fields, name: str) -> list[_Fields]:
    return [mapping(each) for each in items(holder.get(name))]


def _joined(parts: Iterable[str | None]) -> str:
    return "\n".join(filter(None, parts))
