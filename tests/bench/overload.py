"""How fast Slack is acknowledged in the worst mix (OV-06).

    python -m tests.bench.overload [--seconds 60] [--scale 1.0]

That is ten times the usual questions, forged requests, connections that say next to nothing, and a /chat that is down.
One askrepo process for ten workspaces on SQLite; the fake Slack, the questions and the attack in processes of their
own. `--scale` takes that part of everything, where the machine cannot generate the whole beside the process that is to
bear it; what was really sent is printed. A slow connection that was closed comes again five seconds later. First the
same questions come alone, for comparison. Exit code 1 unless every question was acknowledged, 99.9 % of them within a
second and all within two and a half.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import math
import multiprocessing
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from itertools import count, cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core import logs
from tests.bench.bots import ASKREPO, Bot
from tests.bench.slack_load import Around, Load, Sent, around, questions, sent, workspaces
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack

_USUAL = 20.0  # questions a second
_TIMES = 10
_FORGED = 1_000.0  # requests a second
_SLOW = 5_000  # connections
_AGAIN_SECONDS = 5.0  # before a connection that was closed comes again
_BYTE_SECONDS = 1.0
_DOWN = "http://127.0.0.1:9"  # nobody listens on the port named discard
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Attack:
    """What is done beside the questions, by one process; `rate` a second of forged requests, `slow` connections."""

    url: str
    rate: float
    slow: int


@dataclass
class Done:
    """What the attack really was."""

    forged: Counter[str]  # by what came back
    most_open: int
    opened: int


def forgeries() -> Iterator[bytes]:
    """Requests that no secret has signed, each for another reason, and some of them large."""
    body = json.dumps({"type": "event_callback", "event": {"type": "app_mention", "text": "x" * 200}}).encode()
    bodies = [body, b"payload=" + b"%41" * 2_000, b"[" * 50_000, body * 300, b"", b"\xff\xfe" * 500]
    for number, sent_body in zip(count(), cycle(bodies), strict=False):
        now = int(time.time()) - (0, 0, 86_400)[number % 3]
        digest = hmac.new(b"a wrong secret", b"v0:%d:" % now + sent_body, hashlib.sha256).hexdigest()
        signature = (f"v0={digest}", "v0=", "")[number % 3]
        head = (
            f"POST /slack/events HTTP/1.1\r\nHost: askrepo\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(sent_body)}\r\nX-Slack-Request-Timestamp: {now}\r\n"
            f"X-Slack-Signature: {signature}\r\n\r\n"
        )
        yield head.encode() + sent_body


async def _forge(address: tuple[str, int], rate: float, found: Counter[str]) -> None:
    """At an even pace, whatever the answers take; each over a connection of its own, for they are closed."""
    began, wanted = time.monotonic(), forgeries()
    async with asyncio.TaskGroup() as group:
        for number in count():
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.create_task(_forged(address, next(wanted), found))


async def _forged(address: tuple[str, int], request: bytes, found: Counter[str]) -> None:
    try:
        async with asyncio.timeout(10), _connected(address) as (reader, writer):
            writer.write(request)
            line = await reader.readline()
            found[line.split(b" ")[1].decode() if line else "closed"] += 1
    except (OSError, TimeoutError, IndexError) as error:
        found[type(error).__name__] += 1


@contextlib.asynccontextmanager
async def _connected(address: tuple[str, int]) -> Any:
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


_BEGINNINGS = (
    b"",
    b"POST /slack/events HTTP/1.1\r\nHost: askrepo\r\nX-Slack-Nothing: ",
    b"POST /slack/events HTTP/1.1\r\nHost: askrepo\r\nContent-Length: 100000\r\n"
    b"X-Slack-Request-Timestamp: 1\r\nX-Slack-Signature: v0=" + b"0" * 64 + b"\r\n\r\n",
)


async def _slowly(address: tuple[str, int], number: int, done: Done, open_: set[int]) -> None:
    """One connection that says next to nothing, again and again."""
    await asyncio.sleep(_AGAIN_SECONDS * (number % 1_000) / 1_000)
    while True:
        with contextlib.suppress(OSError):
            async with _connected(address) as (reader, writer):
                done.opened += 1
                open_.add(number)
                done.most_open = max(done.most_open, len(open_))
                writer.write(_BEGINNINGS[number % len(_BEGINNINGS)])
                closed = asyncio.create_task(reader.read(1))
                while not closed.done():
                    await asyncio.wait({closed}, timeout=_BYTE_SECONDS)
                    if number % len(_BEGINNINGS) and not closed.done():
                        writer.write(b"x")
                closed.exception()
        open_.discard(number)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _attack(attack: Attack, pipe: Connection) -> None:
    parts = urlsplit(attack.url)
    address = (parts.hostname or "", parts.port or 0)
    done, open_ = Done(Counter(), 0, 0), set[int]()
    work: list[Coroutine[Any, Any, None]] = [_slowly(address, number, done, open_) for number in range(attack.slow)]
    work += [_forge(address, attack.rate, done.forged)] if attack.rate else []
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.to_thread(pipe.recv)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    pipe.send(done)


def _attacking(attack: Attack, pipe: Connection) -> None:
    asyncio.run(_attack(attack, pipe))


async def _fakes(pipe: Connection, many: int) -> None:
    async with FakeSlack() as slack, FakeChat() as chat:
        slack.tiers.on = False
        places = workspaces(slack, 10, people=200, channels=20)
        pipe.send(around(slack, chat, places, (body for _, body in questions(slack, places, many))))
        await asyncio.to_thread(pipe.recv)
        slack.allows(*{each.code for each in slack.violations})


def _outside(many: int, pipe: Connection) -> None:
    logs.configure("critical", "console")
    asyncio.run(_fakes(pipe, many))


@contextlib.contextmanager
def _process(target: Callable[[Any, Connection], None], argument: object) -> Iterator[Connection]:
    """A process of its own, which is told to end by a word; what it says last is to be read before."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(argument, theirs))
    process.start()
    try:
        yield ours
    finally:
        process.join()


