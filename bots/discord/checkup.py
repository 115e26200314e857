"""Checks of Discord: the bot token, what the developer portal allows, and the way to events. No session is begun."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

from bots.checkup import last_resorts
from bots.discord.bot import Bot
from bots.discord.fields import number, snowflake
from bots.discord.identifying import RESERVE, Door, door
from bots.discord.manifest import invite_url
from bots.discord.rest import Rest
from bots.fields import mapping, text
from bots.findings import Check, Finding, ok, warning, wrong
from core.errors import DeliveryError, SettingsError
from core.relay.limits import Uncounted
from core.secret import Secret
from core.settings import Settings
from core.wording import duration

_BOT, _INTENT, _COMMANDS = "Discord token", "Discord intent", "Discord commands"
_SERVERS, _GATEWAY, _INSTALL = "Discord servers", "Discord sessions", "Discord install"
_PORTAL = "https://discord.com/developers/applications"
_AWAY = "See whether this machine reaches Discord, and try again in a few minutes."
_FEW = 0.1  # of the sessions that Discord allows in a day


def checks(settings: Settings) -> list[Check]:
    """What is to be looked at; nothing where Discord is not set up."""
    if settings.discord_token is None:
        return []
    uses = ("DISCORD_", "ASKREPO_DISCORD_")
    look = partial(_looked_at, settings.discord_token, settings.discord_api_url, last_resorts(settings))
    return [Check(_BOT, uses, look)]


def application(told: Mapping[str, object], lent: str) -> list[Finding]:
    """What Discord says of our application. `lent` are the settings by which people are answered in any server."""
    application_id = snowflake(told.get("id")) or ""
    user, page = mapping(told.get("bot")), f"{_PORTAL}/{application_id}"
    name = text(user.get("username")) or text(told.get("name"))
    found = [ok(_BOT, f"{name}, application {application_id}")]
    if Bot(snowflake(user.get("id")) or "", application_id, number(told.get("flags")) or 0).reads_all:
        found.append(ok(_INTENT, "Message Content is switched on: follow-ups need no mention"))
    else:
        words = "follow-ups without a mention need the Message Content intent"
        found.append(warning(_INTENT, words, f"Switch it on at {page}/bot, or mention the bot in every follow-up."))
    if told.get("interactions_endpoint_url"):
        words = "Discord sends commands and buttons to another address, not to this bot"
        found.append(wrong(_COMMANDS, words, f"Empty the Interactions Endpoint URL at {page}/information."))
    if told.get("approximate_guild_count") == 0:
        words = "the bot is in no server yet"
        found.append(warning(_SERVERS, words, f"Invite it with {invite_url(application_id)}"))
    if told.get("bot_public") is True and lent:
        words = f"anybody may add the bot to a server of their own, and is answered there by {lent}"
        off = f"Set the Install Link to None at {page}/installation, and switch off Public Bot at {page}/bot"
        found.append(warning(_INSTALL, words, f"{off}; or unset {lent} and set that for each server by itself."))
    return found


def sessions(found: Door) -> Finding:
    """Whether Discord lets us begin as many sessions as it takes."""
    anew = f", counted anew in {duration(found.resets_in)}" if found.resets_in else ""
    words = f"{found.remaining} of {found.total} may still be begun{anew}"
    if found.remaining <= RESERVE:
        return wrong(_GATEWAY, words, f"Wait: askrepo leaves the last {RESERVE} alone, and begins none before.")
    if found.remaining < found.shards:
        return wrong(_GATEWAY, words, f"Wait: askrepo takes {found.shards}, and so is not whole before.")
    if found.remaining < found.total * _FEW:
        return warning(_GATEWAY, words, "Find out what restarts so often, and restart rarely until then.")
    return ok(_GATEWAY, words)


async def _looked_at(token: Secret, api_url: str, lent: str) -> list[Finding]:
    """The application, and the sessions only where that can be asked for: what is away or refuses us is told once."""
    async with _open(token, api_url) as rest:
        try:
            found = application(mapping(await rest.call("GET", "/applications/@me")), lent)
        except SettingsError as error:
            fix = f"Copy the bot's token again, or reset it: {_PORTAL}, Bot."
            return [wrong(_BOT, error.problem, fix)]
        except DeliveryError as error:
            return [wrong(_BOT, str(error), _AWAY)]
        return [*found, await _gateway(rest)]


async def _gateway(rest: Rest) -> Finding:
    try:
        return sessions(door(await rest.call("GET", "/gateway/bot")))
    except DeliveryError as error:
        return wrong(_GATEWAY, str(error), _AWAY)


@asynccontextmanager
async def _open(token: Secret, api_url: str) -> AsyncIterator[Rest]:
    rest = Rest(token, api_url, Uncounted())
    try:
        yield rest
    finally:
        await rest.close()
