"""What `askrepo doctor` finds, in this process or another, and what it must not have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bots.doctor import found
from bots.findings import Finding, Level
from core.settings import Settings
from tests.console.processes import Done, Home
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation

OK, WARNING, WRONG = Level.OK, Level.WARNING, Level.WRONG


def of_slack(slack: FakeSlack, installed: Installation, **more: str) -> dict[str, str]:
    given = {"SLACK_BOT_TOKEN": installed.token, "SLACK_APP_TOKEN": slack.app.app_token}
    return {"ASKREPO_SLACK_API_URL": slack.api_url, **given} | more


def of_discord(discord: FakeDiscord, **more: str) -> dict[str, str]:
    return {"ASKREPO_DISCORD_API_URL": discord.api_url, "DISCORD_TOKEN": discord.token} | more


def of_chat(chat: FakeChat, **more: str) -> dict[str, str]:
    given = {"ASKREPO_CHAT_TOKEN": "tok-good-1234", "ASKREPO_REPO": "acme/widgets"}
    return {"ASKREPO_CHAT_URL": chat.url, **given} | more


async def doctor(home: Home, given: Mapping[str, str]) -> Done:
    """The command, with these settings."""
    return await replace(home, settings=given).run("doctor")


async def findings(given: Mapping[str, str], *, seconds: float = 10.0) -> dict[str, Finding]:
    """What is found with these settings, by subject."""
    loaded = Settings.model_validate({name: value for name, value in given.items() if value})
    each = [finding async for finding in found(loaded, (), seconds=seconds)]
    by_subject = {finding.subject: finding for finding in each}
    assert len(by_subject) == len(each)
    assert all(bool(finding.fix) == (finding.level is not OK) for finding in each)
    return by_subject


def contents(folder: Path) -> dict[str, Any]:
    """Everything below a folder: names, modes and octets."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in folder.rglob("*")
    }
