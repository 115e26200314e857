"""A small repository, a user, and a /chat that answers when the test says so."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.console.processes import Home
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, chunked, event, head, piece

_FILES = {
    "README.md": "# Widgets\n\nWidgets are made by the factory.\n",
    "widgets/factory.py": '''"""Makes widgets."""


def make_widget(colour: str) -> dict[str, str]:
    """Make one widget of that colour."""
    return {"colour": colour}
''',
    "widgets/shop.py": '''"""Sells widgets."""

from widgets.factory import make_widget


def sell(colour: str) -> dict[str, str]:
    """Sell a widget, which is made to order."""
    return make_widget(colour)
''',
}


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, with nobody's configuration."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, env=environment)


@pytest.fixture(scope="session")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository that was cloned from github.com/acme/widgets, made once."""
    folder = tmp_path_factory.mktemp("cloned")
    for name, text in _FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "remote", "add", "origin", "https://github.com/acme/widgets.git")
    return folder


@pytest.fixture
def repository(cloned: Path, tmp_path: Path) -> Path:
    """That repository, for one test to work in."""
    return Path(shutil.copytree(cloned, tmp_path / "widgets"))


@pytest.fixture
def home(forks: Path, tmp_path: Path, repository: Path) -> Home:
    """Somebody who works in that repository, with the embedded /chat."""
    return Home(forks, tmp_path / "home", repository)


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    """A strict /chat over a real socket."""
    async with FakeChat(token="tok-canary-1") as fake:
        yield fake


@pytest.fixture
def away(home: Home, chat: FakeChat) -> Home:
    """The same user, with that /chat."""
    return replace(home, settings={"ASKREPO_CHAT_URL": chat.url, "ASKREPO_CHAT_TOKEN": "tok-canary-1"})


def pausing(before: str, after: str, go_on: asyncio.Event) -> Reply:
    """An answer that stops in the middle until the test lets it go on."""

    async def reply(exchange: Exchange) -> None:
        await exchange.send(head(200, "Transfer-Encoding: chunked") + chunked(event(piece("", role="assistant"))))
        await exchange.send(chunked(event(piece(before))))
        await go_on.wait()
        await exchange.send(chunked(event(piece(after))) + chunked(event(piece(finish="stop"))))
        await exchange.send(chunked(event("[DONE]")) + chunked(b""))
        await exchange.finish("keep")

    return reply
