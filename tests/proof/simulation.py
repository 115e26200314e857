"""Many turns on virtual time: the real relay on SQLite, while everything around it fails by a seed.

    python -m tests.proof.simulation [--seed 1] [--turns 200000]

Processes are killed and started again at any step, or stand still for longer than a lease; the database refuses units
or loses replies; the platform delivers events several times, refuses calls, is slow, away, or loses replies; /chat
breaks off. Workspaces have equal ids of channels, threads and messages. What then stands in the threads is held against
the promises (checker.py). A failure prints the seed that gives the same run again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from sqlalchemy import select

from core import logs, schema
from core.chat.client import ChatClient
from core.cipher import Keyring, new_key
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef, WorkspaceRef
from core.database import Database
from core.errors import DatabaseError
from core.relay.shares import Shares
from core.secret import Secret
from core.tables import TurnRow
from tests.proof.checker import violations
from tests.proof.faults import Chances, Faults, Killed, Life
from tests.proof.history import Acked, Asked, Binding, History, Key, Visible
from tests.proof.rims import SimChat, SimDatabase, SimDelivery, World
from tests.proof.stored import stored
from tests.proof.virtual import VirtualLoop, run
from tests.relay.house import Process
from tests.relay.places import UNLIMITED

_WORKSPACES = 200
_CHANNELS = 3
_THREADS = 40  # of a channel, one after the other; a few questions in each
_DELIVERIES = 12  # after which a platform gives up on an event that nobody acknowledges
_LAST_FAULTS_SECONDS = 120.0  # after the last question
_CALM_SECONDS = 1_200.0  # without faults, at the end: by then every turn has its outcome
_CHAT_URL = "https://chat.invalid"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    seed: int
    turns: int
    outcomes: Counter[str]
    faults: Counter[str]
    problems: list[str]
    virtual_seconds: float
    history: History

    def line(self) -> str:
        """In a line, with what replays it."""
        outcomes = ", ".join(f"{many} {name}" for name, many in sorted(self.outcomes.items()))
        each = sum(self.faults.values()) / max(1, self.turns)
        return (
            f"seed {self.seed}: {self.turns} turns ({outcomes}), {each:.1f} faults each, "
            f"{self.virtual_seconds / 3600:.1f} virtual hours, {len(self.problems)} violations"
        )


class Simulation:
    """One run. Everything is drawn from the seed of its faults."""

    def __init__(
        self,
        loop: VirtualLoop,
        url: str,
        faults: Faults,
        *,
        processes: int = 3,
        rate: float = 6.0,
        shares: Shares = UNLIMITED,
        workspaces: int = _WORKSPACES,
    ) -> None:
        self.world = World(loop, faults, History())
        self._url = url
        self._keyring = Keyring((new_key(),))
        self._many, self._rate, self._shares, self._workspaces = processes, rate, shares, workspaces
        self._alive: list[Process] = []
        self._opened: list[Database] = []
        self._asked: Counter[ThreadRef] = Counter()
        self._messages = 0

    async def run(self, turns: int) -> Result:
        """Ask so many questions, then wait until all is over, and check."""
        await self._set_up()
        lives = [asyncio.create_task(self._live_on(number)) for number in range(self._many)]
        deliveries: set[asyncio.Task[None]] = set()
        dice = self.world.faults.dice
        for number in range(turns):
            await asyncio.sleep(dice.expovariate(self._rate))
            task = asyncio.create_task(self._happens(self._question(number)))
            deliveries.add(task)
            task.add_done_callback(deliveries.discard)
        await asyncio.sleep(_LAST_FAULTS_SECONDS)
        self.world.faults.off = True
        if deliveries:
            await asyncio.wait(deliveries)
        await self._calm()
        for life in lives:
            life.cancel()
        await asyncio.wait(lives)
        await self._buried()
        history = await self._over()
        outcomes = Counter(str(turn.outcome) for turn in history.stored)
        faults = self.world.faults
        return Result(faults.seed, turns, outcomes, faults.happened, violations(history), self.world.loop.now, history)

    async def _set_up(self) -> None:
        database = Database(Secret(self._url))
        await schema.upgrade(database)
        process = self._process(
            database, SimDelivery(self.world, Life("set-up", Faults(0, off=True))), Life("", Faults(0))
        )
        for number in range(self._workspaces):
            workspace = WorkspaceRef("slack", f"T{number}")
            binding = Binding(f"github.com/o/repository-{number}", f"token-of-{number}-{'x' * 8}")
            await process.tokens.save_for_workspace(workspace, Secret(binding.token), actor="U0")
            for channel in range(_CHANNELS):
                place = ChannelRef("slack", f"T{number}", f"C{channel}")
                self.world.history.bindings[place] = binding
                await process.map(place, binding.repository)
        await database.close()

    def _process(self, database: Database, delivery: SimDelivery, life: Life) -> Process:
        process = Process(
            database,
            self._keyring,
            delivery,
            _CHAT_URL,
            shares=self._shares,
            client=cast("ChatClient", SimChat(self.world, life)),
            clock=self.world.loop.time,
            wall=self.world.loop.wall,
        )
        delivery.worker = process.worker.name
        if isinstance(database, SimDatabase):
            database.worker = process.worker.name
        return process

    async def _live_on(self, number: int) -> None:
        """A process, started again each time that it dies."""
        faults, births = self.world.faults, 0
        while True:
            births += 1
            life = Life(f"process {number}.{births}", faults)
            database = SimDatabase(Secret(self._url), self.world, life)
            self._opened.append(database)
            process = self._process(database, SimDelivery(self.world, life), life)
            self._alive.append(process)
            running = asyncio.create_task(_running(process))
            dying = asyncio.create_task(life.dead.wait())
            try:
                await asyncio.wait({dying})
            finally:
                dying.cancel()
                life.dead.set()
                self._alive.remove(process)
                running.cancel()
            await asyncio.sleep(faults.dice.uniform(0.2, 8))

    def _question(self, number: int) -> Question:
        """Somebody's question: mostly a thread of its own, else one more in a thread, often while others run."""
        dice = self.world.faults.dice
        channel = ChannelRef("slack", f"T{dice.randrange(self._workspaces)}", f"C{dice.randrange(_CHANNELS)}")
        thread = ThreadRef(channel, f"{number // 2_000}.{dice.randrange(_THREADS)}")
        order = self._asked[thread] = self._asked[thread] + 1
        word = f"word-{number}"
        key = Key(thread, f"{thread.thread_id}:{order}")
        self.world.keys[word] = key
        at = self.world.loop
        self.world.history.events.append(Asked(at.time(), key, order, word))
        asked_at = datetime.fromtimestamp(at.wall(), UTC)
        return Question(thread, key.message_id, order, Asker(f"U{dice.randrange(5)}"), f"What of {word}?", asked_at)

    async def _happens(self, question: Question) -> None:
        """The platform delivers an event to some process until one acknowledges it, and sometimes once more."""
        dice, key = self.world.faults.dice, Key(question.thread, question.message_id)
        for number in range(_DELIVERIES):
            again = self.world.faults.falls("again", 0.3)
            if await self._delivered(question):
                self.world.history.events.append(Acked(self.world.loop.time(), key))
                if not again:
                    return
            await asyncio.sleep(dice.uniform(0, 5) * (number + 1))

    async def _delivered(self, question: Question) -> bool:
        if not self._alive:
            return False
        process = self.world.faults.dice.choice(self._alive)
        try:
            await asyncio.wait_for(process.intake.accept(question), 3)
        except (DatabaseError, TimeoutError, Killed):
            return False
        return True

    async def _calm(self) -> None:
        """Until every turn has its outcome, or should have had it."""
        database = Database(Secret(self._url))
        open_turns = select(TurnRow.turn_id).where(TurnRow.status.in_(("waiting", "running"))).limit(1)
        end = self.world.loop.time() + _CALM_SECONDS
        while self.world.loop.time() < end:
            await asyncio.sleep(5)
            async with database.reading() as connection:
                if (await connection.execute(open_turns)).scalar_one_or_none() is None:
                    break
        await database.close()

    async def _buried(self) -> None:
        """What dead processes had open is closed, once the last of their tasks has found out that it is dead."""
        await asyncio.sleep(_LAST_FAULTS_SECONDS)
        for database in self._opened:
            await asyncio.wait_for(database.close(), 1)

    async def _over(self) -> History:
        """The history with all that is left."""
        history = self.world.history
        for thread, posts in self.world.posts.items():
            for post in posts.values():
                final = post.footer is not None
                history.visible.append(Visible(post.turn_id, thread, post.number, post.text, final))
        database = Database(Secret(self._url))
        history.stored += await stored(database)
        await database.close()
        return history


