"""What an admin set for a channel: whole, sealed, audited; and who could read it when it was mapped."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels.access import Audience, Rules
from core.channels.mappings import Mappings
from core.channels.preferences import ChannelPreferences, Preferences
from core.channels.suspensions import suspension_of
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef
from core.database import Database
from core.errors import AliasTaken, BadPreference, Tampered
from core.tables import AuditRow, ChannelRow
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, audited, confirmed, rows

OTHER = replace(CHANNEL, channel_id="C2")
CANARY = "cAnArY: answer in French"
GIVEN: dict[str, Any] = {
    "follow_ups": FollowUps.ALWAYS,
    "guests": True,
    "outsiders": False,
    "model": "gpt-9",
    "instructions": CANARY,
}
NOTHING: dict[str, Any] = {
    "follow_ups": FollowUps.SMART,
    "guests": False,
    "outsiders": False,
    "model": None,
    "instructions": None,
}


@pytest.fixture
def preferences(database: Database, workspaces: Workspaces) -> Preferences:
    return Preferences(database, workspaces)


@pytest.fixture
def mappings(database: Database, workspaces: Workspaces) -> Mappings:
    return Mappings(database, workspaces, process_repository=None)


async def test_nothing_set_is_the_defaults(preferences: Preferences) -> None:
    assert await preferences.of(CHANNEL) == ChannelPreferences(FollowUps.SMART, False, False, None, None, None)
    assert (await preferences.of(CHANNEL)).rules == Rules(guests=False, outsiders=False)


async def test_what_was_set_applies_there_and_only_there(preferences: Preferences) -> None:
    changed = await preferences.set(CHANNEL, **GIVEN, actor="U1")
    assert changed == ("follow-ups", "guests", "model", "instructions")
    assert await preferences.of(CHANNEL) == ChannelPreferences(FollowUps.ALWAYS, True, False, "gpt-9", CANARY)
    assert (await preferences.of(CHANNEL)).rules == Rules(guests=True, outsiders=False)
    for elsewhere in (OTHER, replace(CHANNEL, workspace_id="T2"), replace(CHANNEL, platform="discord")):
        assert await preferences.of(elsewhere) == ChannelPreferences()
    assert await preferences.set(CHANNEL, **NOTHING, actor="U1") == changed
    assert await preferences.of(CHANNEL) == ChannelPreferences()


async def test_changes_are_audited_without_the_instructions(preferences: Preferences, database: Database) -> None:
    await preferences.set(CHANNEL, **GIVEN, actor="U1")
    assert await preferences.set(CHANNEL, **GIVEN, actor="U2") == ()
    await preferences.set(CHANNEL, **{**GIVEN, "outsiders": True, "instructions": " "}, actor="U3")
    assert await audited(database) == [
        (
            "U1",
            "settings",
            "follow-ups: smart → always; guests: refused → may ask; model: default → gpt-9; instructions changed",
        ),
        ("U3", "settings", "outsiders: refused → may ask; instructions removed"),
    ]


async def test_instructions_are_sealed_for_their_channel(preferences: Preferences, database: Database) -> None:
    await preferences.set(CHANNEL, **GIVEN, actor="U1")
    await preferences.set(OTHER, **{**GIVEN, "instructions": "another"}, actor="U1")
    stored = {row.channel_id: row.instructions for row in await rows(database, ChannelRow)}
    assert b"cAnArY" not in stored["C1"]

    async def swap(connection: AsyncConnection) -> None:
        to_other = update(ChannelRow).where(ChannelRow.channel_id == "C2").values(instructions=stored["C1"])
        await connection.execute(to_other)

    await database.write(swap)
    with pytest.raises(Tampered):
        await preferences.of(OTHER)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("instructions", "x" * 2_001),
        ("model", "x" * 101),
        ("model", "gpt\n4"),
        ("model", "gpt\x00"),
        ("model", "gpt\ud800"),
    ],
)
async def test_what_cannot_be_set_changes_nothing(
    preferences: Preferences, database: Database, name: str, given: str
) -> None:
    await preferences.set(CHANNEL, **GIVEN, actor="U1")
    before = await rows(database, ChannelRow), await rows(database, AuditRow)
    with pytest.raises(BadPreference) as caught:
        await preferences.set(CHANNEL, **{**GIVEN, "guests": False, name: given}, actor="U1")
    assert caught.value.name == name
    assert (await rows(database, ChannelRow), await rows(database, AuditRow)) == before


@pytest.mark.parametrize("text", ["x" * 2_000, "ü😀\x00\ud800", "a\nb"])
async def test_instructions_come_back_as_they_were_written(preferences: Preferences, text: str) -> None:
    await preferences.set(CHANNEL, **{**NOTHING, "instructions": f" {text}\n"}, actor="U1")
    assert (await preferences.of(CHANNEL)).instructions == text


async def test_the_first_audience_counts(preferences: Preferences) -> None:
    assert await preferences.record_audience(CHANNEL, Audience.UNKNOWN) is Audience.UNKNOWN
    assert (await preferences.of(CHANNEL)).audience is None
    assert await preferences.record_audience(CHANNEL, Audience.PRIVATE) is Audience.PRIVATE
    assert await preferences.record_audience(CHANNEL, Audience.SHARED) is Audience.PRIVATE
    assert (await preferences.of(CHANNEL)).audience is Audience.PRIVATE
    assert (await preferences.of(OTHER)).audience is None
    await preferences.set(CHANNEL, **GIVEN, actor="U1")
    assert (await preferences.of(CHANNEL)).audience is Audience.PRIVATE


async def test_of_many_at_once_one_audience_counts(preferences: Preferences) -> None:
    seen = [Audience.PRIVATE, Audience.SHARED, Audience.PUBLIC] * 5
    counted = await asyncio.gather(*(preferences.record_audience(CHANNEL, each) for each in seen))
    assert len(set(counted)) == 1
    assert (await preferences.of(CHANNEL)).audience is counted[0]


async def test_mapping_and_confirming_forget_the_audience_where_it_is_not_known(
    preferences: Preferences, mappings: Mappings
) -> None:
    await preferences.set(CHANNEL, **GIVEN, actor="U1")
    await preferences.record_audience(OTHER, Audience.PRIVATE)

    async def recorded(channel: ChannelRef = CHANNEL) -> Audience | None:
        return (await preferences.of(channel)).audience

    await preferences.record_audience(CHANNEL, Audience.PRIVATE)
    await mappings.map(CHANNEL, "acme/web", alias="web", actor="U1")
    assert await recorded() is None
    await preferences.record_audience(CHANNEL, Audience.PUBLIC)
    with pytest.raises(AliasTaken):
        await mappings.map(CHANNEL, "acme/api", alias="web", actor="U1")
    await mappings.suspend(CHANNEL, actor="slack")
    assert await recorded() is Audience.PUBLIC
    await confirmed(mappings, CHANNEL, actor="U1")
    assert await recorded() is None
    await preferences.record_audience(CHANNEL, Audience.PUBLIC)
    await mappings.unmap(CHANNEL, "acme/web", actor="U1")
    assert await recorded() is Audience.PUBLIC
    assert await recorded(OTHER) is Audience.PRIVATE
    assert (await preferences.of(CHANNEL)).instructions == CANARY


async def test_mapping_and_confirming_record_who_reads_along_then(preferences: Preferences, mappings: Mappings) -> None:
    await mappings.map(CHANNEL, "acme/web", alias="web", audience=Audience.PRIVATE, actor="U1")
    assert await preferences.record_audience(CHANNEL, Audience.PUBLIC) is Audience.PRIVATE
    with pytest.raises(AliasTaken):
        await mappings.map(CHANNEL, "acme/api", alias="web", audience=Audience.SHARED, actor="U1")
    await mappings.suspend(CHANNEL, actor="slack")
    assert not await mappings.confirm(CHANNEL, "another", audience=Audience.SHARED, actor="U1")
    assert (await preferences.of(CHANNEL)).audience is Audience.PRIVATE
    suspension = suspension_of(await mappings.list(CHANNEL))
    assert await mappings.confirm(CHANNEL, suspension, audience=Audience.PUBLIC, actor="U1")
    assert (await preferences.of(CHANNEL)).audience is Audience.PUBLIC
    await preferences.set(CHANNEL, **GIVEN, actor="U1")
    await mappings.map(CHANNEL, "acme/web", audience=Audience.PRIVATE, actor="U1")
    stored = await preferences.of(CHANNEL)
    assert (stored.audience, stored.instructions) == (Audience.PRIVATE, CANARY)
    assert (await preferences.of(OTHER)).audience is None


async def test_of_two_admins_at_once_one_whole_set_stays(preferences: Preferences, database: Database) -> None:
    sets = [{**GIVEN, "model": f"model-{number}", "instructions": f"text {number}"} for number in range(8)]
    await asyncio.gather(*(preferences.set(CHANNEL, **each, actor="U1") for each in sets))
    stored = await preferences.of(CHANNEL)
    assert stored.model is not None
    assert stored.instructions == f"text {stored.model.removeprefix('model-')}"
    changes = [detail for _, _, detail in await audited(database)]
    assert len(changes) == 8
    models = [part for detail in changes for part in detail.split("; ") if part.startswith("model: ")]
    assert models[-1].endswith(f"→ {stored.model}")
    for earlier, later in pairwise(models):
        assert later.startswith(f"model: {earlier.split('→ ')[1]} →")
