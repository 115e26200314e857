"""The fake Discord's gateway, with an unmodified discord.py and with bare frames."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import discord
import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_client import App, Server, logged_in, pointed_at
from tests.fakes.discord_values import CATEGORY

CONTENT, GUILD_MESSAGES, GUILDS = 1 << 15, 1 << 9, 1 << 0


class Wire:
    """A bare gateway client."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        """The next frame; {"closed": code} at the end."""
        message = await self.socket.receive(timeout=10)
        if message.type is aiohttp.WSMsgType.TEXT:
            found: dict[str, Any] = message.json()
            return found
        return {"closed": self.socket.close_code}

    async def event(self, name: str) -> Any:
        """What came with the next event of this name."""
        while (frame := await self.next()).get("t") != name:
            assert "closed" not in frame, frame
        return frame["d"]

    async def send(self, opcode: int, data: Any) -> None:
        await self.socket.send_json({"op": opcode, "d": data})


def identify(server: Server, **more: Any) -> dict[str, Any]:
    properties = {"os": "linux", "browser": "test", "device": "test"}
    return {"token": server.fake.token, "intents": GUILDS | GUILD_MESSAGES, "properties": properties, **more}


@asynccontextmanager
async def wired(server: Server, query: str = "?v=10&encoding=json") -> AsyncIterator[Wire]:
    async with server.http.ws_connect(server.fake.gateway.url + query, autoping=True) as socket:
        yield Wire(socket)


@asynccontextmanager
async def identified(server: Server, **more: Any) -> AsyncIterator[tuple[Wire, dict[str, Any]]]:
    async with wired(server) as wire:
        await wire.next()
        await wire.send(2, identify(server, **more))
        yield wire, await wire.event("READY")


async def contents(app: App, count: int, fake: FakeDiscord) -> list[str]:
    await fake.until(lambda: len(app.told("message")) >= count)
    return [each.content for each in app.told("message")]


async def test_discord_py_is_told_of_everything(server: Server) -> None:
    fake, acme, general = server.fake, server.acme, server.general
    async with logged_in(fake) as app:
        guild = app.get_guild(int(acme.id))
        assert guild
        assert [each.name for each in guild.text_channels] == ["general"]
        assert guild.me.guild_permissions.send_messages_in_threads
        question = await fake.says(server.alice, general, f"{fake.bot} where?")
        reply = await fake.says(server.alice, general, "there", reply_to=question)
        await fake.edits(question, "where is it?")
        await fake.unfurls(question)
        thread = await fake.opens_thread(server.alice, question, "where")
        await fake.says(server.alice, thread, "in the thread")
        await fake.archives(thread)
        await fake.deletes(reply)
        await fake.deletes(question, await fake.says(server.alice, general, "another"))
        direct = await fake.says(server.alice, fake.dm(server.alice), "psst")
        category = fake.channel(acme, "things", type=CATEGORY)
        await fake.moves(general, category)
        await fake.denies(general, "SEND_MESSAGES", who=acme.everyone)
        await fake.changes_role(acme, acme.everyone, "VIEW_CHANNEL")
        await fake.renames(general, "lobby")
        await fake.webhook_says(general, "deployed")
        await fake.deletes_channel(general)
        await fake.until(lambda: app.told("guild_channel_delete"))
    heard = app.told("message")
    words = [f"{fake.bot} where?", "there", "", "in the thread", "another", "psst", "deployed"]
    assert [each.content for each in heard] == words
    assert [each.author.name for each in heard[:2]] == ["alice", "alice"]
    assert heard[0].mentions[0].id == int(fake.bot.id)
    assert heard[1].reference.message_id == int(question.id)
    assert heard[2].type is discord.MessageType.thread_starter_message
    assert heard[3].channel.parent_id == int(general.id)
    assert heard[5].guild is None
    assert heard[5].channel.id == int(direct.channel.id)
    assert (heard[6].webhook_id is not None, heard[6].author.bot) == (True, True)
    edits = [each.data for each in app.told("raw_message_edit")]
    assert [(each["content"], each["edited_timestamp"] is not None) for each in edits] == [
        ("where is it?", True),
        ("where is it?", True),  # a preview
        ("where is it?", True),  # a thread
    ]
    assert [each.message_id for each in app.told("raw_message_delete")] == [int(reply.id)]
    assert len(app.told("raw_bulk_message_delete")[0].message_ids) == 2
    assert app.told("raw_thread_update")[0].data["thread_metadata"]["archived"]
    assert [each.name for each in app.told("guild_channel_create")] == ["things"]
    assert len(app.told("guild_channel_update")) == 3
    assert app.told("guild_role_update")


async def test_a_connection_stands_until_both_have_closed_it(server: Server) -> None:
    """RFC 6455, 7.1.1: the server ends it, and only then."""
    async with server.http.ws_connect(f"{server.fake.gateway.url}?v=10&encoding=json", autoclose=False) as socket:
        await socket.receive()
        server.fake.gateway.drop(4012)
        assert (await socket.receive()).data == 4012
        await server.call("GET", "/gateway/bot")
        assert len(server.fake.gateway.connections) == 1
    await server.fake.until(lambda: not server.fake.gateway.connections)


async def test_a_dropped_connection_is_resumed_and_misses_nothing(server: Server) -> None:
    fake = server.fake
    async with logged_in(fake) as app:
        await fake.says(server.alice, server.general, "one")
        fake.gateway.drop()
        await fake.says(server.alice, server.general, "two")
        await fake.until(lambda: fake.gateway.resumes == 1)
        fake.gateway.reconnect()
        await fake.until(lambda: fake.gateway.resumes == 2)
        await fake.says(server.alice, server.general, "three")
        assert await contents(app, 3, fake) == ["one", "two", "three"]
        assert len(fake.gateway.identifies) == 1


async def test_a_lost_session_is_never_replayed(server: Server) -> None:
    fake = server.fake
    async with identified(server) as (_, ready):
        pass
    fake.gateway.lose_session()
    await fake.says(server.alice, server.general, "missed")
    async with wired(server) as wire:
        await wire.next()
        await wire.send(6, {"token": fake.token, "session_id": ready["session_id"], "seq": 1})
        assert (await wire.next())["op"] == 9
        fake.advance(5)
        await wire.send(2, identify(server))
        await wire.event("GUILD_CREATE")
        await fake.says(server.alice, server.general, f"{fake.bot} heard")
        assert (await wire.event("MESSAGE_CREATE"))["content"] == f"{fake.bot} heard"


async def test_a_resume_replays_in_order(server: Server) -> None:
    fake = server.fake
    async with identified(server) as (wire, ready):
        assert ready["resume_gateway_url"] == fake.gateway.url
        await wire.event("GUILD_CREATE")
        await wire.socket.close(code=4000)
    await fake.until(lambda: not fake.gateway.ready)
    for words in ("one", "two"):
        await fake.says(server.alice, server.general, f"{fake.bot} {words}")
    async with wired(server) as wire:
        await wire.next()
        await wire.send(6, {"token": fake.token, "session_id": ready["session_id"], "seq": 2})
        frames = [await wire.next() for _ in range(3)]
    assert [(each["t"], each["s"]) for each in frames] == [("MESSAGE_CREATE", 3), ("MESSAGE_CREATE", 4), ("RESUMED", 5)]


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_client_that_says_goodbye_cannot_resume(server: Server, code: int) -> None:
    async with identified(server) as (wire, _):
        await wire.socket.close(code=code)
    await server.fake.until(lambda: not server.fake.gateway.connections)
    assert server.fake.gateway.sessions == {}


async def test_more_than_is_kept_cannot_be_replayed(server: Server) -> None:
    async with identified(server) as (wire, ready):
        await wire.socket.close(code=4000)
    await server.fake.until(lambda: not server.fake.gateway.ready)
    for _ in range(260):
        await server.fake.says(server.alice, server.general, "noise")
    async with wired(server) as wire:
        await wire.next()
        await wire.send(6, {"token": server.fake.token, "session_id": ready["session_id"], "seq": 2})
        assert await wire.next() == {"op": 9, "d": False, "s": None, "t": None}


REFUSED: list[tuple[int, list[tuple[int, Any]]]] = [
    (4001, [(99, None)]),
    (4002, [(1, "soon")]),
    (4002, [(2, {"token": "x" * 5_000})]),
    (4003, [(3, {"status": "online"})]),
    (4004, [(2, {"token": "wrong"})]),
    (4004, [(6, {"token": "wrong"})]),
    (4005, [(2, {}), (2, {})]),
    (4005, [(2, {}), (6, {})]),
    (4010, [(2, {"shard": [2, 2]})]),
    (4013, [(2, {"intents": 1 << 40})]),
    (4014, [(2, {"intents": CONTENT})]),
    (4014, [(2, {"intents": 1 << 1})]),
]


@pytest.mark.parametrize(("code", "frames"), REFUSED)
async def test_what_the_gateway_refuses(server: Server, code: int, frames: list[tuple[int, Any]]) -> None:
    server.fake.message_content = False
    async with wired(server) as wire:
        await wire.next()
        for opcode, data in frames:
            await wire.send(opcode, identify(server, **data) if opcode == 2 else data)
        while "closed" not in (frame := await wire.next()):
            pass
    assert frame == {"closed": code}
    assert [each.code for each in server.fake.violations] == [code]
    assert server.fake.gateway.closed == [code]
    server.fake.allows(code)


async def test_a_resume_from_the_future_is_refused(server: Server) -> None:
    async with identified(server) as (wire, ready):
        await wire.socket.close(code=4000)
    async with wired(server) as wire:
        await wire.next()
        await wire.send(6, {"token": server.fake.token, "session_id": ready["session_id"], "seq": 99})
        assert await wire.next() == {"closed": 4007}
    server.fake.allows(4007)


async def test_too_many_guilds_for_one_connection(server: Server) -> None:
    server.fake.gateway.guilds_per_shard = 1
    server.fake.guild("another")
    async with wired(server) as wire:
        await wire.next()
        await wire.send(2, identify(server))
        assert await wire.next() == {"closed": 4011}
    server.fake.allows(4011)
    async with identified(server, shard=[0, 2]):
        pass


async def test_frames_that_are_none(server: Server) -> None:
    async with wired(server) as wire:
        await wire.socket.send_str("{")
        await wire.next()
        assert await wire.next() == {"closed": 4002}
    async with wired(server, "?v=9") as wire:
        assert await wire.next() == {"closed": 4012}
    server.fake.allows(4002)


async def test_120_sends_a_minute(server: Server) -> None:
    async with identified(server) as (wire, _):
        for _ in range(120):
            await wire.send(1, None)
        while "closed" not in (frame := await wire.next()):
            pass
    assert frame == {"closed": 4008}
    server.fake.allows(4008)


async def test_heartbeats_are_acknowledged_unless_deaf(server: Server) -> None:
    async with identified(server) as (wire, _):
        await wire.event("GUILD_CREATE")
        await wire.send(1, 2)
        assert (await wire.next())["op"] == 11
        assert len(server.fake.gateway.heartbeats) == 1
        server.fake.gateway.deaf = True
        await wire.send(1, 2)
        await server.fake.says(server.alice, server.general, "after")
        assert (await wire.next())["t"] == "MESSAGE_CREATE"


async def test_a_client_without_heartbeat_is_dead(server: Server) -> None:
    server.fake.gateway.heartbeat_interval = 0.02
    async with wired(server) as wire:
        await wire.next()
        assert await wire.next() == {"closed": 4009}
    assert [each.code for each in server.fake.violations] == ["heartbeat_missed"]
    server.fake.allows("heartbeat_missed")


async def test_the_identify_budget(server: Server) -> None:
    fake, old = server.fake, server.fake.token
    fake.gateway.budget = 2
    for remaining in (1, 0):
        async with identified(server):
            pass
        fake.advance(5)
        _, told = await server.call("GET", "/gateway/bot")
        assert told["session_start_limit"]["remaining"] == remaining
    assert told["session_start_limit"]["reset_after"] == pytest.approx(86_390_000, abs=10)
    async with wired(server) as wire:
        await wire.next()
        await wire.send(2, identify(server))
        assert "closed" in await wire.next()
    assert [each.code for each in fake.violations] == ["identified_without_budget"]
    assert fake.token != old
    fake.allows("identified_without_budget")
    fake.advance(86_400)
    assert fake.gateway.session_start_limit()["remaining"] == 2


async def test_one_identify_in_five_seconds(server: Server) -> None:
    async with identified(server), wired(server) as wire:
        await wire.next()
        await wire.send(2, identify(server))
        assert await wire.next() == {"op": 9, "d": False, "s": None, "t": None}
    assert [each.code for each in server.fake.violations] == ["identified_too_fast"]
    server.fake.allows("identified_too_fast")


async def test_shards_hear_of_their_own_guilds(server: Server) -> None:
    fake = server.fake
    fake.gateway.max_concurrency = 2
    guilds = [server.acme, *(fake.guild(f"guild {at}") for at in range(5))]
    async with identified(server, shard=[0, 2]) as (first, one), identified(server, shard=[1, 2]) as (second, two):
        for number, ready in enumerate((one, two)):
            own = [each.id for each in guilds if (int(each.id) >> 22) % 2 == number]
            assert [each["id"] for each in ready["guilds"]] == own
        await fake.says(server.alice, fake.dm(server.alice), "psst")
        late = (first, second)[(int(server.acme.id) >> 22) % 2]
        await fake.says(server.alice, server.general, f"{fake.bot} here")
        assert (await late.event("MESSAGE_CREATE"))["content"] == f"{fake.bot} here"
    fake.advance(5)
    async with identified(server, shard=[0, 2], intents=1 << 12) as (first, _):
        await fake.says(server.alice, fake.dm(server.alice), "psst")
        assert (await first.event("MESSAGE_CREATE"))["content"] == "psst"


async def test_intents_decide_what_is_told(server: Server) -> None:
    fake = server.fake
    fake.members_intent = True
    fake.gateway.max_concurrency = 3
    async with (
        identified(server) as (plain, _),
        identified(server, shard=[1, 3], intents=GUILDS) as (_, _),
    ):
        mine = await server.posted(content="our own")
        await fake.says(server.alice, server.general, "hidden", files=[fake.file("a.txt", "a")])
        await fake.says(server.alice, server.general, f"{fake.bot} shown")
        await fake.says(server.alice, server.general, "answering", reply_to=mine)
        await fake.says(server.alice, server.general, "answering quietly", reply_to=mine, ping=False)
        told = [await plain.event("MESSAGE_CREATE") for _ in range(5)]
    assert [each["content"] for each in told] == ["our own", "", f"{fake.bot} shown", "answering", ""]
    assert [len(each["attachments"]) for each in told] == [0, 0, 0, 0, 0]
    assert told[4]["referenced_message"]["content"] == "our own"
    mine.application_id = fake.application_id  # as an answer to a command has
    quiet = await fake.says(server.alice, server.general, "answering a command", reply_to=mine)
    assert not fake.readable(quiet)
    async with identified(server, shard=[2, 3], intents=GUILD_MESSAGES) as (_, ready):
        assert ready["shard"] == [2, 3]
    fake.advance(5)
    intents = GUILDS | GUILD_MESSAGES | CONTENT | 1 << 1
    async with identified(server, intents=intents) as (whole, _):
        created = await whole.event("GUILD_CREATE")
        assert len(created["members"]) == created["member_count"] == 3
        await fake.joins(server.acme, fake.user(None, "bob"))
        assert (await whole.event("GUILD_MEMBER_ADD"))["user"]["username"] == "bob"
        await fake.says(server.alice, server.general, "shown")
        assert (await whole.event("MESSAGE_CREATE"))["content"] == "shown"


async def test_what_the_bot_cannot_see_it_is_not_told(server: Server) -> None:
    fake = server.fake
    hidden = fake.channel(server.acme, "hidden")
    await fake.denies(hidden, "VIEW_CHANNEL")
    async with identified(server) as (wire, _):
        await wire.event("GUILD_CREATE")
        said = await fake.says(server.alice, hidden, "secret")
        thread = await fake.opens_thread(server.alice, said, "secret")
        await fake.deletes(said)
        secret = await fake.opens_thread(server.alice, server.general, "private", private=True)
        await fake.says(server.alice, secret, "secret")
        await fake.grants(hidden, "VIEW_CHANNEL")
        assert (await wire.next())["t"] == "CHANNEL_UPDATE"
        synced = await wire.next()
        assert (synced["t"], synced["d"]["threads"][0]["id"]) == ("THREAD_LIST_SYNC", thread.id)
        await fake.says(server.alice, secret, f"{fake.bot} come")
        assert [(await wire.next())["t"] for _ in range(2)] == ["THREAD_CREATE", "MESSAGE_CREATE"]


async def test_roles_come_and_go(server: Server) -> None:
    fake, acme = server.fake, server.acme
    role = fake.role(acme, "team", "MANAGE_CHANNELS")
    async with logged_in(fake) as app:
        guild = app.get_guild(int(acme.id))
        assert guild
        await fake.gives(acme, fake.bot, role)
        await fake.until(lambda: guild.me.guild_permissions.manage_channels)
        await fake.takes(acme, fake.bot, role)
        await fake.until(lambda: not guild.me.guild_permissions.manage_channels)
        await fake.deletes_role(acme, role)
        await fake.until(lambda: app.told("guild_role_delete"))
    _, roles = await server.call("GET", f"/guilds/{acme.id}/roles")
    assert [each["name"] for each in roles] == ["@everyone", "askrepo"]


async def test_kicks_outages_and_returns(server: Server) -> None:
    fake = server.fake
    other = fake.guild("other")
    async with logged_in(fake) as app:
        await fake.goes_out(server.acme)
        await fake.until(lambda: app.told("guild_unavailable"))
        await fake.comes_back(server.acme)
        await fake.until(lambda: app.told("guild_available"))
        assert app.told("guild_remove") == []
        await fake.kicks_bot(other)
        await fake.until(lambda: app.told("guild_remove"))
        assert await server.refused("GET", f"/guilds/{other.id}") == (404, 10004)
        await fake.invites_bot(other)
        await fake.until(lambda: app.told("guild_join"))


async def test_a_guild_in_an_outage_is_named_and_not_described(server: Server) -> None:
    server.acme.available = False
    async with identified(server) as (wire, ready):
        assert ready["guilds"] == [{"id": server.acme.id, "unavailable": True}]
        await server.fake.comes_back(server.acme)
        assert (await wire.next())["t"] == "GUILD_CREATE"


async def test_the_same_message_may_come_twice(server: Server) -> None:
    fake = server.fake
    async with logged_in(fake) as app:
        question = await fake.says(server.alice, server.general, "where?")
        await fake.deliver_again(question)
        assert await contents(app, 2, fake) == ["where?", "where?"]
        assert len({each.id for each in app.told("message")}) == 1


async def test_a_refused_intent_stops_discord_py(server: Server) -> None:
    server.fake.message_content = False
    server.fake.allows(4014)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with logged_in(server.fake):
            pass


async def test_a_gateway_that_does_not_answer(server: Server) -> None:
    server.fake.gateway.refuses = 503
    app = discord.Client(intents=discord.Intents.none())
    with pointed_at(server.fake), pytest.raises(AttributeError, match="sequence"):
        await app.start(server.fake.token)  # discord.py's own fault on a first connection
    with suppress(AttributeError):
        await app.close()
    server.fake.gateway.refuses = 0
    server.fake.gateway.mute = True
    async with wired(server) as wire:
        with suppress(TimeoutError):
            await wire.socket.receive(timeout=0.05)
        assert not wire.socket.closed


async def test_opcodes_7_and_9_by_hand(server: Server) -> None:
    async with identified(server) as (wire, _):
        await wire.event("GUILD_CREATE")
        server.fake.gateway.reconnect()
        server.fake.gateway.invalidate(resumable=True)
        assert [(await wire.next())["op"] for _ in range(2)] == [7, 9]
        assert server.fake.gateway.sessions
        server.fake.gateway.invalidate()
        assert (await wire.next())["d"] is False
        assert not server.fake.gateway.sessions
        server.fake.gateway.drop(4000)
        assert await wire.next() == {"closed": 4000}
        assert server.fake.gateway.closed == [4000]
