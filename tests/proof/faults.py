"""What goes wrong, and when: drawn from a seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from core.errors import DatabaseUnavailable, DeliveryFailed, DeliveryUncertain, NotYet, PlatformAway


class Killed(BaseException):
    """This process is dead: it does nothing more."""


@dataclass(frozen=True, slots=True)
class Chances:
    """Of each step of a process: database, platform and /chat calls."""

    delay: float = 0.15  # up to 3 s
    kill: float = 0.0005
    pause: float = 0.0005  # for up to three leases
    refused: float = 0.015  # not done
    lost: float = 0.01  # done, and the reply lost
    not_yet: float = 0.03
    away: float = 0.001  # the platform as a whole, for up to a minute
    broken: float = 0.15  # of each answer of /chat


@dataclass
class Faults:
    """The dice of one run; `off` ends all trouble."""

    seed: int
    chances: Chances = field(default_factory=Chances)
    off: bool = False
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self._away_until = 0.0

    def falls(self, name: str, chance: float | None = None) -> bool:
        """Whether this happens now."""
        chance = getattr(self.chances, name) if chance is None else chance
        happens = not self.off and self.dice.random() < chance
        self.happened[name] += happens
        return happens

    def database_before(self) -> None:
        """Raise where the database does not take a unit."""
        if self.falls("refused"):
            raise DatabaseUnavailable("database", "connection refused, as the script says")

    def database_after(self) -> None:
        """Raise where a unit was committed, and nobody is told."""
        if self.falls("lost"):
            raise DatabaseUnavailable("database", "connection lost, as the script says")

    def platform_before(self, now: float) -> None:
        """Raise where the platform does not take a call."""
        if self.falls("away"):
            self._away_until = now + self.dice.uniform(1, 60)
        if now < self._away_until and not self.off:
            raise PlatformAway("as the script says")
        if self.falls("not_yet"):
            raise NotYet(self.dice.uniform(0.1, 5))
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

    async def step(self) -> None:
        """Go on, sooner or later. Raises Killed."""
        faults = self._faults
        if faults.falls("kill"):
            self.dead.set()
        if faults.falls("pause") and self._going.is_set():
            self._going.clear()
            asyncio.get_running_loop().call_later(faults.dice.uniform(1, 45), self._going.set)
        if faults.falls("delay"):
            await asyncio.sleep(faults.dice.uniform(0, 3))
        else:
            await asyncio.sleep(0)
        await self._going.wait()
        self.alive()

    def alive(self) -> None:
        """Raise Killed unless it lives."""
        if self.dead.is_set():
            raise Killed(self.name)
