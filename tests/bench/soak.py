"""Whether askrepo grows: questions at an even pace for hours; memory, descriptors, threads and tasks, sampled.

    python -m tests.bench.soak [--minutes 150] [--rate 20] [--samples soak.csv]

One askrepo process on SQLite; Slack, /chat and those who ask in a process of their own, which forgets what is over. So
many workspaces that nobody meets a limit, Slack's rate tiers included. A fifth of the questions are asked in the thread
of an earlier one. Halfway through the warm-up, the first fifth of the run, many are asked at once, so that whatever is
bounded by what runs at the same time (connections, buffers, the heap) has had its peak: a machine that stalls for a
moment makes no step later. What counts comes after the warm-up: the slope of the resident memory by
least squares, the other figures' medians in the first and the last tenth of it, and what is there with nothing to do,
before the first question and after the last answer.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gc
import multiprocessing
import os
import platform
import random
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

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
from tests.fakes.slack_values import Channel, Installation, Message
from tests.slack.house import REPOSITORY

_WORKSPACES = 200
_PEOPLE = 20  # of each
_IN_A_THREAD = 0.2
_FORGOTTEN_SECONDS = 60.0  # an answer takes two
_THINKING_SECONDS = 10.0  # before the question in a thread
_EVERY_SECONDS = 10.0
_QUIET_SECONDS = 90.0  # after the last answer; connections that are kept alive have ended by then
_WARM_UP = 0.2
_AT_ONCE = 300  # in the peak; as many as a worker answers
_PLOT_WIDTH = 72
_PLOT_HEIGHT = 12


@dataclass(frozen=True)
class Sample:
    """The askrepo process at so many minutes; `cpu` in seconds since its start, sizes in MiB."""

    minutes: float
    memory: float
    descriptors: int
    threads: int
    tasks: int
    cpu: float
    stored: float
    asked: int
    answered: int
    unanswered: int


@dataclass
class _Asked:
    """A question, and the one more that may be asked in its thread: so many answers are wanted there."""

    at: float
    channel: Channel
    root: Message
    wanted: int = 1


class Asking:
    """Those who ask, and what became of their questions. What is over is forgotten."""

    def __init__(self, slack: FakeSlack, chat: FakeChat, rate: float, peak_after: float) -> None:
        self.asked = self.answered = self.unanswered = 0
        self.installations: list[Installation] = []
        self.channels: list[Channel] = []
        self._slack, self._chat, self._rate, self._peak_after = slack, chat, rate, peak_after
        self._open: deque[_Asked] = deque()
        for number in range(_WORKSPACES):
            team = slack.team(f"team{number}")
            self.installations.append(slack.install(team))
            people = [slack.user(team, f"person{each}") for each in range(_PEOPLE)]
            self.channels.append(slack.channel(team, "general", *people))

    async def run(self) -> None:
        """Ask until cancelled."""
        began, turn = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            group.create_task(self._peak(group))
            while True:
                turn += 1
                await asyncio.sleep(max(0.0, began + turn / self._rate - time.monotonic()))
                group.create_task(self._ask(random.randrange(_WORKSPACES)))
                self._forget(time.monotonic() - _FORGOTTEN_SECONDS)

    async def _peak(self, group: asyncio.TaskGroup) -> None:
        await asyncio.sleep(self._peak_after)
        for number in range(_AT_ONCE):
            group.create_task(self._ask(number % _WORKSPACES))

    async def _ask(self, number: int) -> None:
        channel, askrepo = self.channels[number], self.installations[number].bot
        person = random.choice([each for each in channel.members if not each.bot])
        self.asked += 1
        root = await self._slack.says(person, channel, f"{askrepo} How is question {self.asked} answered?")
        asked = _Asked(time.monotonic(), channel, root)
        self._open.append(asked)
        if random.random() >= _IN_A_THREAD:
            return
        await asyncio.sleep(_THINKING_SECONDS)
        if self._answered(asked):  # two that wait are answered at once, in one answer
            asked.wanted += 1
            self.asked += 1
            await self._slack.says(person, channel, f"{askrepo} And why?", thread=root)

    def _forget(self, before: float) -> None:
        while self._open and self._open[0].at < before:
            asked = self._open.popleft()
            answered = self._answered(asked)
            self.answered += answered
            self.unanswered += asked.wanted - answered
            for message in self._slack.thread(asked.channel, asked.root.ts):
                asked.channel.messages.pop(message.ts, None)
            asked.channel.replies.pop(asked.root.ts, None)
            asked.channel.statuses.pop(asked.root.ts, None)
        if len(self._slack.calls) > 2_000:
            for grown in (self._slack.calls, self._slack.deliveries, self._chat.requests):
                grown.clear()

    def _answered(self, asked: _Asked) -> int:
        posts = [post for post in self._slack.thread(asked.channel, asked.root.ts) if post.bot_id]
        return sum(any(each["action_id"] == "retry" for each in post.buttons) for post in posts)


async def _outside(pipe: Connection, rate: float, peak_after: float) -> None:
    pieces = ["It lives ", "in `core/relay`.\n"] + ["A further sentence stands here. "] * 18
    async with FakeSlack() as slack, FakeChat(default=says(*pieces, delay=0.1), token="process-token-1234") as chat:
        slack.tiers.on = False
        asking = Asking(slack, chat, rate, peak_after)
        given = {
            "ASKREPO_CHAT_URL": chat.url,
            "ASKREPO_CHAT_TOKEN": "process-token-1234",
            "ASKREPO_SLACK_API_URL": slack.api_url,
            "SLACK_CLIENT_ID": slack.app.client_id,
            "SLACK_CLIENT_SECRET": slack.app.client_secret,
            "SLACK_SIGNING_SECRET": slack.app.signing_secret,
            "ASKREPO_PUBLIC_URL": "https://askrepo.example.com",
            "PORT": "0",
        }
        installed = [(each.bot.team.id, each.token, each.bot.id, each.bot_id) for each in asking.installations]
        pipe.send((given, installed, [(each.team.id, each.id) for each in asking.channels]))
        slack.url = await asyncio.to_thread(pipe.recv)
        task = asyncio.create_task(asking.run())
        while await asyncio.to_thread(pipe.recv):
            pipe.send((asking.asked, asking.answered, asking.unanswered))
        task.cancel()
        await asyncio.wait({task})
        while chat.live:  # noqa: ASYNC110 - the fake has no event for this, and a second does not matter here
            await asyncio.sleep(1)
        pipe.send((asking.asked, asking.answered, asking.unanswered))
        await asyncio.to_thread(pipe.recv)
        print(f"the platform's complaints: {[str(each) for each in slack.violations][:20]}")
        slack.allows(*{each.code for each in slack.violations})


def _other_process(pipe: Connection, rate: float, peak_after: float) -> None:
    logs.configure("error", "console")
    asyncio.run(_outside(pipe, rate, peak_after))


async def _measure(
    pipe: Connection, database: Path, minutes: float, samples: Path
) -> tuple[list[Sample], list[Sample]]:
    """The samples under load, and those before and after it."""
    given, installed, channels = await asyncio.to_thread(pipe.recv)
    settings = Settings.model_validate(given | {"DATABASE_URL": f"sqlite:///{database}"})
    taken: list[Sample] = []
    idle: list[Sample] = []
    roles = (Role.WEB, Role.WORKER)
    async with bootstrap.opened(settings) as parts, running(parts, roles, host="127.0.0.1") as url:
        for team, token, bot, bot_id in installed:
            made = SlackInstallation(Secret(token), bot, bot_id, "A1", team, None, ())
            await parts.installations.save(
                made.workspace, made.payload(), installed_at=datetime.now(UTC), expires_at=None
            )
        for team, channel in channels:
            await parts.mappings.map(ChannelRef("slack", team, channel), REPOSITORY, actor="U1")
        await asyncio.sleep(_EVERY_SECONDS)
        idle.append(_sample(0, database, (0, 0, 0)))
        pipe.send(f"{url}/slack/events")
        began = time.monotonic()
        with samples.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(field.name for field in fields(Sample))
            while time.monotonic() - began < minutes * 60:
                await asyncio.sleep(_EVERY_SECONDS)
                pipe.send(True)
                counted = await asyncio.to_thread(pipe.recv)
                taken.append(_sample((time.monotonic() - began) / 60, database, counted))
                table.writerow(astuple(taken[-1]))
                file.flush()
        pipe.send(False)
        counted = await asyncio.to_thread(pipe.recv)
        await asyncio.sleep(_QUIET_SECONDS)
        idle.append(_sample((time.monotonic() - began) / 60, database, counted))
        pipe.send(None)
    return taken, idle


def _sample(minutes: float, database: Path, counted: tuple[int, int, int]) -> Sample:
    gc.collect()  # so that what is sampled is what is held
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    stored = sum(each.stat().st_size for each in database.parent.iterdir()) / 2**20
    descriptors, tasks = sum(1 for _ in Path("/proc/self/fd").iterdir()), len(asyncio.all_tasks())
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Sample(minutes, memory, descriptors, threading.active_count(), tasks, time.process_time(), stored, *counted)


def report(taken: Sequence[Sample], idle: Sequence[Sample]) -> str:
    """What the samples come to, with a plot of the memory."""
    warm = taken[int(len(taken) * _WARM_UP) :]
    slope = statistics.linear_regression([each.minutes / 60 for each in warm], [each.memory for each in warm]).slope
    last, minutes = taken[-1], taken[-1].minutes
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    asked = f"{minutes:.0f} minutes: {last.asked} asked ({last.asked / minutes / 60:.1f}/s), {last.answered} answered"
    late = f"{last.unanswered} not answered within {_FORGOTTEN_SECONDS:g} s"
    each = f"{last.cpu / last.asked * 1000:.1f} ms of processor time each"
    memory = f"memory {warm[0].memory:.1f} to {last.memory:.1f} MiB, {slope:+.2f} MiB/h by least squares"
    quiet = [
        f"{one.memory:.1f} MiB, {one.descriptors} descriptors, {one.threads} threads, {one.tasks} tasks" for one in idle
    ]
    lines = [
        system,
        f"{asked}, {late}; {each}",
        f"after {warm[0].minutes:.0f} minutes: {memory}",
        *(_range(name, [getattr(one, name) for one in warm]) for name in ("descriptors", "threads", "tasks")),
        f"idle before: {quiet[0]}; idle after: {quiet[-1]}",
        f"database {last.stored:.0f} MiB",
        "",
        *_plot([one.memory for one in taken], minutes),
    ]
    return "\n".join(lines)


def _range(name: str, values: Sequence[int]) -> str:
    tenth = max(1, len(values) // 10)
    first, last = statistics.median(values[:tenth]), statistics.median(values[-tenth:])
    return f"{name}: {min(values)} to {max(values)}; median of the first tenth {first:g}, of the last {last:g}"


def _plot(values: Sequence[float], minutes: float) -> Iterable[str]:
    low, high = min(values), max(values)
    step = (high - low) / (_PLOT_HEIGHT - 1) or 1.0
    columns = [values[number * len(values) // _PLOT_WIDTH] for number in range(_PLOT_WIDTH)]
    for row in range(_PLOT_HEIGHT - 1, -1, -1):
        marks = "".join("*" if round((value - low) / step) == row else " " for value in columns)
        yield f"{low + row * step:7.1f} |{marks.rstrip()}"
    yield f"    MiB +{'-' * _PLOT_WIDTH} {minutes:.0f} min"


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether askrepo grows over hours.")
    parser.add_argument("--minutes", type=float, default=150)
    parser.add_argument("--rate", type=float, default=20, help="questions a second")
    parser.add_argument("--samples", type=Path, default=Path("soak.csv"))
    arguments = parser.parse_args()
    logs.configure("error", "console")
    ours, theirs = multiprocessing.Pipe()
    rate = arguments.rate / (1 + _IN_A_THREAD)
    given = (theirs, rate, arguments.minutes * 60 * _WARM_UP / 2)
    process = multiprocessing.get_context("spawn").Process(target=_other_process, args=given)
    process.start()
    with tempfile.TemporaryDirectory() as folder:
        taken, idle = asyncio.run(_measure(ours, Path(folder) / "askrepo.db", arguments.minutes, arguments.samples))
    process.join()
    print(report(taken, idle))


if __name__ == "__main__":
    main()
