"""REST: application commands, global and of one guild; their definitions within Discord's limits."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_fields import Check, anything, below, flag, items, number, one_of, record, snowflake, text
from tests.fakes.discord_routes import NOTHING, Asked, route
from tests.fakes.discord_values import Json

CHAT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP, STRING = 1, 2, 3
_MOST = {CHAT: 100, USER: 15, MESSAGE: 15}
_CHARACTERS = 8_000  # names, descriptions and choices of one command
_CREATES = 200  # a day and guild (or globally)
_NAME = re.compile(r"[-_'\w]{1,32}\Z")


def _name(value: Any, path: str) -> None:
    text(32, 1)(value, path)
    if not _NAME.match(value) or value != value.lower():
        raise bad(path, "Command name is invalid")


def _permissions(value: Any, path: str) -> None:
    if isinstance(value, bool) or not str(value).isdigit():
        raise bad(path, "Permissions are a number, or one as a string.")


_LOCALIZED: dict[str, Check] = {"name_localizations": anything, "description_localizations": anything}
_COMMAND = record(
    {"name": text(32, 1)},
    {**_LOCALIZED, "id": snowflake, "type": one_of(CHAT, USER, MESSAGE), "description": text(100),
     "options": items(anything, 25), "default_member_permissions": _permissions, "dm_permission": flag,
     "contexts": items(one_of(0, 1, 2), 3, 1, unique=True), "integration_types": items(one_of(0, 1), 2, 1, unique=True),
     "nsfw": flag, "default_permission": flag},
)  # fmt: skip
_CHOICE = record({"name": text(100, 1), "value": anything}, {"name_localizations": anything})
_OPTION = record(
    {"type": number(1, 11), "name": _name, "description": text(100, 1)},
    {**_LOCALIZED, "required": flag, "choices": items(_CHOICE, 25), "options": items(anything, 25),
     "channel_types": items(number(0, 16), 20), "min_value": anything, "max_value": anything,
     "min_length": number(0, 6_000), "max_length": number(1, 6_000), "autocomplete": flag},
)  # fmt: skip


def check_command(command: Any, path: str = "") -> None:
    """The definition of one command; 50035."""
    _COMMAND(command, path)
    kind = command.get("type") or CHAT
    if kind != CHAT:
        if command.get("description") or command.get("options"):
            raise bad(below(path, "description"), "Context menu commands have neither description nor options.")
        return
    _name(command["name"], below(path, "name"))
    text(100, 1)(command.get("description"), below(path, "description"))
    _check_options(command.get("options") or [], below(path, "options"), depth=0)
    if _size(command) > _CHARACTERS:
        raise bad(path, "Command exceeds maximum size (8000)")


def _check_options(options: list[Any], path: str, *, depth: int) -> None:
    optional = False
    for at, option in enumerate(options):
        here = below(path, at)
        _OPTION(option, here)
        kind = option["type"]
        if kind in {SUBCOMMAND, GROUP}:
            if (kind == GROUP and depth) or depth > 1:
                raise bad(here, "Subcommands may be nested in one group only.")
            if any(each.get("type") != SUBCOMMAND for each in option.get("options") or [] if kind == GROUP):
                raise bad(here, "A group holds subcommands only.")
            _check_options(option.get("options") or [], below(here, "options"), depth=depth + 1 + (kind == SUBCOMMAND))
            continue
        if option.get("required") and optional:
            raise bad(here, "Required options must be placed before non-required options")
        optional = optional or not option.get("required")
        _check_plain(option, here)
    nested = [each["type"] in {SUBCOMMAND, GROUP} for each in options]
    if any(nested) and not all(nested):
        raise bad(path, "Sub-command and sub-command group option types are mutually exclusive to all other types")
    if len({each["name"] for each in options}) < len(options):
        raise bad(path, "Option names must be unique")


def _check_plain(option: Json, path: str) -> None:
    if option.get("options"):
        raise bad(below(path, "options"), "Only subcommands and groups have options.")
    if option.get("choices") and option.get("autocomplete"):
        raise bad(path, "Choices and autocomplete exclude each other.")
    if (option.get("choices") or option.get("autocomplete")) and option["type"] not in {3, 4, 10}:
        raise bad(path, "Only strings and numbers have choices.")
    for at, choice in enumerate(option.get("choices") or []):
        if option["type"] == STRING:
            text(100, 1)(choice["value"], f"{path}.choices.{at}.value")
        elif not isinstance(choice["value"], int | float):
            raise bad(f"{path}.choices.{at}.value", "Must be a number.")


def _size(command: Json) -> int:
    size = len(command["name"]) + len(command.get("description") or "")
    for choice in command.get("choices") or []:
        size += len(choice["name"]) + len(str(choice["value"]))
    return size + sum(_size(each) for each in command.get("options") or [])


def _stored(asked: Asked, given: Json, guild_id: str) -> Json:
    kind = given.get("type") or CHAT
    permissions = given.get("default_member_permissions")
    known = next(
        (each for each in _scope(asked, guild_id) if (each["name"], each["type"]) == (given["name"], kind)), None
    )
    if known is None:
        _count_create(asked, guild_id)
    shown: Json = {
        "id": known["id"] if known else asked.world.snowflake(),
        "application_id": asked.world.application_id,
        "version": asked.world.snowflake(),
        "default_member_permissions": None if permissions is None else str(permissions),
        "type": kind,
        "name": given["name"],
        "name_localizations": given.get("name_localizations"),
        "description": given.get("description") or "",
        "description_localizations": given.get("description_localizations"),
        "dm_permission": given.get("dm_permission", True),
        "contexts": given.get("contexts"),
        "integration_types": given.get("integration_types") or [0],
        "nsfw": given.get("nsfw", False),
    }
    if given.get("options"):
        shown["options"] = given["options"]
    return shown | ({"guild_id": guild_id} if guild_id else {})


def _count_create(asked: Asked, guild_id: str) -> None:
    world, now = asked.world, asked.world.clock()
    recent = [at for at in world.command_creates.get(guild_id, []) if at > now - 86_400]
    if len(recent) >= _CREATES:
        raise DiscordError(30034)
    world.command_creates[guild_id] = [*recent, now]


def _scope(asked: Asked, guild_id: str) -> list[Json]:
    return asked.world.commands.setdefault(guild_id, [])


def _asked_scope(asked: Asked) -> str:
    if asked.ids["application_id"] != asked.world.application_id:
        raise DiscordError(10002)
    guild_id = asked.ids.get("guild_id", "")
    if guild_id and guild_id not in asked.world.guilds:
        raise DiscordError(50001)
    return guild_id


@route("GET", "/applications/{application_id}/commands")
@route("GET", "/applications/{application_id}/guilds/{guild_id}/commands")
def listed(asked: Asked) -> list[Json]:
    return _scope(asked, _asked_scope(asked))


@route("PUT", "/applications/{application_id}/commands")
@route("PUT", "/applications/{application_id}/guilds/{guild_id}/commands")
def overwrite(asked: Asked) -> list[Json]:
    """The whole set: what is not named is deleted."""
    guild_id = _asked_scope(asked)
    given = asked.body
    items(anything, sum(_MOST.values()))(given, "")
    for at, each in enumerate(given):
        check_command(each, str(at))
    kinds = [(each["name"], each.get("type") or CHAT) for each in given]
    if len(set(kinds)) < len(kinds):
        raise bad("", "Application command names must be unique")
    for kind, most in _MOST.items():
        if sum(1 for _, each in kinds if each == kind) > most:
            raise DiscordError(30032)
    asked.world.commands[guild_id] = [_stored(asked, each, guild_id) for each in given]
    return asked.world.commands[guild_id]


@route("POST", "/applications/{application_id}/commands", status=201)
@route("POST", "/applications/{application_id}/guilds/{guild_id}/commands", status=201)
def upsert(asked: Asked) -> Json:
    """Create one, or replace the one of that name."""
    guild_id = _asked_scope(asked)
    check_command(asked.json)
    made = _stored(asked, asked.json, guild_id)
    others = [each for each in _scope(asked, guild_id) if each["id"] != made["id"]]
    if sum(1 for each in others if each["type"] == made["type"]) >= _MOST[made["type"]]:
        raise DiscordError(30032)
    asked.world.commands[guild_id] = [*others, made]
    return made


@route("DELETE", "/applications/{application_id}/commands/{command_id}")
@route("DELETE", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}")
def delete(asked: Asked) -> object:
    guild_id = _asked_scope(asked)
    left = [each for each in _scope(asked, guild_id) if each["id"] != asked.ids["command_id"]]
    if len(left) == len(_scope(asked, guild_id)):
        raise DiscordError(10063)
    asked.world.commands[guild_id] = left
    return NOTHING
