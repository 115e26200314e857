"""The commands as Discord is told them, when it is told, and what the invitation asks for."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.discord import manifest
from bots.discord.bot import Bot
from bots.discord.permissions import (
    ATTACH_FILES,
    CREATE_PUBLIC_THREADS,
    NAMES,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
    VIEW_CHANNEL,
    WANTED,
)
from bots.discord.rest import Rest
from bots.discord.rights import Policy
from core import bootstrap
from core.secret import Secret
from core.settings import Settings
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_commands import check_command
from tests.fakes.discord_permissions import NAMES as DISCORDS_NAMES

POLICIES: list[Policy] = ["admins", "members"]
COMMANDS = "/applications/{application_id}/commands"
SOURCES = sorted(Path(inspect.getfile(manifest)).parent.rglob("*.py"))
_ROUTE = re.compile(r"/(?:channels|guilds|users|applications|webhooks|interactions|gateway)\b[A-Za-z0-9_{}@/-]*")

NEEDED = {
    "/channels/{channel_id}": {VIEW_CHANNEL},
    "/channels/{channel_id}/messages": {
        VIEW_CHANNEL,
        READ_MESSAGE_HISTORY,
        SEND_MESSAGES,
        SEND_MESSAGES_IN_THREADS,
        ATTACH_FILES,
    },
    "/channels/{channel_id}/messages/{message_id}": {VIEW_CHANNEL, READ_MESSAGE_HISTORY},
    "/channels/{channel_id}/messages/{message_id}/threads": {CREATE_PUBLIC_THREADS, READ_MESSAGE_HISTORY},
    "/channels/{channel_id}/threads/archived/public": {VIEW_CHANNEL, READ_MESSAGE_HISTORY},
    "/channels/{channel_id}/typing": {VIEW_CHANNEL, SEND_MESSAGES},
}  # https://docs.discord.com/developers/resources/channel and …/message
FREE = re.compile(r"/(?:guilds|users|applications|webhooks|interactions|gateway)\b")  # no permission in a channel


def as_json(value: object) -> Any:
    return json.loads(json.dumps(value))


def by_name(policy: Policy = "admins") -> dict[str, Any]:
    return {each["name"]: each for each in as_json(manifest.commands(policy))}


# definitions


@pytest.mark.parametrize("policy", POLICIES)
def test_every_command_is_one_that_discord_takes(policy: Policy) -> None:
    for each in as_json(manifest.commands(policy)):
        check_command(each)


def test_the_commands_are_those_of_the_design() -> None:
    options = {name: [each["name"] for each in told.get("options", [])] for name, told in by_name().items()}
    assert options == {
        "askrepo": ["question"],
        "askrepo-map": ["repository", "alias"],
        "askrepo-unmap": ["repository"],
        "askrepo-list": [],
        "askrepo-why": [],
        "askrepo-status": [],
        "askrepo-token": ["action", "whole-server"],
        "askrepo-settings": [],
        "askrepo-default": ["repository"],
        "askrepo-help": [],
        "Ask about this message": [],
    }


def test_all_are_for_servers_and_asking_and_help_for_direct_messages_too() -> None:
    told = by_name()
    assert {tuple(each["integration_types"]) for each in told.values()} == {(0,)}
    direct = {name for name, each in told.items() if 1 in each["contexts"]}
    assert direct == {"askrepo", "askrepo-help"}
    assert all(0 in each["contexts"] and 2 not in each["contexts"] for each in told.values())


@pytest.mark.parametrize(("policy", "channels"), [("admins", str(1 << 4)), ("members", None)])
def test_who_sees_a_command(policy: Policy, channels: str | None) -> None:
    told = by_name(policy)
    needs = {name: each["default_member_permissions"] for name, each in told.items()}
    assert {needs[f"askrepo-{name}"] for name in ("map", "unmap", "token", "settings")} == {channels}
    assert needs["askrepo-default"] == str(1 << 5)
    assert {needs[name] for name in ("askrepo", "askrepo-list", "askrepo-why", "askrepo-status")} == {None}


# telling Discord


@pytest.fixture
async def rest(discord: FakeDiscord, tmp_path: Path) -> AsyncIterator[Rest]:
    given = Settings.model_validate({"DATABASE_URL": f"sqlite:///{tmp_path}/askrepo.db"})
    async with bootstrap.opened(given) as app:
        made = Rest(Secret(discord.token), discord.api_url, app.allowances)
        yield made
        await made.close()


def us(discord: FakeDiscord) -> Bot:
    return Bot(discord.bot.id, discord.application_id)


@pytest.mark.parametrize("policy", POLICIES)
async def test_what_discord_knows_already_is_not_told_again(discord: FakeDiscord, rest: Rest, policy: Policy) -> None:
    assert await manifest.sync(rest, us(discord), policy)
    known = as_json(discord.commands[""])
    assert not await manifest.sync(rest, us(discord), policy)
    assert len(discord.called("PUT", COMMANDS)) == 1
    assert discord.commands[""] == known


async def test_another_policy_is_a_change(discord: FakeDiscord, rest: Rest) -> None:
    await manifest.sync(rest, us(discord), "admins")
    assert await manifest.sync(rest, us(discord), "members")
    assert not await manifest.sync(rest, us(discord), "members")


CHANGES: list[dict[str, Any]] = [
    {"description": "Ask"},
    {"options": []},
    {"contexts": [0]},
    {"contexts": None},
    {"integration_types": [0, 1]},
    {"default_member_permissions": "0"},
    {"name": "askrepo-of-yesterday"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: next(iter(each)))
async def test_what_differs_is_told(discord: FakeDiscord, rest: Rest, change: dict[str, Any]) -> None:
    await manifest.sync(rest, us(discord), "admins")
    discord.commands[""][0] |= change
    assert await manifest.sync(rest, us(discord), "admins")
    assert not await manifest.sync(rest, us(discord), "admins")


@pytest.mark.parametrize("change", [{"required": False}, {"max_length": 10}, {"name": "x"}, {"autocomplete": True}])
async def test_an_option_that_differs_is_told(discord: FakeDiscord, rest: Rest, change: dict[str, Any]) -> None:
    await manifest.sync(rest, us(discord), "admins")
    option = discord.commands[""][0]["options"][0]
    discord.commands[""][0]["options"] = [option | change]
    assert await manifest.sync(rest, us(discord), "admins")


async def test_a_choice_that_differs_is_told(discord: FakeDiscord, rest: Rest) -> None:
    await manifest.sync(rest, us(discord), "admins")
    token = next(each for each in discord.commands[""] if each["name"] == "askrepo-token")
    token["options"] = as_json(token["options"])
    token["options"][0]["choices"].pop()
    assert await manifest.sync(rest, us(discord), "admins")


async def test_a_command_that_is_not_ours_any_more_goes(discord: FakeDiscord, rest: Rest) -> None:
    await manifest.sync(rest, us(discord), "admins")
    discord.commands[""].append({**discord.commands[""][0], "id": discord.snowflake(), "name": "old"})
    assert await manifest.sync(rest, us(discord), "admins")
    assert "old" not in {each["name"] for each in discord.commands[""]}


async def test_the_order_in_which_discord_lists_them_is_no_change(discord: FakeDiscord, rest: Rest) -> None:
    await manifest.sync(rest, us(discord), "admins")
    discord.commands[""].reverse()
    assert not await manifest.sync(rest, us(discord), "admins")


# permissions


def routes() -> Iterator[str]:
    """The routes that the code names."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ROUTE.fullmatch(node.value):
                yield node.value


