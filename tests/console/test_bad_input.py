"""Whatever is wrong: one clear sentence with the next step, exit code 1, no traceback, nothing half-written."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import git
from tests.console.processes import Home
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import refuses

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER_KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
ASK = ("console", "--ask", "what is it?")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ASKREPO_CHAT_URL": "chat.example.com"}, ("ASKREPO_CHAT_URL", "https://")),
        ({"ASKREPO_CHAT_URL": "https://user:s3cretword@chat.example.com"}, ("ASKREPO_CHAT_URL", "password")),
        ({"ASKREPO_CHAT_PATH": "chat"}, ("ASKREPO_CHAT_PATH", "/chat")),
        ({"ASKREPO_CHAT_TOKEN": "two s3cretword"}, ("ASKREPO_CHAT_TOKEN", "white space")),
        ({"ASKREPO_CHAT_TEMPERATURE": "hot"}, ("ASKREPO_CHAT_TEMPERATURE",)),
        ({"ASKREPO_SECRET_KEYS": "s3cretword"}, ("keys", "32 bytes")),
        ({"ASKREPO_REPO": "widgets"}, ("ASKREPO_REPO", "owner/")),
        ({"DATABASE_URL": "s3cretword"}, ("DATABASE_URL", "sqlite:///")),
        ({"DATABASE_URL": "mysql://user:s3cretword@host/name"}, ("DATABASE_URL", "postgresql://")),
        ({"DATABASE_URL": "postgresql://user:s3cretword@127.0.0.1:1/name"}, ("cannot reach my database", "127.0.0.1")),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/askrepo.db"}, ("cannot use my database", "/proc/nowhere")),
        ({"XDG_DATA_HOME": "/proc/nowhere"}, ("/proc/nowhere",)),
        ({"PATH": "/nowhere"}, ("git is not installed",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
async def test_a_setting_that_cannot_work(home: Home, settings: dict[str, Any], words: tuple[str, ...]) -> None:
    sentence = (await home.run(*ASK, **settings)).sentence
    assert all(word in sentence for word in words), sentence
    assert "s3cretword" not in sentence


@pytest.mark.parametrize(
    ("repo", "words"),
    [
        ("./nowhere", ("does not exist", "Give another folder")),
        ("~/nowhere", ("does not exist",)),
        ("~nobody-of-this-name/app", ("does not exist",)),
        ("README.md", ("is no folder",)),
        ("../outside", ("not inside a git repository",)),
        ("../empty", ("has no commit yet",)),
        (".git", ("folder around it",)),
        ("widgets!", ("names no repository", "owner/widgets")),
        ("https://example.com", ("names no repository",)),
    ],
)
async def test_a_repository_that_cannot_be_used(home: Home, repo: str, words: tuple[str, ...]) -> None:
    outside, empty = home.repository.parent / "outside", home.repository.parent / "empty"
    outside.mkdir()
    empty.mkdir()
    git(empty, "init", "-q")
    sentence = (await home.run(*ASK, "--repo", repo, GIT_CEILING_DIRECTORIES=str(outside.parent))).sentence
    assert all(word in sentence for word in words), sentence


async def test_an_empty_repository_around(home: Home, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert "has no commit yet" in (await home.run(*ASK, folder=empty)).sentence


async def test_no_repository_around(home: Home, tmp_path: Path) -> None:
    done = await home.run(*ASK, folder=tmp_path)
    assert done.out == ""
    assert done.sentence == (
        "No repository is mapped here yet. Run this inside of one, or name one with `--repo`; `askrepo map owner/name` "
        "maps one to this folder."
    )
    assert (await home.run("console", "--ask", "/map acme/widgets", folder=tmp_path)).code == 0
    assert "`github.com/acme/widgets`" in (await home.run("list", folder=tmp_path)).out


async def test_a_repository_the_service_does_not_know(away: Home, chat: FakeChat) -> None:
    chat.will(refuses(404, code="repository_not_found"))
    sentence = (await away.run(*ASK, "--repo", "acme/nope")).sentence
    assert "does not know `github.com/acme/nope`" in sentence


async def test_a_service_that_is_not_there(home: Home, unused_tcp_port: int) -> None:
    settings: dict[str, Any] = {
        "ASKREPO_CHAT_URL": f"http://127.0.0.1:{unused_tcp_port}",
        "ASKREPO_CHAT_TOKEN": "tok-canary-1",
    }
    sentence = (await home.run(*ASK, **settings)).sentence
    assert sentence.startswith("The service cannot be reached just now. ")
    assert sentence.endswith("If this keeps happening, `askrepo doctor` says why.")


async def test_why_the_embedded_service_does_not_answer(home: Home, tmp_path: Path) -> None:
    away = await home.run(*ASK, "--repo", "localhost.invalid/acme/widgets")
    assert away.sentence.startswith("`localhost.invalid/acme/widgets` could not be fetched: its host could not be")
    missing = await home.run(*ASK, "--repo", "acme/widgets", PATH="/nowhere")
    assert missing.sentence.endswith("needs git, which is not installed where it runs. `askrepo doctor` says more.")
    (tmp_path / "file").write_text("")
    unusable = await home.run(*ASK, "--repo", "acme/widgets", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert "cannot use the folder that it clones into" in unusable.sentence
    log = (home.data / "console.log").read_text()
    for code in ("repository_away", "git_missing", "cache_unusable"):
        assert f'"code": "{code}"' in log


async def test_databases_that_cannot_be_used(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    settings: dict[str, Any] = {"DATABASE_URL": f"sqlite:///{file}", "ASKREPO_SECRET_KEYS": KEY}
    file.write_bytes(b"these octets are no database " * 100)
    assert "cannot use my database" in (await home.run(*ASK, **settings)).sentence
    assert file.read_bytes() == b"these octets are no database " * 100
    file.unlink()
    assert (await home.run("db", "upgrade", **settings)).out == "The database was brought up to date.\n"
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    sentence = (await home.run(*ASK, **settings)).sentence
    assert "newer version of askrepo" in sentence
    assert "changed nothing" in sentence


async def test_keys_that_do_not_open_what_is_stored(away: Home) -> None:
    assert (await away.run("map", "acme/widgets", ASKREPO_SECRET_KEYS=KEY)).code == 0
    sentence = (await away.run(*ASK, ASKREPO_SECRET_KEYS=OTHER_KEY)).sentence
    assert "encrypted under key" in sentence
    sentence = (await away.run(*ASK)).sentence
    assert "askrepo.keys" in sentence
    assert "restore it from a backup" in sentence
    assert not (away.data / "askrepo.keys").exists()


async def test_a_key_file_that_others_may_read(home: Home) -> None:
    assert (await home.run("map", "acme/widgets")).code == 0
    (home.data / "askrepo.keys").chmod(0o644)
    assert "chmod 600" in (await home.run(*ASK)).sentence


async def test_no_terminal_and_no_question(home: Home) -> None:
    sentence = (await home.run("console", given=" \n\n")).sentence
    assert "`--ask`" in sentence


async def test_a_line_too_long_for_a_question(away: Home) -> None:
    console = await away.start("console")
    for _ in range(10):
        console.say("x" * 100_000)
    done = await console.done("x")  # with this it is too long, and nobody reads any more
    assert "longer than 1,000,000 characters" in done.sentence


async def test_a_port_in_use(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        sentence = (await home.run("chat", "serve", "--port", port)).sentence
    assert sentence == f"Cannot listen on `127.0.0.1:{port}`: address already in use. Choose another port or address."


@pytest.mark.parametrize(
    "arguments",
    [
        ("console", "--ask", " "),
        ("console", "--repo", ""),
        ("console", "--nonsense"),
        ("console", "where", "is", "vat"),
        ("map",),
        ("nonsense",),
        ("token", "set", "tok-on-the-command-line"),
    ],
)
async def test_wrong_usage(home: Home, arguments: tuple[str, ...]) -> None:
    done = await home.run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: askrepo")
    assert not home.folder.exists()
