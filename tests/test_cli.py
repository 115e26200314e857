"""What operators run from the shell."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from core.cipher import Keyring, new_key
from tests.console.conftest import git
from tests.console.processes import Home

TOKEN = "tok-canary-a1b2c3d4e5f6"
SLACK = ("--platform", "slack", "--workspace", "T1", "--channel", "C1")


@pytest.fixture
def home(forks: Path, tmp_path: Path) -> Home:
    """An operator, in a folder that is a repository."""
    folder = tmp_path / "widgets"
    folder.mkdir()
    (folder / "shop.py").write_text("def sell() -> None: ...\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return Home(forks, tmp_path / "home", folder, {"ASKREPO_CHAT_URL": "https://chat.example.com"})


def test_the_command_is_installed() -> None:
    askrepo = Path(sys.executable).parent / "askrepo"
    run = subprocess.run([askrepo, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("askrepo 0.")


def test_an_interrupt_while_it_is_loaded_ends_it_without_a_trace() -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4_096)  # full after some fifty of the hundreds of imports: then it waits
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a shell may have us ignore it
    code = f"{heeded}; from bots.start import main; main()"
    command = [sys.executable, "-X", "importtime", "-c", code, "--version"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process, os.fdopen(ours) as imported:
        os.close(theirs)
        assert any(line.split("|")[-1].strip().startswith("asyncio") for line in imported)
        process.send_signal(signal.SIGINT)
        rest = imported.read()
        assert process.wait() == -signal.SIGINT
    assert "Traceback" not in rest
    assert "bots.cli" not in rest


def test_the_libraries_of_chat_platforms_are_loaded_by_what_needs_them_alone() -> None:
    code = "import sys, bots.cli; print({'discord', 'slack_bolt', 'slack_sdk', 'aiohttp'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_what_the_encoding_lacks_fails_no_command(home: Home) -> None:
    code = "from bots.start import main; main()"
    told = subprocess.run(
        [sys.executable, "-c", code, "why", *SLACK],
        capture_output=True,
        cwd=home.repository,
        env=home.environment(PYTHONIOENCODING="latin-1", PYTHONPATH=str(Path(__file__).parents[1])),
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, b"")
    assert b"1. `in:?` in the question: not given" in told.stdout


async def test_what_is_not_set_up_is_named(home: Home) -> None:
    for named in ((), ("worker",), ("web", "worker")):
        everything = (await home.run("run", *named)).sentence
        assert "`DISCORD_TOKEN` or `SLACK_BOT_TOKEN`" in everything
        assert "`askrepo console` needs neither" in everything
    idle = await home.run("run", "worker", "--shards", "0/1", DISCORD_TOKEN="x.y.z")
    assert (idle.code, "the role discord" in idle.err) == (2, True)
    wrong = await home.run("run", "--shards", "5")
    assert (wrong.code, "write it like 0-3/16" in wrong.err) == (2, True)
    for command in (("run", "discord"), ("discord", "invite")):
        assert (await home.run(*command)).sentence.startswith("The setting `DISCORD_TOKEN` is missing: ")


async def test_wrong_use_is_told_in_plain_words(home: Home) -> None:
    for words in (("run", "foo"), ("list", "--platform", "foo"), ("token", "list", "--platform", "foo")):
        wrong = await home.run(*words)
        assert (wrong.code, "Value error" in wrong.err) == (2, False)
        assert "'foo' is not one of '" in wrong.err


async def test_mappings_of_a_channel(home: Home) -> None:
    assert (
        "No repository is mapped here yet. You can map one with `askrepo map owner/name`."
        in (await home.run("list", *SLACK)).out
    )
    assert "You can map one with `askrepo map owner/name`." in (await home.run("unmap", *SLACK)).sentence
    mapped = await home.run("map", "https://github.com/acme/widgets/tree/main", "--as", "web", *SLACK)
    assert (mapped.code, mapped.err) == (0, "")
    assert "`github.com/acme/widgets`" in mapped.out
    assert "as `web`, default" in (await home.run("list", *SLACK)).out
    assert "this channel's mapping: `github.com/acme/widgets`, **chosen**" in (await home.run("why", *SLACK)).out
    elsewhere = await home.run("list", "--platform", "slack", "--workspace", "T2", "--channel", "C1")
    assert "github.com/acme/widgets" not in elsewhere.out
    assert (await home.run("unmap", "acme/widgets", *SLACK)).code == 0
    assert "is not mapped" in (await home.run("unmap", "acme/widgets", *SLACK)).sentence
    assert "is one word" in (await home.run("map", "widgets", *SLACK)).sentence
    assert "`../widgets` is a folder; to ask about it, run" in (await home.run("map", "../widgets", *SLACK)).sentence
    assert "cannot be an alias" in (await home.run("map", "acme/widgets", "--as", "no good", *SLACK)).sentence
    assert "--platform slack" in (await home.run("list", "--workspace", "T1", "--channel", "C1")).sentence
    assert "--platform slack" in (await home.run("token", "set", "--workspace", "T1", given=f"{TOKEN}\n")).sentence
    assert (await home.run("list", "--platform", "Slack", "--workspace", "T1", "--channel", "C1")).code == 2
    assert "--workspace" in (await home.run("list", "--platform", "slack")).sentence
    assert "--channel" in (await home.run("list", "--platform", "slack", "--workspace", "T1")).sentence


@pytest.mark.parametrize(
    ("platform", "workspace", "channel", "said"),
    [
        ("slack", "T1", "#general", "`#general` is no channel's id: it begins with C"),
        ("slack", "T1", "general", "`general` is no channel's id: it begins with C"),
        ("slack", "T1", "c1", "`c1` is no channel's id"),
        ("slack", "acme", "C1", "`acme` is no workspace's id: it begins with T"),
        ("discord", "1", "foo", "`foo` is no channel's id: turn on Developer Mode"),
        ("discord", "notanumber", "1", "`notanumber` is no workspace's id: turn on Developer Mode"),
        ("discord", "1", "١", "is no channel's id"),
        ("console", "ann@laptop", "C1", "`C1` is no console's channel: that is a folder's whole path"),
        ("console", "ann@laptop", " ", "is no console's channel"),
    ],
)
async def test_what_cannot_be_an_id_is_not_mapped(
    home: Home, platform: str, workspace: str, channel: str, said: str
) -> None:
    where = ("--platform", platform, "--workspace", workspace, "--channel", channel)
    assert said in (await home.run("map", "acme/widgets", *where)).sentence


@pytest.mark.parametrize(
    ("platform", "workspace", "channel"),
    [
        ("slack", "T024BE7LD", "D024BE91L"),
        ("slack", "E1", "G1"),
        ("discord", "81384788765712384", "381870553235193857"),
        ("console", "ann@laptop", "/srv/some folder"),
        ("console", "ann@laptop", "acme/gadgets"),
    ],
)
async def test_every_kind_of_channel_can_be_mapped(home: Home, platform: str, workspace: str, channel: str) -> None:
    where = ("--platform", platform, "--workspace", workspace, "--channel", channel)
    assert (await home.run("map", "acme/widgets", *where)).code == 0


async def test_the_console_of_this_folder_is_meant_by_default(home: Home) -> None:
    folder = home.repository / "deeper"
    folder.mkdir()
    assert (await home.run("map", "acme/gadgets", folder=folder)).code == 0
    assert "`github.com/acme/gadgets` (default)" in (await home.run("list")).out


async def test_tokens_are_read_from_anywhere_but_the_command_line(home: Home) -> None:
    stored = await home.run("token", "set", "--label", "team", given=f"{TOKEN}\n")
    assert stored.code == 0, stored
    assert "team, ending in e5f6, fingerprint " in stored.out
    await home.run("map", "acme/widgets", *SLACK)
    for_mapping = await home.run("token", "set", "--fd", "0", *SLACK, given=f"{TOKEN}2")
    assert "The token for github.com/acme/widgets is stored" in for_mapping.out, for_mapping
    listed = await home.run("token", "list")
    assert listed.out.startswith("workspace: team, ending in e5f6, fingerprint ")
    assert "in use" in listed.out
    other = await home.run("token", "list", ASKREPO_CHAT_URL="https://other.example.com")
    assert "entered for another service" in other.out
    assert "No token" in (await home.run("token", "list", "--platform", "slack", "--workspace", "T2")).out
    for done in (stored, for_mapping, listed, other):
        assert TOKEN not in done.out + done.err
    assert TOKEN.encode() not in b"".join(path.read_bytes() for path in home.data.iterdir())


async def test_tokens_that_cannot_be_stored(home: Home) -> None:
    assert "it is empty" in (await home.run("token", "set", given="\n")).sentence
    assert "white space" in (await home.run("token", "set", given="two words")).sentence
    assert "file descriptor 99" in (await home.run("token", "set", "--fd", "99")).sentence
    assert "is not mapped here" in (await home.run("token", "set", "--repo", "a/b", *SLACK, given=TOKEN)).sentence
    assert "ASKREPO_CHAT_URL" in (await home.run("token", "set", given=TOKEN, ASKREPO_CHAT_URL="")).sentence


async def test_keys_are_made_and_changed(home: Home) -> None:
    first, second = [(await home.run("keys", "new")).out.strip() for _ in range(2)]
    assert first != second
    Keyring.parse(f"{first},{second}")
    await home.run("token", "set", given=TOKEN, ASKREPO_SECRET_KEYS=first)
    both = f"{second},{first}"
    assert (
        "2 stored values are to be sealed anew"
        in (await home.run("keys", "rotate", "--dry-run", ASKREPO_SECRET_KEYS=both)).out
    )
    done = await home.run("keys", "rotate", ASKREPO_SECRET_KEYS=both)
    assert (done.code, done.out) == (0, "2 stored values are sealed anew. The older keys are not needed any more.\n")
    assert "under the first key" in (await home.run("keys", "rotate", ASKREPO_SECRET_KEYS=second)).out
    assert "in use" in (await home.run("token", "list", ASKREPO_SECRET_KEYS=second)).out


async def test_a_key_put_on_a_line_of_its_own_into_the_key_file_changes_the_key(home: Home) -> None:
    await home.run("token", "set", given=TOKEN)
    path = home.data / "askrepo.keys"
    with path.open("a") as file:
        file.write((await home.run("keys", "new")).out)
    assert "in use" in (await home.run("token", "list")).out
    path.write_text("\n".join(reversed(path.read_text().split())))
    assert (await home.run("keys", "rotate")).out.startswith("2 stored values are sealed anew.")
    path.write_text(path.read_text() + "\nno key")
    said = "The keys of this installation cannot be used: {}: key {} is not 32 bytes in URL-safe base64."
    assert (await home.run("list")).sentence == said.format(path, 3)
    assert (await home.run("list", ASKREPO_SECRET_KEYS="x")).sentence == said.format("ASKREPO_SECRET_KEYS", 1)


async def test_the_database_is_brought_up_to_date_once(home: Home) -> None:
    assert (await home.run("db", "upgrade")).out == "The database was brought up to date.\n"
    assert (await home.run("db", "upgrade")).out == "The database is up to date.\n"


async def test_a_folder_is_no_repositorys_name(home: Home) -> None:
    said = "it is a folder; `askrepo chat serve --repo …` serves it, and prints the name to use"
    assert said in (await home.run("map", "/srv/none/such", *SLACK)).sentence
    assert said in (await home.run("list", *SLACK, ASKREPO_REPO="/srv/none/such")).sentence


async def test_a_database_that_cannot_be_used_is_for_the_operator_to_mend(home: Home, unused_tcp_port: int) -> None:
    given = {"ASKREPO_SECRET_KEYS": new_key().text(), "ASKREPO_REPO": "acme/widgets"}
    away = f"postgresql://me:{TOKEN}@127.0.0.1:{unused_tcp_port}/askrepo"
    (home.repository / "notes.txt").write_text("these are my notes\n" * 100)
    for url in (away, f"sqlite:///{home.repository}/notes.txt"):
        for command in (("list",), ("db", "upgrade"), ("console", "--ask", "hi")):
            said = (await home.run(*command, **(given | {"DATABASE_URL": url}))).sentence  # type: ignore[arg-type]
            assert said.endswith("or correct `DATABASE_URL`; `askrepo doctor` says more."), said
            assert TOKEN not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_chat_is_served_until_it_is_told_to_end(home: Home, number: signal.Signals) -> None:
    (home.repository / "notes").mkdir()
    folders = ("--repo", "notes", "--repo", ".")  # of one repository
    serving = await home.start("chat", "serve", *folders, "--port", "0", ASKREPO_CHAT_TOKEN=TOKEN)
    lines = await asyncio.to_thread(_lines_until, serving.out, "Listening on ")
    assert len(lines) == 2
    name, url = lines[0].split(" ")[0], lines[-1].removeprefix("Listening on ").strip()
    assert lines[0].strip() == f"{name} is {home.repository.resolve()}", "all of it is served, not the folder alone"
    question = {"model": "any", "stream": False, "messages": [{"role": "user", "content": "where is sell?"}]}
    async with httpx.AsyncClient(base_url=url, params={"repo_name": name}) as client:
        refused = await client.post("/chat", json=question)
        answered = await client.post("/chat", json=question, headers={"Authorization": f"Bearer {TOKEN}"})
    assert (refused.status_code, answered.status_code) == (401, 200)
    assert "shop.py:1" in answered.json()["choices"][0]["message"]["content"]
    serving.process.send(number)
    done = await serving.done()
    assert (done.code, TOKEN in done.out + done.err) == (0, False)


async def test_what_is_served_without_a_folder(home: Home) -> None:
    serving = await home.start("chat", "serve", "--port", "0")
    first, _ = await asyncio.to_thread(_lines_until, serving.out, "Listening on ")
    assert first.startswith("Answers are about public repositories")
    serving.process.send(signal.SIGTERM)
    assert (await serving.done()).code == 0


async def test_a_question_behind_the_command_is_told_how_it_is_asked(home: Home) -> None:
    done = await home.run("console", "where", "is", "it?")
    assert done.code == 2
    assert "with --ask, in quotation marks" in done.err


def _lines_until(descriptor: int, last: str) -> list[str]:
    said = b""
    while last not in said.decode() or not said.endswith(b"\n"):
        said += os.read(descriptor, 1)
    return said.decode().splitlines()
