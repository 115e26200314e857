"""Pure: what a message says, in whichever of its parts: monitors and builds often post blocks or attachments alone."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from bots.fields import items, mapping
from bots.fields import text as string
from bots.slack.text import readable
from core.channels.pasted import holds_token

_MOST = 40_000  # characters; as many as Slack takes in the text of a message
_ABOUT_CHARACTERS = 4_000  # of what was shared
_SIGNS = {"user": "@", "channel": "#"}
_NOTHING = "[no preview available]"  # what Slack puts beside an attachment that consists of blocks

_Fields = Mapping[str, object]


def words(message: _Fields) -> str:
    """The words of its blocks, else its text, else those of its attachments, as people read them.

    Beside blocks, the text stands for them in notifications alone. What people type is read from the text, which is
    all that they typed; of what a bot posted as Markdown only the blocks are, into which Slack has made it.
    """
    blocks = _blocks(message, of_bot=bool(message.get("bot_id")))
    said = blocks or string(message.get("text")) or _joined(map(_attachment, _each(message, "attachments")))
    return readable(said[:_MOST])


def shared(message: _Fields) -> str:
    """The beginning of what those messages say that were shared with it; nothing where it holds a token."""
    found = [
        each
        for each in _each(message, "attachments")
        if each.get("is_share") is True or each.get("is_msg_unfurl") is True
    ]
    said = readable(_joined(map(_shared, found))[:_MOST])[:_ABOUT_CHARACTERS]
    return "" if holds_token(said) else said


def _shared(attachment: _Fields) -> str:
    """What a shared message says; of one that is made of blocks alone, Slack sends them apart."""
    parts = [mapping(each.get("message")) for each in _each(attachment, "message_blocks")]
    return _attachment(attachment) or _joined(_blocks(part, of_bot=True) for part in parts)


def _blocks(message: _Fields, *, of_bot: bool) -> str:
    """What stands in its blocks of text; not what we write under an answer."""
    found: list[str | None] = []
    for block in _each(message, "blocks"):
        kind = string(block.get("type"))
        if kind in {"markdown", "section", "header"}:
            parts = [block.get("text"), *items(block.get("fields"))]
            found += [string(mapping(part).get("text") if isinstance(part, Mapping) else part) for part in parts]
        elif kind == "rich_text" and of_bot:
            found.append(_rich(block))
        elif kind == "table" and of_bot:
            found += [" | ".join(_rich(mapping(cell)) for cell in items(row)) for row in items(block.get("rows"))]
    return _joined(found)


def _rich(element: _Fields) -> str:
    """The words of a rich text, as Slack writes them in a text."""
    parts, kind = list(map(_rich, _each(element, "elements"))), element.get("type")
    match kind:
        case "rich_text":
            said = _joined(part.strip("\n") for part in parts)
        case "rich_text_list":
            said = _joined(f"- {part}" for part in parts)
        case "rich_text_preformatted":
            said = f"```{''.join(parts)}```"
        case "user" | "channel":
            said = f"<{_SIGNS[str(kind)]}{string(element.get(f'{kind}_id')) or ''}>"
        case "emoji":
            said = f":{string(element.get('name')) or ''}:"
        case "link":
            url, label = _escaped(element.get("url")), _escaped(element.get("text"))
            said = f"<{url}|{label}>" if label else f"<{url}>"
        case "text" | "raw_text":
            said = _escaped(element.get("text"))
        case _:
            said = "".join(parts)
    return said


def _escaped(value: object) -> str:
    return html.escape(string(value) or "", quote=False)


def _attachment(attachment: _Fields) -> str:
    fields = [each.get(key) for each in _each(attachment, "fields") for key in ("title", "value")]
    shown = [attachment.get("pretext"), attachment.get("title"), attachment.get("text"), *fields]
    fallback = string(attachment.get("fallback"))
    said = _joined([*map(string, shown), _blocks(attachment, of_bot=True)])
    return said or ("" if fallback == _NOTHING else fallback or "")


def _each(holder: _Fields, name: str) -> list[_Fields]:
    return [mapping(each) for each in items(holder.get(name))]


def _joined(parts: Iterable[str | None]) -> str:
    return "\n".join(filter(None, parts))
