"""No secret, in any form, leaves a process that serves Discord, but where it belongs; every logger at DEBUG (SE-01).

Real processes, between a Discord and a /chat that say aloud what they were told in confidence. Everything that is left
is searched: output, arguments, files, the database, and every body that was sent.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

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
from tests.spied import spied

PROCESS, STORED, TYPED = "canary-process/+7d1f9a3c5e", "canary-stored/+0b2d4f6a8c", "canary-typed/+1c3e5a7092"
QUESTION, ANSWER = "canary-question-8a6b4c2d0e", "canary-answer-3f5d7b9a1c"
PASSWORD, REFUSED = "canary-password-9e8d7c6b5a", "canary-refused.by-us.2f4e6d8c0b"
POST = ("POST", "/channels/{channel_id}/messages")
EDIT = ("PATCH", "/channels/{channel_id}/messages/{message_id}")
FIRST_ANSWER = ("POST", "/interactions/{interaction_id}/{interaction_token}/callback")
EDITED_ANSWER = ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}")


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
        await discord.until(partial(settled, world, question), 60)
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
    chat.will(says(ANSWER))
    await people.command(world.bob, "askrepo", {"question": QUESTION})
    await discord.until(lambda: any("asks" in each.content for each in discord.answers(world.general)))
    (echo,) = [each for each in discord.answers(world.general) if "asks" in each.content]
    await answered(world, echo)
    chat.will(refuses(401, message=f"invalid key {STORED}", code="invalid_api_key"))
    last = await discord.says(world.bob, world.general, f"{discord.bot} refused?")
    await discord.until(lambda: settled(world, last))


@pytest.mark.timeout(600)
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
        await discord.until(lambda: discord.gateway.ready and discord.commands.get(""), 60)
        assert [await each.ends() for each in (refused, lost)] == [1, 1]
        await People(discord, world.general).command(world.alice, "askrepo-map", {"repository": "calcom/cal.com"})
        faults = hostile(discord, chat)
        await talk(world, chat)
        assert await serving.stop() == 0
    assert all(fault.struck for fault in faults)
    assert {request.token for request in chat.requests} >= {PROCESS, STORED, TYPED}
    interactions = [each.token for each in discord.interactions.values()]
    assert len(interactions) >= 8
    secrets = {
        "the process's token": PROCESS,
        "the stored one": STORED,
        "one that was typed": TYPED,
        "the database's password": PASSWORD,
        "a refused bot token": REFUSED,
        "the key": key,
        "the bot token": discord.token,
        **{f"interaction {number}": token for number, token in enumerate(interactions)},
    }
    left = serving.left() | refused.left() | lost.left()
    assert all(process.output for process in (serving, refused, lost))
    left |= await stored(postgres_url)
    left |= {f"call {number} {call.name}": sent for number, call in enumerate(discord.calls) for sent in [body(call)]}
    left |= {f"request {number}": request.body for number, request in enumerate(chat.requests)}
    assert {where: hits for where, octets in left.items() if (hits := found(octets, secrets))} == {}
    texts = {"a question": QUESTION, "an answer": ANSWER}
    kept = {where: octets for where, octets in left.items() if not where.startswith(("call ", "request "))}
    assert {where: hits for where, octets in kept.items() if (hits := found(octets, texts))} == {}


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