async def _measure(arguments: argparse.Namespace, database_url: str) -> bool:
    scale, seconds = arguments.scale, arguments.seconds
    rate, alone = _USUAL * _TIMES * scale, 10.0
    with _process(_outside, int(rate * (alone + seconds))) as outside:
        known: Around = await asyncio.to_thread(outside.recv)
        bot = Bot(ASKREPO, replace(known, chat_url=_DOWN), database_url)
        url = await bot.open()
        load = Load(url, known.signing_secret, known.bodies[: int(rate * alone)], rate)
        quiet = await sent(load)
        with _process(_attacking, Attack(url, _FORGED * scale, int(_SLOW * scale))) as attack:
            await asyncio.sleep(_SETTLE_SECONDS)  # until every slow connection has come
            before = await bot.usage()
            stormy = await sent(replace(load, bodies=known.bodies[int(rate * alone) :]))
            after = await bot.usage()
            attack.send(None)
            done: Done = await asyncio.to_thread(attack.recv)
        await bot.close()
        outside.send(None)
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"scale {scale:g}: {rate:g} questions/s for {seconds:g} s, /chat down; {dict(done.forged)} forged requests;")
    print(f"{done.most_open} slow connections at once at most, opened {done.opened} times")
    print(f"askrepo took {(after.cpu - before.cpu) / seconds:.2f} of a core, {after.resident / 1e6:.0f} MB resident")
    _told("alone", quiet)
    return _told("in the storm", stormy)


def _told(when: str, taken: list[Sent]) -> bool:
    """Print it, and whether it is as it should be."""
    seconds = sorted(each.seconds for each in taken)
    statuses = dict(Counter(each.status for each in taken))

    def at(share: float) -> float:
        return seconds[min(len(seconds) - 1, math.ceil(share * len(seconds)) - 1)]

    print(f"ack {when}: {len(taken)} events, statuses {statuses}; p50 {at(0.5) * 1e3:.0f} ms, ", end="")
    print(f"p99 {at(0.99) * 1e3:.0f} ms, p99.9 {at(0.999) * 1e3:.0f} ms, max {seconds[-1] * 1e3:.0f} ms", flush=True)
    return set(statuses) == {200} and at(0.999) <= 1.0 and seconds[-1] <= 2.5


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast Slack is acknowledged in the worst mix.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--scale", type=float, default=1.0)
    with tempfile.TemporaryDirectory() as folder:
        passed = asyncio.run(_measure(parser.parse_args(), f"sqlite:///{Path(folder) / 'askrepo.db'}"))
    raise SystemExit(not passed)


if __name__ == "__main__":
    main()
