"""Pure: what a message says, in whichever of its parts: monitors and builds often post embeds alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bots.fields import items, mapping
from bots.fields import text as string

_MOST = 10_000  # characters; more than the 6,000 that the embeds of a message may hold together

_Fields = Mapping[str, object]


def words(message: _Fields) -> str:
    """What it says itself, else what the message says that it forwards; mentions stand as they are written."""
    forwarded = [mapping(each.get("message")) for each in map(mapping, items(message.get("message_snapshots")))]
    return (_own(message) or _joined(map(_own, forwarded)))[:_MOST]


def _own(message: _Fields) -> str:
    """Its content, beside which embeds are previews of links; else the words of its embeds."""
    return string(message.get("content")) or _joined(map(_embed, map(mapping, items(message.get("embeds")))))


def _embed(embed: _Fields) -> str:
    fields = [each.get(key) for each in map(mapping, items(embed.get("fields"))) for key in ("name", "value")]
    return _joined(map(string, (embed.get("title"), embed.get("description"), *fields)))


def _joined(parts: Iterable[str | None]) -> str:
    return "\n".join(filter(None, parts))
