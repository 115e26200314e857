"""A `.env` in the repository that is asked about belongs to whoever wrote that, not to whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.conftest import git
from tests.console.processes import Home
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says

ASK = ("console", "--ask", "where is make_widget defined?")


async def test_a_committed_file_does_not_say_where_questions_and_tokens_go(home: Home, chat: FakeChat) -> None:
    (home.repository / ".env").write_text(f"ASKREPO_CHAT_URL={chat.url}\n")
    git(home.repository, "add", "-f", ".env")
    git(home.repository, "commit", "-qm", "settings")
    done = await home.run(*ASK, folder=home.repository / "widgets", ASKREPO_CHAT_TOKEN="tok-canary-1")
    assert (done.code, done.err) == (0, "")
    done = await home.run(*ASK, ASKREPO_CHAT_TOKEN="tok-canary-1")
    assert (done.code, done.err) == (0, "")
    assert "widgets/factory.py:" in done.out
    told = await home.run("token", "set", given="tok-canary-1\n")
    assert "set `ASKREPO_CHAT_URL`" in told.sentence
    assert not chat.requests


@pytest.mark.parametrize("address", ["mysql://user:word@host/shop", "sqlite:///shop.sqlite3"])
async def test_the_database_of_the_project_is_not_ours(home: Home, address: str) -> None:
    (home.repository / ".env").write_text(f"DATABASE_URL={address}\n")
    before = set(home.repository.iterdir())
    done = await home.run(*ASK)
    assert (done.code, done.err) == (0, "")
    assert (await home.run("list")).code == 0
    assert set(home.repository.iterdir()) == before
    assert (home.data / "askrepo.db").exists()


async def test_outside_of_any_repository_it_is_read(home: Home, chat: FakeChat, tmp_path: Path) -> None:
    chat.will(says("Of the file."))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / ".env").write_text(f"ASKREPO_CHAT_URL={chat.url}\nASKREPO_CHAT_TOKEN=tok-canary-1\n")
    done = await home.run(*ASK, "--repo", str(home.repository), folder=tmp_path / "own")
    assert (done.code, done.out) == (0, "Of the file.\n")


async def test_commands_about_other_platforms_read_it_everywhere(home: Home) -> None:
    (home.repository / ".env").write_text("DATABASE_URL=mysql://host/shop\n")
    done = await home.run("list", "--platform", "slack", "--workspace", "T1", "--channel", "C1")
    assert "DATABASE_URL" in done.sentence


async def test_the_doctor_says_that_a_console_ignores_it(home: Home, tmp_path: Path) -> None:
    for folder, told in (
        (home.repository, ", which `askrepo console` ignores inside a git repository"),
        (tmp_path, ""),
    ):
        (folder / ".env").write_text("ASKREPO_LOG_LEVEL=info\n")
        first = (await home.run("doctor", folder=folder)).out.splitlines()[0]
        assert first == f"ok       settings          from the environment and {folder}/.env{told}"
