"""Interactions as Discord delivers them: one of each kind, in a guild, with changes. `...` leaves a field out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from bots.discord.bot import Bot

Json = dict[str, Any]

GUILD, CHANNEL, THREAD, DIRECT = "900000000000000001", "900000000000000002", "900000000000000003", "900000000000000004"
ANNA, MESSAGE, INTERACTION = "900000000000000005", "900000000000000006", "1443000000000000000"
BOT = Bot("900000000000000007", "900000000000000007")
TOKEN = "scrubbed-interaction-token"
USER = {"id": ANNA, "username": "anna_b", "global_name": "Anna", "bot": False}
IN_THREAD = {"id": THREAD, "type": 11, "parent_id": CHANNEL}


def interaction(kind: int, data: object, **changes: object) -> Json:
    """One in a channel of a guild."""
    told = {
        "id": INTERACTION,
        "application_id": BOT.application_id,
        "type": kind,
        "token": TOKEN,
        "version": 1,
        "data": data,
        "guild_id": GUILD,
        "channel": {"id": CHANNEL, "type": 0, "parent_id": "900000000000000008"},
        "member": {"user": USER, "nick": None, "permissions": "16"},
        "context": 0,
        "authorizing_integration_owners": {"0": GUILD},
        "app_permissions": "2248473465835073",
    }
    return deepcopy({key: value for key, value in (told | changes).items() if value is not ...})


def direct(told: Json) -> Json:
    """The same in a direct message with the bot."""
    place = {"id": DIRECT, "type": 1, "parent_id": None}
    more = {"context": 1, "user": USER, "channel": place, "authorizing_integration_owners": {"0": "0"}}
    return deepcopy({key: value for key, value in (told | more).items() if key not in {"guild_id", "member"}})


def command(name: str = "askrepo", /, *, data: Json | None = None, **options: object) -> Json:
    """A slash command; options by name, `_` for `-`."""
    filled = [
        {"name": key.replace("_", "-"), "type": 5 if isinstance(value, bool) else 3, "value": value}
        for key, value in options.items()
    ]
    return interaction(2, {"id": "1", "name": name, "type": 1, "options": filled} | (data or {}))


def on_message(**message: object) -> Json:
    """A command of a message's menu."""
    shown = {"id": MESSAGE, "channel_id": CHANNEL, "type": 0, "content": "it fails", "attachments": []}
    shown["author"] = {"id": ANNA, "username": "anna_b"}
    data = {
        "id": "2",
        "name": "Ask about this message",
        "type": 3,
        "target_id": MESSAGE,
        "resolved": {"messages": {MESSAGE: shown | message}},
    }
    return interaction(2, data)


def click(custom_id: object, *, flags: int = 0) -> Json:
    """A button of a message."""
    return interaction(3, {"custom_id": custom_id, "component_type": 2}, message={"id": MESSAGE, "flags": flags})


def typing(name: str, option: str, typed: str, **others: str) -> Json:
    """An option of a command that is being filled in."""
    options: list[Json] = [{"name": key, "type": 3, "value": value} for key, value in others.items()]
    options.append({"name": option, "type": 3, "value": typed, "focused": True})
    return interaction(4, {"id": "1", "name": name, "type": 1, "options": options})


def form(custom_id: object, *components: object, **changes: object) -> Json:
    """A form that was sent."""
    return interaction(5, {"custom_id": custom_id, "components": list(components)}, **changes)


def filled(name: str, value: str) -> Json:
    """A field of a form under its label."""
    return {"type": 18, "id": 2, "component": {"type": 4, "id": 3, "custom_id": name, "value": value}}


def chosen(name: str, *values: str) -> Json:
    """A select of a form under its label."""
    return {"type": 18, "id": 4, "component": {"type": 3, "id": 5, "custom_id": name, "values": list(values)}}
