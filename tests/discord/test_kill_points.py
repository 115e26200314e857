"""A process killed before or after every database and Discord call of one question: one outcome in one thread.

The ordinary run takes a sample; all of it: `pytest -m long -n 0 tests/discord/test_kill_points.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bots.discord.reference import Reference
from bots.discord.rest import Rest
from core.cipher import Keyring
from core.conversation.values import Question
from core.database import Database
from core.relay.delivery import Delivery
from core.relay.limits import Allowances
from core.secret import Secret
from core.workspaces import Workspaces
from tests.discord.answering import commanded, delivery, question
from tests.discord.house import World
from tests.discord.outcomes import Seen, outcome
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_values import Message
from tests.relay.dying import Life, live_and_die, rescue, take_over
from tests.relay.house import Process, Step, SteppedDatabase

SAID = lines(100)  # two posts, which both have buttons at some time
LONGER = lines(200)  # three, of which the second never has one
LEAST_STEPS = 40  # fewer would mean that the enumeration misses something
SHARES = [("sqlite", 11), *(pytest.param(name, 1, marks=pytest.mark.long) for name in ("sqlite", "postgresql"))]


class SteppedRest(Rest):
    """A process's way to Discord whose every call is announced before it is made and after it has taken effect."""

    def __init__(self, discord: FakeDiscord, allowances: Allowances, step: Step | None) -> None:
        super().__init__(Secret(discord.token), discord.api_url, allowances)
        self._step = step

    async def call(self, method: str, route: str, **given: Any) -> object:
        if self._step is not None:
            await self._step(f"before {method} {route}")
        told = await super().call(method, route, **given)
        if self._step is not None:
            await self._step(f"after {method} {route}")
        return told


class Connected:
    """Discord as one process of the relay reaches it."""

    name = "discord"

    def __init__(self, discord: FakeDiscord, database: Database, keyring: Keyring) -> None:
        self._discord = discord
        self._allowances = Allowances(database, Workspaces(database, keyring))
        self.rest: Rest

    def connect(self, step: Step | None) -> Delivery:
        self.rest = SteppedRest(self._discord, self._allowances, step)
        return delivery(self.rest)


@pytest.fixture
async def rescuer(world: World, database: Database, keyring: Keyring, chat: FakeChat) -> AsyncIterator[Process]:
    """The process that takes over."""
    discord = Connected(world.discord, database, keyring)
    process = Process(database, keyring, discord, chat.url)
    yield process
    await process.client.aclose()
    await discord.rest.close()


class Deaths:
    """One life after another, each in a channel of its own, and each ended a stride later than the one before."""

    def __init__(self, world: World, rescuer: Process, url: str, stride: int) -> None:
        self._world = world
        self._rescuer = rescuer
        self._url = url
        self._stride = stride
        self.lives: list[Life] = []

    @property
    def go_on(self) -> bool:
        """Whether the last has not lived to the outcome."""
        return not self.lives or self.lives[-1].dead.is_set()

    async def place(self) -> World:
        """The next channel."""
        channel = self._world.discord.channel(self._world.guild, f"channel-{len(self.lives)}")
        place = replace(self._world, general=channel)
        await self._rescuer.map(place.place)
        return place

    async def live(self, asked: Question) -> Life:
        """A process that dies of the next step of this question, or answers it."""
        rescuer, life = self._rescuer, Life(end=len(self.lives) * self._stride)
        self.lives.append(life)
        database = SteppedDatabase(Secret(self._url), life.step)
        discord = Connected(self._world.discord, database, rescuer.keyring)
        process = Process(database, rescuer.keyring, discord, rescuer.chat_url, step=life.step)
        await live_and_die(life, process, asked)
        await discord.rest.close()
        return life


@pytest.fixture
def deaths(world: World, rescuer: Process, database_url: str, stride: int) -> Deaths:
    return Deaths(world, rescuer, database_url, stride)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("database_url", "stride"), SHARES, indirect=["database_url"])
async def test_a_mention_survives_a_kill_at_any_step(
    world: World, rescuer: Process, deaths: Deaths, chat: FakeChat
) -> None:
    """What was not accepted is found again by catch-up. Discord has forgotten every nonce when somebody takes over."""
    world.discord.nonce_seconds = 0
    while deaths.go_on:
        place = await deaths.place()
        root = await world.discord.says(place.alice, place.general, f"{world.discord.bot} {place.general.name}?")
        asked = question(place, root)
        chat.will(*[says(SAID)] * 2)
        life = await deaths.live(asked)
        await rescue(rescuer, asked)
        check(place, root, SAID, life)
        assert 1 <= asked_about(chat, asked) <= 2, life.died
    assert set((await rescuer.records()).values()) == {"answered"}
    assert deaths.lives[-1].end > LEAST_STEPS, deaths.lives[-1].taken


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("database_url", "stride"), SHARES, indirect=["database_url"])
async def test_a_command_survives_a_kill_at_any_step(
    world: World, rescuer: Process, deaths: Deaths, chat: FakeChat
) -> None:
    """Discord delivers no interaction twice: of one that was not accepted nothing is shown, as its sender sees.

    Of what is shown some posts can be known by their nonces alone.
    """
    while deaths.go_on:
        place = await deaths.place()
        asked = commanded(place, place.alice, f"{place.general.name}?", Reference(outsider=False))
        chat.will(*[says(LONGER)] * 2)
        life = await deaths.live(asked)
        if asked.message_id not in await rescuer.records():
            assert world.discord.posts(place.general) == [], life.died
            continue
        await take_over(rescuer, asked)
        (echo,) = world.discord.answers(place.general)
        assert asked.text in echo.content, life.died
        check(place, echo, LONGER, life)
        assert 1 <= asked_about(chat, asked) <= 2, life.died
    assert set((await rescuer.records()).values()) == {"answered"}
    assert deaths.lives[-1].end > LEAST_STEPS, deaths.lives[-1].taken


def check(place: World, root: Message, said: str, life: Life) -> None:
    assert outcome(place, root, said) is Seen.WHOLE, life.died
    assert len(place.discord.threads(place.general)) == 1, life.died


def asked_about(chat: FakeChat, asked: Question) -> int:
    return sum(request.question == asked.text for request in chat.requests)
