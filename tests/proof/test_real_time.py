"""The simulation in real time: real drivers of both databases and a real /chat client over real sockets.

The same processes and faults, ten times as fast, but leases last as long as ever; people only ask. What was cancelled
holds no connection afterwards, neither of a database nor to /chat.

pytest -m long -n 2 -s tests/proof/test_real_time.py
"""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from core import logs
from core.conversation.values import ChannelRef
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, chunked, event, head, piece
from tests.proof.faults import Faults
from tests.proof.history import Binding
from tests.proof.people import CHANNELS, repository, secret
from tests.proof.rims import Sent, World
from tests.proof.simulation import Simulation, first_label

TURNS = 1_000
WORKSPACES = 50
RATE = 10.0  # questions a second
PACE = 0.1


class RealTime:
    """Seconds since the beginning, and since 1970."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def time(self) -> float:
        return time.monotonic() - self._began

    def wall(self) -> float:
        return time.time()


async def answers(world: World, exchange: Exchange) -> None:
    """One answer of /chat, which may fall silent and break off."""
    request, faults = exchange.request, world.faults
    said = [(message["role"], message["content"]) for message in request.messages]
    pieces = world.called(request.repository, request.token or "", said, Sent(world.loop.time()))
    broken = faults.dice.randrange(len(pieces)) if faults.falls("broken") else None
    await exchange.send(head(200, "Transfer-Encoding: chunked"))
    for number, text in enumerate(pieces):
        await asyncio.sleep(faults.seconds(0, 25) if faults.falls("silent") else faults.seconds(0, 1.2))
        if number == broken:
            await exchange.finish("reset")
            return
        await exchange.send(chunked(event(piece(text))))
    await exchange.send(chunked(event(piece(finish="stop"))) + chunked(event("[DONE]")) + chunked(b""))


@pytest.mark.long
@pytest.mark.timeout(1_800)
async def test_a_thousand_turns_in_real_time(database_url: str) -> None:
    logs.configure("critical", "console")
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    faults = Faults(seed, pace=PACE)

    async def answer(exchange: Exchange) -> None:
        await answers(simulation.world, exchange)

    async with FakeChat(default=answer) as chat:
        simulation = Simulation(RealTime(), database_url, faults, rate=RATE, workspaces=WORKSPACES, chat_url=chat.url)
        simulation.world.history.bindings |= bindings()
        result = await simulation.run(TURNS)
        await asyncio.sleep(0.5)
        assert chat.live == 0
    print(result.line())
    assert result.problems == []
    assert sum(result.outcomes.values()) > TURNS * 0.9
    assert result.outcomes["answered"] > TURNS * 0.3


def bindings() -> dict[ChannelRef, Binding]:
    """What each channel is bound to, from the beginning to the end."""
    return {
        ChannelRef("slack", f"T{number}", channel): Binding(repository(number, 1), secret(first_label(number)))
        for number in range(WORKSPACES)
        for channel in CHANNELS
    }
