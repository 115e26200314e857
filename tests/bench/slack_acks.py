"""How fast Slack is acknowledged under load: questions come in while other answers are being streamed.

    python -m tests.bench.slack_acks [--seconds 60] [--rate 200]

One askrepo process for five workspaces, the load in a process of its own; the fake Slack and the fake /chat share the
process of askrepo, so the figures are an upper bound. Every event is a mention, the beginning of a thread of its own.
An answer streams for a minute, and fifty of a workspace run at once: 250 are live as soon as that many were asked.
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

import httpx

from bots.slack.installs import SlackInstallation
from core import logs
from core.bootstrap import App
from core.conversation.values import ChannelRef
from core.secret import Secret
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation, Message
from tests.slack import house

_WORKSPACES = 5
_CHANNELS = 10  # of each


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
    limits = httpx.Limits(max_connections=300, max_keepalive_connections=300)
    async with httpx.AsyncClient(limits=limits, timeout=10, trust_env=False) as client:

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
                status = (await client.post(load.url, content=body, headers=headers)).status_code
            except httpx.HTTPError:
                status = 0
            taken.append((time.perf_counter() - began, status))

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number, body in enumerate(load.bodies):
                await asyncio.sleep(max(0.0, began + number / load.rate - time.perf_counter()))
                group.create_task(one(body))
    return taken


def _sender(load: Load, results: Connection) -> None:
    results.send(asyncio.run(_send(load)))


async def _workspace(slack: FakeSlack, parts: App, number: int) -> tuple[Installation, list[Message]]:
    """A workspace with the app installed and its channels mapped, and a message in each channel to begin from."""
    team = slack.team(f"team{number}")
    askrepo = slack.install(team)
    someone = slack.user(team, "someone")
    installation = SlackInstallation(
        Secret(askrepo.token), askrepo.bot.id, askrepo.bot_id, slack.app.id, team.id, None, tuple(askrepo.scopes)
    )
    now = datetime.now(UTC)
    await parts.installations.save(installation.workspace, installation.payload(), installed_at=now, expires_at=None)
    first = []
    for each in range(_CHANNELS):
        channel = slack.channel(team, f"channel{each}", someone)
        await parts.mappings.map(ChannelRef("slack", team.id, channel.id), house.REPOSITORY, actor=someone.id)
        first.append(Message("", channel, someone, f"<@{askrepo.bot.id}> question?"))
    return askrepo, first


async def _bodies(slack: FakeSlack, parts: App, many: int) -> tuple[bytes, ...]:
    workspaces = [await _workspace(slack, parts, number) for number in range(_WORKSPACES)]
    base, bodies = int(time.time()), []
    for number in range(many):
        askrepo, first = workspaces[number % _WORKSPACES]
        like = first[number // _WORKSPACES % _CHANNELS]
        message = Message(f"{base}.{number:06d}", like.channel, like.author, like.text)
        like.channel.add(message)
        bodies.append(_body(slack, askrepo, message))
    return tuple(bodies)


async def _measure(arguments: argparse.Namespace, database_url: str) -> None:
    slow = says("Working.\n", *["and on "] * 600, delay=0.1)
    async with FakeSlack() as slack, FakeChat(default=slow) as chat:
        slack.tiers.on = False
        nobody = slack.install(slack.team("unused"))
        given = house.settings(
            slack,
            nobody,
            chat,
            database_url,
            SLACK_BOT_TOKEN="",
            SLACK_CLIENT_ID=slack.app.client_id,
            SLACK_CLIENT_SECRET=slack.app.client_secret,
            SLACK_SIGNING_SECRET=slack.app.signing_secret,
            ASKREPO_PUBLIC_URL="https://askrepo.example.com",
        )
        async with house.askrepo(slack, given) as parts:
            bodies = await _bodies(slack, parts, int(arguments.rate * arguments.seconds))
            url, slack.url = slack.url, ""  # the echoes of our own posts are not what is measured
            ours, theirs = multiprocessing.Pipe()
            load = Load(url, slack.app.signing_secret, bodies, arguments.rate)
            process = multiprocessing.get_context("spawn").Process(target=_sender, args=(load, theirs))
            process.start()
            taken = await asyncio.to_thread(ours.recv)
            process.join()
            _report(arguments, taken, len(chat.requests))
        slack.allows(*{each.code for each in slack.violations})


def _report(arguments: argparse.Namespace, taken: list[tuple[float, int]], asked: int) -> None:
    seconds = sorted(each for each, _ in taken)
    statuses = {status: sum(1 for _, each in taken if each == status) for status in {each for _, each in taken}}
    cut = statistics.quantiles(seconds, n=1000)
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{arguments.rate:g}/s for {arguments.seconds:g} s: {len(taken)} events, statuses {statuses}")
    print(f"questions that reached /chat meanwhile: {asked}")
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
