"""The checks of /chat are seen to pass and to fail: the embedded one, and another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bots.findings import Level
from tests.console.processes import Home
from tests.doctor.examined import OK, WARNING, WRONG, findings, of_chat
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Reply, refuses, response, sends


async def test_without_git(home: Home) -> None:
    lines = (await home.run("doctor", PATH="/nowhere")).out.splitlines()
    assert "wrong    git               it is not installed" in lines
    assert any(line.startswith("ok       clones ") for line in lines)


async def test_git_that_does_not_work(home: Home, tmp_path: Path) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho 'xcrun: error: no developer tools' >&2\nexit 1\n")
    (tmp_path / "git").chmod(0o755)
    lines = (await home.run("doctor", PATH=f"{tmp_path}:{os.environ['PATH']}")).out.splitlines()
    assert "wrong    git               it is there, and does not work" in lines


async def test_a_cache_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    said = (await findings({}))["clones"]
    assert (said.level, said.words) == (WRONG, f"{tmp_path}/cache is no folder that can be written to")


@pytest.mark.parametrize(
    ("reply", "level", "words", "fix"),
    [
        (refuses(401), WRONG, "refuses the token for `github.com/acme/widgets`", "Set `ASKREPO_CHAT_TOKEN`"),
        (refuses(404, param="model"), WRONG, "does not know `gpt-4o`", "Set `ASKREPO_CHAT_MODEL`"),
        (refuses(404, param="repo_name"), WRONG, "does not know `github.com/acme", "Correct `ASKREPO_REPO`"),
        (refuses(409), WARNING, "is still indexing", "Wait until it is done."),
        (refuses(429, "Retry-After: 30"), WARNING, "too many questions", "Try again"),
        (refuses(503, "Retry-After: 30"), WRONG, "does not answer", "Start the service"),
        (refuses(422, code="repository_too_large"), WRONG, "`github.com/acme/widgets` is too large", "Mend that"),
        (refuses(400), WRONG, "not answer as a /chat does (400)", "`ASKREPO_CHAT_PATH`"),
        (
            sends(response(b"<html>", content_type="text/html")),
            WRONG,
            "not answer as a /chat does",
            "`ASKREPO_CHAT_PATH`",
        ),
    ],
)
async def test_what_the_service_has_against_it(
    reply: Reply, level: Level, words: str, fix: str, chat: FakeChat
) -> None:
    chat.will(*[reply] * 5)
    said = (await findings(of_chat(chat)))["/chat"]
    assert said.level is level
    assert words in said.words
    assert fix in said.fix


async def test_a_service_that_says_nothing(chat: FakeChat) -> None:
    chat.will(sends(b"", "stall"))
    said = (await findings(of_chat(chat, ASKREPO_CHAT_FIRST_TOKEN_SECONDS="0.2", ASKREPO_CHAT_TOTAL_SECONDS="0.3")))[
        "/chat"
    ]
    assert (said.level, said.fix) == (WRONG, "Start the service, or correct `ASKREPO_CHAT_URL`.")
    assert "first token deadline" in said.words


async def test_a_service_that_each_channel_has_a_token_for(chat: FakeChat) -> None:
    async with FakeChat(token="tok-good-1234", anonymous=True) as open_one:
        said = (await findings(of_chat(open_one, ASKREPO_CHAT_TOKEN="")))["/chat"]
    assert (said.level, said.words) == (WARNING, f"{open_one.url} wants a token")


async def test_a_service_is_only_reached_where_no_repository_is_set(chat: FakeChat, unused_tcp_port: int) -> None:
    said = (await findings(of_chat(chat, ASKREPO_REPO="")))["/chat"]
    assert said.level is OK
    assert "can be reached" in said.words
    assert (chat.requests, chat.connections) == ([], 1)
    away = (await findings({"ASKREPO_CHAT_URL": f"http://127.0.0.1:{unused_tcp_port}"}))["/chat"]
    assert (away.level, away.fix) == (WRONG, "Start the service, or correct `ASKREPO_CHAT_URL`.")


async def test_the_last_resort(chat: FakeChat) -> None:
    assert (await findings(of_chat(chat)))["last resort"].level is OK
    said = await findings(of_chat(chat, ASKREPO_REPO="one-word"))
    assert (said["last resort"].level, said["/chat"].level) == (WRONG, OK)
