"""How fast Slack is acknowledged under load: questions come in while other answers are being streamed.

    python -m tests.bench.slack_acks [--seconds 60] [--rate 200]

One askrepo process for ten workspaces; the fakes and the load in processes of their own. Every event is a mention, the
beginning of a thread of its own, by one of many people in one of many channels, so that nobody meets a limit. An answer
streams for a minute, and a process runs 200 at once: they are live as soon as that many were asked.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp

from bots.roles import Role
from bots.running import running
from bots.slack.installation import SlackInstallation
from core import bootstrap, logs
from core.conversation.values import ChannelRef
from core.secret import Secret
from core.settings import Settings
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation, Message

_WORKSPACES = 10
_CHANNELS = 20  # of each
_PEOPLE = 200  # of each


@dataclass(frozen=True)
class Load:
    """What is sent where: bodies, in order, at an even pace."""

    url: str
    signing_secret: str
    bodies: tuple[bytes, ...]
    rate: float


def _body(slack: FakeSlack, askrepo: Installation, message: Message) -> bytes:
    event = {
        "type": "app_mention",
        "user": message.author.id,
        "team": message.author.team.id,
        "channel": message.channel.id,
        "ts": message.ts,
        "event_ts": message.ts,
        "text": message.text,
    }
    authorization = {"team_id": message.channel.team.id, "user_id": askrepo.bot.id, "is_bot": True}
    return json.dumps(
        {
            "type": "event_callback",
            "team_id": message.channel.team.id,
            "api_app_id": slack.app.id,
            "event_id": f"Ev{message.ts}",
            "event_time": int(time.time()),
            "authorizations": [authorization],
            "event": event,
        }
    ).encode()


async def _send(load: Load) -> list[tuple[float, int]]:
    """Send at an even pace, whatever the answers take; seconds and status of each."""
    taken: list[tuple[float, int]] = []
    timeout, connector = aiohttp.ClientTimeout(total=10), aiohttp.TCPConnector(limit=300)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as client:

        async def one(body: bytes) -> None:
            at = str(int(time.time()))
            digest = hmac.new(load.signing_secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
            headers = {
                "X-Slack-Request-Timestamp": at,
                "X-Slack-Signature": f"v0={digest}",
                "Content-Type": "application/json",
            }
            began = time.perf_counter()
            try:
                async with client.post(load.url, data=body, headers=headers) as response:
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            taken.append((time.perf_counter() - began, status))

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, body in enumerate(load.bodies):
                await asyncio.sleep(max(0.0, began + number / load.rate - time.perf_counter()))
                group.create_task(one(body))
    return taken


@dataclass(frozen=True)
class Outside:
    """What askrepo has to know of the fakes."""

    api_url: str
    chat_url: str
    client_id: str
    client_secret: str
    signing_secret: str
    installations: tuple[tuple[str, str, str, str], ...]  # team, token, bot's user id, bot's id
    channels: tuple[tuple[str, str], ...]  # team and channel
    bodies: tuple[bytes, ...]


async def _outside(pipe: Connection, rate: float, seconds: float) -> None:
    """The fakes, in a process of their own."""
    slow = says("Working.\n", *["and on "] * 600, delay=0.1)
    async with FakeSlack() as slack, FakeChat(default=slow) as chat:
        slack.tiers.on = False
        workspaces = [_workspace(slack, number) for number in range(_WORKSPACES)]
        pipe.send(
            Outside(
                slack.api_url,
                chat.url,
                slack.app.client_id,
                slack.app.client_secret,
                slack.app.signing_secret,
                tuple((each.bot.team.id, each.token, each.bot.id, each.bot_id) for each, _ in workspaces),
                tuple((each.channel.team.id, each.channel.id) for _, first in workspaces for each in first),
                _bodies(slack, workspaces, int(rate * seconds)),
            )
        )
        await asyncio.to_thread(pipe.recv)
        pipe.send((len(chat.requests), chat.live))
        await asyncio.to_thread(pipe.recv)
        slack.allows(*{each.code for each in slack.violations})


def _workspace(slack: FakeSlack, number: int) -> tuple[Installation, list[Message]]:
    """A workspace with the app installed, and messages like those to come, by each of its people."""
    team = slack.team(f"team{number}")
    askrepo = slack.install(team)
    people = [slack.user(team, f"person{each}") for each in range(_PEOPLE)]
    channels = [slack.channel(team, f"channel{each}", *people) for each in range(_CHANNELS)]
    called = f"<@{askrepo.bot.id}> question?"
    return askrepo, [Message("", channels[at % _CHANNELS], person, called) for at, person in enumerate(people)]


def _bodies(slack: FakeSlack, workspaces: list[tuple[Installation, list[Message]]], many: int) -> tuple[bytes, ...]:
    base, bodies = int(time.time()), []
    for number in range(many):
        askrepo, first = workspaces[number % _WORKSPACES]
        like = first[number // _WORKSPACES % _PEOPLE]
        message = Message(f"{base}.{number:06d}", like.channel, like.author, like.text)
        like.channel.add(message)
        bodies.append(_body(slack, askrepo, message))
    return tuple(bodies)


def _sending(load: Load, results: Connection) -> None:
    results.send(asyncio.run(_send(load)))


async def _in_process(load: Load) -> list[tuple[float, int]]:
    """The load, from a process of its own: what it measures is not its own slowness."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_sending, args=(load, theirs))
    await asyncio.to_thread(process.start)  # it hands over the load, and would hold up the event loop
    taken: list[tuple[float, int]] = await asyncio.to_thread(ours.recv)
    process.join()
    return taken


