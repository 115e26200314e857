"""What a flood costs everybody else, on virtual time: no machine's slowness is in these figures.

    python -m tests.bench.fairness [--seconds 600]

Two worker processes with the real relay on SQLite. Eighty-four people in twelve channels of four workspaces ask one
question a minute each, in threads of their own; then the same with one channel of the first workspace in which ten more
people ask ten questions a second. Reported: seconds from a question to the first text of its answer for all but the
flood, and Jain's index of the share of their questions that the other channels got answered.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from core import logs
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef
from core.relay.shares import Shares
from tests.proof.faults import Faults
from tests.proof.history import History, Key
from tests.proof.simulation import Simulation
from tests.proof.virtual import VirtualLoop, run

_WORKSPACES, _CHANNELS, _PEOPLE = 4, 3, 7  # people of a channel
_EVERY = 60.0  # seconds between two questions of one person
_FLOODERS, _FLOOD_RATE = 10, 10.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all but the flood."""

    answered: int
    p50: float
    p95: float
    jain: float
    refused: int  # of the flood


class Flooded(Simulation):
    """A simulation without faults, in which somebody may flood a channel."""

    def __init__(self, loop: VirtualLoop, url: str, *, flood: bool) -> None:
        super().__init__(loop, url, Faults(1, off=True), processes=2, shares=Shares(), workspaces=_WORKSPACES)
        self._flood = flood
        self._asked_at: dict[str, float] = {}

    async def measured(self, seconds: float) -> Figures:
        """Ask for so long, let what is under way end, and look at who waited."""
        await self._set_up()
        lives = [asyncio.create_task(self._live_on(number)) for number in range(2)]
        await asyncio.sleep(2)
        everybody = [
            self._asks(ChannelRef("slack", f"T{w}", f"C{c}"), f"U{p}", _EVERY, seconds)
            for w in range(_WORKSPACES)
            for c in range(_CHANNELS)
            for p in range(_PEOPLE)
        ]
        flooding = [
            self._asks(ChannelRef("slack", "T0", "C0"), f"flood{n}", _FLOODERS / _FLOOD_RATE, seconds)
            for n in range(_FLOODERS if self._flood else 0)
        ]
        await asyncio.gather(*everybody, *flooding)
        await asyncio.sleep(120)
        for life in lives:
            life.cancel()
        await asyncio.wait(lives)
        await self._buried()
        return self._figures(await self._over())

    async def _asks(self, channel: ChannelRef, user: str, every: float, seconds: float) -> None:
        loop = self.world.loop
        end, dice = loop.time() + seconds, random.Random(f"{channel}{user}")
        await asyncio.sleep(dice.uniform(0, every))
        while loop.time() < end:
            number = len(self.world.keys)
            message = f"{user}.{number}"
            self.world.keys[f"word-{number}"] = Key(ThreadRef(channel, message), message)
            self._asked_at[message] = loop.time()
            asked_at = datetime.fromtimestamp(loop.wall(), UTC)
            text = f"What of word-{number}?"
            question = Question(ThreadRef(channel, message), message, number, Asker(user), text, asked_at)
            await self.world.faults.dice.choice(self._alive).intake.accept(question)
            await asyncio.sleep(dice.expovariate(1 / every))

    def _figures(self, history: History) -> Figures:
        waited, got = [], Counter[ChannelRef]()
        for key, first in self.world.first_text.items():
            if not key.message_id.startswith("flood"):
                waited.append(first - self._asked_at[key.message_id])
                got[key.thread.channel] += 1
        of_people = {channel: many for channel, many in got.items() if channel != ChannelRef("slack", "T0", "C0")}
        asked = Counter(
            turn.key.thread.channel for turn in history.stored if not turn.key.message_id.startswith("flood")
        )
        shares = [many / asked[channel] for channel, many in of_people.items()]
        jain = sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
        refused = sum(turn.outcome == "refused" for turn in history.stored)
        waited.sort()
        return Figures(len(waited), statistics.median(waited), waited[len(waited) * 95 // 100], jain, refused)


def measure(seconds: float, *, flood: bool) -> Figures:
    """One run."""
    with tempfile.TemporaryDirectory() as folder:

        async def main(loop: VirtualLoop) -> Figures:
            return await Flooded(loop, f"sqlite:///{Path(folder) / 'askrepo.db'}", flood=flood).measured(seconds)

        return run(main)


def main() -> None:
    parser = argparse.ArgumentParser(description="What a flood costs everybody else.")
    parser.add_argument("--seconds", type=float, default=600)
    arguments = parser.parse_args()
    logs.configure("critical", "console")
    calm, flooded = (measure(arguments.seconds, flood=flood) for flood in (False, True))
    for name, each in (("calm", calm), ("flooded", flooded)):
        print(f"{name:8} {each.answered} answers, first text p50 {each.p50:.2f} s, p95 {each.p95:.2f} s, ", end="")
        print(f"Jain {each.jain:.3f}, {each.refused} of the flood refused")
    print(f"p95 of the others: {flooded.p95 / calm.p95:.2f} times")


if __name__ == "__main__":
    main()
