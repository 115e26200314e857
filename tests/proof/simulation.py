"""Many turns on virtual time: the real relay on SQLite, while everything around it fails by a seed.

    python -m tests.proof.simulation [--seed 1] [--turns 200000] [--each 5000] [--workspaces 200]

Processes are killed and started again at any step, stand still for longer than a lease, or lose the database; the
database refuses units or loses replies; answers are cancelled at any await; the platform delivers events several times,
refuses calls, is slow, away, or loses replies; /chat falls silent and breaks off. Meanwhile people edit, delete, stop
and repeat their questions, and what their channels are bound to changes (people.py). Workspaces have equal ids of
channels, people, threads and messages. What then stands in the threads is held against the promises (checker.py). A
failure prints the seed that gives the same run again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection

from core import logs, schema
from core.chat.client import ChatClient
from core.cipher import Keyring, new_key
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Database
from core.relay.shares import Shares
from core.secret import Secret
from tests.proof.checker import violations
from tests.proof.faults import Faults, Life
from tests.proof.history import History, Visible
from tests.proof.journal import READ, SCHEMA, Journal
from tests.proof.people import CHANNELS, REPOSITORIES, People, repository, secret
from tests.proof.replay import replayable
from tests.proof.result import Result, Tally
from tests.proof.rims import Clock, SimChat, SimDatabase, SimDelivery, World
from tests.proof.stored import count, stored
from tests.proof.virtual import VirtualLoop, run
from tests.relay.house import Process
from tests.relay.places import UNLIMITED

_WORKSPACES = 200
# faults come with each step: asked faster, so many processes would be away that most turns ended after the last fault
_RATE = 4.0
_LAST_FAULTS_SECONDS = 120.0  # after the last question
_CALM_LOOKS, _CALM_LOOK_SECONDS = 240, 5.0  # without faults, at the end: by then every turn has its outcome
_BURIED_SECONDS = 60.0  # by then the last task of a dead process has found out that it is dead
_CHAT_URL = "https://chat.invalid"
_OF_PROCESS = "process-token-1234"


class Simulation:
    """One run. Everything is drawn from the seed of its faults."""

    def __init__(
        self,
        loop: Clock,
        url: str,
        faults: Faults,
        *,
        processes: int = 3,
        rate: float = _RATE,
        shares: Shares = UNLIMITED,
        workspaces: int = _WORKSPACES,
        keyring: Keyring | None = None,
        chat_url: str | None = None,
    ) -> None:
        self.world = World(loop, faults, History())
        self._url = url
        self._prepared = keyring is not None
        self._keyring = keyring or Keyring((new_key(),))
        self._many, self._rate, self._shares, self._workspaces = processes, rate, shares, workspaces
        self._chat_url = chat_url
        self._alive: list[Process] = []
        self._opened: list[SimDatabase] = []

    async def run(self, turns: int) -> Result:
        """Ask so many questions, then wait until all is over, and check."""
        if not self._prepared:
            await self._set_up()
        lives = [asyncio.create_task(self._live_on(number)) for number in range(self._many)]
        people = People(self.world, self._alive, self._workspaces, changing=self.world.written_down)
        for number in range(turns):
            await asyncio.sleep(self.world.faults.dice.expovariate(self._rate))
            people.ask(number)
        await asyncio.sleep(_LAST_FAULTS_SECONDS * self.world.faults.pace)
        in_calm = await self._open()
        self.world.faults.off = True
        await people.content()
        await self._calm()
        for life in lives:
            life.cancel()
        await asyncio.wait(lives)
        await self._buried()
        held = sum(database.held() for database in self._opened)
        history = await self._over()
        return Result(
            turns=turns,
            outcomes=Counter(str(turn.outcome) for turn in history.stored),
            faults=self.world.faults.happened,
            problems=violations(history) + [f"IS-15: {held} connections were not given back"] * bool(held),
            in_calm=in_calm,
            seed=self.world.faults.seed,
            virtual_seconds=self.world.loop.time(),
            history=history,
        )

    def written_down(self, loop: VirtualLoop) -> None:
        """Make events of what the database writes down about itself, as it is committed."""
        world = self.world
        world.written_down = True
        world.secrets |= {first_label(number): secret(first_label(number)) for number in range(self._workspaces)}
        journal = Journal(world.words, world.secrets, _OF_PROCESS, CHANNELS)

        def committed(connection: sqlite3.Connection) -> None:
            world.history.events += journal.read(lambda seen: connection.execute(READ, (seen,)).fetchall(), loop.time())

        loop.committed = committed

    async def _set_up(self) -> None:
        database = Database(Secret(self._url))
        await schema.upgrade(database)
        nobody = Faults(0, off=True)
        process = self._process(database, SimDelivery(self.world, Life("set-up", nobody)), Life("", nobody))
        for number in range(self._workspaces):
            workspace, label = WorkspaceRef("slack", f"T{number}"), first_label(number)
            await process.tokens.save_for_workspace(workspace, Secret(secret(label)), label=label, actor="U0")
            for channel in CHANNELS:
                for which in range(1, REPOSITORIES):  # the first one mapped is the default
                    await process.map(ChannelRef("slack", f"T{number}", channel), repository(number, which))
        await process.client.aclose()
        await database.close()

    def _process(self, database: Database, delivery: SimDelivery, life: Life) -> Process:
        chat = SimChat(self.world, life)
        process = Process(
            database,
            self._keyring,
            delivery,
            self._chat_url or _CHAT_URL,
            shares=self._shares,
            client=cast("ChatClient", None if self._chat_url else chat),
            clock=self.world.loop.time,
            wall=self.world.loop.wall,
            token=Secret(_OF_PROCESS),
        )
        delivery.worker = chat.worker = process.worker.name
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
                life.dead.set()
            finally:
                dying.cancel()
                self._alive.remove(process)
                running.cancel()  # whoever lives ends as it is told to; the dead do nothing any more
            await asyncio.sleep(faults.seconds(0.2, 8))

    async def _calm(self) -> None:
        """Until every turn has its outcome, or should have had it."""
        for _ in range(_CALM_LOOKS):
            await asyncio.sleep(_CALM_LOOK_SECONDS)
            if not await self._open():
                return

    async def _open(self) -> int:
        """How many turns have no outcome yet."""
        database = Database(Secret(self._url))
        many = await count(database, "waiting", "running")
        await database.close()
        return many

    async def _buried(self) -> None:
        """What processes had open is closed, once the last of their tasks has found out that it is dead."""
        await asyncio.sleep(_BURIED_SECONDS * self.world.faults.pace)
        for database in self._opened:
            await asyncio.wait_for(database.close(), 10)

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


def first_label(workspace: int) -> str:
    """The label of the token that a workspace begins with."""
    return f"first-{workspace}"


def _memory() -> Path | None:
    memory = Path("/dev/shm")  # noqa: S108 - a file system that forgets: nothing here needs to survive the machine
    return memory if memory.is_dir() else None


@cache
def _prepared(workspaces: int) -> tuple[tempfile.TemporaryDirectory[str], Path, Keyring]:
    """A database in which every workspace is set up, with the keys to it: setting up takes longer than many turns."""
    folder = tempfile.TemporaryDirectory(dir=_memory())
    path, keyring = Path(folder.name) / "askrepo.db", Keyring((new_key(),))

    async def main(loop: VirtualLoop) -> None:
        database = Database(Secret(f"sqlite:///{path}"))

        async def write_down(connection: AsyncConnection) -> None:
            for statement in SCHEMA:
                await connection.exec_driver_sql(statement)

        await schema.upgrade(database)
        await database.write(write_down)
        await database.close()
        nobody = Faults(0, off=True)
        await Simulation(loop, f"sqlite:///{path}", nobody, keyring=keyring, workspaces=workspaces)._set_up()

    run(main)
    return folder, path, keyring


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Collecting garbage would go through a history that only grows, again and again."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.collect()


def simulate(seed: int, turns: int, *, workspaces: int = _WORKSPACES) -> Result:
    """One run of its own, in a folder of its own."""
    _, prepared, keyring = _prepared(workspaces)
    with tempfile.TemporaryDirectory(dir=_memory()) as folder, replayable(seed):
        path = Path(folder) / "askrepo.db"
        shutil.copy(prepared, path)

        async def main(loop: VirtualLoop) -> Result:
            url = f"sqlite:///{path}"
            simulation = Simulation(loop, url, Faults(seed), keyring=keyring, workspaces=workspaces)
            simulation.written_down(loop)
            return await simulation.run(turns)

        with _seldom_collected():
            return run(main)


def main() -> None:
    parser = argparse.ArgumentParser(description="Turns on virtual time, while everything fails.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", type=int, default=200_000)
    parser.add_argument("--each", type=int, default=5_000, help="turns of one run; the next run takes the next seed")
    parser.add_argument("--workspaces", type=int, default=_WORKSPACES)
    arguments = parser.parse_args()
    logs.configure("critical", "console")
    began, total = time.perf_counter(), Tally()
    for seed in range(arguments.seed, arguments.seed + -(-arguments.turns // arguments.each)):
        result = simulate(seed, min(arguments.each, arguments.turns - total.turns), workspaces=arguments.workspaces)
        total.add(result)
        print(result.line(), *result.problems[:20], sep="\n  ", flush=True)
    print(f"{total.line()}, {time.perf_counter() - began:.0f} s")
    raise SystemExit(bool(total.problems))


if __name__ == "__main__":
    main()
