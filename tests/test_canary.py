"""No secret, in any form, leaves a process but where it belongs: the console and the commands of operators (SE-01).

Real processes with every logger at DEBUG. Canaries are planted as every secret a process can be given; then all that
the processes left behind is searched: output, files, the database with its WAL, and what other programs were given.
The same with Slack and Discord: tests/slack/test_canary.py, tests/discord/test_canary.py.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from core.cipher import new_key
from tests.canaries import found
from tests.console.conftest import git
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, echo, refuses, says, sends
from tests.spied import spied

PROCESS = "canary-process/+7d1f9a3c5e"
STORED = "canary-stored/+0b2d4f6a8c"
TYPED = "canary-typed/+1c3e5a7092"
PASTED = "canary-pasted-5e7f9a1b3d"
QUESTION, ANSWER = "canary-question-8a6b4c2d0e", "canary-answer-3f5d7b9a1c"


async def echoes_the_header(exchange: Exchange) -> None:
    """A service that repeats what it got, as a careless one does in its errors."""
    await refuses(500, message=f"bad header Bearer {exchange.request.token}")(exchange)


HOSTILE: tuple[Reply, ...] = (
    refuses(401, message=f"invalid key {PROCESS}", code="invalid_api_key"),
    refuses(404, message=f"{PROCESS} unknown", param="repo_name"),
    *[echoes_the_header] * 3,
    sends(f"HTTP/1.1 302 Found\r\nLocation: /?token={quote(PROCESS)}\r\nContent-Length: 0\r\n\r\n".encode()),
    sends(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"broken\r\n', "reset"),
    says("whole"),
)


@pytest.mark.timeout(600)
async def test_no_token_is_left_by_the_console(tmp_path: Path) -> None:
    async def run(*words: str, typed: str = "", code: int = 0, **more: str) -> None:
        given = {"ASKREPO_CHAT_URL": chat.url, "ASKREPO_REPO": "calcom/cal.com", "ASKREPO_CHAT_TOKEN": PROCESS, **more}
        set_ones = {name: value for name, value in given.items() if value}
        async with spied(tmp_path, set_ones, *words, typed=typed) as process:
            assert await process.ends() == code, process.output
            arguments.append(process.arguments)

    arguments: list[bytes] = []
    async with FakeChat(*HOSTILE, default=echo) as chat:
        await run("console", typed="\n".join(f"question {n}?" for n in range(6)) + "\n", code=1)
        await run("token", "set", typed=STORED + "\n")
        await run("token", "list")
        chat.will(refuses(401, message=f"invalid key {STORED}", code="invalid_api_key"), says(ANSWER))
        await run("console", typed=f"with the stored token?\n{QUESTION}\n", ASKREPO_CHAT_TOKEN="", code=1)
        await run("token", "set", typed=f"{TYPED} in two words\n", code=1)
        # an address with a password: whoever typed it has put it among the arguments
        pasted = f"https://x:{PASTED}@github.com/o/n"
        await run("console", "--repo", pasted, "--ask", "why?")
        arguments.pop()
        assert {request.token for request in chat.requests} == {PROCESS, STORED}  # both have been in use
        assert QUESTION in {request.question for request in chat.requests}
    left = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (database,) = [name for name in left if name.endswith(".db")]
    assert b"turns" in left[database]
    left["arguments"] = b"\n".join(arguments)
    canaries = {"the process's token": PROCESS, "the stored one": STORED, "a typed one": TYPED, "the pasted": PASTED}
    assert {where: hits for where, octets in left.items() if (hits := found(octets, canaries))} == {}
    texts = {"a question": QUESTION, "an answer": ANSWER}
    said = f"{tmp_path}/output"  # where they belong: standard output was kept with the rest
    assert {where: hits for where, octets in left.items() if where != said and (hits := found(octets, texts))} == {}


async def test_git_is_given_none_of_our_secrets(tmp_path: Path) -> None:
    """With every secret in the environment, the embedded /chat reads a repository by git."""
    names = ("CHAT_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_CLIENT_SECRET", "SLACK_SIGNING_SECRET")
    secrets = {name: f"canary-{number}-{name.lower()}-4b6d8f" for number, name in enumerate((*names, "DISCORD_TOKEN"))}
    secrets["ASKREPO_CHAT_TOKEN"] = secrets.pop("CHAT_TOKEN")
    secrets |= {"ASKREPO_SECRET_KEYS": new_key().text(), "PGPASSWORD": "canary-password-9e8d7c6b5a"}
    repository = tmp_path / "widgets"
    repository.mkdir()
    (repository / "README.md").write_text("# Widgets\n\nWidgets are made by the factory.\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        git(repository, *arguments)
    given = {**secrets, "SLACK_CLIENT_ID": "1.2", "ASKREPO_PUBLIC_URL": "https://askrepo.example.com"}
    async with spied(
        tmp_path, given, "console", "--repo", str(repository), "--ask", "Where are widgets made?"
    ) as asked:
        assert await asked.ends() == 0, asked.output
    assert b"GIT_TERMINAL_PROMPT" in (tmp_path / "children").read_bytes()
    assert {where: hits for where, octets in asked.left().items() if (hits := found(octets, secrets))} == {}
