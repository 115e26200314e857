"""What discord.py delivers is read as what it is; a post is the same by way of the gateway and of the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from bots.discord.app import Client, gateway_at, points_to
from bots.discord.bot import Bot
from bots.discord.happened import GuildJoined, GuildLeft, Happened
from bots.discord.interactions import Clicked, Commanded, Completing, Refused, Shortcut, Submitted, of_interaction
from bots.discord.posts import Answered, Post, Spot
from bots.discord.reading import of_raw
from bots.discord.shards import Shards
from tests.discord.house import World
from tests.fakes.discord_payloads import new_interaction
from tests.fakes.discord_values import FORUM, Channel, Json, Message


@dataclass
class Recorder:
    """Hears everything and does nothing."""

    posts: list[Post] = field(default_factory=list)
    edits: list[Post] = field(default_factory=list)
    gone: list[tuple[Spot, Sequence[str]]] = field(default_factory=list)
    changes: list[Happened] = field(default_factory=list)
    payloads: list[Mapping[str, object]] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    known: asyncio.Event = field(default_factory=asyncio.Event)
    client: Client | None = None

    def message(self, post: Post) -> None:
        self.posts.append(post)
        self.told.set()

    def edited(self, post: Post) -> None:
        self.edits.append(post)
        self.told.set()

    def deleted(self, spot: Spot, message_ids: Sequence[str]) -> None:
        self.gone.append((spot, message_ids))
        self.told.set()

    def happened(self, happened: Happened) -> None:
        self.changes.append(happened)
        self.told.set()

    def interaction(self, payload: Mapping[str, object]) -> None:
        self.payloads.append(payload)
        self.told.set()

    def connected(self, shard: int) -> None:
        self.begun.set()

    def lost(self, shard: int) -> None:
        assert shard == 0

    def settled(self, shard: int) -> None:
        self.known.set()

    def arrived(self, guild_id: int) -> None:
        assert str(guild_id).isdigit()

    async def next(self) -> None:
        """Wait for one more thing."""
        await asyncio.wait_for(self.told.wait(), 10)
        self.told.clear()


@pytest.fixture
async def recorder(world: World) -> AsyncIterator[Recorder]:
    discord, recorder = world.discord, Recorder()
    points_to(discord.api_url)
    gateway_at(discord.gateway.url)

    async def at_once(_: int) -> None:
        pass

    async with Client(recorder, recorder, at_once, Shards.all(1), content=True) as client:
        await client.login(discord.token)
        connecting = asyncio.create_task(client.connect())
        await asyncio.wait_for(recorder.begun.wait(), 10)
        await discord.says(world.alice, world.general, "the guild is known before this arrives")
        await recorder.next()
        recorder.posts.clear()
        recorder.client = client
        yield recorder
        await client.close()
        await connecting


def raw(world: World, recorder: Recorder, message: Message, stands: Spot) -> Post:
    """The same post as the API returns it."""
    assert recorder.client
    guild = recorder.client.get_guild(int(world.guild.id)) if stands.guild_id else None
    found = of_raw(world.discord.shown(message), stands, guild)
    assert found is not None
    return found


def edited_at(message: Message) -> int:
    """When its author changed it last, in microseconds since 1970."""
    assert message.edited_at
    at = datetime.fromisoformat(message.edited_at)
    return int(at.timestamp()) * 1_000_000 + at.microsecond


async def test_a_post_is_the_same_by_the_gateway_and_by_the_api(world: World, recorder: Recorder) -> None:
    discord, guild, general = world.discord, world.guild, world.general
    (ours,) = [role for role in guild.roles.values() if role.bot is discord.bot]
    forum = discord.channel(guild, "help", type=FORUM)
    files = [discord.file(f"{number}.txt", "x") for number in range(12)]
    answer = await discord.says(world.bob, general, "It fails.")
    thread = await discord.opens_thread(world.bob, answer)
    direct = discord.dm(world.alice)
    said: list[tuple[Channel, Message]] = [
        (general, answer),
        (
            general,
            await discord.says(world.alice, general, f"{discord.bot} {world.bob} in {general}, {ours} @everyone"),
        ),
        (general, await discord.says(world.alice, general, f"{discord.bot} why?", reply_to=answer)),
        (thread, await discord.says(world.alice, thread, "see these", files=files)),
        (direct, await discord.says(world.alice, direct, f"{world.bob}?")),
        (general, await discord.webhook_says(general, "deployed")),
    ]
    post = await discord.opens_post(world.alice, forum, "Login", f"{discord.bot} why?")
    said.append((post, post.messages[post.id]))
    while len(recorder.posts) < len(said):
        await recorder.next()
    by_id = {each.message_id: each for each in recorder.posts}
    for channel, message in said:
        heard = by_id[message.id]
        assert replace(raw(world, recorder, message, heard.spot), member=heard.member) == heard, channel.name
    first, _, reply, in_thread, privately, hook, opened = (by_id[message.id] for _, message in said)
    assert first == Post(
        Spot(guild.id, general.id, 0),
        answer.id,
        0,
        world.bob.id,
        "Bob",
        member=True,
        text="It fails.",
        our_role=ours.id,
    )
    called = by_id[said[1][1].id]
    assert called.users == {discord.bot.id, world.bob.id}
    assert called.roles == {ours.id} == {called.our_role}
    assert (called.everyone, called.names[general.id], called.names[world.bob.id]) == (False, "general", "Bob")
    assert reply.answers == Answered(answer.id, world.bob.id, "It fails.")
    assert in_thread.spot == Spot(guild.id, thread.id, 11, general.id)
    assert (len(in_thread.files), in_thread.left_out) == (10, 2)
    assert in_thread.files[0].mimetype == "text/plain"
    assert (privately.spot, privately.member) == (Spot("", direct.id, 1), None)
    assert (hook.webhook, hook.member) == (True, None)
    assert opened.spot == Spot(guild.id, post.id, 11, forum.id)


async def test_the_names_of_channels_that_not_everybody_sees_are_not_read(world: World, recorder: Recorder) -> None:
    discord, guild, general = world.discord, world.guild, world.general
    hidden = discord.channel(guild, "acquisition-of-initech", private=True, readers=[world.alice])
    unseen = discord.channel(guild, "board", private=True)
    unseen.overwrites = unseen.overwrites[:1]
    places = [general, hidden, unseen]
    for place, private in ((general, False), (general, True), (hidden, False)):
        places.append(await discord.opens_thread(world.alice, place, "talks", private=private))
    message = await discord.says(world.bob, general, f"{discord.bot} {' '.join(map(str, places))} what is this?")
    while not recorder.posts or recorder.posts[-1].message_id != message.id:
        await recorder.next()
    heard = recorder.posts[-1]
    named = {each.id: heard.names.get(each.id) for each in places}
    assert list(named.values()) == ["general", None, None, "talks", None, None]
    assert raw(world, recorder, message, heard.spot).names == heard.names


async def test_an_edit_says_whether_a_person_made_it(world: World, recorder: Recorder) -> None:
    message = await world.discord.says(world.alice, world.general, "one")
    await recorder.next()
    await world.discord.unfurls(message)
    await world.discord.edits(message, "two")
    while len(recorder.edits) < 2:
        await recorder.next()
    assert [(each.text, each.edited) for each in recorder.edits] == [("one", 0), ("two", edited_at(message))]


async def test_when_a_person_edited_a_post_is_the_same_by_the_api(world: World, recorder: Recorder) -> None:
    message = await world.discord.says(world.alice, world.general, "one")
    await world.discord.edits(message, "two")
    while not recorder.edits:
        await recorder.next()
    (heard,) = recorder.edits
    assert raw(world, recorder, message, heard.spot).edited == heard.edited > 0


async def test_where_posts_were_deleted(world: World, recorder: Recorder) -> None:
    discord = world.discord
    root = await discord.says(world.alice, world.general, "one")
    thread = await discord.opens_thread(world.bob, root)
    several = [await discord.says(world.alice, thread, "two") for _ in range(2)]
    direct = await discord.says(world.alice, discord.dm(world.alice), "three")
    await discord.deletes(root)
    await discord.deletes(*several)
    await discord.deletes(direct)
    while len(recorder.gone) < 3:
        await recorder.next()
    assert recorder.gone == [
        (Spot(world.guild.id, world.general.id, 0), (root.id,)),
        (Spot(world.guild.id, thread.id, 11, world.general.id), tuple(each.id for each in several)),
        (Spot("", direct.channel.id, 1), (direct.id,)),
    ]


async def test_to_be_added_to_a_guild_and_removed_is_no_outage(world: World, recorder: Recorder) -> None:
    discord = world.discord
    await asyncio.wait_for(recorder.known.wait(), 10)
    await discord.goes_out(world.guild)
    await discord.comes_back(world.guild)
    await discord.kicks_bot(world.guild)
    discord.invite_bot(world.guild)
    (session,) = discord.gateway.ready
    told = discord.gateway.guild_create(session, world.guild)
    del told["unavailable"]  # which Discord says only of guilds that it knew before
    discord.gateway.dispatch("GUILD_CREATE", told, world.guild)
    while len(recorder.changes) < 2:
        await recorder.next()
    assert recorder.changes == [GuildLeft(world.place.workspace), GuildJoined(world.place.workspace)]


COMMAND: Json = {"id": "1", "name": "askrepo", "type": 1, "options": [{"name": "question", "type": 3, "value": "why?"}]}
MENU: Json = {"id": "2", "name": "Ask about this message", "type": 3, "target_id": "3", "resolved": {"messages": {}}}
FORM: Json = {"custom_id": "form:map:ticket", "components": []}
PRESSED: Json = {"component_type": 2, "custom_id": "retry:abc:0"}


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (2, COMMAND, Commanded),
        (2, MENU, Shortcut),
        (3, PRESSED, Clicked),
        (4, COMMAND, Completing),
        (5, FORM, Submitted),
    ],
)
@pytest.mark.parametrize("place", ["channel", "thread", "direct", "by a person", "by both"])
async def test_an_interaction_is_what_discord_delivered(
    world: World, recorder: Recorder, kind: int, data: Json, expected: type, place: str
) -> None:
    discord, bot = world.discord, Bot(world.discord.bot.id, world.discord.application_id)
    if kind == 4:
        data = {**data, "options": [{**data["options"][0], "focused": True}]}
    shown = await discord.says(discord.bot, world.general, "an answer")
    thread = await discord.opens_thread(world.alice, shown)
    await recorder.next()
    where = {"thread": thread, "direct": discord.dm(world.alice)}.get(place, world.general)
    message = shown if kind == 3 else None
    _, payload = new_interaction(discord, kind, world.alice, where, data, message=message)
    if place == "by a person":
        payload["authorizing_integration_owners"] = {"1": world.alice.id}
    elif place == "by both":
        payload["authorizing_integration_owners"] = {"0": world.guild.id, "1": world.alice.id}
    discord.gateway.dispatch("INTERACTION_CREATE", payload, where.guild, intent=0)
    while not recorder.payloads:
        await recorder.next()
    read = of_interaction(recorder.payloads[0], bot)
    assert read == of_interaction(payload, bot)
    assert isinstance(read, Refused if place == "by a person" else expected)
