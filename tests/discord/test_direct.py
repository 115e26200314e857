"""Which guild a direct message is for: never a guess."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bots.discord.direct import NO_GUILD, SEVERAL_GUILDS, TOO_MANY_GUILDS, Direct, NoGuild
from core.conversation.values import WorkspaceRef
from core.errors import PlatformAway
from core.settings import Settings
from tests.discord import house
from tests.discord.house import World
from tests.discord.listening import Ear, ear
from tests.fakes.chat import FakeChat
from tests.fakes.discord_values import Guild

MEMBER = ("GET", "/guilds/{guild_id}/members/{user_id}")


@pytest.fixture
async def made(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[Ear]:
    given: Settings = house.settings(world.discord, chat, sqlite_url)
    async with ear(world.discord, given) as made:
        yield made


def of(guild: Guild) -> WorkspaceRef:
    return WorkspaceRef("discord", guild.id)


async def default(made: Ear, *guilds: Guild) -> None:
    for guild in guilds:
        await made.parts.mappings.set_default(of(guild), house.REPOSITORY, actor="x")


def direct(made: Ear) -> Direct:
    return Direct(made.rest, made.parts.mappings, made.discord.clock)


async def test_it_is_the_one_guild_with_a_default_that_they_are_in(world: World, made: Ear) -> None:
    discord = world.discord
    other, without = discord.guild("other"), discord.guild("without")
    discord.join(without, world.alice)
    await default(made, world.guild, other)
    assert await direct(made).guild(world.alice.id) == of(world.guild)
    assert await direct(made).guild(discord.user(other, "carol").id) == of(other)


async def test_none_and_several_are_told_and_never_guessed(world: World, made: Ear) -> None:
    discord = world.discord
    other = discord.guild("other")
    assert await direct(made).guild(world.alice.id) == NoGuild(NO_GUILD)
    await default(made, other)
    assert await direct(made).guild(world.alice.id) == NoGuild(NO_GUILD)
    discord.join(other, world.alice)
    await default(made, world.guild)
    assert await direct(made).guild(world.alice.id) == NoGuild(SEVERAL_GUILDS)
    assert await direct(made).guild("123456789012345678") == NoGuild(NO_GUILD)


async def test_a_guild_that_we_left_does_not_count(world: World, made: Ear) -> None:
    discord = world.discord
    other = discord.guild("other")
    discord.join(other, world.alice)
    await default(made, world.guild, other)
    await discord.kicks_bot(other)
    assert await direct(made).guild(world.alice.id) == of(world.guild)


async def test_it_is_remembered_for_a_minute(world: World, made: Ear) -> None:
    await default(made, world.guild)
    asked = direct(made)
    for _ in range(3):
        assert await asked.guild(world.alice.id) == of(world.guild)
    assert len(world.discord.called(*MEMBER)) == 1
    await world.discord.leaves(world.guild, world.alice)
    world.discord.advance(61)
    assert await asked.guild(world.alice.id) == NoGuild(NO_GUILD)


async def test_an_outage_is_no_answer(world: World, made: Ear) -> None:
    await default(made, world.guild)
    world.discord.fail(*MEMBER, status=503)
    asked = direct(made)
    with pytest.raises(PlatformAway):
        await asked.guild(world.alice.id)
    assert await asked.guild(world.alice.id) == of(world.guild)


async def test_with_the_first_look_that_fails_the_others_end(world: World, made: Ear) -> None:
    """It is tried again soon, for each person who writes: what went on meanwhile would only grow."""
    others = [world.discord.guild(f"guild {number}") for number in range(20)]
    await default(made, world.guild, *others)
    world.discord.fail(*MEMBER, status=503, at=world.guild.id)
    world.discord.fail(*MEMBER, times=-1, hold=asyncio.Event())
    before = asyncio.all_tasks()
    with pytest.raises(PlatformAway):
        await direct(made).guild(world.alice.id)
    left = [each.get_coro() for each in asyncio.all_tasks() - before]
    assert [each for each in left if "Direct" in getattr(each, "__qualname__", "")] == []


async def test_among_very_many_guilds_nobody_is_asked(world: World, made: Ear) -> None:
    for number in range(51):
        await made.parts.mappings.set_default(WorkspaceRef("discord", str(number + 1)), house.REPOSITORY, actor="x")
    assert await direct(made).guild(world.alice.id) == NoGuild(TOO_MANY_GUILDS)
    assert not world.discord.called(*MEMBER)
