"""No token, in any form, leaves a process but in the Authorization header: real processes, every logger at DEBUG.

Canaries are planted as the process's token and as a stored one; then everything a process left behind is searched.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canaries import forms, found
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, Reply, echo, refuses, says, sends

PROCESS = "canary-process/+7d1f9a3c5e"
STORED = "canary-stored/+0b2d4f6a8c"
CANARIES = (PROCESS, STORED)


@pytest.mark.parametrize("canary", [PROCESS, STORED])
def test_the_search_finds_what_it_is_for(canary: str) -> None:
    for form in forms(canary):
        assert found(b"x" * 100 + form + b"y" * 100, CANARIES)
    assert found(b"x" + gzip.compress(f"token={canary}".encode()), CANARIES)
    assert not found(b"x" * 1_000, CANARIES)


async def run(folder: Path, chat: FakeChat, *words: str, given: str = "", process_token: bool = True) -> list[bytes]:
    """What an askrepo process wrote, and its arguments as other users of the machine see them."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "ASKREPO_CHAT_URL": chat.url,
        "ASKREPO_REPO": "calcom/cal.com",
        "ASKREPO_LOG_LEVEL": "debug",
        "ASKREPO_LOG_FORMAT": "json",
        "PYTHONASYNCIODEBUG": "1",
        **({"ASKREPO_CHAT_TOKEN": PROCESS} if process_token else {}),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from bots.cli import main; main()", *words,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=folder, env=environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    arguments = Path(f"/proc/{process.pid}/cmdline")
    seen = arguments.read_bytes() if arguments.exists() else b""
    out, err = await process.communicate(given.encode())
    assert b"Traceback" not in err
    return [seen, out, err]


async def test_no_token_is_left_anywhere(tmp_path: Path) -> None:
    async def echoes_the_header(exchange: Exchange) -> None:
        """A service that repeats what it got, as a careless one does in its errors."""
        await refuses(500, message=f"bad header Bearer {exchange.request.token}")(exchange)

    hostile: tuple[Reply, ...] = (
        refuses(401, message=f"invalid key {PROCESS}", code="invalid_api_key"),
        refuses(404, message=f"{PROCESS} unknown", param="repo_name"),
        *[echoes_the_header] * 3,
        sends(f"HTTP/1.1 302 Found\r\nLocation: /?token={quote(PROCESS)}\r\nContent-Length: 0\r\n\r\n".encode()),
        sends(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"broken\r\n', "reset"),
        says("whole"),
    )
    left: list[bytes] = []
    async with FakeChat(*hostile, default=echo) as chat:
        left += await run(tmp_path, chat, "console", given="\n".join(f"question {n}?" for n in range(6)) + "\n")
        left += await run(tmp_path, chat, "token", "set", given=STORED + "\n")
        left += await run(tmp_path, chat, "token", "list")
        left += await run(tmp_path, chat, "console", "--ask", "with the stored token?", process_token=False)
        pasted = f"https://x:{STORED}@github.com/o/n"  # an address with a password, which its user put there
        left += (await run(tmp_path, chat, "console", "--repo", pasted, "--ask", "why?"))[1:]
        left += await run(tmp_path, chat, "token", "set", given=f"{STORED} in two words\n")
        sent = {request.token for request in chat.requests}
    assert sent >= {PROCESS, STORED}  # both canaries have been in use
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    left += [path.read_bytes() for path in files]
    assert [(number, form) for number, each in enumerate(left) for form in found(each, CANARIES)] == []
