"""Somebody with a machine of their own, and the fakes of everything that is looked at."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.processes import Home
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine, no .env of a working directory, folders of this test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith(("ASKREPO_", "SLACK_", "DISCORD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("data", "cache"):
        monkeypatch.setenv(f"XDG_{name.upper()}_HOME", str(tmp_path / name))


@pytest.fixture
def home(forks: Path, tmp_path: Path) -> Home:
    """Somebody in an empty folder, who has set nothing."""
    (tmp_path / "here").mkdir()
    return Home(forks, tmp_path, tmp_path / "here")


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as fake:
        yield fake


@pytest.fixture
def installed(slack: FakeSlack) -> Installation:
    return slack.install(slack.team())


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as fake:
        fake.guild("acme")
        yield fake


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async with FakeChat(token="tok-good-1234") as fake:
        yield fake