def _other_process(pipe: Connection, rate: float, seconds: float) -> None:
    logs.configure("error", "console")
    asyncio.run(_outside(pipe, rate, seconds))


async def _measure(arguments: argparse.Namespace, database_url: str) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_other_process, args=(theirs, arguments.rate, arguments.seconds)
    )
    process.start()
    outside: Outside = await asyncio.to_thread(ours.recv)
    given = Settings.model_validate(
        {
            "DATABASE_URL": database_url,
            "ASKREPO_CHAT_URL": outside.chat_url,
            "ASKREPO_CHAT_TOKEN": "bench-token-1234",
            "ASKREPO_SLACK_API_URL": outside.api_url,
            "SLACK_CLIENT_ID": outside.client_id,
            "SLACK_CLIENT_SECRET": outside.client_secret,
            "SLACK_SIGNING_SECRET": outside.signing_secret,
            "ASKREPO_PUBLIC_URL": "https://askrepo.example.com",
            "PORT": "0",
        }
    )
    roles = (Role.WEB, Role.WORKER)
    async with bootstrap.opened(given) as parts, running(parts, roles, host="127.0.0.1") as url:
        now = datetime.now(UTC)
        for team, token, bot, bot_id in outside.installations:
            made = SlackInstallation(Secret(token), bot, bot_id, "A1", team, None, ())
            await parts.installations.save(made.workspace, made.payload(), installed_at=now, expires_at=None)
        for team, channel in outside.channels:
            await parts.mappings.map(ChannelRef("slack", team, channel), "github.com/calcom/cal.com", actor="U1")
        load = Load(f"{url}/slack/events", outside.signing_secret, outside.bodies, arguments.rate)
        taken = await _in_process(load)
        ours.send(None)
        asked, live = await asyncio.to_thread(ours.recv)
    ours.send(None)
    process.join()
    _report(arguments, taken, asked, live)


def _report(arguments: argparse.Namespace, taken: list[tuple[float, int]], asked: int, live: int) -> None:
    seconds = sorted(each for each, _ in taken)
    statuses = {status: sum(1 for _, each in taken if each == status) for status in {each for _, each in taken}}
    cut = statistics.quantiles(seconds, n=1000)
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{arguments.rate:g}/s for {arguments.seconds:g} s: {len(taken)} events, statuses {statuses}")
    print(f"questions that reached /chat meanwhile: {asked}, still streaming at the end: {live}")
    print(f"ack p50 {cut[499] * 1000:.1f} ms, p99 {cut[989] * 1000:.1f} ms, p99.9 {cut[998] * 1000:.1f} ms, ", end="")
    print(f"max {seconds[-1] * 1000:.1f} ms; over 3 s: {sum(1 for each in seconds if each > 3)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast Slack is acknowledged under load.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--log", default="error")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs.configure(arguments.log, "console")
        asyncio.run(_measure(arguments, f"sqlite:///{Path(folder) / 'askrepo.db'}"))


if __name__ == "__main__":
    main()
