"""The connection to the gateway: what ends it, what is done then, and what can never work."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from discord.gateway import KeepAliveHandler
from structlog.testing import capture_logs

from bots.discord import manifest
from bots.discord.bot import Ourselves
from bots.discord.gateway import SETTING
from bots.discord.shards import Shards
from core.errors import SettingsError
from core.settings import Settings
from tests.discord import house
from tests.discord.house import World
from tests.discord.listening import Ear, ear, listening
from tests.fakes.chat import FakeChat

RESUMED = [None, 1000, 1001, 4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009]  # close codes after which it goes on
DEADLY = {4004: SETTING, 4010: "--shards", 4012: SETTING, 4013: SETTING}


@pytest.fixture
def given(world: World, chat: FakeChat, sqlite_url: str) -> Settings:
    return house.settings(world.discord, chat, sqlite_url)


async def asks(world: World, made: Ear, text: str = "still there?") -> None:
    """A question that is asked now is heard."""
    number = len(await made.turns())
    await world.discord.says(world.alice, world.general, f"{world.discord.bot} {text}")
    await made.heard(number + 1)


@pytest.mark.parametrize("code", RESUMED)
async def test_a_connection_that_ends_is_taken_up_again_and_nothing_is_lost(
    world: World, given: Settings, code: int | None
) -> None:
    discord = world.discord  # which forgets a session that we end with 1000 or 1001
    async with ear(discord, given) as made, listening(made):
        discord.gateway.drop(code)
        await asks(world, made)
        assert (len(discord.gateway.identifies), discord.gateway.resumes) == (1, 1)


async def test_discord_asks_to_connect_again(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made, listening(made):
        discord.gateway.reconnect()
        await discord.until(lambda: discord.gateway.resumes)
        await asks(world, made)
        discord.gateway.invalidate(resumable=True)
        await discord.until(lambda: discord.gateway.resumes == 2)
        await asks(world, made)
        assert len(discord.gateway.identifies) == 1


async def test_what_happens_between_two_connections_is_delivered_once(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made, listening(made):
        await asks(world, made)
        discord.gateway.drop()
        await asks(world, made, "meanwhile?")
        await asks(world, made, "and then?")
        assert len(await made.accepted()) == 3


@pytest.mark.parametrize("resumable", [False, None])
async def test_a_session_that_is_lost_is_begun_anew_when_it_may(
    world: World, given: Settings, *, resumable: bool | None
) -> None:
    discord = world.discord
    async with ear(discord, given) as made, listening(made):
        discord.advance(5)
        if resumable is None:
            discord.gateway.lose_session(4009)
        else:
            discord.gateway.invalidate(resumable=resumable)
        await discord.until(lambda: len(discord.gateway.identifies) == 2)
        await asks(world, made)


@pytest.mark.parametrize("resumed", [True, False])
async def test_a_shard_that_discord_leaves_without_a_session_is_begun_anew_and_no_other(
    world: World, given: Settings, *, resumed: bool
) -> None:
    """discord.py waits for READY and RESUMED as long as its heartbeats are acknowledged."""
    discord, shard = world.discord, (int(world.guild.id) >> 22) % 2
    discord.gateway.shards = 2
    async with ear(discord, given, silent_seconds=0.5) as made, listening(made):
        discord.gateway.stuck.add(shard)
        if resumed:
            discord.gateway.drop(shard=shard)
            await discord.until(lambda: discord.gateway.resumes)
        else:
            begun = len(discord.gateway.identifies)
            await made.passes(60)
            discord.gateway.lose_session(4009)
            await discord.until(lambda: len(discord.gateway.identifies) == begun + 2)
        tried = len(discord.gateway.identifies)
        discord.gateway.stuck.clear()
        await asyncio.wait_for(made.gateway.ready.wait(), 10)
        await asks(world, made)
        assert len(discord.gateway.identifies) == tried + 1


async def test_a_client_that_cannot_connect_one_shard_is_begun_anew(world: World, given: Settings) -> None:
    discord = world.discord
    discord.gateway.shards = 2
    with capture_logs() as logged:
        async with ear(discord, given, silent_seconds=0.3) as made, listening(made):
            logged.clear()
            discord.gateway.mute = True
            discord.gateway.drop(shard=1)
            await made.until(lambda: "the connection to Discord is begun anew" in [each["event"] for each in logged])
            discord.gateway.mute = False
            await asyncio.wait_for(made.gateway.ready.wait(), 20)
            await asks(world, made)


async def test_it_is_ready_only_while_it_hears(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made, listening(made):
        assert made.gateway.joined(world.guild.id)
        assert not made.gateway.joined("123")
        discord.gateway.mute = True
        discord.gateway.drop()
        await made.until(lambda: not made.gateway.ready.is_set())
        await discord.until(lambda: discord.gateway.connections)
        discord.gateway.mute = False
        discord.gateway.drop()
        await asyncio.wait_for(made.gateway.ready.wait(), 10)
    assert not made.gateway.ready.is_set()
    assert not made.gateway.joined(world.guild.id)


@pytest.mark.parametrize("code", DEADLY)
async def test_what_can_never_work_ends_with_a_sentence(world: World, given: Settings, code: int) -> None:
    async with ear(world.discord, given) as made, listening(made):
        assert made.running
        world.discord.gateway.drop(code)
        with pytest.raises(SettingsError) as caught:
            await asyncio.wait_for(asyncio.shield(made.running), 10)
    assert caught.value.name == DEADLY[code]
    assert len(world.discord.gateway.identifies) == 1


async def test_more_shards_are_needed_than_were_asked_for(world: World, given: Settings) -> None:
    async with ear(world.discord, given, shards=Shards.parse("0/1")) as made, listening(made):
        assert made.running
        world.discord.gateway.drop(4011)
        with pytest.raises(SettingsError) as caught:
            await asyncio.wait_for(asyncio.shield(made.running), 10)
    assert caught.value.name == "--shards"


async def test_where_discord_says_how_many_shards_there_are_it_is_asked_anew(world: World, given: Settings) -> None:
    async with ear(world.discord, given) as made, listening(made):
        world.discord.gateway.drop(4011)
        await made.until(lambda: not made.gateway.ready.is_set())
        await made.gateway.ready.wait()
        await asks(world, made)
        assert len(world.discord.called("GET", "/gateway/bot")) == 2


async def test_a_token_that_was_reset_ends_it(world: World, given: Settings) -> None:
    async with ear(world.discord, given) as made:
        world.discord.new_token()
        with pytest.raises(SettingsError) as caught:
            await asyncio.wait_for(made.gateway.run(), 10)
    assert caught.value.name == SETTING
    assert len(world.discord.invalid) == 1


async def test_an_intent_that_is_not_granted_is_done_without(world: World, given: Settings) -> None:
    discord = world.discord
    discord.message_content = False
    discord.allows(4014)
    async with ear(discord, given, content=True) as made, listening(made):
        await asks(world, made)
        assert discord.gateway.closed == [4014]
        (session,) = discord.gateway.sessions.values()
        assert not session.intents & 1 << 15


async def test_intents_that_are_never_granted_end_it(world: World, given: Settings) -> None:
    async with ear(world.discord, given, content=False) as made, listening(made):
        assert made.running
        world.discord.gateway.drop(4014)
        with pytest.raises(SettingsError, match="intents"):
            await asyncio.wait_for(asyncio.shield(made.running), 10)


async def test_every_shard_hears_its_guilds(world: World, given: Settings) -> None:
    discord = world.discord
    discord.gateway.shards = 3
    guilds = [discord.guild(f"guild {number}") for number in range(6)]
    assert {(int(guild.id) >> 22) % 3 for guild in guilds} == {0, 1, 2}
    channels = [discord.channel(guild, "general") for guild in guilds]
    async with ear(discord, given) as made, listening(made):
        for guild, channel in zip(guilds, channels, strict=True):
            await discord.says(discord.user(guild), channel, f"{discord.bot} here?")
        await made.heard(6)
        assert len(discord.gateway.identifies) == 3


async def test_a_process_hears_the_shards_it_was_given(world: World, given: Settings) -> None:
    discord = world.discord
    shards = Shards.parse("1-2/3")
    guilds = [discord.guild(f"guild {number}") for number in range(6)]
    asked = []
    async with ear(discord, given, shards=shards) as made, listening(made):
        assert {session.shard for session in discord.gateway.sessions.values()} == {(1, 3), (2, 3)}
        for guild in guilds:
            channel = discord.channel(guild, "general")
            question = await discord.says(discord.user(guild), channel, f"{discord.bot} here?")
            if shards.hold(guild.id):
                asked.append(question.id)
        assert await made.heard(len(asked)) == asked
    assert 0 < len(asked) < 6


@pytest.mark.parametrize(
    ("given", "shards"),
    [("0-3/16", Shards((0, 1, 2, 3), 16)), (" 2/3 ", Shards((2,), 3)), ("0/1", Shards.all(1))],
)
def test_shards_are_written_as_a_span(given: str, shards: Shards) -> None:
    assert Shards.parse(given) == shards


@pytest.mark.parametrize(
    "given", ["", "3", "0-3", "3-0/16", "0-16/16", "16/16", "-1/3", "a/b", "0/0", "0-3/16/2", "１/３"]
)
def test_what_is_no_span_of_shards_is_refused(given: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Shards.parse(given)
    assert caught.value.name == "--shards"


async def test_at_the_end_what_was_heard_is_accepted_first(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        async with listening(made):
            questions = [
                await discord.says(world.alice, world.general, f"{discord.bot} {number}?") for number in range(50)
            ]
            await manifest.sync(made.rest, await Ourselves(made.rest).bot(), "admins")
            await discord.command(world.alice, world.general, "askrepo-help", wait=False)
            await made.until(lambda: made.interactions)  # which comes after them
        assert [turn.message_id for turn in await made.turns()] == [each.id for each in questions]
    await discord.until(lambda: not discord.gateway.sessions)  # closed as somebody who does not come back


async def test_no_thread_is_left_of_a_connection_that_was_not_made_whole(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given, identifies=asyncio.Event()) as made:
        running = asyncio.create_task(made.gateway.run())
        await made.until(lambda: hearts() and discord.gateway.connections)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for thread in hearts():
            thread.join(5)
            assert not thread.is_alive()


def hearts() -> list[threading.Thread]:
    """The threads that keep the connections of this test alive."""
    loop = asyncio.get_running_loop()
    return [each for each in threading.enumerate() if isinstance(each, KeepAliveHandler) and each.ws.loop is loop]


@pytest.mark.parametrize("fault", [{"status": 503}, {"html": True, "status": 502}, {"body": {}}, {"drop": "before"}])
async def test_while_discord_does_not_say_where_its_gateway_is_it_is_asked_ever_more_seldom(
    world: World, given: Settings, fault: dict[str, Any]
) -> None:
    discord = world.discord
    discord.fail("GET", "/gateway/bot", times=4, **fault)
    async with ear(discord, given) as made, listening(made):
        await asks(world, made)
    waited = [seconds for seconds in made.pauses if seconds]
    assert 2 <= len(waited) <= 4  # a connection that is reset is tried once more by aiohttp itself
    for number, seconds in enumerate(waited, start=1):
        assert 2.0**number / 2 <= seconds <= 2.0**number
    assert len(discord.gateway.identifies) == 1


async def test_it_ends_while_a_connection_is_being_made(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        async with listening(made):
            discord.gateway.mute = True
            discord.gateway.drop()
            await made.until(lambda: not made.gateway.ready.is_set())
            await discord.until(lambda: discord.gateway.connections)
        assert made.running
        assert made.running.cancelled()


async def test_whoever_runs_it_reads_that_it_listens(world: World, given: Settings) -> None:
    said = {"event": "listening to Discord", "log_level": "info", "shard": 0, "servers": 1}
    with capture_logs() as logged:
        async with ear(world.discord, given) as made, listening(made):
            await made.until(lambda: said in logged)


async def test_a_gateway_that_cannot_be_had_at_first_is_tried_again(
    world: World, given: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    discord = world.discord
    discord.gateway.refuses = 503
    async with ear(discord, given) as made:
        running = asyncio.create_task(made.gateway.run())
        await made.until(lambda: "Failed to connect" in caplog.text)
        discord.gateway.refuses = 0
        await asyncio.wait_for(made.gateway.ready.wait(), 20)
        await asks(world, made)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
