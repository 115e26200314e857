"""What an interaction says to the app: who, where, with which rights, about what."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from tests.fakes.discord_events import Events
from tests.fakes.discord_permissions import BOT, in_channel
from tests.fakes.discord_shapes import (
    attachment_json,
    channel_json,
    member_json,
    message_json,
    role_json,
    thread_member_json,
    user_json,
)
from tests.fakes.discord_values import Attachment, Channel, Guild, Interaction, Json, Message, Role, User

SUBCOMMAND, GROUP = 1, 2
_KINDS: dict[type, tuple[int, str]] = {
    User: (6, "users"), Channel: (7, "channels"), Role: (8, "roles"), Attachment: (11, "attachments")
}  # fmt: skip


def new_interaction(
    world: Events,
    kind: int,
    user: User,
    channel: Channel,
    data: Json,
    *,
    message: Message | None = None,
    user_install: bool = False,
    opener: Interaction | None = None,
) -> tuple[Interaction, Json]:
    """An interaction and its payload; without the bot in the guild, or with `user_install`, by a user's own install."""
    guild = channel.guild
    here = guild is not None and guild.id in world.guilds
    owners: Json = {} if not here and guild else {"0": guild.id if guild else "0"}
    if user_install or not owners:
        owners = {"1": user.id} if not here else {**owners, "1": user.id}
    interaction = Interaction(
        world.snowflake(), secrets.token_urlsafe(96), kind, user, channel, data, world.clock(), owners, message, opener
    )
    world.interactions[interaction.token] = interaction
    return interaction, _payload(world, interaction)


def _payload(world: Events, interaction: Interaction) -> Json:
    channel, user, guild = interaction.channel, interaction.user, interaction.channel.guild
    allowed = in_channel(channel, world.bot) if not interaction.user_install_only else BOT
    shown: Json = {
        "id": interaction.id,
        "application_id": world.application_id,
        "type": interaction.type,
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel_id": channel.id,
        "channel": _channel(world, channel, user),
        "app_permissions": str(allowed),
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": interaction.owners,
        "attachment_size_limit": 10 << 20,
        "context": 0 if guild else 1 if world.bot in channel.recipients else 2,
    }
    if guild:
        member = member_json(guild.members[user.id]) | {"permissions": str(in_channel(channel, user))}
        shown |= {"guild_id": guild.id, "guild_locale": "en-US", "member": member}
        shown["guild"] = {"id": guild.id, "features": [], "locale": "en-US"}
    else:
        shown["user"] = user_json(user)
    if interaction.message:
        shown["message"] = world.shown(interaction.message)
    return shown


def _channel(world: Events, channel: Channel, user: User) -> Json:
    """The place as interactions show it: what the person may in it, and no overwrites."""
    shown = channel_json(channel) | {"permissions": str(in_channel(channel, user))}
    shown.pop("permission_overwrites", None)
    own = thread_member_json(channel, world.bot)
    return shown | ({"member": own} if own else {})


def command_data(
    guild: Guild | None, definition: Json, path: list[str], options: Mapping[str, Any], focused: str = ""
) -> Json:
    """The data of a chat command: options nested in the group and subcommand of `path`; entities resolved."""
    resolved: Json = {}
    known, groups = definition.get("options") or [], []
    for name in path:
        found = next((each for each in known if each["name"] == name and each["type"] in {SUBCOMMAND, GROUP}), None)
        assert found is not None, f"there is no {' '.join(path)} in {definition['name']}"
        groups.append(found)
        known = found.get("options") or []
    assert not any(each["type"] in {SUBCOMMAND, GROUP} for each in known), f"{definition['name']} needs a subcommand"
    given = [_option(guild, each, options, focused, resolved) for each in known if each["name"] in options]
    unknown = set(options) - {each["name"] for each in known}
    assert not unknown, f"no such options: {unknown}"
    missing = [each["name"] for each in known if each.get("required") and each["name"] not in options]
    assert focused or not missing, f"the client asks for {missing}"
    for group in reversed(groups):
        given = [{"name": group["name"], "type": group["type"], "options": given}]
    data: Json = {"id": definition["id"], "name": definition["name"], "type": 1}
    data |= {"guild_id": definition["guild_id"]} if "guild_id" in definition else {}
    return data | ({"options": given} if given else {}) | ({"resolved": resolved} if resolved else {})


