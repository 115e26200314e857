"""askrepo beside a naive bot of the same libraries (naive_bot.py): the same questions and answers, in turn, in one run.

    python -m tests.bench.against_naive [--live 1,50,200,1000] [--tiers off|on|both] [--seconds 15]

Each bot has a process of its own, and so have the fakes and the load; each level is measured anew, first the naive bot,
then askrepo on SQLite. Tiers off: questions come evenly, so many that `live` answers are streamed at any time, one in
each workspace: askrepo keeps to Slack's limits for a workspace also where nobody holds it to them. An answer has 317
words and takes `seconds` (three where one is live, so that there are some). Tiers on: fifty questions at once in one
workspace, with the limits that Slack documents.

Overhead is the time from the event being sent to the first text of its answer being seen by Slack, less the time the
service took from being asked to its first word. A bot's processor time is that of its whole process, from the first
event to the last answer. Its memory is what it grew by from idle, some answers having been given, to `live` answers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import logs
from tests.bench.bots import ASKREPO, NAIVE, Bot, Usage
from tests.bench.outside import Outside, Scene, Seen
from tests.bench.slack_load import Load, Sent, sent

_FEW = 10  # workspaces, where few answers are live
_WARM_UP = 8
_WARM_UP_RATE = 4.0
_ALONE_SECONDS = 3.0  # of one answer where one is live
_ALONE_QUESTIONS = 30
_AT_ONCE = 50
_AT_ONCE_RATE = 100.0
_PATIENCE_SECONDS = 60.0  # for what is not whole when it should be
_PATIENCE_IN_LINE_SECONDS = 300.0


@dataclass(frozen=True)
class Level:
    """What is asked of both bots."""

    name: str
    live: int
    rate: float
    scene: Scene

    @property
    def asking(self) -> float:
        """Seconds until all is asked."""
        return self.scene.questions / self.rate


@dataclass(frozen=True)
class Run:
    """One bot at one level."""

    level: Level
    sent: Sequence[Sent]
    seen: Seen
    idle: Usage
    full: Usage
    live_then: int
    end: Usage
    seconds: float

    @property
    def overheads(self) -> list[float]:
        """Seconds, of the questions whose answer was seen."""
        pairs = zip(self.sent, self.seen.questions, strict=True)
        return [(of.first_text - event.at) - (of.first_piece - of.asked) for event, of in pairs if of.first_text]

    @property
    def whole(self) -> int:
        return sum(of.whole for of in self.seen.questions)


def level(live: int, seconds: float) -> Level:
    """So many live answers, without limits."""
    places, people, channels = max(live, _FEW), 6, 2
    if live == 1:
        scene = Scene(places, people, channels, _WARM_UP, _ALONE_QUESTIONS, _ALONE_SECONDS, tiers=False)
        return Level("1", 1, 1 / _ALONE_SECONDS, scene)
    return Level(
        str(live), live, live / seconds, Scene(places, people, channels, _WARM_UP, 2 * live, seconds, tiers=False)
    )


def at_once(seconds: float) -> Level:
    """Fifty questions at once, with the limits."""
    scene = Scene(1, _AT_ONCE, 5, 1, _AT_ONCE, seconds, tiers=True)
    return Level(f"{_AT_ONCE} at once, tiers on", _AT_ONCE, _AT_ONCE_RATE, scene)


async def measure(kind: str, level: Level) -> Run:
    """One bot at one level."""
    scene = level.scene
    patience = _PATIENCE_IN_LINE_SECONDS if scene.tiers else _PATIENCE_SECONDS
    outside = Outside(scene)
    around = await outside.open()
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(kind, around, f"sqlite:///{Path(folder) / 'askrepo.db'}")
        url = await bot.open()
        await sent(Load(url, around.signing_secret, around.bodies[: scene.warm_up], _WARM_UP_RATE))
        await outside.begin()
        idle, began = await bot.usage(), time.monotonic()
        load = Load(url, around.signing_secret, around.bodies[scene.warm_up :], level.rate)
        asking = asyncio.create_task(sent(load))
        await asyncio.sleep(level.asking - 0.5 if level.live > 1 else level.asking / 2)
        live, full = await outside.live(), await bot.usage()
        events = await asking
        seen = await outside.seen(scene.seconds + patience)
        end, took = await bot.usage(), time.monotonic() - began
        await bot.close()
    await outside.close()
    return Run(level, events, seen, idle, full, live, end, took)


def _row(name: str, values: Sequence[float | None], digits: int) -> str:
    shown = ["–" if value is None else f"{value:,.{digits}f}" for value in values]
    naive, ours = values
    ratio = "" if not naive or ours is None else f"{ours / naive:.2f}"
    return f"| {name} | {shown[0]} | {shown[1]} | {ratio} |"


def _at(values: Sequence[float], share: float) -> float | None:
    """A quantile, in milliseconds."""
    if len(values) < 2:
        return None
    return statistics.quantiles(sorted(values), n=1000, method="inclusive")[int(share * 1000) - 1] * 1000


def rows(naive: Run, ours: Run) -> list[str]:
    """The table's rows for one level."""
    both = (naive, ours)
    asked = naive.level.scene.questions
    acks = [[each.seconds for each in run.sent] for run in both]
    memory = [(run.full.collected - run.idle.collected) / 1024 / max(1, run.live_then) for run in both]
    return [
        f"| **{naive.level.name} live** | | | |",
        _row(f"whole answers, of {asked}", [run.whole for run in both], 0),
        _row("acknowledged, p50, ms", [_at(each, 0.5) for each in acks], 1),
        _row("acknowledged, p99, ms", [_at(each, 0.99) for each in acks], 1),
        _row("overhead, p50, ms", [_at(run.overheads, 0.5) for run in both], 1),
        _row("overhead, p99, ms", [_at(run.overheads, 0.99) for run in both], 1),
        _row("answers a second", [_pace(run) for run in both], 2),
        _row("processor time an answer, ms", [_cpu(run) for run in both], 1),
        _row("platform calls an answer", [sum(run.seen.calls.values()) / asked for run in both], 1),
        _row("memory a live answer, KiB", memory, 0),
        *(
            [
                _row("calls refused for pace", [run.seen.refused for run in both], 0),
                _row("calls inside a Retry-After", [_early(run) for run in both], 0),
            ]
            if naive.level.scene.tiers
            else []
        ),
    ]


