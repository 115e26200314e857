"""The checks of Slack are seen to pass and to fail."""

from __future__ import annotations

import pytest

from bots.findings import Level, ok
from bots.slack.scopes import SCOPES
from tests.doctor.examined import OK, WARNING, WRONG, findings, of_slack
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation

OAUTH = {
    "SLACK_CLIENT_ID": "1.2",
    "SLACK_CLIENT_SECRET": "s3cret-s3cret",
    "SLACK_SIGNING_SECRET": "0123456789abcdef",
    "ASKREPO_PUBLIC_URL": "https://bot.example.com",
}


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, OK, "by OAuth at https://bot.example.com/slack/install"),
        ({"SLACK_CLIENT_ID": ""}, WRONG, "neither `SLACK_BOT_TOKEN` nor `SLACK_CLIENT_ID`"),
        ({"SLACK_CLIENT_SECRET": ""}, WRONG, "`SLACK_CLIENT_SECRET` is not"),
        ({"ASKREPO_PUBLIC_URL": ""}, WRONG, "without an address for browsers"),
        ({"ASKREPO_PUBLIC_URL": "http://bot.example.com"}, WARNING, "https addresses alone"),
        ({"ASKREPO_CHAT_TOKEN": "tok-good-1234"}, WARNING, "anybody may install it at https://bot.example.com/slack/"),
        ({"ASKREPO_REPO": "acme/widgets"}, WARNING, "is answered in their workspace by `ASKREPO_REPO`"),
    ],
)
async def test_how_slack_is_installed(change: dict[str, str], level: Level, words: str) -> None:
    said = (await findings(OAUTH | change))["Slack install"]
    assert said.level is level
    assert words in said.words


async def test_a_bot_token_and_oauth_at_once(slack: FakeSlack, installed: Installation) -> None:
    lent = {"ASKREPO_CHAT_TOKEN": "tok-good-1234"}  # of the one workspace
    assert (await findings(of_slack(slack, installed, **lent)))["Slack install"].level is OK
    said = (await findings(OAUTH | of_slack(slack, installed)))["Slack install"]
    assert said.level is WARNING
    assert "`SLACK_CLIENT_ID` is not used" in said.words


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, OK, "by HTTP at https://bot.example.com"),
        ({"ASKREPO_PUBLIC_URL": ""}, OK, "by HTTP at port 3000"),
        ({"SLACK_SIGNING_SECRET": ""}, WRONG, "no way to reach this bot"),
        ({"SLACK_SIGNING_SECRET": "one two"}, WRONG, "`SLACK_SIGNING_SECRET`: it holds white space"),
    ],
)
async def test_how_slack_reaches_us(change: dict[str, str], level: Level, words: str) -> None:
    said = (await findings(OAUTH | change))["Slack events"]
    assert said.level is level
    assert words in said.words


async def test_both_ways_at_once(slack: FakeSlack, installed: Installation) -> None:
    given = of_slack(slack, installed, SLACK_SIGNING_SECRET="0123456789abcdef")
    public = await findings(given | {"ASKREPO_PUBLIC_URL": "https://bot.example.com"})
    assert public["Slack events"] == ok("Slack events", "by Socket Mode and by HTTP at https://bot.example.com")
    said = await findings(given)  # without pages for browsers, `askrepo run` alone does not serve HTTP
    assert said["Slack events"].level is WARNING
    assert said["Slack events"].words.startswith("by Socket Mode; over HTTP only where the role `web` is named")


async def test_bot_tokens(slack: FakeSlack, installed: Installation, unused_tcp_port: int) -> None:
    given = of_slack(slack, installed)
    assert (await findings(given))["Slack bot token"] == ok("Slack bot token", "askrepo in acme")
    refused = (await findings(given | {"SLACK_BOT_TOKEN": "xoxb-wrong"}))["Slack bot token"]
    assert (refused.level, refused.words) == (WRONG, "Slack refuses it (invalid_auth)")
    for error, status in (("internal_error", 200), ("new_trouble", 503), ("", 429)):
        slack.fail("auth.test", error=error, status=status)
        assert (await findings(given))["Slack bot token"].level is WARNING
    away = f"http://127.0.0.1:{unused_tcp_port}/api/"
    said = await findings(given | {"ASKREPO_SLACK_API_URL": away})
    assert said["Slack bot token"].words == "Slack cannot be reached: ClientConnectorError"
    assert (said["Slack bot token"].level, said["Slack app token"].level) == (WRONG, WRONG)
    installed.bot_id = ""
    person = await findings(given)
    assert (person["Slack bot token"].level, "Slack scopes" in person) == (WRONG, False)


async def test_scopes(slack: FakeSlack, installed: Installation) -> None:
    given = of_slack(slack, installed)
    installed.scopes |= {"more:than_that"}
    assert (await findings(given))["Slack scopes"] == ok("Slack scopes", f"all {len(SCOPES)} of the manifest")
    for scope in SCOPES:
        installed.scopes.discard(scope)
        said = (await findings(given | {"SLACK_APP_TOKEN": ""}))["Slack scopes"]
        assert (said.level, said.words) == (WRONG, f"not granted: `{scope}`")
        installed.scopes.add(scope)
    installed.scopes.clear()
    assert (await findings(given))["Slack scopes"].level is WARNING


async def test_app_tokens(slack: FakeSlack, installed: Installation) -> None:
    given = of_slack(slack, installed)
    assert (await findings(given))["Slack app token"].level is OK
    refused = (await findings(given | {"SLACK_APP_TOKEN": "xapp-wrong"}))["Slack app token"]
    assert (refused.level, refused.words) == (WRONG, "Slack refuses it (invalid_auth)")
    slack.fail("apps.connections.open", status=429)
    assert (await findings(given))["Slack app token"].level is WARNING
    slack.app.socket_mode = False
    off = (await findings(given))["Slack app token"]
    assert off.level is WRONG
    assert "Socket Mode is switched off" in off.words
    assert not slack.sockets.open
