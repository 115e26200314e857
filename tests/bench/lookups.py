"""What each look-up costs at 10,000 and at 10,000,000 stored turns, on SQLite and on PostgreSQL.

    python -m tests.bench.lookups [--stored 10000 10000000] [--on sqlite postgresql] [--folder /tmp]

Beside the time, in which the machine's load counts, stands the work: steps of SQLite's virtual machine, or pages that
PostgreSQL reads from its cache or the disk. A database of 10,000,000 turns takes 12 GB, and more than half an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event

from core import bootstrap, logs
from core.channels.commands import Actor
from core.channels.grammar import List, Why
from core.channels.suspensions import handed_back
from core.conversation.values import Asker, ChannelRef, Outcome, Question, ThreadRef
from core.relay.claims import Claim, Scope
from core.relay.endings import Ending
from core.relay.posts import Posts
from core.settings import Settings
from tests.bench.accepting import postgres
from tests.bench.stored import fill
from tests.fakes.platform import FakePlatform

CHANNEL = ChannelRef("slack", "T1", "C1")
MINE = ThreadRef(CHANNEL, "mine")
REPOSITORY = "github.com/calcom/cal.com"
WAITING = 1_000
TIMES = 20
_STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
Act = Callable[[], Awaitable[object]]
Work = Callable[[Act], Awaitable[int]]


class Looking:
    """Each of the look-ups of one process, in a place where questions were answered."""

    def __init__(self, app: bootstrap.App) -> None:
        self.app = app
        self._numbers = itertools.count(time.time_ns())
        self._posts = Posts(app.database)
        self._places = app.worker({"slack": FakePlatform().connect()}, Scope(("slack",)))._places
        self._claims: list[Claim] = []
        self._ended: list[tuple[str, Question]] = []

    async def prepare(self, answers: int = 2) -> None:
        """Have the place mapped, and so many questions asked and answered there."""
        await self.app.mappings.map(CHANNEL, REPOSITORY, actor="U1")
        for _ in range(answers):
            asked = self._question(MINE)
            turn_id = (await self.app.intake.accept(asked)).turn_id or ""
            (claim,) = await self.app.leases.claim("bench", Scope(("slack",), MINE), 1)
            answer = await self.app.history.seal(CHANNEL.workspace, turn_id, "answer", "So and so.")
            await self.app.leases.finish(claim, Ending(Outcome.ANSWERED, answer, REPOSITORY))
            self._ended.append((turn_id, asked))

    def _question(self, thread: ThreadRef, message_id: str = "") -> Question:
        number = next(self._numbers)
        return Question(thread, message_id or f"{number}", number, Asker("U1"), "How does it work?", datetime.now(UTC))

    def all(self) -> dict[str, Act]:
        """By name, in an order in which each finds what it needs."""
        app, workspace, actor = self.app, CHANNEL.workspace, Actor("U1")
        return {
            "accept": lambda: app.intake.accept(self._question(ThreadRef(CHANNEL, f"{next(self._numbers)}"))),
            "accept what is there": lambda: app.intake.accept(self._question(MINE, "s51")),
            "look for something due": lambda: app.leases.claim("bench", Scope(("discord",)), 10),
            "claim": self._claim,
            "claim in one thread": lambda: app.leases.claim("bench", Scope(("slack",), MINE), 1),
            "questions behind": lambda: app.leases.behind(self._claims[-1]),
            "look before a change": lambda: self._posts.check(self._claims[-1]),
            "whose a post is": lambda: self._posts.of_another(self._claims[-1], "no post"),
            "who waits for long": lambda: self._places.long_waiting(Scope(("slack",))),
            "renew": lambda: app.leases.renew("bench", self._claims),
            "free what expired": app.leases.free_expired,
            "finish": self._finish,
            "history of a thread": lambda: app.history.exchanges(MINE, before=next(self._numbers)),
            "follow-up": lambda: app.threads.is_for_us(MINE, "U1", mentions_others=False),
            "reply elsewhere": lambda: app.threads.is_for_us(ThreadRef(CHANNEL, "x"), "U1", mentions_others=False),
            "a thread elsewhere": lambda: app.threads.elsewhere(MINE),
            "list": lambda: app.commands.run(List(), CHANNEL, actor),
            "why": lambda: app.commands.run(Why(""), MINE, actor),
            "stop": lambda: app.leases.stop(MINE),
            "retry: what is open": lambda: app.threads.unfinished(CHANNEL, most=1_000),
            "retry: the newest answer": lambda: app.revisions.newest_ended(MINE),
            "edit": lambda: app.revisions.revise(replace(self._ended[0][1], text=f"{next(self._numbers)}")),
            "ask again": lambda: app.revisions.again(workspace, self._ended.pop()[0]),
            "deletion of no question": lambda: app.revisions.erase(CHANNEL, "no question", MINE.thread_id),
            "deletions of no questions": lambda: app.revisions.known(CHANNEL, ["no", "question"], MINE.thread_id),
            "deletion of no question: what was read": lambda: app.revisions.forget_around(CHANNEL, {"no", "other"}, 0),
            "button": lambda: app.threads.of_turn(workspace, self._ended[0][0]),
            "somebody's newest": lambda: app.threads.recent(workspace, "U1"),
            "whole channels": lambda: app.threads.whole_channels(workspace, after=0, most=50),
            "how far a thread is known": lambda: app.threads.reached(MINE, before=next(self._numbers)),
            "the channel's newest": lambda: app.threads.newest(CHANNEL),
            "suspend": lambda: app.mappings.suspend(CHANNEL, actor="U1"),
            "hand back a channel's": lambda: app.database.write(partial(handed_back, place=CHANNEL)),
            "hand back a workspace's": lambda: app.database.write(partial(handed_back, place=workspace)),
        }

    async def _claim(self) -> None:
        self._claims += await self.app.leases.claim("bench", Scope(("slack",)), 1)

    async def _finish(self) -> None:
        await self.app.leases.finish(self._claims.pop(), Ending(Outcome.FAILED))


@asynccontextmanager
async def _steps(app: bootstrap.App) -> AsyncIterator[Work]:
    """Steps of SQLite's virtual machine."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    def counted(connection: Any, *_: object) -> None:
        connection.run_async(lambda driver: driver.set_progress_handler(step, 1))

    async def work(act: Act) -> int:
        before = taken
        await act()
        return taken - before

    for engine in {app.database._reader.engine.sync_engine, app.database._writer.engine.sync_engine}:
        event.listen(engine, "checkout", counted)
    yield work


