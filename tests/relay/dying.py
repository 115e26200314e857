"""A process that is killed at one of its steps, and another that takes over.

Killed means that from this step on the process does nothing at all. The platform delivers again what was not
acknowledged; another process takes over once the lease has ended.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sqlalchemy import select, update

from core.conversation.values import Question
from core.database import now_ms
from core.tables import TurnRow
from tests.relay.house import Process

ENDED = frozenset({"answered", "stopped"})
_PASSING_ON = frozenset({"core.batches", "core.database", "bots.slack.calls", "bots.slack.web_client"})


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
            self.taken.append(self._named(name))
            if self._over():
                self.dead.set()
        if self.dead.is_set():
            raise Killed(name)

    def _named(self, name: str) -> str:
        return name

    def _over(self) -> bool:
        return len(self.taken) > self.end

    @property
    def died(self) -> str:
        """Where, for the message of a failure."""
        return str(self)

    def __str__(self) -> str:
        return f"killed at step {len(self.taken)}: {self.taken[-1]}" if self.dead.is_set() else "nobody was killed"


@dataclass
class NamedLife(Life):
    """Ends at the step of this name (see `_named`), so that no poll beside it moves it."""

    end: int = sys.maxsize
    at: str = ""

    def _named(self, name: str) -> str:
        return _named(name, self.taken)

    def _over(self) -> bool:
        return self.taken[-1] == self.at


@dataclass
class Loss:
    """Fails at the step of this name: a call is lost on its way there, or its reply on its way back."""

    error: type[Exception]
    at: str = ""
    taken: list[str] = field(default_factory=list)
    struck: asyncio.Event = field(default_factory=asyncio.Event)

    async def step(self, name: str) -> None:
        self.taken.append(_named(name, self.taken))
        if self.taken[-1] == self.at:
            self.struck.set()
            raise self.error(name)

    def __str__(self) -> str:
        return f"lost {self.at}" if self.struck.is_set() else "nothing was lost"


def _named(name: str, taken: list[str]) -> str:
    """Who does what for how many times, after what has been done."""
    called = f"{name} by {_caller()}"
    return f"{called} #{sum(each.startswith(f'{called} #') for each in taken) + 1}"


def _caller() -> str:
    """What of ours is under way, behind what only passes calls on."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        module = frame.f_globals["__name__"]
        if module.startswith(("core.", "bots.")) and module not in _PASSING_ON:
            return frame.f_code.co_qualname
        frame = frame.f_back
    return "nobody"


async def live_and_die(life: Life, process: Process, asked: Question) -> None:
    """The process accepts and answers until its end, or to the outcome if it lives that long."""
    await live(life, process, lambda: process.ask(asked))


async def live(life: Life, process: Process, act: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """The process runs until its end, or until this is done if it lives that long."""
    with suppress(Killed):
        async with process.running():
            asking = asyncio.create_task(act())
            dying = asyncio.create_task(life.dead.wait())
            await asyncio.wait({asking, dying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (asking, dying):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asking
    await process.database.close()


async def rescue(rescuer: Process, asked: Question, ends: Collection[str] = ENDED) -> None:
    """The platform delivers again; the lease of the dead has ended; somebody else works."""
    ended_before = (await rescuer.records()).get(asked.message_id) in ends
    await rescuer.intake.accept(asked)
    assert await take_over(rescuer, asked, ends) or not ended_before


async def take_over(rescuer: Process, asked: Question, ends: Collection[str] = ENDED) -> bool:
    """The lease of the dead has ended, and somebody else works; whether it had been answered already."""
    await free(rescuer)
    async with rescuer.database.reading() as connection:
        turn = (
            await connection.execute(
                select(TurnRow.turn_id, TurnRow.status).where(TurnRow.message_id == asked.message_id)
            )
        ).one()
    if turn.status != "waiting":
        return turn.status in ends
    ended = asyncio.create_task(rescuer.worker.outcome(turn.turn_id))
    await asyncio.sleep(0)
    async with rescuer.worker.running(grace=5):
        assert await ended in ends
    return False


async def free(rescuer: Process) -> None:
    """The lease of the dead ends."""
    past = update(TurnRow).where(TurnRow.status == "running").values(lease_until=now_ms() - 1)
    await rescuer.database.write(lambda connection: connection.execute(past))
    await rescuer.leases.free_expired()