async def _running(process: Process) -> None:
    async with process.running():
        await asyncio.Event().wait()


def simulate(seed: int, turns: int, chances: Chances | None = None) -> Result:
    """One run of its own, in a folder of its own."""
    memory = Path("/dev/shm")  # noqa: S108 - a file system that forgets: nothing here needs to survive the machine
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        faults = Faults(seed, chances or Chances())
        random.seed(seed)  # the jitter of back-offs

        async def main(loop: VirtualLoop) -> Result:
            return await Simulation(loop, f"sqlite:///{folder}/askrepo.db", faults).run(turns)

        try:
            return run(main)
        finally:
            gc.collect()


def main() -> None:
    parser = argparse.ArgumentParser(description="Turns on virtual time, while everything fails.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", type=int, default=200_000)
    parser.add_argument("--each", type=int, default=5_000, help="turns of one run; the next run takes the next seed")
    arguments = parser.parse_args()
    logs.configure("critical", "console")
    began, done, problems = time.perf_counter(), 0, 0
    for seed in range(arguments.seed, arguments.seed + -(-arguments.turns // arguments.each)):
        result = simulate(seed, min(arguments.each, arguments.turns - done))
        done += result.turns
        problems += len(result.problems)
        print(result.line(), *result.problems[:20], sep="\n  ", flush=True)
    print(f"{done} turns in {time.perf_counter() - began:.0f} s, {problems} violations")
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
