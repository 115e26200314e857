"""The limits of message bodies: of channels, of webhooks and of interactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.discord_components import check_components, numbered
from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_fields import Check, anything, flag, items, number, one_of, record, snowflake, text
from tests.fakes.discord_values import COMPONENTS_V2, EPHEMERAL, SILENT, SUPPRESS_EMBEDS, Json, Message

Kind = Literal["create", "post", "edit", "interaction", "webhook_edit", "update"]
CONTENT = 2_000
_FILE = 10 << 20  # bytes, of a server without boosts
_EMBEDS = 6_000  # characters over all embeds of a message
_PART = record({"text": text(2_048)}, {"icon_url": text(2_048), "proxy_icon_url": anything})
_IMAGE = record({"url": text(2_048)}, {"height": anything, "width": anything, "proxy_url": anything, "flags": anything})
_EMBED = record(
    {},
    {
        "type": one_of("rich"),
        "url": text(2_048),
        "title": text(256),
        "color": number(0, 0xFFFFFF),
        "timestamp": text(64),
        "description": text(4_096),
        "author": record({"name": text(256)}, {"url": text(2_048), "icon_url": text(2_048)}),
        "footer": _PART,
        "image": _IMAGE,
        "thumbnail": _IMAGE,
        "fields": items(record({"name": text(256, 1), "value": text(1_024, 1)}, {"inline": flag}), 25),
        "flags": number(0, 1 << 10),
    },
)
_MENTIONS = record(
    {},
    {
        "parse": items(one_of("users", "roles", "everyone"), 3, unique=True),
        "users": items(snowflake, 100, unique=True),
        "roles": items(snowflake, 100, unique=True),
        "replied_user": flag,
    },
)
_REFERENCE = record(
    {"message_id": snowflake},
    {"channel_id": snowflake, "guild_id": snowflake, "fail_if_not_exists": flag, "type": one_of(0)},
)
_ATTACHMENT = record(
    {"id": snowflake},
    {"filename": text(1_024, 1), "description": text(1_024), "title": text(1_024), "is_spoiler": flag},
)
_ALL: dict[str, Check] = {
    "content": text(CONTENT),
    "tts": flag,
    "embeds": items(_EMBED, 10),
    "allowed_mentions": _MENTIONS,
    "components": anything,
    "flags": number(0, 1 << 20),
    "attachments": items(_ATTACHMENT, 10),
}


def _nonce(value: Any, path: str) -> None:
    if not isinstance(value, int):
        text(25)(value, path)


_BODIES: dict[Kind, Check] = {
    "create": record({}, {**_ALL, "nonce": _nonce, "enforce_nonce": flag, "message_reference": _REFERENCE,
                          "sticker_ids": items(snowflake, 3)}),
    "post": record({}, {**_ALL, "sticker_ids": items(snowflake, 3)}),
    "edit": record({}, _ALL),
    "interaction": record({}, _ALL),
    "webhook_edit": record({}, _ALL),
    "update": record({}, _ALL),
}  # fmt: skip
_FLAGS: dict[Kind, int] = {
    "create": SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2,
    "post": SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2,
    "edit": SUPPRESS_EMBEDS | COMPONENTS_V2,
    "interaction": SUPPRESS_EMBEDS | SILENT | COMPONENTS_V2 | EPHEMERAL,
    "webhook_edit": SUPPRESS_EMBEDS | COMPONENTS_V2,
    "update": SUPPRESS_EMBEDS | COMPONENTS_V2,
}


@dataclass(frozen=True)
class Body:
    """What a checked body says. Discord trims the content."""

    content: str = ""
    flags: int = 0
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)


def check_message(body: Json, files: Mapping[str, Any], kind: Kind, *, old: Message | None = None) -> Body:
    """The body of a message, or of an edit of `old`; 50035, 50006 and 40005."""
    _BODIES[kind](body, "")
    had = old.flags if old else 0
    flags = body.get("flags") or 0
    if flags & ~(_FLAGS[kind] | had):
        raise bad("flags", f"Flags {flags & ~_FLAGS[kind]} cannot be set here.")
    if "flags" in body and had & COMPONENTS_V2 and not flags & COMPONENTS_V2:
        raise bad("flags", "IS_COMPONENTS_V2 cannot be removed.")
    _check_mentions(body.get("allowed_mentions") or {})
    _check_files(body, files, old)
    embeds = body.get("embeds") or []
    if sum(map(_characters, embeds)) > _EMBEDS:
        raise bad("embeds", f"Embed size exceeds maximum size of {_EMBEDS}")
    components, v2 = body.get("components") or [], bool((flags | had) & COMPONENTS_V2)
    check_components(components, "components", v2=v2)
    content = (body.get("content") or "").strip()
    left = content if "content" in body or old is None else old.content
    if v2 and (left or embeds):
        raise bad("content", "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
    checked = Body(content, flags, [_shown(each) for each in embeds], numbered(components))
    _check_filled(checked, body, files, old)
    return checked


def _check_filled(checked: Body, body: Json, files: Mapping[str, Any], old: Message | None) -> None:
    """50006 where nothing would be left to show."""
    if old is None:
        filled: Any = checked.content or files or checked.embeds or checked.components
    else:
        kept = [file for file in old.attachments if "attachments" not in body or _keeps(body, file.id)]
        filled = (
            (checked.content if "content" in body else old.content)
            or (checked.embeds if "embeds" in body else old.embeds)
            or (checked.components if "components" in body else old.components)
            or files
            or kept
        )
    if not filled:
        raise DiscordError(50006)


def _keeps(body: Json, file_id: str) -> bool:
    return any(str(each.get("id")) == file_id for each in body["attachments"] or [])


def _check_mentions(allowed: Json) -> None:
    for name in ("users", "roles"):
        if allowed.get(name) and name in (allowed.get("parse") or []):
            raise bad("allowed_mentions", f'parse: ["{name}"] and {name}: [ids...] are mutually exclusive.')


def _check_files(body: Json, files: Mapping[str, Any], old: Message | None) -> None:
    if len(files) > 10:
        raise bad("files", "Must be 10 or fewer in length.")
    known = {file.id for file in old.attachments} if old else set()
    for name, (_, content, _) in files.items():
        number_of = name.removeprefix("files[").removesuffix("]")
        if name != f"files[{number_of}]" or not number_of.isdigit():
            raise bad(name, "A file's part is called files[n].")
        if len(content) > _FILE:
            raise DiscordError(40005)
        known.add(number_of)
    for at, each in enumerate(body.get("attachments") or []):
        if str(each["id"]) not in known:
            raise bad(f"attachments.{at}.id", "No such file.")


def _shown(embed: Json) -> Json:
    """As Discord gives it back."""
    fields = [{"inline": False, **each} for each in embed.get("fields") or []]
    return {**embed, "type": "rich", **({"fields": fields} if fields else {})}


def _characters(embed: Json) -> int:
    parts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text")]
    parts += [(embed.get("author") or {}).get("name")]
    for each in embed.get("fields") or []:
        parts += [each["name"], each["value"]]
    return sum(len(part or "") for part in parts)
