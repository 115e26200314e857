"""`askrepo doctor`: every check is seen to pass and to fail, nothing is changed, no secret is shown."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alembic import command
from bots.doctor import found, judged, shown
from bots.findings import Finding, Level, ok, warning, wrong
from bots.slack.scopes import SCOPES
from core import schema
from core.cipher import Keyring, new_key
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.secret import Secret
from core.settings import Settings
from core.workspaces import Workspaces
from tests.console.processes import Done, Home, Terminal, forking
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Reply, refuses, response, sends
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation

CANARY = "canary-4f1d9a7c"
OK, WARNING, WRONG = Level.OK, Level.WARNING, Level.WRONG


@pytest.fixture(scope="module")
def forks() -> Iterator[Path]:
    with forking() as path:
        yield path


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


# the command


async def test_before_the_first_start(home: Home, tmp_path: Path) -> None:
    before = contents(tmp_path)
    done = await home.run("doctor")
    assert (done.code, done.err) == (0, "")
    assert done.plain
    lines = done.out.splitlines()
    assert lines[0] == f"ok       settings          from the environment; there is no {home.repository}/.env"
    assert f"ok       database          {home.data}/askrepo.db" in lines
    assert "ok       migrations        the database will be brought up to date on the first run" in lines
    assert f"ok       keys              the first run makes one in {home.data}/askrepo.keys" in lines
    assert any(line.startswith("ok       git               git version 2") for line in lines)
    assert f"ok       clones            in {tmp_path}/cache/askrepo" in lines
    assert any(line.startswith("warning  platforms ") for line in lines)
    assert lines[-1] == "Nothing is wrong, but a warning stands above."
    assert contents(tmp_path) == before


async def test_all_is_well(
    home: Home, slack: FakeSlack, installed: Installation, discord: FakeDiscord, chat: FakeChat
) -> None:
    (home.repository / ".env").write_text("ASKREPO_LOG_LEVEL=info\n")
    done = await doctor(home, of_slack(slack, installed) | of_discord(discord) | of_chat(chat))
    assert (done.code, done.err) == (0, "")
    *lines, last = done.out.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert last == "All is well."
    assert {line[9:26].strip() for line in lines} == {
        "settings", "database", "migrations", "keys", "last resort", "/chat",
        "Slack install", "Slack events", "Slack bot token", "Slack scopes", "Slack app token",
        "Discord token", "Discord intent", "Discord sessions",
    }  # fmt: skip
    assert f"from the environment and {home.repository}/.env" in lines[0]
    assert slack.deliveries == []
    assert discord.gateway.identifies == []


async def test_what_is_wrong_is_said_and_ends_it_with_1(home: Home, slack: FakeSlack, installed: Installation) -> None:
    installed.scopes -= {"files:write", "im:write"}
    done = await doctor(home, of_slack(slack, installed, SLACK_APP_TOKEN="xapp-wrong", PORT="many"))
    assert done.sentence == "3 things are wrong: do what stands below, then run `askrepo doctor` again."
    lines = done.out.splitlines()
    at = lines.index("wrong    Slack scopes      not granted: `files:write`, `im:write`")
    assert lines[at + 1].startswith(" " * 27 + "Add what is missing at https://api.slack.com/apps")
    assert "wrong    Slack app token   Slack refuses it (invalid_auth)" in lines
    assert lines[0].startswith("wrong    settings          `PORT`: ")
    assert "ok       Slack bot token   askrepo in acme" in lines
    assert "many" not in done.out + done.err


async def test_wrong_usage(home: Home) -> None:
    done = await home.run("doctor", "please")
    assert (done.code, done.out) == (2, "")


async def test_a_dotenv_file_that_is_no_text(home: Home) -> None:
    (home.repository / ".env").write_bytes(b"ASKREPO_REPO=\xff\xfe\n")
    assert "`.env` cannot work: it is not text in UTF-8" in (await home.run("doctor")).sentence


async def test_no_secret_is_shown(
    home: Home, slack: FakeSlack, installed: Installation, discord: FakeDiscord, unused_tcp_port: int
) -> None:
    """Each secret is refused, echoed or unreachable, and every logger is at DEBUG."""
    slack.fail("auth.test", error=CANARY, times=-1)
    discord.fail("GET", "/gateway/bot", status=400, body={"message": CANARY, "code": 0}, times=-1)
    canaries = {
        "ASKREPO_CHAT_TOKEN": f"{CANARY}-chat",
        "ASKREPO_SECRET_KEYS": f"{CANARY}-keys",
        "DATABASE_URL": f"postgresql://{CANARY}-user:{CANARY}-password@127.0.0.1:{unused_tcp_port}/askrepo",
        "SLACK_CLIENT_SECRET": f"{CANARY}-client",
        "SLACK_SIGNING_SECRET": f"{CANARY} signing",
        "SLACK_APP_TOKEN": f"xapp-{CANARY}",
        "SLACK_BOT_TOKEN": f"xoxb-{CANARY}",
        "DISCORD_TOKEN": f"{CANARY}.discord",
        "ASKREPO_LOG_LEVEL": "debug",
    }
    away = {"ASKREPO_CHAT_URL": f"http://127.0.0.1:{unused_tcp_port}", "ASKREPO_REPO": "acme/widgets"}
    done = await doctor(home, of_slack(slack, installed) | of_discord(discord) | away | canaries)
    assert done.code == 1
    wrong_ones = {line[9:26].strip() for line in done.out.splitlines() if line.startswith("wrong")}
    assert wrong_ones == {
        "database", "keys", "/chat", "Slack events", "Slack bot token", "Slack app token", "Discord token",
        "Discord sessions",
    }  # fmt: skip
    assert CANARY not in done.out + done.err


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{CANARY}@chat.example.com",
        f"https://chat.example.com/?token={CANARY}",
    ],
)
@pytest.mark.parametrize(
    "name", ["ASKREPO_CHAT_URL", "ASKREPO_SLACK_API_URL", "ASKREPO_PUBLIC_URL", "ASKREPO_DISCORD_API_URL"]
)
async def test_no_address_with_a_password_is_shown(home: Home, name: str, url: str) -> None:
    done = await doctor(home, {name: url})
    assert done.code == 1
    assert f"`{name}`" in done.out
    assert CANARY not in done.out + done.err


async def test_a_password_that_was_not_encoded_is_not_taken_for_a_host(home: Home) -> None:
    done = await home.run("doctor", DATABASE_URL=f"postgresql://me:pass@{CANARY}@db.example.com/askrepo")
    assert "%40" in done.out
    assert CANARY not in done.out + done.err


# how it looks


@pytest.mark.parametrize("colour", [True, False])
async def test_at_a_terminal_of_80_columns(home: Home, colour: bool) -> None:
    given = {"ASKREPO_SECRET_KEYS": "short", "ASKREPO_REPO": "one-word"} | ({} if colour else {"NO_COLOR": "1"})
    terminal = await Terminal.start(home, "doctor", columns=80, lines=40, **given)
    try:
        assert await terminal.ended() == 1
        await terminal.until("then run `askrepo doctor` again.")
        assert ("\x1b[31mwrong" in terminal.raw, "\x1b[" in terminal.raw) == (colour, colour)
        assert "wrong    last resort       `ASKREPO_REPO`: it is one word;" in terminal.text
        assert max(len(line) for line in terminal.text.splitlines() if "/" not in line) <= 80  # paths are not cut
    finally:
        terminal.close()


def test_lines_are_folded_below_their_words() -> None:
    lines = shown(wrong("keys", "word " * 20, "Do this " * 10), 60).splitlines()
    assert lines[0].startswith("wrong    keys              word word")
    assert all(line.startswith(" " * 27) and line[27] != " " for line in lines[1:])
    assert max(map(len, lines)) <= 60
    assert any(line.startswith(" " * 27 + "Do this") for line in lines)
    assert len(shown(wrong("keys", "word " * 20, "Do this " * 10), None).splitlines()) == 2


def test_what_others_wrote_cannot_act_on_the_terminal() -> None:
    held = Secret(f"{CANARY}-held")
    line = shown(ok("Slack bot token", f"\x1b[31mred\x07 in a\nb {held.reveal()} https://me:pw@host/"), None)
    assert not {"\x1b", "\x07", "\n"} & {*line}
    assert CANARY not in line
    assert "me:pw" not in line


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ([OK, OK], "All is well."),
        ([OK, WARNING], "Nothing is wrong, but a warning stands above."),
        ([WARNING, WARNING], "Nothing is wrong, but 2 warnings stand above."),
        ([WRONG, WARNING], "1 thing is wrong: do what stands below, then run `askrepo doctor` again."),
        ([WRONG, WRONG], "2 things are wrong: do what stands below, then run `askrepo doctor` again."),
    ],
)
def test_the_last_sentence(levels: list[Level], sentence: str) -> None:
    assert judged(levels) == sentence


# settings


async def test_a_setting_that_cannot_work_does_not_hide_the_others(
    home: Home, slack: FakeSlack, installed: Installation
) -> None:
    wrong_ones = {"ASKREPO_CHAT_URL": "nowhere", "ASKREPO_PUBLIC_URL": "ftp://x"}
    done = await doctor(home, of_slack(slack, installed) | wrong_ones)
    lines = done.out.splitlines()
    assert sum(line.startswith("wrong    settings ") for line in lines) == 2
    at = lines.index("warning  /chat             not checked")
    assert lines[at + 1].strip() == "Correct `ASKREPO_CHAT_URL` first."
    assert "warning  Slack bot token   not checked" in lines
    assert any(line.startswith("ok       database ") for line in lines)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("ASKREPO_CHAT_TOKN", "Write `ASKREPO_CHAT_TOKEN`, if that is meant."),
        ("DISCORD_BOT_TOKEN", "Write `DISCORD_TOKEN`, if that is meant."),
        ("ASKREPO_WHATEVER_ELSE", "Unset it; `.env.example` lists all that there are."),
        ("SLACK_WEBHOOK_FOR_ALERTS", ""),
    ],
)
@pytest.mark.parametrize("by_file", [True, False])
async def test_names_that_are_no_settings(
    name: str, fix: str, by_file: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if by_file:
        (tmp_path / ".env").write_text(f"{name}=x\n")
    else:
        monkeypatch.setenv(name, "x")
    said = (await findings({}))["settings"]
    assert (said.level, said.fix) == (WARNING if fix else OK, fix)
    assert not fix or name in said.words


# database and keys


async def _behind(url: str) -> None:
    """A database as the first revision left it."""
    database = Database(Secret(url))
    engine = database.engine_for_schema()
    async with engine.begin() as connection:
        await connection.run_sync(lambda each: command.upgrade(schema.config(each), "+1"))
    await engine.dispose()
    await database.close()


async def _current(url: str) -> None:
    database = Database(Secret(url))
    await schema.upgrade(database)
    await database.close()


async def _newer(url: str) -> None:
    database = Database(Secret(url))
    await schema.upgrade(database)
    await database.write(lambda connection: connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ff'"))
    await database.close()


async def _foreign(url: str) -> None:
    database = Database(Secret(url))
    await database.write(lambda connection: connection.exec_driver_sql("CREATE TABLE theirs (n integer)"))
    await database.close()


async def _nothing(url: str) -> None:
    """An empty one."""


@pytest.mark.parametrize(
    ("made", "subject", "level", "words", "fix"),
    [
        (_nothing, "migrations", OK, "will be brought up to date on the first run", ""),
        (_behind, "migrations", WARNING, "an older askrepo", "Run `askrepo db upgrade`"),
        (_current, "migrations", OK, "is up to date", ""),
        (_newer, "database", WRONG, "written by a newer askrepo", "Update askrepo."),
        (_foreign, "database", WRONG, "none of askrepo's making", "a database for askrepo alone"),
    ],
)
async def test_databases(
    made: Callable[[str], Awaitable[None]],
    subject: str,
    level: Level,
    words: str,
    fix: str,
    database_url: str,
    tmp_path: Path,
) -> None:
    await made(database_url)
    before = contents(tmp_path)
    said = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": new_key().text()})
    assert said[subject].level is level
    assert words in said[subject].words
    assert fix in said[subject].fix
    assert said["keys"].level is (OK if subject == "migrations" else WARNING)
    assert contents(tmp_path) == before


async def test_a_sqlite_file_of_another_journal_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE theirs (n integer)")
    before = contents(tmp_path)
    assert (await findings({"DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}))["database"].level is WRONG
    assert contents(tmp_path) == before


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("these are my notes\n" * 100)
    said = await findings({"DATABASE_URL": f"sqlite:///{tmp_path}/notes.txt"})
    assert said["database"].level is WRONG
    assert said["keys"].level is WARNING


async def test_a_database_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = await findings({"DATABASE_URL": f"sqlite:///{tmp_path}/file/askrepo.db"})
    assert (said["database"].level, said["database"].words) == (
        WRONG,
        f"{tmp_path}/file/askrepo.db: it cannot be made in {tmp_path}/file",
    )


async def test_a_database_that_is_away(unused_tcp_port: int) -> None:
    url = f"postgresql://me:{CANARY}@127.0.0.1:{unused_tcp_port}/askrepo"
    said = await findings({"DATABASE_URL": url, "ASKREPO_SECRET_KEYS": new_key().text()})
    assert "PostgreSQL database askrepo at 127.0.0.1" in said["database"].words
    assert (said["database"].level, said["database"].fix) == (WRONG, "Start it, or correct `DATABASE_URL`.")
    assert (said["keys"].level, said["keys"].fix) == (WARNING, "Mend the database first.")


async def test_postgresql_needs_keys(postgres_url: str) -> None:
    said = await findings({"DATABASE_URL": postgres_url})
    assert said["database"].level is OK
    assert said["keys"].level is WRONG
    assert said["keys"].fix.startswith("Put what `askrepo keys new` prints into `ASKREPO_SECRET_KEYS`")


async def test_keys_are_tried_on_what_is_stored(database_url: str) -> None:
    ours, other = new_key(), new_key()
    database = Database(Secret(database_url))
    await schema.upgrade(database)
    await Workspaces(database, Keyring((ours,))).data_key(WorkspaceRef("slack", "T1"))
    fits = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": f"{other.text()},{ours.text()}"})
    assert (fits["keys"].level, fits["keys"].words) == (OK, "ASKREPO_SECRET_KEYS")
    lost = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": other.text()})
    assert lost["keys"].level is WRONG
    assert ours.key_id.hex() in lost["keys"].words
    await database.write(lambda connection: connection.exec_driver_sql("UPDATE workspaces SET workspace_id = 'T2'"))
    await database.close()
    moved = await findings({"DATABASE_URL": database_url, "ASKREPO_SECRET_KEYS": ours.text()})
    assert (moved["keys"].level, moved["keys"].fix) == (WRONG, "Restore database and keys from the same backup.")


async def test_a_key_file(home: Home, tmp_path: Path) -> None:
    assert (await home.run("map", "acme/widgets")).code == 0
    path = home.data / "askrepo.keys"
    url = {"DATABASE_URL": f"sqlite:///{home.data}/askrepo.db"}
    before = contents(tmp_path)
    assert (await findings(url))["keys"] == ok("keys", str(path))
    assert contents(tmp_path) == before
    path.chmod(0o644)
    assert "chmod 600" in (await findings(url))["keys"].words
    path.rename(tmp_path / "elsewhere")
    said = (await findings(url))["keys"]
    assert said.level is WRONG
    assert "restore it from a backup" in said.words
    assert not path.exists()


# /chat


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


# Slack


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
    ],
)
async def test_how_slack_is_installed(change: dict[str, str], level: Level, words: str) -> None:
    said = (await findings(OAUTH | change))["Slack install"]
    assert said.level is level
    assert words in said.words


async def test_a_bot_token_and_oauth_at_once(slack: FakeSlack, installed: Installation) -> None:
    assert (await findings(of_slack(slack, installed)))["Slack install"].level is OK
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
    said = await findings(of_slack(slack, installed, SLACK_SIGNING_SECRET="0123456789abcdef", PORT="80"))
    assert said["Slack events"] == ok("Slack events", "by Socket Mode and by HTTP at port 80")


async def test_bot_tokens(slack: FakeSlack, installed: Installation, unused_tcp_port: int) -> None:
    given = of_slack(slack, installed)
    assert (await findings(given))["Slack bot token"] == ok("Slack bot token", "askrepo in acme")
    refused = (await findings(given | {"SLACK_BOT_TOKEN": "xoxb-wrong"}))["Slack bot token"]
    assert (refused.level, refused.words) == (WRONG, "Slack refuses it (invalid_auth)")
    for error, status in (("internal_error", 200), ("", 503), ("", 429)):
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


# Discord


async def test_discord_tokens(discord: FakeDiscord, unused_tcp_port: int) -> None:
    good = (await findings(of_discord(discord)))["Discord token"]
    assert good == ok("Discord token", f"{discord.bot.name}, application {discord.application_id}")
    refused = await findings(of_discord(discord, DISCORD_TOKEN="wrong.token.entirely"))
    assert (refused["Discord token"].level, refused["Discord token"].words) == (WRONG, "Discord does not accept it")
    assert "Discord sessions" not in refused
    away = await findings(of_discord(discord, ASKREPO_DISCORD_API_URL=f"http://127.0.0.1:{unused_tcp_port}"))
    assert (away["Discord token"].level, away["Discord sessions"].level) == (WRONG, WRONG)
    discord.fail("GET", "/applications/@me", status=500)
    discord.fail("GET", "/gateway/bot", html=True, status=502)
    troubled = await findings(of_discord(discord))
    assert (troubled["Discord token"].level, troubled["Discord sessions"].level) == (WRONG, WRONG)


async def test_the_intent_to_read_all_messages(discord: FakeDiscord) -> None:
    assert (await findings(of_discord(discord)))["Discord intent"].level is OK
    discord.message_content = False
    said = (await findings(of_discord(discord)))["Discord intent"]
    assert said == warning(
        "Discord intent",
        "follow-ups without a mention need the Message Content intent",
        f"Switch it on at https://discord.com/developers/applications/{discord.application_id}/bot, else mention me.",
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


@pytest.mark.parametrize(("begun", "level"), [(0, OK), (900, OK), (901, WARNING), (999, WARNING), (1_000, WRONG)])
async def test_sessions_that_may_be_begun(begun: int, level: Level, discord: FakeDiscord) -> None:
    discord.gateway.identifies = [discord.clock()] * begun
    said = (await findings(of_discord(discord)))["Discord sessions"]
    assert said.level is level
    assert f"{1_000 - begun} of 1000" in said.words
    assert ("24 hours" in said.words) == bool(begun)
    assert len(discord.gateway.identifies) == begun


# deadlines


async def test_what_hangs_is_said_and_hides_nothing(
    slack: FakeSlack, installed: Installation, discord: FakeDiscord
) -> None:
    go_on = asyncio.Event()
    for method in ("auth.test", "apps.connections.open"):
        slack.fail(method, hold=go_on)
    for route in ("/applications/@me", "/gateway/bot"):
        discord.fail("GET", route, hold=go_on)
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing
    port = silent.getsockname()[1]
    given = of_slack(slack, installed) | of_discord(discord) | {"ASKREPO_REPO": "acme/widgets"}
    given |= {"DATABASE_URL": f"postgresql://me@127.0.0.1:{port}/askrepo", "ASKREPO_SECRET_KEYS": new_key().text()}
    said = await findings(given | {"ASKREPO_CHAT_URL": f"http://127.0.0.1:{port}"}, seconds=1.0)
    hanging = {"database", "keys", "/chat", "Slack bot token", "Slack app token", "Discord token", "Discord sessions"}
    assert {subject for subject, each in said.items() if each.words.startswith("no answer within")} == hanging
    assert {"last resort", "Slack install", "Slack events"} <= said.keys()
    go_on.set()
    silent.close()
