"""Many answers at once in Discord: what its limits leave of them, and whether the gateway is kept.

    python -m tests.bench.discord_answers [--answers 20 --channels 1] [--answers 200 --channels 20] [--seconds 30]

One askrepo process with gateway and worker; the fakes in a process of their own, their limits on. All questions are
asked within five seconds, each is a mention that begins a thread of its own, and each answer streams for `seconds`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bots.roles import Role
from bots.running import running
from core import bootstrap, logs
from core.conversation.values import ChannelRef
from core.settings import Settings
from tests.discord.house import finished
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_call import Call
from tests.fakes.discord_values import Message

_ASKED_WITHIN_SECONDS = 5.0
_HEARTBEAT_SECONDS = 5.0
_WORDS = 400  # of an answer


@dataclass(frozen=True)
class Outside:
    """What askrepo has to know of the fakes."""

    api_url: str
    chat_url: str
    token: str
    channels: tuple[tuple[str, str], ...]  # guild and channel


@dataclass(frozen=True)
class Seen:
    """What the fakes saw. Times are seconds."""

    answered: int
    signs: tuple[float, ...]  # from a question to the first post of its answer
    gaps: tuple[float, ...]  # between two changes of an answer
    whole: float  # from the first question to the last finished answer
    statuses: dict[int, int]
    peak: int  # requests within any one second, but for interactions
    beats: tuple[float, ...]  # between two heartbeats
    identifies: int
    closed: tuple[int, ...]


async def _outside(pipe: Connection, answers: int, channels: int, seconds: float) -> None:
    """The fakes, in a process of their own."""
    words = ["Working.\n", *["and on "] * (_WORDS - 1)]
    chat_says = says(*words, delay=seconds / _WORDS)
    async with FakeDiscord() as discord, FakeChat(default=chat_says) as chat:
        discord.gateway.heartbeat_interval = _HEARTBEAT_SECONDS
        guild = discord.guild("acme")
        people = [discord.user(guild, f"user{number}") for number in range(min(answers, 50))]
        places = [discord.channel(guild, f"channel{number}") for number in range(channels)]
        pipe.send(Outside(discord.api_url, chat.url, discord.token, tuple((guild.id, each.id) for each in places)))
        await asyncio.to_thread(pipe.recv)
        before, began = len(discord.calls), discord.clock()
        asked: list[tuple[float, Message]] = []
        for number in range(answers):
            await asyncio.sleep(max(0.0, began + number * _ASKED_WITHIN_SECONDS / answers - discord.clock()))
            message = await discord.says(people[number % len(people)], places[number % channels], f"{discord.bot} why?")
            asked.append((discord.clock(), message))
        done = [discord.until(lambda each=each: _done(discord, each), seconds * 10 + 60) for _, each in asked]  # type: ignore[misc]
        await asyncio.gather(*done, return_exceptions=True)
        pipe.send(_seen(discord, asked, discord.calls[before:], began))
        await asyncio.to_thread(pipe.recv)
        discord.allows(*{each.code for each in discord.violations})


def _done(discord: FakeDiscord, message: Message) -> bool:
    thread = discord.thread_of(message)
    return thread is not None and any(map(finished, discord.answers(thread)))


def _seen(discord: FakeDiscord, asked: Sequence[tuple[float, Message]], calls: Sequence[Call], began: float) -> Seen:
    signs, gaps = list[float](), list[float]()
    changes = _changes(calls)
    for at, message in asked:
        times = changes.get(message.id, [])
        signs += [times[0] - at] if times else []
        gaps += [later - earlier for earlier, later in itertools.pairwise(times)]
    times = sorted(call.at for call in calls)
    return Seen(
        answered=sum(_done(discord, message) for _, message in asked),
        signs=tuple(signs),
        gaps=tuple(gaps),
        whole=max(times) - began,
        statuses=dict(Counter(call.status for call in calls)),
        peak=max(sum(at <= each < at + 1 for each in times) for at in times),
        beats=tuple(discord.gateway.heartbeats),
        identifies=len(discord.gateway.identifies),
        closed=tuple(discord.gateway.closed),
    )


def _changes(calls: Sequence[Call]) -> dict[str, list[float]]:
    """When posts of a thread were made or changed, by the thread."""
    found: dict[str, list[float]] = {}
    for call in calls:
        if call.status == 200 and call.method in {"POST", "PATCH"} and "/messages" in call.route:
            found.setdefault(call.ids["channel_id"], []).append(call.at)
    return found


def _other_process(pipe: Connection, answers: int, channels: int, seconds: float) -> None:
    logs.configure("error", "console")
    asyncio.run(_outside(pipe, answers, channels, seconds))


async def _lateness(late: list[float]) -> None:
    """How much later than it wanted the event loop came back."""
    while True:
        at = time.perf_counter()
        await asyncio.sleep(0.05)
        late.append(time.perf_counter() - at - 0.05)


async def _measure(answers: int, channels: int, seconds: float, database_url: str) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_other_process, args=(theirs, answers, channels, seconds)
    )
    process.start()
    outside: Outside = await asyncio.to_thread(ours.recv)
    given = Settings.model_validate(
        {
            "DATABASE_URL": database_url,
            "ASKREPO_CHAT_URL": outside.chat_url,
            "ASKREPO_CHAT_TOKEN": "bench-token-1234",
            "ASKREPO_DISCORD_API_URL": outside.api_url,
            "DISCORD_TOKEN": outside.token,
            "PORT": "0",
        }
    )
    late: list[float] = []
    async with bootstrap.opened(given) as parts, running(parts, (Role.DISCORD, Role.WORKER), host="127.0.0.1"):
        for guild, channel in outside.channels:
            await parts.mappings.map(ChannelRef("discord", guild, channel), "github.com/calcom/cal.com", actor="1")
        await asyncio.sleep(3)
        watching, used = asyncio.create_task(_lateness(late)), time.process_time()
        ours.send(None)
        seen: Seen = await asyncio.to_thread(ours.recv)
        watching.cancel()
        used = time.process_time() - used
    ours.send(None)
    process.join()
    _report(answers, channels, seen, late, used)


def _report(answers: int, channels: int, seen: Seen, late: list[float], used: float) -> None:
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{answers} answers in {channels} channels: {seen.answered} finished within {seen.whole:.0f} s")
    print(f"first sign after {_spread(seen.signs)}; between changes {_spread(seen.gaps)}")
    print(f"at most {seen.peak} requests in a second; statuses {seen.statuses}")
    print(
        f"gateway: {seen.identifies} IDENTIFY, closed {list(seen.closed)}, heartbeats {max(seen.beats):.2f} s "
        f"apart at most; event loop late by {_spread(late)}"
    )
    print(f"{used:.1f} s of processor time")


def _spread(values: Sequence[float]) -> str:
    cut = statistics.quantiles(values, n=100)
    return f"p50 {cut[49]:.2f} s, p99 {cut[98]:.2f} s, max {max(values):.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description="Many answers at once in Discord.")
    parser.add_argument("--answers", type=int, default=20)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--log", default="error")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        logs.configure(arguments.log, "console")
        database_url = f"sqlite:///{Path(folder) / 'askrepo.db'}"
        asyncio.run(_measure(arguments.answers, arguments.channels, arguments.seconds, database_url))


if __name__ == "__main__":
    main()