def test_the_search_finds_what_it_is_for() -> None:
    assert {COMMANDS, "/channels/{channel_id}/messages"} <= set(routes())


def test_the_invitation_asks_for_exactly_what_the_code_uses() -> None:
    found = {each for each in routes() if not FREE.match(each)}
    assert found == NEEDED.keys()
    assert set(WANTED) == {each for route in found for each in NEEDED[route]}


def test_permissions_are_the_bits_that_discord_has() -> None:
    words = {
        VIEW_CHANNEL: "VIEW_CHANNEL",
        SEND_MESSAGES: "SEND_MESSAGES",
        ATTACH_FILES: "ATTACH_FILES",
        READ_MESSAGE_HISTORY: "READ_MESSAGE_HISTORY",
        CREATE_PUBLIC_THREADS: "CREATE_PUBLIC_THREADS",
        SEND_MESSAGES_IN_THREADS: "SEND_MESSAGES_IN_THREADS",
    }
    assert set(words) == set(WANTED)
    assert all(DISCORDS_NAMES[name] == bit for bit, name in words.items())
    assert all(bit in NAMES and reason for bit, reason in WANTED.items())


def test_the_invitation() -> None:
    url = urlsplit(manifest.invite_url("123"))
    assert (url.scheme, url.netloc, url.path) == ("https", "discord.com", "/oauth2/authorize")
    assert parse_qs(url.query) == {
        "client_id": ["123"],
        "scope": ["bot applications.commands"],
        "permissions": [str(sum(WANTED))],
        "integration_type": ["0"],
    }
