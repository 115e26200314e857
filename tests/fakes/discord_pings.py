"""Whom a message mentions, and whom the bot's own would notify."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fakes.discord_permissions import may
from tests.fakes.discord_values import EPHEMERAL, Json, Message, Role, User

if TYPE_CHECKING:
    from tests.fakes.discord_world import World

_CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)
_USER = re.compile(r"<@!?(\d{15,20})>")
_ROLE = re.compile(r"<@&(\d{15,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


def mentioned(world: World, message: Message, text: str | None = None) -> tuple[list[User], list[Role], bool]:
    """The users, roles and @everyone a text names, as its `mentions` show them; code is not looked into."""
    content = _CODE.sub(" ", message.content if text is None else text)
    users = [world.users[each] for each in dict.fromkeys(_USER.findall(content)) if each in world.users]
    guild = message.channel.guild
    if guild is None:
        return users, [], False
    roles = [guild.roles[each] for each in dict.fromkeys(_ROLE.findall(content)) if each in guild.roles]
    everyone = bool(_EVERYONE.search(content)) and may(message.channel, message.author, "MENTION_EVERYONE")
    return users, roles, everyone


def look_for_pings(world: World, message: Message, body: Json) -> None:
    """A body of the bot that notifies somebody, or does not say that it will not, is a violation."""
    where = f"{message.channel.id} {message.id}"
    allowed = body.get("allowed_mentions")
    if allowed is None:
        if body.get("content") or body.get("message_reference") or body.get("components"):
            world.violated("allowed_mentions_missing", where)
        allowed = {"parse": ["users", "roles", "everyone"], "replied_user": True}
    for each in notified(world, message, allowed):
        if each not in world.may_ping:
            world.violated("ping", where, each)


def notified(world: World, message: Message, allowed: Json) -> set[str]:
    """The ids of users and roles that are notified, and "everyone"."""
    if message.flags & EPHEMERAL:
        return set()
    parse: list[Any] = allowed.get("parse") or []
    text = message.content + " ".join(_texts(message.components))
    users, roles, everyone = mentioned(world, message, text)
    found = {each.id for each in users if "users" in parse or each.id in (allowed.get("users") or [])}
    manages = may(message.channel, message.author, "MENTION_EVERYONE")
    for role in roles:
        if ("roles" in parse or role.id in (allowed.get("roles") or [])) and (role.mentionable or manages):
            found.add(role.id)
    if everyone and "everyone" in parse:
        found.add("everyone")
    if message.reference and allowed.get("replied_user") and not message.edited_at:
        found.add(message.reference.author.id)
    return found - {message.author.id}


def _texts(components: list[Json]) -> list[str]:
    found = []
    for each in components:
        found += [each["content"]] if each.get("type") == 10 else []
        found += _texts(each.get("components", []))
    return found
