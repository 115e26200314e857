"""The commands as Discord is told them, and the link that invites the bot.

Who may use a command is said to Discord as a default that servers can change; it is checked again when one comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from urllib.parse import urlencode

from bots.discord.bot import Bot
from bots.discord.permissions import MANAGE_CHANNELS, MANAGE_SERVER, WANTED
from bots.discord.rest import Rest
from bots.discord.rights import Policy
from bots.fields import items, mapping
from core.channels.grammar import TokenAction

ASK, HELP, ABOUT_MESSAGE = "askrepo", "askrepo-help", "Ask about this message"
MAP, UNMAP, LIST, WHY, STATUS = "askrepo-map", "askrepo-unmap", "askrepo-list", "askrepo-why", "askrepo-status"
TOKEN, SETTINGS, DEFAULT = "askrepo-token", "askrepo-settings", "askrepo-default"

QUESTION, REPOSITORY, ALIAS, ACTION, WHOLE_SERVER = "question", "repository", "alias", "action", "whole-server"
LONGEST_QUESTION = 1_800  # characters: it is shown again in one message, of 2,000
LONGEST_ALIAS = 32
LONGEST_REPOSITORY = 300

_SLASH, _ON_MESSAGE = 1, 3  # types of commands
_STRING, _BOOLEAN = 3, 5  # types of options
_GUILD, _DIRECT = 0, 1  # contexts
_GUILD_INSTALL = 0
_PERMISSIONS = reduce(or_, WANTED)

_Fields = Mapping[str, object]


def commands(policy: Policy) -> list[_Fields]:
    """All our commands. Where every member may map, nobody is kept from what that needs."""
    channels = None if policy == "members" else MANAGE_CHANNELS
    question = _option(QUESTION, "What would you like to know?", required=True, most=LONGEST_QUESTION)
    repository = _option(REPOSITORY, "owner/name, or the address of its page", suggest=True, most=LONGEST_REPOSITORY)
    alias = _option(ALIAS, "A short name for “in:web …” at the start of a question", most=LONGEST_ALIAS)
    which = _option(REPOSITORY, "A repository or alias, where there are several", suggest=True, most=LONGEST_REPOSITORY)
    usual = _option(REPOSITORY, "owner/name, or none", suggest=True, most=LONGEST_REPOSITORY)
    whole = {"type": _BOOLEAN, "name": WHOLE_SERVER, "description": "The server's token, not this channel's"}
    return [
        _command(ASK, "Ask about this channel's code", question, direct=True),
        _command(MAP, "Map this channel to a repository", repository, alias, needs=channels),
        _command(UNMAP, "Remove a mapping of this channel", which, needs=channels),
        _command(LIST, "Show what is mapped here"),
        _command(WHY, "Show how the repository of a question is chosen"),
        _command(STATUS, "Show whether repository and token are in order"),
        _command(TOKEN, "Show, set or remove the token questions here are sent with", _action(), whole, needs=channels),
        _command(SETTINGS, "Which replies are answered here, and how", needs=channels),
        _command(DEFAULT, "The repository of channels without a mapping", usual, needs=MANAGE_SERVER),
        _command(HELP, "Show what I can do", direct=True),
        _offered({"type": _ON_MESSAGE, "name": ABOUT_MESSAGE}),
    ]


def invite_url(application_id: str) -> str:
    """Where an admin of a server adds the bot to it, with the permissions it uses and no others."""
    asked = {
        "client_id": application_id,
        "scope": "bot applications.commands",
        "permissions": str(_PERMISSIONS),
        "integration_type": str(_GUILD_INSTALL),
    }
    return f"https://discord.com/oauth2/authorize?{urlencode(asked)}"


async def sync(rest: Rest, bot: Bot, policy: Policy) -> bool:
    """Have Discord know these commands and no others; whether that was a change. Raises DeliveryError.

    Writing them replaces all at once, and counts against a daily allowance, so it is left where nothing differs.
    """
    wanted, route = commands(policy), "/applications/{application_id}/commands"
    known = await rest.patiently("GET", route, application_id=bot.application_id)
    if sorted(map(_essence, items(known)), key=repr) == sorted(map(_essence, wanted), key=repr):
        return False
    await rest.patiently("PUT", route, body=wanted, application_id=bot.application_id)
    return True


def _essence(command: object) -> _Fields:
    """What of a command matters, in one spelling: Discord leaves out what is false, and adds ids and versions."""
    told = mapping(command)
    needs = told.get("default_member_permissions")
    return {
        "type": told.get("type") or _SLASH,
        "name": told.get("name"),
        "description": told.get("description") or "",
        "options": [_option_essence(mapping(each)) for each in items(told.get("options"))],
        "needs": None if needs is None else str(needs),
        "contexts": sorted(map(str, items(told.get("contexts")))),
        "installs": sorted(map(str, items(told.get("integration_types")))),
    }


def _option_essence(option: _Fields) -> _Fields:
    choices = [(mapping(each).get("name"), mapping(each).get("value")) for each in items(option.get("choices"))]
    return {
        **{key: option.get(key) for key in ("type", "name", "description", "max_length")},
        "required": option.get("required") is True,
        "autocomplete": option.get("autocomplete") is True,
        "choices": choices,
    }


def _command(name: str, description: str, *options: _Fields, needs: int | None = None, direct: bool = False) -> _Fields:
    told = {"type": _SLASH, "name": name, "description": description, "options": list(options)}
    return _offered(told, needs=needs, direct=direct)


def _offered(command: _Fields, *, needs: int | None = None, direct: bool = False) -> _Fields:
    """A command for servers the bot was added to, and for direct messages with it where `direct`."""
    return {
        **command,
        "default_member_permissions": None if needs is None else str(needs),
        "contexts": [_GUILD, _DIRECT] if direct else [_GUILD],
        "integration_types": [_GUILD_INSTALL],
    }


def _option(name: str, description: str, *, most: int, required: bool = False, suggest: bool = False) -> _Fields:
    told = {"type": _STRING, "name": name, "description": description, "max_length": most}
    return told | ({"required": True} if required else {}) | ({"autocomplete": True} if suggest else {})


def _action() -> _Fields:
    words = {
        TokenAction.SHOW: "Show which one is in use",
        TokenAction.SET: "Enter one",
        TokenAction.REMOVE: "Remove it",
    }
    choices = [{"name": said, "value": action.value} for action, said in words.items()]
    return {"type": _STRING, "name": ACTION, "description": "What to do", "choices": choices}
