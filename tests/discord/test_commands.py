"""What a command asks for, and its words as Discord has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.commands import Blank, meant
from bots.discord.interactions import Commanded, of_interaction
from bots.discord.native import native, usage
from bots.discord.permissions import ADMINISTRATOR, MANAGE_CHANNELS, MANAGE_SERVER, has
from bots.discord.rights import Policy, rights
from core import errors
from core.channels.grammar import (
    Ask,
    Default,
    Help,
    List,
    Map,
    Mistake,
    Settings,
    Status,
    Token,
    TokenAction,
    Unmap,
    Why,
)
from core.wording import sentence
from tests.discord.invoked import BOT, command

WEB = "github.com/acme/web"


def asked(name: str = "askrepo", /, **options: Any) -> object:
    found = of_interaction(command(name, **options), BOT)
    assert isinstance(found, Commanded)
    return meant(found)


@pytest.mark.parametrize(
    ("name", "options", "meaning"),
    [
        ("askrepo", {"question": " where are the routes? "}, Ask("where are the routes?")),
        ("askrepo", {"question": "map lookups, how do they work?"}, Ask("map lookups, how do they work?")),
        ("askrepo", {"question": "map acme/web as web"}, Map(WEB, "web")),
        ("askrepo", {"question": "token set sekrit-1234"}, Token(TokenAction.SET, pasted=True)),
        ("askrepo", {"question": "what is <:shrug:123> in `<#5>`?"}, Ask("what is :shrug: in `<#5>`?")),
        ("askrepo", {"question": " "}, Help()),
        ("askrepo", {}, Help()),
        ("askrepo-map", {"repository": "acme/web"}, Map(WEB)),
        ("askrepo-map", {"repository": "https://github.com/acme/web/pulls", "alias": " web "}, Map(WEB, "web")),
        ("askrepo-map", {"alias": "web"}, Blank("askrepo-map")),
        ("askrepo-unmap", {}, Unmap()),
        ("askrepo-unmap", {"repository": "acme/web"}, Unmap(WEB)),
        ("askrepo-unmap", {"repository": "web"}, Unmap(alias="web")),
        ("askrepo-list", {}, List()),
        ("askrepo-why", {}, Why()),
        ("askrepo-status", {}, Status()),
        ("askrepo-token", {}, Token()),
        ("askrepo-token", {"action": "set"}, Token(TokenAction.SET)),
        ("askrepo-token", {"action": "remove", "whole_server": True}, Token(TokenAction.REMOVE, of_workspace=True)),
        ("askrepo-token", {"action": "steal", "whole_server": False}, Token()),
        ("askrepo-settings", {}, Settings()),
        ("askrepo-default", {"repository": "acme/web"}, Default(WEB)),
        ("askrepo-default", {"repository": " None "}, Default(None)),
        ("askrepo-default", {}, Blank("askrepo-default")),
        ("askrepo-help", {}, Help()),
        ("askrepo-of-yesterday", {}, Help()),
    ],
)
def test_what_is_meant(name: str, options: dict[str, object], meaning: object) -> None:
    assert asked(name, **options) == meaning


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("askrepo-map", {"repository": "no repository"}, errors.RepositoryNameError),
        ("askrepo-map", {"repository": "acme/web", "alias": "No Alias!"}, errors.BadAlias),
        ("askrepo-unmap", {"repository": "no repository"}, errors.RepositoryNameError),
        ("askrepo-default", {"repository": "??"}, errors.RepositoryNameError),
    ],
)
def test_mistakes(name: str, options: dict[str, object], error: type[Exception]) -> None:
    meaning = asked(name, **options)
    assert isinstance(meaning, Mistake)
    assert type(meaning.error) is error


@given(st.sampled_from(["askrepo-map", "askrepo-unmap", "askrepo-default", "askrepo"]), st.text(), st.text())
def test_never_raises(name: str, typed: str, more: str) -> None:
    asked(name, repository=typed, question=typed, alias=more)


# rights


@pytest.mark.parametrize(
    ("permissions", "policy", "manages", "administers"),
    [
        (0, "admins", False, False),
        (MANAGE_CHANNELS, "admins", True, False),
        (MANAGE_SERVER, "admins", False, True),
        (ADMINISTRATOR, "admins", True, True),
        (0, "members", True, False),
        (~(MANAGE_CHANNELS | MANAGE_SERVER | ADMINISTRATOR) & (1 << 50) - 1, "admins", False, False),
    ],
)
def test_rights(permissions: int, policy: Policy, manages: bool, administers: bool) -> None:
    held = rights(permissions, policy, in_guild=True)
    assert (held.manages, held.administers) == (manages, administers)
    channel, server = held.actor("1"), held.actor("1", of_workspace=True)
    assert (channel.may_manage, channel.right) == (manages, "Manage Channels")
    assert (server.may_manage, server.right) == (administers, "Manage Server")


@pytest.mark.parametrize("policy", ["admins", "members"])
def test_nobody_manages_anything_in_a_direct_message(policy: Policy) -> None:
    held = rights(ADMINISTRATOR, policy, in_guild=False)
    assert (held.manages, held.administers) == (False, False)


def test_a_permission_is_had_where_all_of_it_is() -> None:
    assert not has(MANAGE_CHANNELS, MANAGE_CHANNELS, MANAGE_SERVER)
    assert has(MANAGE_CHANNELS | MANAGE_SERVER, MANAGE_CHANNELS, MANAGE_SERVER)


# words


def test_words_name_the_commands_that_discord_has() -> None:
    said = native(sentence(errors.NotMapped()))
    assert "`/askrepo-map repository:owner/name`" in said
    assert "/askrepo " not in native(sentence(errors.SeveralMapped((WEB,))))
    assert "`/askrepo-token action:set`" in native(sentence(errors.TokenRefused()))
    assert native("Try `/askrepo how does login work?`.") == "Try `/askrepo how does login work?`."


def test_a_workspace_is_a_server_but_not_in_a_name() -> None:
    said = native("The workspace's token is for `github.com/acme/workspace`, in this workspace.")
    assert said == "The server's token is for `github.com/acme/workspace`, in this server."


def test_help_names_every_command() -> None:
    for name in ("map", "unmap", "list", "why", "status", "token", "settings", "default"):
        assert f"`/askrepo-{name}`" in usage(reads_all=True)


def test_help_says_whether_follow_ups_need_a_mention() -> None:
    assert "Follow-ups there need no mention." in usage(reads_all=True)
    assert "Mention me in follow-ups too." in usage(reads_all=False)
    assert "no mention" not in usage(reads_all=False)