def _pace(run: Run) -> float:
    ends = [of.last_call for of in run.seen.questions if of.whole]
    return len(ends) / (max(ends) - run.sent[0].at) if ends else 0.0


def _cpu(run: Run) -> float:
    return (run.end.cpu - run.idle.cpu) * 1000 / max(1, run.whole)


def _early(run: Run) -> int:
    return run.seen.violations.get("called_inside_retry_after", 0)


def _remarks(kind: str, run: Run) -> str:
    statuses = {each.status for each in run.sent}
    return (
        f"{kind} at {run.level.name}: {run.live_then} live when memory was read ({run.seen.most_live} at most), "
        f"bot busy {(run.end.cpu - run.idle.cpu) / run.seconds:.0%} of a core, "
        f"fakes {run.seen.busy / run.seconds:.0%}; statuses {statuses}, calls {run.seen.calls}, "
        f"violations {run.seen.violations}; resident "
        f"{run.idle.resident >> 20} → {run.full.resident >> 20} MiB"
    )


async def _main(arguments: argparse.Namespace) -> None:
    levels = []
    if arguments.tiers != "on":
        levels += [level(live, arguments.seconds) for live in map(int, arguments.live.split(","))]
    if arguments.tiers != "off":
        levels.append(at_once(arguments.seconds))
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("| | naive bot | askrepo | ratio |\n| --- | ---: | ---: | ---: |", flush=True)
    remarks = []
    for each in levels:
        naive = await measure(NAIVE, each)
        ours = await measure(ASKREPO, each)
        print("\n".join(rows(naive, ours)), flush=True)
        remarks += [_remarks(NAIVE, naive), _remarks(ASKREPO, ours)]
    print("", *remarks, sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="askrepo beside a naive bot of the same libraries.")
    parser.add_argument("--live", default="1,50,200,1000")
    parser.add_argument("--tiers", choices=("off", "on", "both"), default="both")
    parser.add_argument("--seconds", type=float, default=15.0, help="of one answer")
    arguments = parser.parse_args()
    logs.configure("error", "console")
    asyncio.run(_main(arguments))


if __name__ == "__main__":
    main()
