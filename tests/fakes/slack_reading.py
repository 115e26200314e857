"""conversations.*, users.*, team.*, reactions.* and the assistant's status."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from tests.fakes.slack_chat import check_thread, check_ts
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_tiers import SPECIAL
from tests.fakes.slack_values import Channel, Json, Message

_PAGE = 1000
_RESTRICTED = 15


_Item = TypeVar("_Item")


def page(asked: Asked, items: Sequence[_Item], usual: int) -> tuple[list[_Item], Json]:
    """One page of a list, and what its reply says about the next."""
    most = _RESTRICTED if asked.world.restricted_history and asked.method != "conversations.members" else _PAGE
    limit = asked.get("limit", min(usual, most))
    if not 1 <= limit <= most:
        raise SlackError("invalid_limit", f"{limit}")
    try:
        start = int(base64.b64decode(asked.get("cursor", "") or "MA==").decode())
    except ValueError:
        raise SlackError("invalid_cursor") from None
    more = start + limit < len(items)
    cursor = base64.b64encode(str(start + limit).encode()).decode() if more else ""
    return list(items[start : start + limit]), {"has_more": more, "response_metadata": {"next_cursor": cursor}}


def _known(asked: Asked) -> Channel:
    channel = asked.channel()
    asked.needs(f"{channel.scope}:read")
    return channel


@method("conversations.info", 50, required="channel", optional="include_locale include_num_members")
def info(asked: Asked) -> Json:
    channel = _known(asked)
    count = {"num_members": len(channel.members)} if asked.get("include_num_members") else {}
    member = {} if channel.kind == "im" else {"is_member": asked.installation.bot in channel.members}
    return {"channel": {**channel.public(), **member, **count}}


@method("conversations.members", 100, required="channel", optional="cursor limit")
def members(asked: Asked) -> Json:
    found, rest = page(asked, [member.id for member in _known(asked).members], 100)
    return {"members": found, "response_metadata": rest["response_metadata"]}


def _readable(asked: Asked) -> Channel:
    channel = asked.channel()
    asked.needs(f"{channel.scope}:history")
    if asked.installation.bot not in channel.members:
        raise SlackError("not_in_channel")
    return channel


_WINDOW = "cursor limit oldest latest inclusive include_all_metadata"


def _within(asked: Asked, messages: list[Message]) -> list[Message]:
    oldest, latest = asked.get("oldest", "0"), asked.get("latest", "9" * 20)
    low, high = _parts(oldest), _parts(latest)
    if asked.get("inclusive"):
        return [each for each in messages if low <= _parts(each.ts) <= high]
    return [each for each in messages if low < _parts(each.ts) < high]


def _parts(ts: str) -> tuple[int, int]:
    whole, _, rest = ts.partition(".")
    if not (whole + rest).isdigit():
        raise SlackError("invalid_arguments", f"{ts!r} is no timestamp")
    return int(whole), int((rest or "0").ljust(6, "0"))


def _json(asked: Asked, messages: list[Message]) -> list[Json]:
    told = asked.get("include_all_metadata", False)
    return [
        asked.world.message_json(each) | ({"metadata": each.metadata} if told and each.metadata else {})
        for each in messages
    ]


@method("conversations.replies", 50, required="channel ts", optional=_WINDOW)
def replies(asked: Asked) -> Json:
    channel = _readable(asked)
    check_ts(asked["ts"])
    asked_for = channel.messages.get(asked["ts"])
    if asked_for is None:
        raise SlackError("thread_not_found")
    thread = asked.world.thread(channel, asked["ts"])
    root, rest = thread[:1], _within(asked, thread[1:])
    found, more = page(asked, root + rest, _PAGE)
    return {"messages": _json(asked, found), **more}


@method("conversations.history", 50, required="channel", optional=_WINDOW)
def history(asked: Asked) -> Json:
    channel = _readable(asked)
    roots = [each for each in channel.messages.values() if each.thread_ts in {None, each.ts} or each.broadcast]
    found, more = page(asked, _within(asked, roots)[::-1], 100)
    return {"messages": _json(asked, found), **more, "pin_count": 0}


@method("conversations.open", 50, "im:write", "mpim:write", optional="users channel return_im prevent_creation")
def open_dm(asked: Asked) -> Json:
    if ("users" in asked.arguments) == ("channel" in asked.arguments):
        raise SlackError("users_list_not_supplied", "either users or channel")
    if "channel" in asked.arguments:
        return {"channel": {"id": asked.channel().id}}
    ids = asked["users"].split(",")
    if len(ids) != 1:
        raise SlackError("method_not_supported_for_channel_type", "the fake opens direct channels with one person")
    asked.needs("im:write")
    user = asked.world.find_user(asked.installation, ids[0])
    channel = asked.world.dm(user, asked.installation)
    return {"channel": {"id": channel.id, **(channel.public() if asked.get("return_im") else {})}}


@method("users.info", 100, "users:read", required="user", optional="include_locale")
def user_info(asked: Asked) -> Json:
    return {"user": asked.world.find_user(asked.installation, asked["user"]).public()}


@method("team.info", 50, "team:read", optional="team domain")
def team_info(asked: Asked) -> Json:
    for team in asked.installation.teams:
        if asked.get("team", asked.get("team_id", team.id)) == team.id:
            grid = {"enterprise_id": team.enterprise_id} if team.enterprise_id else {}
            return {"team": {"id": team.id, "name": team.name, "domain": team.name, **grid}}
    raise SlackError("team_not_found")


def _reacting(asked: Asked) -> tuple[Message, tuple[str, str]]:
    channel = asked.channel()
    if asked.installation.bot not in channel.members:
        raise SlackError("not_in_channel")
    if channel.archived:
        raise SlackError("is_archived")
    if not asked["name"].replace("_", "").replace("-", "").replace("+", "").isalnum():
        raise SlackError("invalid_name", asked["name"])
    message = asked.world.find_message(channel, check_ts(asked["timestamp"], "bad_timestamp"))
    return message, (asked["name"], asked.installation.bot.id)


@method("reactions.add", 50, "reactions:write", required="channel timestamp name")
def react(asked: Asked) -> Json:
    message, reaction = _reacting(asked)
    if reaction in message.reactions:
        raise SlackError("already_reacted")
    message.reactions.add(reaction)
    return {}


@method("reactions.remove", 50, "reactions:write", required="name channel timestamp")
def unreact(asked: Asked) -> Json:
    message, reaction = _reacting(asked)
    if reaction not in message.reactions:
        raise SlackError("no_reaction")
    message.reactions.remove(reaction)
    return {}


@method(
    "assistant.threads.setStatus",
    SPECIAL,
    "chat:write",
    "assistant:write",
    required="channel_id thread_ts status",
    optional="loading_messages username icon_emoji icon_url",
)
def set_status(asked: Asked) -> Json:
    channel = asked.channel("channel_id")
    if asked.installation.bot not in channel.members:
        raise SlackError("not_in_channel")
    check_thread(channel, asked["thread_ts"])
    loading = asked.get("loading_messages", [])
    if len(loading) > 10 or any(not isinstance(each, str) or len(each) > 50 for each in loading):
        raise SlackError("invalid_arguments", "loading_messages: up to 10 of up to 50 characters")
    if asked["status"]:
        channel.statuses[asked["thread_ts"]] = (asked["status"], asked.world.clock())
    else:
        channel.statuses.pop(asked["thread_ts"], None)
    return {}
