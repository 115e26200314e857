"""Channels whose readers change, channels and guilds that go: through an unmodified discord.py to what is mapped."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bots.discord.guilds import GRACE, Guilds
from core import keyfile
from core.channels.mappings import Mappings
from core.conversation.values import ChannelRef
from core.errors import PlatformAway
from core.installations import Installations
from core.relay.claims import Scope
from core.settings import Settings
from core.workspaces import Workspaces
from tests.discord import house
from tests.discord.house import World
from tests.discord.listening import Ear, ear, listening
from tests.fakes.chat import FakeChat
from tests.fakes.discord_permissions import NAMES
from tests.fakes.discord_values import CATEGORY, Channel, Overwrite
from tests.relay.house import SteppedDatabase

FAR, LONG_AGO = datetime(2100, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
GUILD = ("GET", "/guilds/{guild_id}")


@pytest.fixture
def given(world: World, chat: FakeChat, sqlite_url: str) -> Settings:
    return house.settings(world.discord, chat, sqlite_url)


@pytest.fixture
async def heard(world: World, given: Settings) -> AsyncIterator[Ear]:
    async with ear(world.discord, given) as made, listening(made):
        yield made


def ref(channel: Channel) -> ChannelRef:
    assert channel.guild
    return ChannelRef("discord", channel.guild.id, channel.id)


async def mapped(made: Ear, *channels: Channel) -> None:
    for channel in channels:
        await made.parts.mappings.map(ref(channel), house.REPOSITORY, actor="x")


async def suspended(made: Ear, channel: Channel) -> bool:
    (mapping,) = await made.parts.mappings.list(ref(channel))
    return mapping.suspended


async def settled(world: World, made: Ear) -> None:
    """Everything that was told before has been carried out."""
    number = len(await made.turns())
    elsewhere = world.discord.channel(world.guild, "elsewhere")
    await world.discord.says(world.alice, elsewhere, f"{world.discord.bot} done?")
    await made.heard(number + 1)


async def opened(world: World, channel: Channel) -> None:
    await world.discord.grants(channel, "VIEW_CHANNEL", who=world.guild.roles[world.guild.id])


async def one_more(world: World, channel: Channel) -> None:
    await world.discord.grants(channel, "VIEW_CHANNEL", who=world.bob)


async def moved_into_an_open_category(world: World, channel: Channel) -> None:
    await world.discord.moves(channel, world.discord.channel(world.guild, "open", type=CATEGORY))


async def a_role_of_administrators(world: World, channel: Channel) -> None:
    (role,) = world.guild.members[world.alice.id].roles
    await world.discord.changes_role(world.guild, role, "ADMINISTRATOR")


async def a_new_role_of_administrators(world: World, channel: Channel) -> None:
    role = world.discord.role(world.guild, "crew", "ADMINISTRATOR")
    world.discord.role_happened("GUILD_ROLE_CREATE", world.guild, role)


WIDER = [
    opened,
    one_more,
    moved_into_an_open_category,
    a_role_of_administrators,
    a_new_role_of_administrators,
]


@pytest.mark.parametrize("change", WIDER, ids=lambda change: change.__name__)
async def test_more_readers_suspend_what_is_mapped_and_what_is_being_answered_begins_anew(
    world: World, heard: Ear, change: Callable[[World, Channel], Awaitable[None]]
) -> None:
    discord = world.discord
    secret, other = (discord.channel(world.guild, name, private=True) for name in ("secret", "unmapped"))
    await mapped(heard, secret, world.general)
    await discord.says(world.guild.owner, secret, f"{discord.bot} why?")
    await heard.heard()
    leased = await heard.parts.leases.claim("another process", Scope(("discord",)), most=1)
    assert leased
    await change(world, secret)
    await settled(world, heard)
    assert await suspended(heard, secret)
    assert not await suspended(heard, world.general)  # which everybody could see
    assert (await heard.turns())[0].status == "waiting"
    assert ref(secret) in heard.forgotten
    assert await heard.parts.mappings.list(ref(other)) == ()


async def test_more_readers_and_deletions_wait_for_the_database_though_no_post_finds_room_any_more(
    world: World, given: Settings, tmp_path: Path
) -> None:
    """Posts are looked for later, but nobody would find these."""
    discord, secret = world.discord, world.discord.channel(world.guild, "secret", private=True)
    async with ear(discord, given, room=1) as made, listening(made):
        await mapped(made, secret, world.general)
        asked = await discord.says(world.alice, world.general, f"{discord.bot} why?")
        await made.heard()
        with closing(sqlite3.connect(tmp_path / "askrepo.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await discord.says(world.alice, world.general, f"{discord.bot} and then?")
            await opened(world, secret)
            await discord.deletes(asked)
            await discord.says(world.alice, world.general, f"{discord.bot} and now?")
            await made.until(made.inbox.missed.is_set)
            other.execute("ROLLBACK")
        await made.heard(3)
        assert await suspended(made, secret)
        assert (await made.turns())[0].erased_at is not None


async def test_whoever_mapped_it_is_told_directly_and_once(world: World, heard: Ear) -> None:
    discord = world.discord
    secret = discord.channel(world.guild, "secret", private=True)
    for name, actor in (("acme/web", world.alice.id), ("acme/api", world.alice.id), ("acme/old", "root (shell)")):
        await heard.parts.mappings.map(ref(secret), name, actor=actor)
    for change in (opened, one_more):
        await change(world, secret)
        await settled(world, heard)
    await discord.until(lambda: discord.answers(discord.dm(world.alice)))
    (told,) = discord.answers(discord.dm(world.alice))
    assert told.content.startswith(f"<#{secret.id}>: More people can read that channel now")
    assert "`github.com/acme/api` and `github.com/acme/web`, which you mapped" in told.content
    assert "old" not in told.content


@pytest.mark.parametrize("change", WIDER, ids=lambda change: change.__name__)
async def test_more_readers_between_two_sessions(
    world: World, heard: Ear, change: Callable[[World, Channel], Awaitable[None]]
) -> None:
    """Nothing tells of what changed while no session could be had: the next is compared with the last."""
    discord = world.discord
    secret = discord.channel(world.guild, "secret", private=True)
    discord.channel_happened("CHANNEL_CREATE", secret)
    await mapped(heard, secret, world.general)
    await settled(world, heard)
    discord.gateway.mute = True
    discord.gateway.lose_session()
    await change(world, secret)
    discord.gateway.mute = False
    discord.gateway.drop()
    async with asyncio.timeout(10):
        while not await suspended(heard, secret):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
    assert not await suspended(heard, world.general)
    assert len(discord.gateway.identifies) == 2


@pytest.mark.parametrize("told", [True, False])
async def test_who_takes_our_access_away_and_gives_it_back_lets_nobody_in(
    world: World, heard: Ear, *, told: bool
) -> None:
    """Of a channel that we do not see Discord tells nothing but that we do not; `told`: while a session is there."""
    discord = world.discord
    secret = discord.channel(world.guild, "secret", private=True)
    discord.channel_happened("CHANNEL_CREATE", secret)
    await mapped(heard, secret)
    await settled(world, heard)
    doors, hidden = list(secret.overwrites), [Overwrite(world.guild.id, 0, deny=NAMES["VIEW_CHANNEL"])]
    secret.overwrites[:] = hidden
    if told:
        discord.channel_happened("CHANNEL_UPDATE", secret)
    else:
        discord.gateway.lose_session()
        await heard.until(lambda: len(discord.gateway.identifies) == 2 and heard.gateway.ready.is_set())
    await settled(world, heard)
    secret.overwrites[:] = doors
    discord.channel_happened("CHANNEL_UPDATE", secret)
    await settled(world, heard)
    assert not await suspended(heard, secret)
    secret.overwrites[:] = hidden
    discord.channel_happened("CHANNEL_UPDATE", secret)
    secret.overwrites.clear()
    discord.channel_happened("CHANNEL_UPDATE", secret)
    await settled(world, heard)
    assert await suspended(heard, secret)


async def test_a_role_that_kept_people_out_is_gone(world: World, heard: Ear) -> None:
    discord = world.discord
    (role,) = world.guild.members[world.alice.id].roles
    await discord.denies(world.general, "VIEW_CHANNEL", who=role)
    await mapped(heard, world.general)
    await discord.says(world.bob, world.general, f"{discord.bot} before?")
    await heard.heard()
    assert not await suspended(heard, world.general)
    await discord.deletes_role(world.guild, role)
    await discord.says(world.bob, world.general, f"{discord.bot} after?")
    await heard.heard(2)
    assert await suspended(heard, world.general)


async def renamed(world: World, channel: Channel) -> None:
    await world.discord.renames(channel, "other")


async def closed(world: World, channel: Channel) -> None:
    await world.discord.denies(channel, "VIEW_CHANNEL", who=world.guild.roles[world.guild.id])


async def moved_with_its_own(world: World, channel: Channel) -> None:
    await world.discord.moves(channel, world.discord.channel(world.guild, "open", type=CATEGORY), sync=False)


async def a_role_that_writes(world: World, channel: Channel) -> None:
    (role,) = world.guild.members[world.alice.id].roles
    await world.discord.changes_role(world.guild, role, "SEND_MESSAGES", "MANAGE_MESSAGES")


async def somebody_writes(world: World, channel: Channel) -> None:
    await world.discord.grants(channel, "SEND_MESSAGES", who=world.alice)


@pytest.mark.parametrize(
    "change",
    [renamed, closed, moved_with_its_own, a_role_that_writes, somebody_writes],
    ids=lambda change: change.__name__,
)
async def test_what_adds_no_reader_suspends_nothing(
    world: World, heard: Ear, change: Callable[[World, Channel], Awaitable[None]]
) -> None:
    secret = world.discord.channel(world.guild, "secret", private=True)
    await mapped(heard, secret)
    await change(world, secret)
    await settled(world, heard)
    assert not await suspended(heard, secret)
    assert not heard.forgotten


async def test_a_deleted_channel_is_forgotten_and_a_deleted_thread_is_not_its_channel(world: World, heard: Ear) -> None:
    discord = world.discord
    gone, kept = discord.channel(world.guild, "gone"), discord.channel(world.guild, "kept")
    await mapped(heard, gone, kept)
    thread = await discord.opens_thread(world.alice, kept)
    await discord.deletes_channel(thread)
    await discord.deletes_channel(gone)
    await settled(world, heard)
    assert await heard.parts.mappings.channels(ref(kept).workspace) == (ref(kept),)


async def test_an_outage_is_no_removal(world: World, heard: Ear) -> None:
    discord = world.discord
    await mapped(heard, world.general)
    for _ in range(100):
        await discord.goes_out(world.guild)
        await discord.comes_back(world.guild)
    await settled(world, heard)
    assert not await suspended(heard, world.general)
    assert await heard.parts.installations.revoked("discord", before=FAR) == ()


async def test_a_removal_suspends_at_once(world: World, heard: Ear) -> None:
    discord = world.discord
    other = discord.guild("other")
    elsewhere = discord.channel(other, "general")
    await mapped(heard, world.general, elsewhere)
    await discord.kicks_bot(world.guild)
    await discord.says(discord.user(other), elsewhere, f"{discord.bot} done?")
    await heard.heard()
    assert await suspended(heard, world.general)
    assert not await suspended(heard, elsewhere)
    assert await heard.parts.installations.revoked("discord", before=FAR) == (world.place.workspace,)


async def test_a_removal_that_nobody_heard_of_is_found_at_the_next_start(world: World, given: Settings) -> None:
    async with ear(world.discord, given) as made:
        await mapped(made, world.general)
        await made.parts.mappings.map(ChannelRef("discord", " acme", "general"), "acme/web", actor="operator")
    await world.discord.kicks_bot(world.guild)
    async with ear(world.discord, given) as made, listening(made), asyncio.timeout(10):
        while not await suspended(made, world.general):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)


async def test_a_removal_while_no_session_could_be_had_is_found_with_the_next(world: World, given: Settings) -> None:
    """A new session tells of the guilds we are in, and of no others."""
    discord = world.discord
    discord.guild("other")
    async with ear(discord, given) as made, listening(made), asyncio.timeout(10):
        await mapped(made, world.general)
        discord.gateway.mute = True
        discord.gateway.lose_session()
        await discord.kicks_bot(world.guild)
        discord.gateway.mute = False
        discord.gateway.drop()
        while not await suspended(made, world.general):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
        assert not made.gateway.joined(world.guild.id)


def everything(_: str) -> bool:
    return True


async def test_what_was_left_is_forgotten_after_the_grace(world: World, given: Settings) -> None:
    discord = world.discord
    other = discord.guild("other")
    elsewhere = discord.channel(other, "general")
    async with ear(discord, given) as made:
        await mapped(made, world.general, elsewhere)
        await discord.kicks_bot(world.guild)
        present = {other.id}
        await made.guilds.look(present, lambda guild_id: guild_id == other.id)  # it is another process's
        assert not await suspended(made, world.general)
        await made.guilds.look(present, everything)
        assert await suspended(made, world.general)
        discord.advance(GRACE.total_seconds() - 60)
        await made.guilds.look(present, everything)
        assert await made.parts.mappings.list(world.place)
        discord.advance(120)
        await made.guilds.look(present, everything)
        assert await made.parts.mappings.list(world.place) == ()
        assert not await suspended(made, elsewhere)


async def test_who_comes_back_within_the_grace_is_not_forgotten(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        async with listening(made):
            await mapped(made, world.general)
            await discord.kicks_bot(world.guild)
            await discord.invites_bot(world.guild)
            await settled(world, made)
            async with asyncio.timeout(10):
                while await made.parts.installations.revoked("discord", before=FAR):  # noqa: ASYNC110 - see above
                    await asyncio.sleep(0.01)
        assert await suspended(made, world.general)  # until somebody looks who reads it now
        discord.advance(GRACE.total_seconds() + 60)
        await made.guilds.look(set(), everything)
        assert await made.parts.mappings.list(world.place)


async def test_who_came_back_unheard_is_not_forgotten(world: World, given: Settings) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await mapped(made, world.general)
        await made.guilds.left(world.place.workspace)
        discord.advance(GRACE.total_seconds() + 60)
        await made.guilds.look({world.guild.id}, everything)
        assert await made.parts.mappings.list(world.place)
        assert await made.parts.installations.revoked("discord", before=FAR) == ()


@pytest.mark.parametrize("fault", [{"code": 50001}, {"status": 404}, {"status": 200, "body": {}}], ids=str)
async def test_an_odd_answer_about_one_that_was_left_takes_nothing_back(
    world: World, given: Settings, fault: dict[str, Any]
) -> None:
    """Until 2023 Discord had another code for it (discord-api-docs#5840)."""
    discord = world.discord
    discord.allows(50001)
    async with ear(discord, given) as made:
        await mapped(made, world.general)
        await made.guilds.left(world.place.workspace)
        await discord.kicks_bot(world.guild)
        discord.fail(*GUILD, **fault)
        await made.guilds.look(set(), everything)
        assert await made.parts.installations.revoked("discord", before=FAR) == (world.place.workspace,)


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 502, "html": True}, {"drop": "before"}, {"body": [1]}])
async def test_an_outage_that_looks_like_a_removal_forgets_nothing(
    world: World, given: Settings, fault: dict[str, Any]
) -> None:
    discord = world.discord
    async with ear(discord, given) as made:
        await mapped(made, world.general)
        await made.parts.installations.revoke(world.place.workspace, before=LONG_AGO)
        await discord.kicks_bot(world.guild)
        discord.fail(*GUILD, times=-1, **fault)
        with contextlib.suppress(PlatformAway):
            await made.guilds.look(set(), everything)
        assert await made.parts.mappings.list(world.place)


class Killed(Exception):
    """The process ends here."""


async def killed(name: str) -> None:
    if name == "after write":
        raise Killed


async def test_a_removal_that_was_broken_off_is_carried_out_at_the_next_start(world: World, given: Settings) -> None:
    """Whatever has been committed by then, nothing is answered once we are back without being confirmed."""
    discord = world.discord
    async with ear(discord, given) as made:
        await mapped(made, world.general)
        await discord.kicks_bot(world.guild)
        stepped = SteppedDatabase(given.database_address(), killed)
        workspaces = Workspaces(stepped, await keyfile.keyring(stepped, None))
        mappings = Mappings(stepped, workspaces, process_repository=None)
        parts: Any = SimpleNamespace(installations=Installations(stepped, workspaces), mappings=mappings)
        with pytest.raises(Killed):
            await Guilds(parts, made.rest).left(world.place.workspace)
        await stepped.close()
        await made.guilds.look(set(), everything)
        await made.guilds.joined(world.place.workspace)
        assert await suspended(made, world.general)
