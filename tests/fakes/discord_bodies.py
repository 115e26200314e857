"""The limits of message bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_values import Json, Message


@dataclass(frozen=True)
class Body:
    """What a checked body says."""

    content: str = ""
    flags: int = 0
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)


def check_message(body: Json, files: Mapping[str, Any], *, edits: Message | None = None) -> Body:
    """The body of a new message, or of an edit of one; 50035 and 50006."""
    content = body.get("content") or ""
    if not isinstance(content, str):
        raise bad("content", "Could not interpret this as a string.")
    if len(content) > 2_000:
        raise bad("content", "Must be 2000 or fewer in length.")
    checked = Body(content, body.get("flags") or 0, body.get("embeds") or [], body.get("components") or [])
    if edits is None and not content.strip() and not files and not checked.embeds and not checked.components:
        raise DiscordError(50006)
    return checked
