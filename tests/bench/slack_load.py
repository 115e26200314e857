"""Questions as Slack would deliver them: signed mentions at an even pace, sent from a process of their own.

By many people in many channels of some workspaces, each the beginning of a thread of its own, so that nobody meets a
limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import time
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection

import aiohttp

from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Installation, Message


@dataclass(frozen=True)
class Load:
    """What is sent where: bodies, in order, at an even pace."""

    url: str
    signing_secret: str
    bodies: tuple[bytes, ...]
    rate: float


@dataclass(frozen=True)
class Sent:
    """One event: when it was sent, by the monotonic clock of the machine, the seconds it took, and its status."""

    at: float
    seconds: float
    status: int


@dataclass(frozen=True)
class Workspace:
    """A workspace with the app installed, and messages like those to come, by each of its people."""

    app: Installation
    like: tuple[Message, ...]


@dataclass(frozen=True)
class Around:
    """What a bot, and whoever sends it questions, has to know of the fakes. `bodies`: the events, in order."""

    api_url: str
    chat_url: str
    client_id: str
    client_secret: str
    signing_secret: str
    installations: tuple[tuple[str, str, str, str], ...]  # team, token, bot's user id, bot's id
    channels: tuple[tuple[str, str], ...]  # team and channel
    bodies: tuple[bytes, ...]


def around(slack: FakeSlack, chat: FakeChat, places: list[Workspace], bodies: Iterable[bytes]) -> Around:
    """That, of these fakes."""
    return Around(
        slack.api_url,
        chat.url,
        slack.app.client_id,
        slack.app.client_secret,
        slack.app.signing_secret,
        tuple((each.app.bot.team.id, each.app.token, each.app.bot.id, each.app.bot_id) for each in places),
        tuple(dict.fromkeys((like.channel.team.id, like.channel.id) for each in places for like in each.like)),
        tuple(bodies),
    )


def workspaces(slack: FakeSlack, number: int, *, people: int, channels: int) -> list[Workspace]:
    """So many of them, each with so many people who ask in so many channels."""
    return [_workspace(slack, f"team{each}", people, channels) for each in range(number)]


def _workspace(slack: FakeSlack, name: str, people: int, channels: int) -> Workspace:
    team = slack.team(name)
    app = slack.install(team)
    asking = [slack.user(team, f"person{each}") for each in range(people)]
    places = [slack.channel(team, f"channel{each}", *asking) for each in range(channels)]
    called = f"<@{app.bot.id}> question"
    like = [Message("", places[at % channels], person, called) for at, person in enumerate(asking)]
    return Workspace(app, tuple(like))


def questions(slack: FakeSlack, places: list[Workspace], many: int) -> list[tuple[Message, bytes]]:
    """So many questions, numbered, with the body of the event that brings each."""
    base, asked = int(time.time()), []
    for number in range(many):
        place = places[number % len(places)]
        like = place.like[number // len(places) % len(place.like)]
        message = Message(f"{base}.{number:06d}", like.channel, like.author, f"{like.text} {number}?")
        like.channel.add(message)
        asked.append((message, _body(slack, place.app, message)))
    return asked


def _body(slack: FakeSlack, app: Installation, message: Message) -> bytes:
    event = {
        "type": "app_mention",
        "user": message.author.id,
        "team": message.author.team.id,
        "channel": message.channel.id,
        "ts": message.ts,
        "event_ts": message.ts,
        "text": message.text,
    }
    authorization = {"team_id": message.channel.team.id, "user_id": app.bot.id, "is_bot": True}
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


async def sent(load: Load) -> list[Sent]:
    """Send it all from a process of its own, so that what is measured is not our slowness; in the order of the load."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_sending, args=(load, theirs))
    await asyncio.to_thread(process.start)  # it hands over the load, and would hold up the event loop
    taken: list[Sent] = await asyncio.to_thread(ours.recv)
    process.join()
    return taken


def _sending(load: Load, results: Connection) -> None:
    results.send(asyncio.run(_send(load)))


async def _send(load: Load) -> list[Sent]:
    """Send at an even pace, whatever the answers take."""
    timeout, connector = aiohttp.ClientTimeout(total=10), aiohttp.TCPConnector(limit=300)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as client:

        async def one(body: bytes) -> Sent:
            at = str(int(time.time()))
            digest = hmac.new(load.signing_secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
            headers = {
                "X-Slack-Request-Timestamp": at,
                "X-Slack-Signature": f"v0={digest}",
                "Content-Type": "application/json",
            }
            began = time.monotonic()
            try:
                async with client.post(load.url, data=body, headers=headers) as response:
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            return Sent(began, time.monotonic() - began, status)

        began, tasks = time.monotonic(), []
        async with asyncio.TaskGroup() as group:
            for number, body in enumerate(load.bodies):
                await asyncio.sleep(max(0.0, began + number / load.rate - time.monotonic()))
                tasks.append(group.create_task(one(body)))
    return [task.result() for task in tasks]
