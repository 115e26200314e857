"""The database is away for longer than a lease, again and again: on virtual time, by two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from core import schema
from core.chat.client import ChatClient
from core.chat.progress import Delta, Finished, Progress
from core.cipher import Keyring
from core.conversation.values import Outcome
from core.database import Database, Result, Unit
from core.errors import DatabaseUnavailable
from core.secret import Secret
from core.tables import TurnRow
from tests.fakes.platform import FakePlatform
from tests.proof import virtual
from tests.proof.virtual import VirtualLoop
from tests.relay.house import Process, SteppedDatabase
from tests.relay.places import HERE, question

AWAY_SECONDS = 40.0  # longer than a lease and all ticks


@dataclass
class House:
    """Two processes on one database, their platform, and a /chat of one answer that takes a minute."""

    keyring: Keyring
    url: Secret
    loop: VirtualLoop
    platform: FakePlatform = field(default_factory=FakePlatform)
    away: bool = False
    crowded: bool = False
    asked: int = 0

    async def step(self, name: str) -> None:
        """Of every process, to and from the database."""
        await asyncio.sleep(0)
        if self.away and name.startswith("before"):
            raise DatabaseUnavailable("database", "connection refused")

    async def ask(self, *arguments: object, **options: object) -> AsyncGenerator[Progress, None]:
        """What /chat answers."""
        self.asked += 1
        for _ in range(30):
            await asyncio.sleep(2)
            yield Delta("so ")
        yield Finished("so " * 30, "model")

    async def aclose(self) -> None:
        """Nothing is open."""

    def process(self) -> Process:
        """One more, which does not run yet."""
        database, client = _Crowded(self), cast("ChatClient", self)
        return Process(database, self.keyring, self.platform, "", client=client, clock=self.loop.time)

    async def outage(self, seconds: float = AWAY_SECONDS) -> None:
        """The database goes, and comes back."""
        self.away = True
        await asyncio.sleep(seconds)
        self.away = False


class _Crowded(SteppedDatabase):
    """Where it is crowded, only what is urgent finds a connection."""

    def __init__(self, house: House) -> None:
        super().__init__(house.url, house.step)
        self._house = house

    async def write(self, unit: Unit[Result], *, urgent: bool = False, lasting: bool = True) -> Result:
        while self._house.crowded and not urgent:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(1)
        return await super().write(unit, urgent=urgent, lasting=lasting)


Scene = Callable[[House], Coroutine[Any, Any, None]]


async def _three_times(house: House) -> None:
    for _ in range(3):
        await asyncio.sleep(30)
        await house.outage()


async def _once_all_is_shown(house: House) -> None:
    await house.platform.until(lambda: any(post.footer is not None for post in house.platform.visible(HERE)))
    await house.outage()


async def _for_a_moment_before_the_first_post_is_recorded(house: House) -> None:
    await house.platform.until(lambda: bool(house.platform.visible(HERE)))
    await house.outage(5)


async def _as_long_as_others_are_patient(house: House) -> None:
    await house.platform.until(lambda: bool(house.platform.visible(HERE)))
    await asyncio.sleep(10 - house.loop.time())
    await house.outage(17.5)


async def _others_take_all_connections(house: House) -> None:
    await asyncio.sleep(10)
    house.crowded = True
    await asyncio.sleep(AWAY_SECONDS)
    house.crowded = False


SCENES = [
    (_three_times, 4),
    (_once_all_is_shown, 1),
    (_for_a_moment_before_the_first_post_is_recorded, 1),
    (_as_long_as_others_are_patient, 2),
    (_others_take_all_connections, 1),
]


@pytest.mark.parametrize(("scene", "attempts"), SCENES)
def test_an_outage_is_no_failure_of_a_turn(tmp_path: Path, keyring: Keyring, scene: Scene, attempts: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(keyring, Secret(f"sqlite:///{tmp_path}/askrepo.db"), loop)
        looking = Database(house.url)
        await schema.upgrade(looking)
        processes = house.process(), house.process()
        await processes[0].map(HERE.channel)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(processes[0].running())
            await processes[0].intake.accept(question(within=HERE))
            await asyncio.sleep(1)  # their ticks are a second apart
            await stack.enter_async_context(processes[1].running())
            await scene(house)
            turn = await _ended(looking)
        assert turn == ("answered", 0, attempts)
        assert house.asked == attempts
        assert [post.text.strip() for post in house.platform.visible(HERE)] == [("so " * 30).strip()]
        for each in (looking, *(process.database for process in processes)):
            await each.close()

    virtual.run(main)


async def _ended(database: Database) -> tuple[str, int, int]:
    """The status, the failures and the attempts of the only turn, once it has ended."""
    turn = select(TurnRow.status, TurnRow.failures, TurnRow.attempt)
    while True:
        async with database.reading() as connection:
            row = (await connection.execute(turn)).one()
        if row.status in set(Outcome):
            return row.status, row.failures, row.attempt
        await asyncio.sleep(1)
