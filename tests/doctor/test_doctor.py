"""`askrepo doctor` as it is run and read: nothing is changed, nothing hangs, no secret is shown."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from bots.doctor import judged, made, shown
from bots.findings import Check, Finding, Level, ok, wrong
from core.cipher import new_key
from core.errors import DatabaseUnavailable, SettingsError
from core.secret import Secret
from tests.console.processes import Home, Terminal
from tests.doctor.examined import OK, WARNING, WRONG, contents, doctor, findings, of_chat, of_discord, of_slack
from tests.fakes.chat import FakeChat
from tests.fakes.discord import FakeDiscord
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation

CANARY = "canary-4f1d9a7c"


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
    discord.public_bot = False
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
    assert done.sentence == "3 things are wrong: do what stands below each, then run `askrepo doctor` again."
    lines = done.out.splitlines()
    at = lines.index("wrong    Slack scopes      not granted: `files:write`, `im:write`")
    assert lines[at + 1].startswith(" " * 27 + "Add what is missing at https://api.slack.com/apps")
    assert "wrong    Slack app token   Slack refuses it (invalid_auth)" in lines
    assert lines[0].startswith("wrong    settings          `PORT`: ")
    assert "ok       Slack bot token   askrepo in acme" in lines
    assert "many" not in done.out + done.err


async def test_nothing_is_said_twice(home: Home, discord: FakeDiscord) -> None:
    """What the parts would log in a running bot stands in the findings."""
    done = await doctor(home, of_discord(discord, DISCORD_TOKEN="wrong.token.entirely"))
    assert done.sentence.startswith("1 thing is wrong:")
    assert done.out.count("Discord does not accept it") == 1


async def test_wrong_usage(home: Home) -> None:
    done = await home.run("doctor", "please")
    assert (done.code, done.out) == (2, "")


async def test_a_dotenv_file_that_is_no_text(home: Home) -> None:
    (home.repository / ".env").write_bytes(b"ASKREPO_REPO=\xff\xfe\n")
    assert (await home.run("doctor")).sentence == "The file .env is not UTF-8 text: save it as UTF-8."


async def test_a_line_of_a_dotenv_file_that_says_nothing(home: Home, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ASKREPO_LOG_LEVEL=info\n{CANARY} is the token\n")
    done = await home.run("doctor", folder=tmp_path)
    assert done.sentence.startswith("1 thing is wrong:")
    assert done.out.startswith("wrong    settings          line 2 of .env is not NAME=value\n")
    assert CANARY not in done.out
    assert (await home.run("run", folder=tmp_path)).sentence == (
        "Line 2 of .env is not NAME=value: correct it, or begin it with #."
    )


async def test_no_token_goes_where_a_file_in_the_folder_says(
    home: Home, slack: FakeSlack, installed: Installation, discord: FakeDiscord, chat: FakeChat
) -> None:
    """The folder may be somebody's repository, and its `.env` theirs."""
    given = of_slack(slack, installed) | of_discord(discord) | of_chat(chat)
    written = {name: value for name, value in given.items() if name.endswith("_URL")}
    (home.repository / ".env").write_text("".join(f"{name}={value}\n" for name, value in written.items()))
    done = await doctor(home, {name: value for name, value in given.items() if name not in written})
    assert done.sentence.startswith("3 things are wrong:")
    for name in written:
        assert f"wrong    settings          `{name}`: `.env` sets it, but the environment sets `" in done.out
    assert (chat.requests, slack.calls, discord.calls) == ([], [], [])


async def test_no_secret_is_shown(
    home: Home, slack: FakeSlack, installed: Installation, discord: FakeDiscord, unused_tcp_port: int
) -> None:
    """Each secret is refused, echoed or unreachable, and every logger is at DEBUG."""
    slack.fail("auth.test", error=CANARY, times=-1)
    discord.fail("GET", "/applications/@me", status=400, body={"message": CANARY, "code": 0}, times=-1)
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
    assert "warning  keys              not checked" in done.out
    assert CANARY not in done.out + done.err


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
        ([WRONG, WARNING], "1 thing is wrong: do what stands below it, then run `askrepo doctor` again."),
        ([WRONG, WRONG], "2 things are wrong: do what stands below each, then run `askrepo doctor` again."),
    ],
)
def test_the_last_sentence(levels: list[Level], sentence: str) -> None:
    assert judged(levels) == sentence


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
    ("error", "words"),
    [
        (SettingsError("ASKREPO_X", "it is odd"), "`ASKREPO_X`: it is odd"),
        (DatabaseUnavailable("a.db", "locked"), "`a.db`: `locked`"),
        (PermissionError(13, "Permission denied", "/some/where"), "/some/where: permission denied"),
        (BrokenPipeError(), "a system call: brokenpipeerror"),
        (ZeroDivisionError(CANARY), "the check itself failed (ZeroDivisionError)"),
    ],
)
async def test_a_check_that_fails_is_a_finding(error: Exception, words: str) -> None:
    async def look() -> list[Finding]:
        raise error

    (said,) = await made(Check("subject", ("ASKREPO_",), look), (), 10)
    assert (said.level, said.subject) == (WRONG, "subject")
    assert words in said.words
    assert CANARY not in said.words + said.fix
    assert said.fix


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
    hanging = {"database", "keys", "/chat", "Slack bot token", "Slack app token", "Discord token"}
    assert {subject for subject, each in said.items() if each.words.startswith("no answer within")} == hanging
    assert {"last resort", "Slack install", "Slack events"} <= said.keys()
    go_on.set()
    silent.close()
