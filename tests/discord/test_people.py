"""Who somebody is, who reads along, and what we may do: decided from what Discord says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bots.discord.bot import Ourselves
from bots.discord.people import People, described, permissions, readers
from bots.discord.permissions import (
    CONNECT,
    CREATE_PUBLIC_THREADS,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
    VIEW_CHANNEL,
    has,
)
from bots.discord.rest import Rest
from core.channels.access import Audience, Standing
from core.conversation.values import ChannelRef
from core.database import Database
from core.errors import PlaceGone
from core.relay.limits import Allowances
from core.secret import Secret
from core.workspaces import Workspaces
from tests.discord.house import World
from tests.fakes.discord_values import VOICE

GUILD = "1"
EVERYONE = {"id": GUILD, "permissions": str(VIEW_CHANNEL | SEND_MESSAGES | CONNECT)}
STAFF = {"id": "2", "permissions": "0"}
ADMIN = {"id": "3", "permissions": "8"}


def overwrite(target: str, *, allow: int = 0, deny: int = 0) -> dict[str, Any]:
    return {"id": target, "type": int(target == "5"), "allow": str(allow), "deny": str(deny)}


HIDDEN = overwrite(GUILD, deny=VIEW_CHANNEL)
LOCKED = overwrite(GUILD, deny=CONNECT)


def channel(*overwrites: dict[str, Any]) -> dict[str, Any]:
    return {"id": "9", "guild_id": GUILD, "permission_overwrites": list(overwrites)}


def member(user: str = "5", *roles: str) -> dict[str, Any]:
    return {"user": {"id": user}, "roles": list(roles)}


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        (None, Standing.OUTSIDER),
        (member(), Standing.MEMBER),
        ({"user": {"id": "5", "bot": True}}, Standing.BOT),
        ({"user": {"id": "5", "system": True}}, Standing.BOT),
        ({"user": {"id": "6"}}, Standing.UNKNOWN),
        ({}, Standing.UNKNOWN),
    ],
)
def test_standing(told: dict[str, Any] | None, standing: Standing) -> None:
    assert described(told, "5") is standing


@pytest.mark.parametrize(
    ("place", "roles", "audience"),
    [
        (channel(), [EVERYONE], Audience.PUBLIC),
        (channel(HIDDEN), [EVERYONE], Audience.PRIVATE),
        (channel(overwrite(GUILD, deny=SEND_MESSAGES)), [EVERYONE], Audience.PUBLIC),
        (channel(HIDDEN, overwrite("2", allow=VIEW_CHANNEL)), [EVERYONE, STAFF], Audience.PRIVATE),
        (channel(), [{"id": GUILD, "permissions": "0"}], Audience.PRIVATE),
        (channel(overwrite(GUILD, allow=VIEW_CHANNEL)), [{"id": GUILD, "permissions": "0"}], Audience.PUBLIC),
        (channel(HIDDEN), [{"id": GUILD, "permissions": "8"}], Audience.PUBLIC),
        ({**channel(), "type": 2}, [EVERYONE], Audience.PUBLIC),
        ({**channel(LOCKED), "type": 2}, [EVERYONE], Audience.PRIVATE),
        ({**channel(LOCKED), "type": 13}, [EVERYONE], Audience.PRIVATE),
        ({**channel(LOCKED), "type": 0}, [EVERYONE], Audience.PUBLIC),
        (channel(), [STAFF], Audience.UNKNOWN),
        ({**channel(), "guild_id": "77"}, [EVERYONE], Audience.UNKNOWN),
        ({}, [EVERYONE], Audience.UNKNOWN),
    ],
)  # fmt: skip
def test_audience(place: dict[str, Any], roles: list[dict[str, Any]], audience: Audience) -> None:
    assert readers(place, roles, GUILD) is audience


@pytest.mark.parametrize(
    ("who", "place", "sees"),
    [
        (member(), channel(), True),
        (member(), channel(HIDDEN), False),
        (member("5", "2"), channel(HIDDEN, overwrite("2", allow=VIEW_CHANNEL)), True),
        (member("5", "2"), channel(overwrite("2", deny=VIEW_CHANNEL)), False),
        # what one role allows, another's denial does not take away
        (member("5", "2", "4"), channel(overwrite("2", deny=VIEW_CHANNEL), overwrite("4", allow=VIEW_CHANNEL)), True),
        (member("5", "2"), channel(overwrite("2", allow=VIEW_CHANNEL), overwrite("5", deny=VIEW_CHANNEL)), False),
        (member(), channel(HIDDEN, overwrite("5", allow=VIEW_CHANNEL)), True),
        (member("5", "3"), channel(overwrite("5", deny=VIEW_CHANNEL)), True),
        ({}, channel({"allow": "0", "deny": str(VIEW_CHANNEL)}), True),
    ],
)  # fmt: skip
def test_permissions(who: dict[str, Any], place: dict[str, Any], sees: bool) -> None:
    roles = [EVERYONE, STAFF, ADMIN, {"id": "4", "permissions": "x"}]
    assert has(permissions(who, place, roles, GUILD), VIEW_CHANNEL) is sees


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
async def people(world: World, database: Database, workspaces: Workspaces) -> AsyncIterator[People]:
    rest = Rest(Secret(world.discord.token), world.discord.api_url, Allowances(database, workspaces))
    yield People(rest, Ourselves(rest))
    await rest.close()


async def test_what_discord_says_of_people(world: World, people: People) -> None:
    stranger, robot = world.discord.user(None, "mallory"), world.discord.user(world.guild, "robot", bot=True)
    for user, standing in ((world.bob, Standing.MEMBER), (stranger, Standing.OUTSIDER), (robot, Standing.BOT)):
        assert await people.standing(world.place.workspace, user.id) is standing
    asked = len(world.discord.calls)
    assert await people.standing(world.place.workspace, world.bob.id) is Standing.MEMBER
    assert len(world.discord.calls) == asked
    await world.discord.kicks_bot(world.guild)
    assert await people.standing(world.place.workspace, world.alice.id) is Standing.UNKNOWN


async def test_who_reads_a_channel(world: World, people: People) -> None:
    secret = world.discord.channel(world.guild, "secret", private=True, readers=[world.alice])
    place = ChannelRef("discord", world.guild.id, secret.id)
    assert await people.audience(world.place, False) is Audience.PUBLIC
    assert await people.audience(place, False) is Audience.PRIVATE
    assert await people.audience(place, True) is Audience.DIRECT
    await world.discord.grants(secret, "VIEW_CHANNEL", who=world.guild.everyone)
    assert await people.audience(place, False) is Audience.PRIVATE  # as it was a moment ago
    people.forget_channel(place)
    assert await people.audience(place, False) is Audience.PUBLIC
    await world.discord.denies(world.general, "VIEW_CHANNEL")
    people.forget_channel(world.place)
    with pytest.raises(PlaceGone):
        await people.audience(world.place, False)


@pytest.mark.parametrize(
    ("denied", "lacking"),
    [
        ("SEND_MESSAGES_IN_THREADS", "Send Messages in Threads"),
        ("CREATE_PUBLIC_THREADS", "Create Public Threads"),
        ("VIEW_CHANNEL", "View Channels"),
        ("ATTACH_FILES", ""),
    ],
)
async def test_what_we_may_not_do(world: World, people: People, denied: str, lacking: str) -> None:
    needed = (VIEW_CHANNEL, SEND_MESSAGES_IN_THREADS, CREATE_PUBLIC_THREADS)
    assert await people.lacking(world.place, needed) == ""
    await world.discord.denies(world.general, denied)
    assert await people.lacking(world.place, needed) == lacking


async def test_beside_a_voice_channel_we_must_be_able_to_connect(world: World, people: People) -> None:
    voice = world.discord.channel(world.guild, "talk", type=VOICE)
    place = ChannelRef("discord", world.guild.id, voice.id)
    assert await people.lacking(place, (VIEW_CHANNEL, SEND_MESSAGES)) == ""
    await world.discord.denies(voice, "CONNECT")
    assert await people.lacking(place, (VIEW_CHANNEL, SEND_MESSAGES)) == "Connect"
