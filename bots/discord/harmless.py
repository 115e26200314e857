"""Pure: nothing that we send pings anybody or shows a preview of a link, whoever put its body together.

Without `allowed_mentions` Discord pings whatever a message mentions
(https://docs.discord.com/developers/resources/message#allowed-mentions-object).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bots.discord.fields import number

Body = Mapping[str, object] | Sequence[Mapping[str, object]]

SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6
_SHOWN = frozenset({"content", "components", "embeds", "attachments", "poll"})  # a message has one of them
_WITHIN = frozenset({"data", "message"})  # where a callback, or a new post of a forum, has its message
_MODAL = "custom_id"  # a form has components too, and is no message


def harmless(body: Body) -> Body:
    """The body as it may be sent; what holds no message stays as it is."""
    if not isinstance(body, Mapping):
        return body
    inner = {key: harmless(value) for key in _WITHIN if isinstance(value := body.get(key), Mapping)}
    if _MODAL in body or not _SHOWN & body.keys():
        return {**body, **inner}
    flags = (number(body.get("flags")) or 0) | SUPPRESS_EMBEDS
    return {**body, **inner, "flags": flags, "allowed_mentions": {"parse": []}}
