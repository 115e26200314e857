"""The checks of Discord are seen to pass and to fail."""

from __future__ import annotations

from typing import Any

import pytest

from bots.findings import Level, ok, warning
from tests.doctor.examined import OK, WARNING, WRONG, findings, of_discord
from tests.fakes.discord import FakeDiscord


async def test_discord_tokens(discord: FakeDiscord, unused_tcp_port: int) -> None:
    good = (await findings(of_discord(discord)))["Discord token"]
    assert good == ok("Discord token", f"{discord.bot.name}, application {discord.application_id}")
    refused = await findings(of_discord(discord, DISCORD_TOKEN="wrong.token.entirely"))
    assert (refused["Discord token"].level, refused["Discord token"].words) == (WRONG, "Discord does not accept it")
    assert "Discord sessions" not in refused
    assert len(discord.called("GET", "/applications/@me")) == 2
    assert len(discord.called("GET", "/gateway/bot")) == 1
    away = await findings(of_discord(discord, ASKREPO_DISCORD_API_URL=f"http://127.0.0.1:{unused_tcp_port}"))
    assert away["Discord token"].level is WRONG
    assert "Discord sessions" not in away
    discord.fail("GET", "/applications/@me", status=500)
    troubled = await findings(of_discord(discord))
    assert troubled["Discord token"].level is WRONG
    assert "Discord sessions" not in troubled
    discord.fail("GET", "/gateway/bot", html=True, status=502)
    troubled = await findings(of_discord(discord))
    assert (troubled["Discord token"].level, troubled["Discord sessions"].level) == (OK, WRONG)


async def test_the_intent_to_read_all_messages(discord: FakeDiscord) -> None:
    assert (await findings(of_discord(discord)))["Discord intent"].level is OK
    discord.message_content = False
    said = (await findings(of_discord(discord)))["Discord intent"]
    assert said == warning(
        "Discord intent",
        "follow-ups without a mention need the Message Content intent",
        f"Switch it on at https://discord.com/developers/applications/{discord.application_id}/bot, "
        "or mention the bot in every follow-up.",
    )


async def test_an_application_that_is_set_up_otherwise(discord: FakeDiscord) -> None:
    fine = await findings(of_discord(discord))
    assert not {"Discord commands", "Discord servers"} & fine.keys()
    told: dict[str, Any] = {
        "id": discord.application_id,
        "name": "askrepo",
        "bot": {"id": discord.bot.id, "username": "askrepo"},
    }
    told |= {"flags": 1 << 18, "interactions_endpoint_url": "https://other.example", "approximate_guild_count": 0}
    discord.fail("GET", "/applications/@me", status=200, body=told)
    said = await findings(of_discord(discord))
    assert said["Discord intent"].level is OK
    assert said["Discord commands"].level is WRONG
    assert said["Discord servers"].level is WARNING
    assert f"client_id={discord.application_id}" in said["Discord servers"].fix


LAST_RESORTS = [
    ({"ASKREPO_CHAT_TOKEN": "tok-good-1234"}, "`ASKREPO_CHAT_TOKEN`"),
    ({"ASKREPO_REPO": "acme/widgets"}, "`ASKREPO_REPO`"),
    ({"ASKREPO_CHAT_TOKEN": "tok-good-1234", "ASKREPO_REPO": "acme/widgets"}, "`ASKREPO_CHAT_TOKEN`, `ASKREPO_REPO`"),
]


@pytest.mark.parametrize(("lent", "names"), LAST_RESORTS)
async def test_what_strangers_are_answered_by_who_add_the_bot(
    lent: dict[str, str], names: str, discord: FakeDiscord
) -> None:
    page = f"https://discord.com/developers/applications/{discord.application_id}"
    assert (await findings(of_discord(discord, **lent)))["Discord install"] == warning(
        "Discord install",
        f"anybody may add the bot to a server of their own, and is answered there by {names}",
        f"Set the Install Link to None at {page}/installation, and switch off Public Bot at {page}/bot; "
        f"or unset {names} and set that for each server by itself.",
    )
    discord.public_bot = False
    assert "Discord install" not in await findings(of_discord(discord, **lent))


async def test_a_public_bot_that_answers_by_what_is_stored(discord: FakeDiscord) -> None:
    assert "Discord install" not in await findings(of_discord(discord))


@pytest.mark.parametrize(("begun", "level"), [(0, OK), (900, OK), (901, WARNING), (979, WARNING), (980, WRONG)])
async def test_sessions_that_may_be_begun(begun: int, level: Level, discord: FakeDiscord) -> None:
    discord.gateway.identifies = [discord.clock()] * begun
    said = (await findings(of_discord(discord)))["Discord sessions"]
    assert said.level is level
    assert f"{1_000 - begun} of 1000" in said.words
    assert ("24 hours" in said.words) == bool(begun)
    assert len(discord.gateway.identifies) == begun
