"""No secret, in any form, leaves a process that serves Discord, but where it belongs; every logger at DEBUG.

Real processes, between a Discord and a /chat that say aloud what they were told in confidence. Everything that is left
is searched: output, arguments, files, the database, and every body that was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from core.cipher import new_key
from tests.canaries import found
from tests.discord.house import World, answered, environment, finished
from tests.discord.outcomes import answers, told
from tests.discord.people import People
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, refuses, says, sends
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_faults import Fault
from tests.fakes.discord_values import Message

PROCESS, STORED, TYPED = "canary-process/+7d1f9a3c5e", "canary-stored/+0b2d4f6a8c", "canary-typed/+1c3e5a7092"
PASSWORD, REFUSED = "canary-password-9e8d7c6b5a", "canary-refused.by-us.2f4e6d8c0b"
HOUSE = Path(__file__).parents[2]
POST = ("POST", "/channels/{channel_id}/messages")
EDIT = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
FIRST_ANSWER = ("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
EDITED_ANSWER = ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}")


class Spied:
    """An askrepo process whose output is kept in its folder, and its arguments as other users see them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()

    async def ends(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.wait_for(self._process.wait(), 20)

    async def stop(self) -> int:
        """Tell it to end."""
        self._process.terminate()
        return await self.ends()


@contextlib.asynccontextmanager
async def spied(folder: Path, given: Mapping[str, str], *words: str) -> AsyncIterator[Spied]:
    """Askrepo with these words, until the block ends."""
    folder.mkdir()
    own = {"XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)}
    loud = {"ASKREPO_LOG_LEVEL": "debug", "ASKREPO_LOG_FORMAT": "json", "PYTHONASYNCIODEBUG": "1"}
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from bots.cli import main; main()", *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOUSE), **own, **loud, **given},
        )  # fmt: skip
    try:
        yield Spied(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def hostile(discord: FakeDiscord, chat: FakeChat) -> list[Fault]:
    """Both repeat in their errors what they were told, as careless services do."""

    async def repeats(exchange: Exchange) -> None:
        await refuses(500, message=f"bad header Bearer {exchange.request.token}")(exchange)

    location = f"HTTP/1.1 302 Found\r\nLocation: /?token={PROCESS}\r\nContent-Length: 0\r\n\r\n"
    broken = b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"broken\r\n'
    chat.will(refuses(404, message=f"{PROCESS} unknown", param="repo_name"), *[repeats] * 3)
    chat.will(sends(location.encode()), sends(broken, "reset"), says("whole"))
    said: dict[str, Any] = {"message": f"Bot {discord.token} may not {PROCESS}", "code": 50035}
    return [
        discord.fail(*POST, status=400, body=said | {"errors": {"content": {"_errors": [said]}}}),
        discord.fail(*POST, after=2, drop="after"),
        discord.fail(*EDIT, status=500, body=said),
        discord.fail(*EDIT, after=1, html=True, status=502),
        discord.fail(*EDITED_ANSWER, drop="before"),
    ]


def settled(world: World, question: Message) -> bool:
    """Whether it has its outcome."""
    return bool(told(world, question)) or any(map(finished, answers(world, question)))


async def talk(world: World, chat: FakeChat) -> None:
    """Whatever people do here: by mention, by command and by form, while connections are lost."""
    discord, people = world.discord, People(world.discord, world.general)
    never = discord.fail(*FIRST_ANSWER, drop="before", times=-1)
    await discord.command(world.bob, world.general, "askrepo-help", wait=False)
    for number in range(6):
        question = await discord.says(world.bob, world.general, f"{discord.bot} question {number}?")
        await discord.until(partial(settled, world, question), 20)
        discord.gateway.drop(4000) if number % 2 else discord.gateway.reconnect()
    never.times = 0  # it was given up: nobody waits for a first answer any more
    form = await people.opened(world.alice, "askrepo-token", {"action": "set", "whole-server": True})
    chat.will(refuses(401, message=f"invalid key {TYPED}", code="invalid_api_key"))
    said = await people.sent(world.alice, form, token=TYPED, label="ours")
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "The label repeats the token", token=STORED, label=f"my {STORED}")
    await people.again(world.alice, said)
    await people.mends(world.alice, said, "The token of this server works", token=STORED, label="ours")
    await people.opened(world.alice, "askrepo", {"question": f"token set {TYPED}"})
    discord.fail(*EDITED_ANSWER, status=404, body={"message": f"no {discord.token}", "code": 10015})
    await people.command(world.bob, "askrepo", {"question": "with the stored token?"})
    await discord.until(lambda: any("asks" in each.content for each in discord.answers(world.general)))
    (echo,) = [each for each in discord.answers(world.general) if "asks" in each.content]
    await answered(world, echo)
    chat.will(refuses(401, message=f"invalid key {STORED}", code="invalid_api_key"))
    last = await discord.says(world.bob, world.general, f"{discord.bot} refused?")
    await discord.until(lambda: settled(world, last))


async def test_no_secret_is_left_anywhere(
    world: World, chat: FakeChat, postgres_url: str, unused_tcp_port: int, tmp_path: Path
) -> None:
    discord, key = world.discord, new_key().text()
    database = postgres_url.replace("postgres:@", f"postgres:{PASSWORD}@")
    assert PASSWORD in database
    given = environment(discord, chat, database, ASKREPO_SECRET_KEYS=key, ASKREPO_CHAT_TOKEN=PROCESS)
    nowhere = {"DATABASE_URL": f"postgresql://postgres:{PASSWORD}@127.0.0.1:{unused_tcp_port}/askrepo"}
    async with (
        spied(tmp_path / "serving", given, "run", "discord", "worker") as serving,
        spied(tmp_path / "refused", given | {"DISCORD_TOKEN": REFUSED}, "run", "discord") as refused,
        spied(tmp_path / "nowhere", given | nowhere, "run", "discord", "worker") as lost,
    ):
        await discord.until(lambda: discord.gateway.ready and discord.commands.get(""), 20)
        assert [await each.ends() for each in (refused, lost)] == [1, 1]
        await People(discord, world.general).command(world.alice, "askrepo-map", {"repository": "calcom/cal.com"})
        faults = hostile(discord, chat)
        await talk(world, chat)
        assert await serving.stop() == 0
    assert all(fault.struck for fault in faults)
    assert {request.token for request in chat.requests} >= {PROCESS, STORED, TYPED}
    interactions = [each.token for each in discord.interactions.values()]
    assert len(interactions) >= 8
    secrets = [PROCESS, STORED, TYPED, PASSWORD, REFUSED, key, discord.token, *interactions]
    left = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert all(left[str(tmp_path / name / "output")] for name in ("serving", "refused", "nowhere"))
    left |= {f"arguments {number}": each.arguments for number, each in enumerate((serving, refused, lost))}
    left |= await stored(postgres_url)
    left |= {f"call {number} {call.name}": sent for number, call in enumerate(discord.calls) for sent in [body(call)]}
    left |= {f"request {number}": request.body for number, request in enumerate(chat.requests)}
    assert {where: forms for where, octets in left.items() if (forms := found(octets, secrets))} == {}


def body(call: Any) -> bytes:
    """What was sent to Discord, beside the address and the headers."""
    return json.dumps([call.body, call.query]).encode() + b"".join(content for _, content in call.files)


async def stored(url: str) -> dict[str, bytes]:
    """Every table of the database as text."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
        rows = {name: await connection.fetch(f'SELECT t::text AS row FROM "{name}" t') for (name,) in names}  # noqa: S608
    finally:
        await connection.close()
    assert rows["turns"]
    return {f"table {name}": "\n".join(row["row"] for row in found).encode() for name, found in rows.items()}
