"""What happens while an answer is being written, over the whole app: one outcome, nothing lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from core.bootstrap import App
from core.errors import SettingsError
from core.tables import TurnRow
from tests.discord import house
from tests.discord.conftest import Start
from tests.discord.house import World
from tests.discord.outcomes import Seen, answers, outcome, told
from tests.discord.test_gateway import DEADLY, RESUMED
from tests.essays import lines
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import in_two, says
from tests.fakes.discord_values import Channel, Message
from tests.turns import ended

SAID = lines(6)
MOST_INVALID = 100  # in ten minutes


async def asks(world: World, text: str = "why?", place: Channel | None = None) -> Message:
    return await world.discord.says(world.alice, place or world.general, f"{world.discord.bot} {text}")


async def begun(world: World, chat: FakeChat) -> tuple[Message, asyncio.Event]:
    """A question whose answer is shown as far as its third line."""
    gate = asyncio.Event()
    chat.will(in_two(SAID, gate), *[says(SAID)] * 3)
    root = await asks(world)
    await world.discord.until(lambda: any("Line 2 of" in post.content for post in answers(world, root)))
    return root, gate


# the connection


@pytest.mark.parametrize("code", RESUMED)
async def test_a_connection_that_ends(world: World, app: App, chat: FakeChat, code: int | None) -> None:
    root, gate = await begun(world, chat)
    world.discord.gateway.drop(code)
    other = await asks(world, "meanwhile?")
    gate.set()
    assert await ended(app, 2) == ["answered", "answered"]
    assert [outcome(world, each, SAID) for each in (root, other)] == [Seen.WHOLE] * 2
    assert len(chat.requests) == 2
    assert len(world.discord.gateway.identifies) == 1


@pytest.mark.parametrize("code", DEADLY)
async def test_a_connection_that_can_never_be_had_again(world: World, start: Start, chat: FakeChat, code: int) -> None:
    """What was begun is brought to its end before the process ends."""
    asked: list[Message] = []

    async def until_it_ends() -> None:
        async with start() as app:
            await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
            root, gate = await begun(world, chat)
            asked.append(root)
            world.discord.gateway.drop(code)
            try:
                await asyncio.Event().wait()
            finally:
                asyncio.get_running_loop().call_later(0.2, gate.set)  # while it is ending, of which nothing tells

    with pytest.raises(SettingsError):
        await until_it_ends()
    assert outcome(world, asked[0], SAID) is Seen.WHOLE
    assert len(chat.requests) == 1


# the place


async def archives(world: World, thread: Channel) -> None:
    await world.discord.archives(thread)


async def locks(world: World, thread: Channel) -> None:
    await world.discord.locks(thread)


async def deletes_thread(world: World, thread: Channel) -> None:
    await world.discord.deletes_channel(thread)


async def deletes_channel(world: World, thread: Channel) -> None:
    await world.discord.deletes_channel(world.general)


async def deletes_post(world: World, thread: Channel) -> None:
    await world.discord.deletes(*world.discord.answers(thread))


async def hides(world: World, thread: Channel) -> None:
    await world.discord.denies(world.general, "VIEW_CHANNEL")


async def silences(world: World, thread: Channel) -> None:
    """Where we may not write we may still edit, so the post goes too."""
    await world.discord.denies(world.general, "SEND_MESSAGES_IN_THREADS")
    await deletes_post(world, thread)


async def goes_out(world: World, thread: Channel) -> None:
    await world.discord.goes_out(world.guild)
    await world.discord.comes_back(world.guild)


Happening = Callable[[World, Channel], Awaitable[None]]
HAPPENINGS: list[tuple[Happening, Seen, bool]] = [
    (archives, Seen.WHOLE, True),
    (deletes_post, Seen.WHOLE, True),
    (goes_out, Seen.WHOLE, True),
    (locks, Seen.NOTICE, False),
    (deletes_thread, Seen.NOTICE, False),
    (deletes_channel, Seen.NOTICE, False),
    (hides, Seen.NOTICE, False),
    (silences, Seen.NOTICE, True),
]


@pytest.mark.parametrize(("happens", "seen", "reachable"), HAPPENINGS, ids=[each.__name__ for each, *_ in HAPPENINGS])
async def test_a_place_that_changes(
    world: World, app: App, chat: FakeChat, happens: Happening, seen: Seen, reachable: bool
) -> None:
    """Elsewhere it goes on meanwhile, and afterwards."""
    elsewhere = world.discord.channel(world.guild, "elsewhere")
    await app.mappings.map(replace(world.place, channel_id=elsewhere.id), house.REPOSITORY, actor=world.alice.id)
    root, gate = await begun(world, chat)
    thread = world.thread(root)
    assert thread is not None
    await happens(world, thread)
    other = await asks(world, "elsewhere?", elsewhere)
    await house.answered(world, other)
    gate.set()
    await ended(app, 2)
    assert outcome(world, root, SAID, reachable=reachable) is seen
    assert len(world.discord.invalid) <= 5


async def test_the_question_is_deleted(world: World, app: App, chat: FakeChat) -> None:
    """Then nobody wants its answer any more."""
    root, gate = await begun(world, chat)
    thread = world.thread(root)
    assert thread is not None
    await world.discord.deletes(root)
    assert await ended(app) == ["stopped"]
    gate.set()
    (post,) = world.discord.answers(thread)
    assert house.finished(post)
    assert "stopped" in post.content
    assert told(world, root) == []


# storms


STORMS: dict[str, dict[str, Any]] = {
    "403": {"code": 50013},
    "429, 0 s": {"status": 429, "retry_after": 0},
    "429, global": {"status": 429, "retry_after": 0, "scope": "global"},
    "429, page": {"status": 429, "html": True, "via": False},
}
_REFUSED = [
    ("POST", "/channels/{channel_id}/typing"),
    ("POST", "/channels/{channel_id}/messages"),
    ("POST", "/channels/{channel_id}/messages/{message_id}/threads"),
    ("POST", "/users/@me/channels"),
]


@pytest.mark.parametrize(
    "storm", ["403", *(pytest.param(name, marks=pytest.mark.long) for name in STORMS if name != "403")]
)
async def test_a_storm_of_refusals_is_sat_out(world: World, app: App, storm: str) -> None:
    """Discord locks out the address that earns 10,000 in ten minutes; nothing is asked for while it is sat out."""
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor=world.alice.id)
    for route in _REFUSED:
        world.discord.fail(*route, times=-1, **STORMS[storm])
    for wave in range(2):
        for number in range(40):
            await asks(world, place=world.discord.channel(world.guild, f"wave-{wave}-{number}"))
        await world.discord.until(lambda: world.discord.invalid)
        await accepted(app, 40 * (wave + 1))
    assert 0 < len(world.discord.invalid) <= MOST_INVALID


async def accepted(app: App, number: int) -> None:
    """Wait until so many questions were accepted."""
    while True:
        async with app.database.reading() as connection:
            if await connection.scalar(select(func.count()).select_from(TurnRow)) == number:
                return
        await asyncio.sleep(0.02)
