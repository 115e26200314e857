"""REST: who the bot is, guilds, members, channels, the gateway's address."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord_errors import DiscordError, bad
from tests.fakes.discord_fields import record, snowflake
from tests.fakes.discord_permissions import in_guild, need, sees
from tests.fakes.discord_routes import NOTHING, Asked, route
from tests.fakes.discord_shapes import channel_json, guild_json, member_json, role_json, thread_member_json, user_json
from tests.fakes.discord_values import Json
from tests.fakes.discord_world import World


@route("GET", "/users/@me")
def me(asked: Asked) -> Json:
    return user_json(asked.world.bot) | {"verified": True, "mfa_enabled": True, "email": None, "locale": "en-US"}


@route("GET", "/users/{user_id}")
def user(asked: Asked) -> Json:
    found = asked.world.users.get(asked.ids["user_id"])
    if found is None:
        raise DiscordError(10013)
    return user_json(found)


def application_json(world: World) -> Json:
    return {
        "id": world.application_id,
        "name": world.bot.name,
        "icon": None,
        "description": "",
        "summary": "",
        "type": None,
        "bot": user_json(world.bot),
        "bot_public": world.public_bot,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": user_json(next(iter(world.guilds.values())).owner) if world.guilds else user_json(world.bot),
        "team": None,
        "flags": world.application_flags,
        "flags_new": str(world.application_flags),
        "approximate_guild_count": len(world.guilds),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "integration_types_config": {"0": {}},
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "event_webhooks_status": 1,
        "explicit_content_filter": 0,
        "is_monetized": False,
        "is_verified": False,
        "is_discoverable": False,
        "storefront_available": False,
        "hook": True,
        "eligible_oauth2_scopes": [],
    }


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def application(asked: Asked) -> Json:
    return application_json(asked.world)


@route("GET", "/gateway")
def gateway(asked: Asked) -> Json:
    return {"url": asked.world.gateway.url}


@route("GET", "/gateway/bot")
def gateway_bot(asked: Asked) -> Json:
    limit = asked.world.gateway.session_start_limit()
    return {"url": asked.world.gateway.url, "shards": asked.world.gateway.shards, "session_start_limit": limit}


@route("GET", "/users/@me/guilds")
def my_guilds(asked: Asked) -> list[Json]:
    after, most = int(asked.query.get("after", "0")), limited(asked, 200, 200)
    found = sorted(
        (each for each in asked.world.guilds.values() if int(each.id) > after), key=lambda each: int(each.id)
    )
    return [
        {
            "id": each.id,
            "name": each.name,
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": str(in_guild(each, each.members[asked.world.bot.id])),
            "features": [],
        }
        for each in found[:most]
    ]


def limited(asked: Asked, default: int, most: int, least: int = 1) -> int:
    """The `limit` of a query."""
    limit = asked.query.get("limit", str(default))
    if not limit.isdigit() or not least <= int(limit) <= most:
        raise bad("limit", f"int value should be between {least} and {most}.")
    return int(limit)


@route("GET", "/guilds/{guild_id}")
def guild(asked: Asked) -> Json:
    found = asked.world.find_guild(asked.ids["guild_id"])
    counts = {"approximate_member_count": len(found.members), "approximate_presence_count": 1}
    return guild_json(found) | (counts if asked.query.get("with_counts") == "true" else {})


@route("GET", "/guilds/{guild_id}/roles")
def roles(asked: Asked) -> list[Json]:
    return [role_json(each) for each in asked.world.find_guild(asked.ids["guild_id"]).roles.values()]


@route("GET", "/guilds/{guild_id}/channels")
def channels(asked: Asked) -> list[Json]:
    found = asked.world.find_guild(asked.ids["guild_id"])
    return [channel_json(each, at) for at, each in enumerate(asked.world.of_guild(found))]


@route("GET", "/guilds/{guild_id}/members/{user_id}")
def member(asked: Asked) -> Json:
    found = asked.world.find_guild(asked.ids["guild_id"])
    user_id = asked.ids["user_id"]
    if user_id not in asked.world.users:
        raise DiscordError(10013)
    if user_id not in found.members:
        raise DiscordError(10007)
    return member_json(found.members[user_id])


@route("GET", "/guilds/{guild_id}/threads/active")
def active(asked: Asked) -> Json:
    world = asked.world
    found = world.find_guild(asked.ids["guild_id"])
    threads = [each for each in world.threads(found) if each.thread and not each.thread.archived]
    seen = [each for each in threads if sees(each, world.bot)]
    members = [thread_member_json(each, world.bot) for each in seen]
    return {
        "threads": [channel_json(each) for each in seen],
        "members": [each for each in members if each],
        "has_more": False,
    }


@route("GET", "/channels/{channel_id}")
def channel(asked: Asked) -> Json:
    found = asked.world.find_channel(asked.ids["channel_id"])
    own = thread_member_json(found, asked.world.bot)
    return channel_json(found) | ({"member": own} if own else {})


@route("POST", "/channels/{channel_id}/typing")
def typing(asked: Asked) -> Any:
    world = asked.world
    found = world.find_channel(asked.ids["channel_id"])
    need(found, world.bot, "SEND_MESSAGES_IN_THREADS" if found.thread else "SEND_MESSAGES")
    return NOTHING


@route("POST", "/users/@me/channels")
def open_dm(asked: Asked) -> Json:
    record({"recipient_id": snowflake})(asked.body, "")
    found = asked.world.users.get(str(asked.json["recipient_id"]))
    if found is None:
        raise DiscordError(10013)
    if found.bot:
        raise DiscordError(50007)
    return channel_json(asked.world.dm(found))
