"""How an interaction is answered in time, whatever happens to an answer on its way; and what is told of failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bots.discord.managing import enter_token
from core import bootstrap
from core.conversation.values import ChannelRef
from tests.channels.places import confirmed
from tests.discord import house
from tests.discord.desk import Desk, DeskDiscord, desk
from tests.discord.house import World
from tests.discord.people import People
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.discord_values import Interaction, Message

CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
ORIGINAL = "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"
FOLLOW_UP = "/webhooks/{webhook_id}/{webhook_token}"
THINKING, UPDATING, FORM = 5, 6, 9


@pytest.fixture
async def discord() -> AsyncIterator[DeskDiscord]:
    async with DeskDiscord() as fake:
        yield fake


@pytest.fixture
async def at(world: World, discord: DeskDiscord, chat: FakeChat, sqlite_url: str) -> AsyncIterator[Desk]:
    given = house.settings(discord, chat, sqlite_url)
    async with bootstrap.opened(given) as app, desk(discord, app) as made:
        await app.mappings.map(world.place, house.REPOSITORY, actor=world.alice.id)
        yield made


@pytest.fixture
def people(world: World) -> People:
    return People(world.discord, world.general)


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("askrepo", {"question": "where?"}, 4),
        ("askrepo-map", {"repository": "acme/other"}, THINKING),
        ("askrepo-map", {}, FORM),
        ("askrepo-unmap", {}, THINKING),
        ("askrepo-list", {}, THINKING),
        ("askrepo-why", {}, THINKING),
        ("askrepo-status", {}, THINKING),
        ("askrepo-token", {}, THINKING),
        ("askrepo-token", {"action": "set"}, FORM),
        ("askrepo-settings", {}, FORM),
        ("askrepo-default", {}, FORM),
        ("askrepo-default", {"repository": "none"}, THINKING),
        ("askrepo-help", {}, 4),
    ],
)
async def test_the_first_answer_is_at_once_and_private(
    world: World, at: Desk, people: People, name: str, options: dict[str, Any], kind: int
) -> None:
    interaction = await world.discord.command(world.alice, world.general, name, options)
    assert interaction.answered == kind
    if kind != FORM:
        assert interaction.ephemeral
        await people.reply(interaction)


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "before"},
        {"drop": "after"},
        {"drop": "silence"},
        {"status": 500},
        {"status": 503, "html": True},
        {"status": 429, "retry_after": 0.3},
        {"status": 429, "retry_after": 0.3, "scope": "shared"},
    ],
    ids=str,
)
async def test_a_first_answer_that_is_lost_is_given_again(
    world: World, at: Desk, people: People, fault: dict[str, Any]
) -> None:
    world.discord.allows(40060)  # after one whose reply was lost, Discord says that there is an answer already
    spoiled = world.discord.fail("POST", CALLBACK, **fault)
    assert house.REPOSITORY in (await people.command(world.bob, "askrepo-list")).content
    assert spoiled.struck


async def test_a_first_answer_that_hangs_before_discord_has_it_is_given_again(
    world: World, at: Desk, people: People
) -> None:
    world.discord.freeze()  # how long this machine takes says nothing of Discord's three seconds
    world.discord.fail("POST", CALLBACK, hold=asyncio.Event())
    assert house.REPOSITORY in (await people.command(world.bob, "askrepo-list")).content


async def test_what_another_process_answered_is_left_to_it(world: World, at: Desk, chat: FakeChat) -> None:
    world.discord.fail("POST", CALLBACK, code=40060)
    await world.discord._happens(2, world.alice, world.general, _mapping(world), wait=False)
    await at.quiet()
    assert [each.repository for each in await at.app.mappings.list(world.place)] == [house.REPOSITORY]
    assert chat.requests == []


def _mapping(world: World) -> dict[str, Any]:
    options = [{"name": "repository", "type": 3, "value": "acme/other"}]
    return {"id": "1", "name": "askrepo-map", "type": 1, "options": options}


async def test_what_came_too_late_is_not_done(world: World, at: Desk, chat: FakeChat) -> None:
    """Discord has told its sender that it failed."""
    world.discord.fail("POST", CALLBACK, code=10062)
    await world.discord._happens(2, world.alice, world.general, _mapping(world), wait=False)
    await at.quiet()
    assert [each.repository for each in await at.app.mappings.list(world.place)] == [house.REPOSITORY]


@pytest.mark.parametrize(
    "fault", [{"drop": "before"}, {"drop": "after"}, {"status": 502}, {"status": 429, "retry_after": 0.2}], ids=str
)
async def test_a_later_answer_that_is_lost_is_given_again(
    world: World, at: Desk, people: People, fault: dict[str, Any]
) -> None:
    spoiled = world.discord.fail("PATCH", ORIGINAL, **fault)
    assert house.REPOSITORY in (await people.command(world.bob, "askrepo-list")).content
    assert spoiled.struck


async def test_what_was_dismissed_is_said_anew(world: World, at: Desk, people: People) -> None:
    world.discord.fail("PATCH", ORIGINAL, code=10008)
    interaction = await world.discord.command(world.bob, world.general, "askrepo-list")
    await world.discord.until(lambda: interaction.follow_ups)
    assert house.REPOSITORY in interaction.follow_ups[0].content


async def test_a_press_leaves_the_message_as_it_is(world: World, at: Desk, people: People) -> None:
    await at.app.mappings.suspend(world.place, actor="test")
    listed = await people.command(world.alice, "askrepo-list")
    (label,) = listed.buttons
    shown, mapping = listed.content, await at.app.mappings.list(world.place)
    await confirmed(at.app.mappings, world.place, actor="test")
    world.discord.fail("PATCH", ORIGINAL, hold=(gate := asyncio.Event()))
    pressed = await world.discord.clicks(world.alice, listed, label)
    assert (pressed.answered, listed.content) == (UPDATING, shown)
    gate.set()
    await world.discord.until(lambda: "changed meanwhile" in listed.content)
    assert mapping != await at.app.mappings.list(world.place)


async def spoil(at: Desk) -> None:
    """The database holds nothing of ours any more."""

    async def unit(connection: AsyncConnection) -> None:
        for name in ("mappings", "tickets", "turns"):
            await connection.execute(text(f"ALTER TABLE {name} RENAME TO old_{name}"))

    await at.app.database.write(unit)


async def test_a_failure_is_told_in_words(world: World, at: Desk, people: People) -> None:
    await spoil(at)
    for name, options in (("askrepo-list", {}), ("askrepo", {"question": "where?"}), ("askrepo-settings", {})):
        said = await people.command(world.alice, name, options)
        await world.discord.until(partial(_tells_of_the_database, said))


def _tells_of_the_database(said: Message) -> bool:
    return "my database" in said.content


async def test_nothing_is_offered_where_the_database_is_away(world: World, at: Desk) -> None:
    await spoil(at)
    assert await world.discord.autocompletes(world.alice, world.general, "askrepo-map", "repository", "a") == []


async def test_a_form_that_takes_too_long_is_not_opened(world: World, at: Desk, people: People) -> None:
    """The database is held by somebody else for longer than Discord waits."""
    held = asyncio.Event()

    async def hold(connection: object) -> None:
        await held.wait()

    holding = asyncio.create_task(at.app.database.write(hold))
    try:
        said = await people.command(world.alice, "askrepo-settings")
    finally:
        held.set()
        await holding
    assert "could not open the form in time" in said.content
    assert said.ephemeral_to is world.alice


async def test_a_button_to_enter_a_token_is_for_the_mapping_it_was_made_for(
    world: World, at: Desk, people: People
) -> None:
    """Its id has no room for a name, and holds a digest of it."""
    other = await at.app.mappings.map(world.place, "acme/other", actor="U")
    listed = await people.command(world.alice, "askrepo-list")
    listed.components = [{"type": 1, "components": [enter_token(other.repository)]}]
    form = await people.form(world.alice, await world.discord.clicks(world.alice, listed, "Enter a token"))
    assert "`github.com/acme/other`" in str(form.components)
    await at.app.mappings.unmap(world.place, "acme/other", actor="U")
    said = await people.reply(await world.discord.clicks(world.alice, listed, "Enter a token"))
    assert "not here any more" in said.content


async def test_a_guild_that_we_have_left_is_refused(world: World, at: Desk, people: People, chat: FakeChat) -> None:
    at.not_joined.add(world.guild.id)
    for name, options in (("askrepo", {"question": "where?"}), ("askrepo-list", {}), ("askrepo-map", {})):
        said = await people.command(world.alice, name, options)
        assert "only in servers that added me" in said.content
    assert await world.discord.autocompletes(world.alice, world.general, "askrepo-unmap", "repository", "") == []
    assert await at.app.threads.recent(world.place.workspace, world.alice.id) == []


async def test_channels_that_we_do_not_see_are_not_asked_about_in_rows(
    world: World, at: Desk, people: People, chat: FakeChat
) -> None:
    """Commands work where we may not even look; what is refused there is counted for the guild."""
    world.discord.freeze()
    hidden = [world.discord.channel(world.guild, f"hidden-{number}") for number in range(25)]
    for place in hidden:
        await world.discord.denies(place, "VIEW_CHANNEL")
    options = {"repository": house.REPOSITORY}
    await asyncio.gather(*(people.command(world.alice, "askrepo-map", options, place) for place in hidden))
    assert 0 < len(world.discord.invalid) <= 20


async def test_after_15_minutes_it_is_said_directly(world: World, at: Desk, people: People, chat: FakeChat) -> None:
    gate = asyncio.Event()

    async def held(exchange: Exchange) -> None:
        await gate.wait()
        await says("pong")(exchange)

    chat.will(held)
    interaction: Interaction = await world.discord.command(world.alice, world.general, "askrepo-status")
    await chat.arrival()
    world.discord.allows(50027)
    world.discord.advance(901)
    gate.set()
    direct = world.discord.dm(world.alice)
    await world.discord.until(lambda: world.discord.answers(direct))
    assert "Service: it answers" in world.discord.answers(direct)[0].content
    assert interaction.shown == ""
    assert world.discord.answers(world.general) == []


async def test_a_place_of_its_own_is_no_channel_of_another(world: World, at: Desk, people: People) -> None:
    """What is mapped in one channel is neither listed nor offered in another."""
    other = world.discord.channel(world.guild, "other")
    await at.app.mappings.map(ChannelRef("discord", world.guild.id, other.id), "acme/secret", actor="U")
    assert "secret" not in (await people.command(world.bob, "askrepo-list")).content
    offered = await world.discord.autocompletes(world.alice, world.general, "askrepo-map", "repository", "")
    assert [each["value"] for each in offered] == [house.REPOSITORY]