def _option(guild: Guild | None, known: Json, options: Mapping[str, Any], focused: str, resolved: Json) -> Json:
    name, value = known["name"], options[known["name"]]
    if known["name"] == focused:
        assert known.get("autocomplete"), f"{name} has no autocomplete"
        return {"name": name, "type": known["type"], "value": value, "focused": True}
    shown: Json = {"name": name, "type": known["type"], "value": value}
    if type(value) in _KINDS:
        kind, plural = _KINDS[type(value)]
        assert known["type"] in {kind, 9}, f"{name} takes something else"
        resolved.setdefault(plural, {})[value.id] = _entity(value)
        if guild and isinstance(value, User) and value.id in guild.members:
            member = member_json(guild.members[value.id], user=False) | {"permissions": "0"}
            resolved.setdefault("members", {})[value.id] = member
        return shown | {"value": value.id}
    wanted = {3: str, 4: int, 5: bool, 10: float}.get(known["type"], str)
    assert isinstance(value, wanted), f"{name} is a {wanted.__name__}"
    choices = [each["value"] for each in known.get("choices") or []]
    assert not choices or value in choices, f"{name} is one of {choices}"
    if isinstance(value, str):
        assert known.get("min_length", 0) <= len(value) <= known.get("max_length", 6_000), f"{name}: the client says no"
    return shown


def _entity(value: Any) -> Json:
    if isinstance(value, User):
        return user_json(value)
    if isinstance(value, Channel):
        return channel_json(value) | {"permissions": "0"}
    return role_json(value) if isinstance(value, Role) else attachment_json(value)


def target_data(definition: Json, message: Message) -> Json:
    """The data of a message context command: its target is shown whole, whatever the intents."""
    shown = message_json(message, lambda each: True)
    return {
        "id": definition["id"],
        "name": definition["name"],
        "type": definition["type"],
        "target_id": message.id,
        "resolved": {"messages": {message.id: shown}},
    }


def submitted(components: list[Json], values: Mapping[str, Any]) -> list[Json]:
    """The components of a submitted form, as the client sends them."""
    return [_submitted(each, at, values) for at, each in enumerate(components, 1)]


def _submitted(each: Json, at: int, values: Mapping[str, Any]) -> Json:
    shown: Json = {"type": each["type"], "id": each.get("id") or at * 10}
    if each["type"] == 1:
        return shown | {"components": [_value(each["components"][0], at, values)]}
    if each["type"] == 18:
        return shown | {"component": _value(each["component"], at, values)}
    return shown


def _value(each: Json, at: int, values: Mapping[str, Any]) -> Json:
    name, kind = each["custom_id"], each["type"]
    shown = {"type": kind, "id": each.get("id") or at * 10 + 1, "custom_id": name}
    if kind == 4:
        value = str(values.get(name, each.get("value") or ""))
        needed = each.get("required", True)
        assert value or not needed, f"the form asks for {name}"
        least, most = each.get("min_length") or 0, each.get("max_length") or 4_000
        assert not value or least <= len(value) <= most, f"{name} takes {least} to {most} characters"
        return shown | {"value": value}
    preset = [option["value"] for option in each.get("options", []) if option.get("default")]
    if kind == 23:
        return shown | {"value": bool(values.get(name, each.get("default", False)))}
    chosen = values.get(name, preset)
    chosen = [chosen] if isinstance(chosen, str) else list(chosen or [])
    known = [option["value"] for option in each.get("options", [])]
    assert not known or set(chosen) <= set(known), f"{name} is one of {known}"
    if kind == 21:
        return shown | {"value": chosen[0] if chosen else None}
    return shown | {"values": [getattr(value, "id", value) for value in chosen]}
