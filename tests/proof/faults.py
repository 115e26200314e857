"""What goes wrong, and when: drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from core.errors import DatabaseUnavailable, DeliveryFailed, DeliveryUncertain, NotYet, PlatformAway

_OF_A_TURN = frozenset({"Worker._turn", "Answering._stream"})


class Killed(BaseException):
    """This process is dead: it does nothing more."""


@dataclass(frozen=True, slots=True)
class Chances:
    """Of each step of a process: database, platform and /chat calls."""

    delay: float = 0.13  # up to 3 s
    kill: float = 0.0002
    pause: float = 0.0002  # for up to three leases
    cut: float = 0.0002  # from the database, for as long
    cancelled: float = 0.012  # the task of an answer, at whichever await comes then
    refused: float = 0.01  # not done
    lost: float = 0.012  # done, and the reply lost
    not_yet: float = 0.10  # mostly for 5 s
    away: float = 0.0001  # the platform as a whole, for up to 20 s
    broken: float = 0.15  # of each answer of /chat
    silent: float = 0.01  # /chat, for up to 25 s, before each piece of an answer
    again: float = 0.5  # an event is delivered once more than it had to be


@dataclass
class Faults:
    """The dice of one run; `off` ends all trouble. `pace` 0.1: what is slow is so for a tenth of the time."""

    seed: int
    chances: Chances = field(default_factory=Chances)
    off: bool = False
    pace: float = 1.0
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._away_until = 0.0

    def falls(self, name: str) -> bool:
        """Whether this happens now."""
        if self.off or self.dice.random() >= getattr(self.chances, name):
            return False
        self.happened[name] += 1
        return True

    def seconds(self, least: float, most: float) -> float:
        """For so long something lasts."""
        return self.dice.uniform(least, most) * self.pace

    def database_after(self) -> None:
        """Raise where a unit was committed, and nobody is told."""
        if self.falls("lost"):
            raise DatabaseUnavailable("database", "connection lost, as the script says")

    def platform_before(self, now: float) -> None:
        """Raise where the platform does not take a call."""
        if self.falls("away"):
            self._away_until = now + self.seconds(1, 20)
        if now < self._away_until and not self.off:
            self.happened["refused while away"] += 1
            raise PlatformAway("as the script says")
        if self.falls("not_yet"):
            raise NotYet(self.seconds(0.1, 5) if self.dice.random() < 0.9 else self.seconds(5, 30))
        if self.falls("refused"):
            raise DeliveryFailed("as the script says")

    def platform_after(self) -> None:
        """Raise where a call had its effect, and its reply is lost."""
        if self.falls("lost"):
            raise DeliveryUncertain("as the script says")


class Life:
    """One process between its start and its death. Every step of it goes through here."""

    def __init__(self, name: str, faults: Faults) -> None:
        self.name = name
        self.dead = asyncio.Event()
        self._faults = faults
        self._going = asyncio.Event()
        self._going.set()
        self._cut_until = 0.0

    async def step(self) -> None:
        """Go on, sooner or later. Raises Killed."""
        faults = self._faults
        if faults.falls("kill"):
            self.dead.set()
        if faults.falls("pause") and self._going.is_set():
            self._going.clear()
            asyncio.get_running_loop().call_later(faults.seconds(1, 45), self._going.set)
        if faults.falls("cancelled"):
            self._cancel()
        if faults.falls("delay"):
            await asyncio.sleep(faults.seconds(0, 3))
        else:
            await asyncio.sleep(0)
        if not self._going.is_set():
            await self._going.wait()
        self.alive()

    async def to_database(self) -> None:
        """A step to the database, which may not take a unit. Raises Killed and DatabaseUnavailable."""
        await self.step()
        now = asyncio.get_running_loop().time()
        if self._faults.falls("cut"):
            self._cut_until = now + self._faults.seconds(1, 45)
        if now < self._cut_until and not self._faults.off:
            self._faults.happened["refused while cut"] += 1
            raise DatabaseUnavailable("database", "no connection, as the script says")
        if self._faults.falls("refused"):
            raise DatabaseUnavailable("database", "connection refused, as the script says")

    def alive(self) -> None:
        """Raise Killed unless it lives."""
        if self.dead.is_set():
            raise Killed(self.name)

    def _cancel(self) -> None:
        """Cancel the answer that takes this step, here or a little later."""
        task = asyncio.current_task()
        if task is not None and getattr(task.get_coro(), "__qualname__", "") in _OF_A_TURN:
            asyncio.get_running_loop().call_later(self._faults.seconds(0, 0.5), task.cancel)
        else:
            self._faults.happened["cancelled"] -= 1
