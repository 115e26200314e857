"""How fast Slack is acknowledged under load: questions come in while other answers are being streamed.

    python -m tests.bench.slack_acks [--seconds 60] [--rate 200]

One askrepo process for ten workspaces; the fakes and the load in processes of their own. Every event is a mention, the
beginning of a thread of its own, by one of many people in one of many channels, so that nobody meets a limit. An answer
streams for a minute, and a process runs 200 at once: they are live as soon as that many were asked.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import platform
import statistics
import tempfile
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from core import logs
from tests.bench.askrepo_bot import askrepo
from tests.bench.slack_load import Around, Load, Sent, around, questions, sent, workspaces
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.slack import FakeSlack

_WORKSPACES = 10
_CHANNELS = 20  # of each
_PEOPLE = 200  # of each


async def _outside(pipe: Connection, rate: float, seconds: float) -> None:
    """The fakes, in a process of their own."""
    slow = says("Working.\n", *["and on "] * 600, delay=0.1)
    async with FakeSlack() as slack, FakeChat(default=slow) as chat:
        slack.tiers.on = False
        places = workspaces(slack, _WORKSPACES, people=_PEOPLE, channels=_CHANNELS)
        pipe.send(around(slack, chat, places, (body for _, body in questions(slack, places, int(rate * seconds)))))
        await asyncio.to_thread(pipe.recv)
        pipe.send((len(chat.requests), chat.live))
        await asyncio.to_thread(pipe.recv)
        slack.allows(*{each.code for each in slack.violations})


def _other_process(pipe: Connection, rate: float, seconds: float) -> None:
    logs.configure("error", "console")
    asyncio.run(_outside(pipe, rate, seconds))


async def _measure(arguments: argparse.Namespace, database_url: str) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_other_process, args=(theirs, arguments.rate, arguments.seconds)
    )
    process.start()
    known: Around = await asyncio.to_thread(ours.recv)
    async with askrepo(known, database_url) as url:
        taken = await sent(Load(url, known.signing_secret, known.bodies, arguments.rate))
        ours.send(None)
        asked, live = await asyncio.to_thread(ours.recv)
    ours.send(None)
    process.join()
    _report(arguments, taken, asked, live)


def _report(arguments: argparse.Namespace, taken: list[Sent], asked: int, live: int) -> None:
    seconds = sorted(each.seconds for each in taken)
    statuses = dict(Counter(each.status for each in taken))
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