@asynccontextmanager
async def _pages(app: bootstrap.App) -> AsyncIterator[Work]:
    """Pages that PostgreSQL reads for the same statements, run once more and taken back."""

    async def work(act: Act) -> int:
        pages = 0
        for plan in await explained(app, act, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"):
            root = (json.loads(plan[0]) if isinstance(plan[0], str) else plan[0])[0]["Plan"]
            pages += root["Shared Hit Blocks"] + root["Shared Read Blocks"]
        return pages

    yield work


async def explained(app: bootstrap.App, act: Act, explain: str) -> list[list[Any]]:
    """Do it; how the database runs each of its statements: the last column of what it says."""
    said: list[tuple[str, Any]] = []

    def heard(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.startswith(_STATEMENTS) and "pg_" not in statement:
            said.append((statement, parameters))

    engines = {app.database._reader.engine.sync_engine, app.database._writer.engine.sync_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", heard)
    await act()
    for engine in engines:
        event.remove(engine, "before_cursor_execute", heard)
    plans = []
    async with app.database.reading() as connection:
        for statement, parameters in said:
            one = parameters[0] if isinstance(parameters, list) else parameters
            plans.append([row[-1] for row in await connection.exec_driver_sql(f"{explain} {statement}", one)])
        await connection.rollback()
    return plans


async def _measured(url: str, stored: int) -> dict[str, tuple[float, int]]:
    """Of each look-up: milliseconds, and work."""
    given = {
        "DATABASE_URL": url,
        "ASKREPO_CHAT_URL": "http://127.0.0.1:9",
        "ASKREPO_SECRET_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }
    settings = Settings.model_validate(given)
    began = time.perf_counter()
    async with bootstrap.opened(settings) as app:
        looking = Looking(app)
        await looking.prepare(TIMES + 2)
        await fill(app.database, stored=stored, waiting=WAITING)
        print(f"  filled with {stored:,} turns in {time.perf_counter() - began:.0f} s", flush=True)
        taken = {name: [await _milliseconds(act) for _ in range(TIMES)] for name, act in looking.all().items()}
        async with (_steps if app.database.is_sqlite else _pages)(app) as work:
            worked = {name: await work(act) for name, act in looking.all().items()}
    return {name: (statistics.median(each), worked[name]) for name, each in taken.items()}


async def _milliseconds(act: Act) -> float:
    began = time.perf_counter()
    await act()
    return (time.perf_counter() - began) * 1000


def _report(found: list[dict[str, tuple[float, int]]], stored: list[int], unit: str) -> None:
    print(f"  {'':26}" + "".join(f"{each:>14,} stored" + " " * 9 for each in stored))
    for name in found[0]:
        columns = "".join(f"{ms:>9.1f} ms {work:>10,} {unit}" for ms, work in (each[name] for each in found))
        grown = found[-1][name][1] / max(1, found[0][name][1])
        print(f"  {name:26}{columns}   x {grown:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What each look-up costs, by how much is stored.")
    parser.add_argument("--stored", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--on", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--folder", default=tempfile.gettempdir())
    arguments = parser.parse_args()
    logs.configure("error", "console")
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for database in arguments.on:
        found = []
        for stored in arguments.stored:
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                if database == "sqlite":
                    found.append(asyncio.run(_measured(f"sqlite:///{Path(folder) / 'askrepo.db'}", stored)))
                    continue
                with postgres(Path(folder) / "postgres") as url:
                    found.append(asyncio.run(_measured(url, stored)))
        print(f"{database}, load {os.getloadavg()[0]:.1f}")
        _report(found, arguments.stored, "steps" if database == "sqlite" else "pages")


if __name__ == "__main__":
    main()
