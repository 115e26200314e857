"""The manifest asks for what the code uses and no more, and keeps to what Slack's schema of manifests allows."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack import lifecycle
from bots.slack.manifest import manifest
from bots.slack.methods import METHODS
from bots.slack.scopes import EVENTS, SCOPES
from tests.fakes.slack_world import SUBSCRIPTIONS
from tests.slack import plain_yaml

PUBLIC = "https://bot.example.org"
SOURCES = sorted(Path(inspect.getfile(manifest)).parent.rglob("*.py"))
FAMILIES = {"apps", "assistant", "auth", "bots", "chat", "conversations", "files", "oauth", "reactions", "team"}
FAMILIES |= {"usergroups", "users", "views"}
CALLS = {
    name.replace("_", "."): name
    for name, _ in inspect.getmembers(AsyncWebClient, inspect.iscoroutinefunction)
    if name.partition("_")[0] in FAMILIES
}
DOCUMENTED = {
    (True, None): (None, None),
    (True, PUBLIC): (None, f"{PUBLIC}/slack/oauth_redirect"),
    (False, PUBLIC): (f"{PUBLIC}/slack/events", f"{PUBLIC}/slack/oauth_redirect"),
}


def parsed(public_url: str | None = PUBLIC, *, socket_mode: bool = False) -> Any:
    return plain_yaml.load(manifest(public_url, socket_mode=socket_mode))


def used(source: str) -> Iterator[str]:
    """The Web API methods that a module calls or names: `client.chat_update(…)` and "chat.update" alike."""
    by_attribute = {attribute: method for method, attribute in CALLS.items()}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in by_attribute:
            yield by_attribute[node.attr]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in CALLS:
            yield node.value


def test_the_search_finds_what_it_is_for() -> None:
    source = (
        'client.chat_postMessage(a=1); call("views.open"); method = self._client.oauth_v2_access\n"""chat.delete"""'
    )
    assert set(used(source)) == {"chat.postMessage", "views.open", "oauth.v2.access", "chat.delete"}
    assert set(used("client.assistant_threads_setStatus()")) == {"assistant.threads.setStatus"}


def test_the_code_calls_what_is_listed() -> None:
    found = {method for path in SOURCES if path.name != "methods.py" for method in used(path.read_text("utf-8"))}
    assert found - METHODS.keys() == set(), "a method is missing in methods.py"
    assert METHODS.keys() - found == set(), "methods.py lists what nobody calls"


def test_the_code_reads_the_events_that_are_listed() -> None:
    read = set(lifecycle._READINGS) | {"app_mention"}
    assert {event for event in EVENTS if not event.startswith("message.")} == read
    assert {event.partition(".")[2] for event in EVENTS if event.startswith("message.")} == {
        "channels", "groups", "im", "mpim",
    }  # fmt: skip


@pytest.mark.parametrize("socket_mode", [False, True])
def test_the_manifest_asks_for_exactly_what_the_code_uses(socket_mode: bool) -> None:
    told = parsed(socket_mode=socket_mode)
    assert told["oauth_config"]["scopes"] == {"bot": list(SCOPES)}
    assert told["settings"]["event_subscriptions"]["bot_events"] == sorted(EVENTS)


def test_the_fake_slack_sends_what_the_manifest_subscribes_to() -> None:
    assert sorted(SUBSCRIPTIONS) == sorted(EVENTS)


def test_every_scope_says_why() -> None:
    lines = manifest(PUBLIC, socket_mode=False).splitlines()
    reasons = {
        match[1]: match[2] for line in lines if (match := re.fullmatch(r" *- ([a-z_]+:[a-z]+|commands) # (.+)", line))
    }
    assert set(reasons) == set(SCOPES)


@pytest.mark.parametrize(("socket_mode", "public_url"), DOCUMENTED)
def test_addresses_stand_in_it_where_there_are_any(socket_mode: bool, public_url: str | None) -> None:
    events, redirect = DOCUMENTED[socket_mode, public_url]
    told = parsed(public_url, socket_mode=socket_mode)
    assert told["settings"]["event_subscriptions"].get("request_url") == events
    assert told["settings"]["interactivity"].get("request_url") == events
    assert told["features"]["slash_commands"][0].get("url") == events
    assert told["oauth_config"].get("redirect_urls") == (None if redirect is None else [redirect])
    assert told["settings"]["socket_mode_enabled"] is socket_mode
    assert "$" not in manifest(public_url, socket_mode=socket_mode)


def test_http_needs_an_address() -> None:
    with pytest.raises(ValueError, match="public URL"):
        manifest(None, socket_mode=False)


@pytest.mark.parametrize("odd", ['https://x/"\n- evil: true', "https://x/#: {", "https://x/'%0a"])
def test_an_odd_address_stays_an_address(odd: str) -> None:
    assert parsed(odd)["settings"]["interactivity"]["request_url"] == f"{odd}/slack/events"


def test_commands_and_shortcuts_are_those_of_the_code() -> None:
    features = parsed()["features"]
    (command,) = features["slash_commands"]
    (shortcut,) = features["shortcuts"]
    assert (command["command"], command["should_escape"]) == ("/askrepo", True)
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", "ask_about_message")
    assert features["app_home"] == {
        "home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False,
    }  # fmt: skip
    assert parsed()["settings"]["org_deploy_enabled"] is True


# What follows is Slack's published schema of manifests (version 2), as far as it concerns what may stand in ours.

Check = Callable[[Any], bool]


def chars(least: int, most: int) -> Check:
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def many(most: int, each: Any, least: int = 1) -> Check:
    return lambda value: (
        isinstance(value, list) and least <= len(value) <= most and not any(wrong(it, each) for it in value)
    )


def flag(value: Any) -> bool:
    return isinstance(value, bool)


def url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("https://")


EVENT_NAMES = many(100, chars(1, 255))
SCHEMA: dict[str, Any] = {
    "_metadata": {"major_version": lambda value: value == 2, "minor_version": lambda value: value in {0, 1}},
    "display_information!": {
        "name!": chars(1, 35),
        "description": chars(1, 140),
        "long_description": chars(175, 4_000),
        "background_color": lambda value: bool(re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", value)),
    },
    "features": {
        "bot_user": {"display_name!": chars(1, 80), "always_online": flag},
        "app_home": {
            "home_tab_enabled": flag,
            "messages_tab_enabled": flag,
            "messages_tab_read_only_enabled": flag,
        },
        "slash_commands": many(
            50,
            {
                "command!": lambda value: bool(re.fullmatch(r"/[a-z0-9_-]{1,31}", value)),
                "description!": chars(1, 2_000),
                "url": url,
                "usage_hint": chars(1, 1_000),
                "should_escape": flag,
            },
        ),
        "shortcuts": many(
            10,
            {
                "name!": chars(1, 24),
                "type!": lambda value: value in {"message", "global"},
                "callback_id!": chars(1, 255),
                "description!": chars(1, 150),
            },
        ),
    },
    "oauth_config": {
        "redirect_urls": many(1_000, url),
        "scopes": {"bot": many(255, chars(1, 255)), "user": many(255, chars(1, 255))},
        "token_management_enabled": flag,
        "pkce_enabled": flag,
    },
    "settings": {
        "event_subscriptions": {"request_url": url, "bot_events": EVENT_NAMES, "user_events": EVENT_NAMES},
        "interactivity": {"is_enabled!": flag, "request_url": url, "message_menu_options_url": url},
        "org_deploy_enabled": flag,
        "socket_mode_enabled": flag,
        "token_rotation_enabled": flag,
        "incoming_webhooks": {"incoming_webhooks_enabled": flag},
    },
}


def wrong(value: Any, schema: Any, at: str = "manifest") -> list[str]:
    """What the schema refuses: unknown keys, missing ones, and values out of bounds."""
    if callable(schema):
        return [] if schema(value) else [f"{at}: {value!r}"]
    if not isinstance(value, dict):
        return [f"{at} is no mapping"]
    known = {key.rstrip("!"): inner for key, inner in schema.items()}
    found = [f"{at}: unknown {key}" for key in value.keys() - known.keys()]
    found += [f"{at}: no {key[:-1]}" for key in schema if key.endswith("!") and key[:-1] not in value]
    return found + [
        each for key in value.keys() & known.keys() for each in wrong(value[key], known[key], f"{at}.{key}")
    ]


@pytest.mark.parametrize(("socket_mode", "public_url"), DOCUMENTED)
def test_slack_takes_it(socket_mode: bool, public_url: str | None) -> None:
    told = parsed(public_url, socket_mode=socket_mode)
    assert wrong(told, SCHEMA) == []
    if not socket_mode:  # over HTTP, Slack needs to know where
        assert "request_url" in told["settings"]["event_subscriptions"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told["features"]["shortcuts"][0].update(name="Ask about this message now"),
        lambda told: told["features"]["bot_user"].clear(),
        lambda told: told["settings"].update(socket_mode="yes"),
        lambda told: told["settings"].update(socket_mode_enabled="true"),
        lambda told: told["display_information"].update(description="x" * 141),
        lambda told: told["oauth_config"]["redirect_urls"].append("http://bot.example.org"),
        lambda told: told["features"]["slash_commands"][0].pop("description"),
        lambda told: told.pop("display_information"),
    ],
)
def test_the_schema_refuses_what_slack_refuses(spoil: Callable[[Any], object]) -> None:
    told = parsed()
    spoil(told)
    assert wrong(told, SCHEMA) != []


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ((), {}, manifest(None, socket_mode=True)),
        ((), {"ASKREPO_PUBLIC_URL": PUBLIC}, manifest(PUBLIC, socket_mode=False)),
        ((), {"ASKREPO_PUBLIC_URL": PUBLIC, "SLACK_APP_TOKEN": "x"}, manifest(PUBLIC, socket_mode=True)),
        (("--socket",), {"ASKREPO_PUBLIC_URL": PUBLIC}, manifest(PUBLIC, socket_mode=True)),
        (("--http",), {}, None),
    ],
)
def test_the_command_prints_it(
    tmp_path: Path, words: tuple[str, ...], environment: dict[str, str], said: str | None
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from bots.cli import main; main()", "slack", "manifest", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == ((1, "") if said is None else (0, said))
    assert (said is None) == ("ASKREPO_PUBLIC_URL" in run.stderr)
