"""A process that is killed at one of its steps, and another that takes over.

Killed means that from this step on the process does nothing at all. The platform delivers again what was not
acknowledged; another process takes over once the lease has ended.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import select, update

from core.conversation.values import Question
from core.database import now_ms
from core.tables import TurnRow
from tests.relay.house import Process

ENDED = {"answered", "stopped"}


class Killed(BaseException):
    """This process is dead."""


@dataclass
class Life:
    """Counts a process's steps, from the moment it counts, and ends it at one of them."""

    end: int
    counts: bool = True
    taken: list[str] = field(default_factory=list)
    dead: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self, name: str) -> None:
        await asyncio.sleep(0)
        if self.counts and not self.dead.is_set():
            self.taken.append(name)
            if len(self.taken) > self.end:
                self.dead.set()
        if self.dead.is_set():
            raise Killed(name)

    @property
    def died(self) -> str:
        """Where, for the message of a failure."""
        return f"killed at step {self.end}: {self.taken[-1]}"


async def live_and_die(life: Life, process: Process, asked: Question) -> None:
    """The process accepts and answers until its end, or to the outcome if it lives that long."""
    with suppress(Killed):
        async with process.running():
            asking = asyncio.create_task(process.ask(asked))
            dying = asyncio.create_task(life.dead.wait())
            await asyncio.wait({asking, dying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (asking, dying):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asking
    await process.database.close()


async def rescue(rescuer: Process, asked: Question) -> None:
    """The platform delivers again; the lease of the dead has ended; somebody else works."""
    ended_before = (await rescuer.records()).get(asked.message_id) in ENDED
    await rescuer.intake.accept(asked)
    assert await take_over(rescuer, asked) or not ended_before


async def take_over(rescuer: Process, asked: Question) -> bool:
    """The lease of the dead has ended, and somebody else works; whether it had been answered already."""
    past = update(TurnRow).where(TurnRow.status == "running").values(lease_until=now_ms() - 1)
    await rescuer.database.write(lambda connection: connection.execute(past))
    await rescuer.leases.free_expired()
    async with rescuer.database.reading() as connection:
        turn = (
            await connection.execute(
                select(TurnRow.turn_id, TurnRow.status).where(TurnRow.message_id == asked.message_id)
            )
        ).one()
    if turn.status != "waiting":
        return turn.status in ENDED
    ended = asyncio.create_task(rescuer.worker.outcome(turn.turn_id))
    await asyncio.sleep(0)
    async with rescuer.worker.running(grace=5):
        assert await ended in ENDED
    return False
