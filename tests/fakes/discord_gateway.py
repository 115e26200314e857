"""The gateway: HELLO, IDENTIFY, READY, dispatches by intent and shard, heartbeats, RESUME with replay."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WSMsgType, web

from tests.fakes.discord_permissions import sees
from tests.fakes.discord_sessions import Connection, Session
from tests.fakes.discord_shapes import channel_json, guild_json, member_json, thread_member_json, user_json
from tests.fakes.discord_values import Guild, Json
from tests.fakes.discord_world import World

GUILDS, GUILD_MEMBERS, GUILD_PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 12, 1 << 15
_KNOWN = (1 << 26) - 1
_MOST = 4_096  # bytes of a frame the client sends
_SENDS, _SENDS_SECONDS = 120, 60.0
_DAY = 86_400.0
_CONCURRENCY_SECONDS = 5.0
_MUST_SHARD = 2_500  # guilds of one connection
_LATE = 1.5  # heartbeat intervals without one after which a connection is taken for dead


class _Close(Exception):
    """Close the connection with this code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Gateway:
    """One gateway for all shards.

    `identifies` are the times (on the fake's clock) of every IDENTIFY; `budget` of them are allowed in 24 hours.
    `heartbeat_interval` is in seconds of the real clock. `deaf`: heartbeats are not acknowledged. `mute`: no HELLO.
    `refuses`: the HTTP status the websocket is refused with. `kept`: how many events a RESUME can replay.
    `heartbeats`: the real seconds before each, since the one before or since HELLO.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.identifies: list[float] = []
        self.resumes = 0
        self.heartbeats: list[float] = []
        self.closed: list[int] = []  # codes the gateway closed connections with
        self.budget = 1_000
        self.max_concurrency = 1
        self.shards = 1  # what GET /gateway/bot recommends
        self.heartbeat_interval = 41.25
        self.kept = 250
        self.deaf = False
        self.mute = False
        self.refuses = 0
        self._last_identify: dict[int, float] = {}

    # what tests turn

    @property
    def url(self) -> str:
        """What READY and GET /gateway/bot name."""
        return self._world.base.replace("http", "ws", 1) + "/gateway"

    @property
    def ready(self) -> list[Session]:
        """The sessions that have a connection now."""
        return [each for each in self.sessions.values() if each.connection]

    def drop(self, code: int | None = None, *, shard: int | None = None) -> None:
        """Close connections with this code, or cut them without one. The sessions can be resumed."""
        for connection in list(self.connections):
            if shard is None or (connection.session and connection.session.shard[0] == shard):
                self._end(connection, code)

    def lose_session(self, code: int | None = None) -> None:
        """Forget all sessions and cut their connections: a RESUME fails, what happens meanwhile is never replayed."""
        self.sessions.clear()
        self.drop(code)

    def reconnect(self) -> None:
        """Opcode 7: asks the clients to connect again and resume."""
        for session in self.ready:
            assert session.connection
            session.connection.send({"op": 7, "d": None, "s": None, "t": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Opcode 9."""
        for session in self.ready:
            assert session.connection
            session.connection.send({"op": 9, "d": resumable, "s": None, "t": None})
            if not resumable:
                self._forget(session)

    def session_start_limit(self) -> Json:
        """What GET /gateway/bot tells of the IDENTIFY budget."""
        now = self._world.clock()
        recent = [at for at in self.identifies if at > now - _DAY]
        reset = int((recent[0] + _DAY - now) * 1_000) if recent else 0
        return {
            "total": self.budget,
            "remaining": max(0, self.budget - len(recent)),
            "reset_after": reset,
            "max_concurrency": self.max_concurrency,
        }

    # dispatching

    def dispatch(
        self, name: str, data: Json | Callable[[Session], Json], guild: Guild | None = None, *, intent: int = GUILDS
    ) -> None:
        """Send an event to the sessions it is for; `data` may differ by session."""
        if guild is not None and guild.id not in self._world.guilds:
            return
        for session in self.sessions.values():
            if session.serves(guild) and (session.intents & intent or not intent):
                session.dispatch(name, data(session) if callable(data) else data)
        self._world.change()

    def guild_create(self, session: Session, guild: Guild, *, joined: bool = False) -> Json:
        """The guild as the bot sees it: the channels, and the active threads it can see.

        Where the bot has `joined` just now, `unavailable` is missing; else it is false.
        """
        world = self._world
        members = [each for each in guild.members.values() if each.user is world.bot or session.intents & GUILD_MEMBERS]
        threads = [
            channel_json(each) | ({"member": own} if (own := thread_member_json(each, world.bot)) else {})
            for each in world.threads(guild)
            if each.thread and not each.thread.archived and sees(each, world.bot)
        ]
        return guild_json(guild) | {
            "joined_at": guild.members[world.bot.id].joined_at,
            "large": len(guild.members) > 250,
            **({} if joined else {"unavailable": False}),
            "member_count": len(guild.members),
            "voice_states": [],
            "members": [member_json(each) for each in members],
            "channels": [channel_json(each, at) for at, each in enumerate(world.of_guild(guild))],
            "threads": threads,
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    # connections

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One websocket, until it ends."""
        if self.refuses:
            return web.Response(status=self.refuses)
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        connection = Connection(socket)
        if request.query.get("v") != "10" or request.query.get("encoding", "json") != "json":
            await socket.close(code=4012)
            return socket
        self.connections.append(connection)
        tasks = [asyncio.create_task(connection.write()), asyncio.create_task(self._watch(connection))]
        if not self.mute:
            hello = {"heartbeat_interval": int(self.heartbeat_interval * 1_000), "_trace": ["fake"]}
            connection.send({"op": 10, "d": hello, "s": None, "t": None})
        try:
            await self._read(connection)
        finally:
            self.connections.remove(connection)
            self._left(connection)
            for task in tasks:
                task.cancel()
            self._world.change()
        return socket

    async def close(self) -> None:
        """End every connection."""
        for connection in list(self.connections):
            connection.detach()
            with suppress(ConnectionError):
                await connection.socket.close(code=1001)

    async def _read(self, connection: Connection) -> None:
        async for message in connection.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                self._received(connection, message.data)
            except _Close as close:
                self.closed.append(close.code)
                self._world.violated(close.code, "gateway", message.data[:40] if close.code != 4004 else "")
                connection.close(close.code)
            self._world.change()

    async def _watch(self, connection: Connection) -> None:
        connection.beat_at = time.monotonic()
        while True:
            left = connection.beat_at + self.heartbeat_interval * _LATE - time.monotonic()
            if left < 0:
                self._world.violated("heartbeat_missed", "gateway")
                self._end(connection, 4009)
                return
            await asyncio.sleep(left + 0.01)

    def _end(self, connection: Connection, code: int | None) -> None:
        if code is not None:
            self.closed.append(code)
            connection.close(code)
            return
        connection.detach()
        transport = connection.socket._req.transport if connection.socket._req else None
        if transport:
            transport.abort()

    def _left(self, connection: Connection) -> None:
        session = connection.session
        ours = session is None or session.connection is not connection
        connection.detach()
        if session and not ours and connection.socket.close_code in {1000, 1001}:
            self._forget(session)  # the client said it would not come back

    def _forget(self, session: Session) -> None:
        session.connection = None
        self.sessions.pop(session.id, None)

    # what clients send

    def _received(self, connection: Connection, text: str) -> None:
        now = self._world.clock()
        connection.sends = [at for at in connection.sends if at > now - _SENDS_SECONDS] + [now]
        if len(connection.sends) > _SENDS:
            raise _Close(4008)
        try:
            frame = json.loads(text)
            opcode, data = frame["op"], frame["d"]
        except (ValueError, KeyError, TypeError):
            raise _Close(4002) from None
        if len(text.encode()) > _MOST:
            raise _Close(4002)
        if opcode == 1:
            self._heartbeat(connection, data)
        elif opcode == 2:
            self._identify(connection, data)
        elif opcode == 6:
            self._resume(connection, data)
        elif opcode not in {3, 4, 8}:
            raise _Close(4001)
        elif connection.session is None:
            raise _Close(4003)

    def _heartbeat(self, connection: Connection, seq: object) -> None:
        if seq is not None and not isinstance(seq, int):
            raise _Close(4002)
        now = time.monotonic()
        self.heartbeats.append(now - connection.beat_at)
        connection.beat_at = now
        if not self.deaf:
            connection.send({"op": 11, "d": None, "s": None, "t": None})

    def _identify(self, connection: Connection, data: Json) -> None:
        if connection.session:
            raise _Close(4005)
        intents, shard = self._checked(data)
        now = self._world.clock()
        if not self.session_start_limit()["remaining"]:
            self._world.violated("identified_without_budget", "gateway")
            self._world.new_token()
            self.lose_session(4004)
            return
        self.identifies.append(now)
        key = shard[0] % self.max_concurrency
        if now - self._last_identify.get(key, -_DAY) < _CONCURRENCY_SECONDS - 0.1:
            self._world.violated("identified_too_fast", "gateway", f"shard {shard[0]}")
            connection.send({"op": 9, "d": False, "s": None, "t": None})
            return
        self._last_identify[key] = now
        session = Session(secrets.token_hex(16), intents, shard, connection, self.kept)
        connection.session = session
        self.sessions[session.id] = session
        self._greet(session)

    def _checked(self, data: Json) -> tuple[int, tuple[int, int]]:
        if not isinstance(data, dict) or data.get("token") != self._world.token or not self._world.token_alive:
            raise _Close(4004)
        intents, properties = data.get("intents"), data.get("properties")
        if not isinstance(intents, int) or not isinstance(properties, dict) or not 0 <= intents <= _KNOWN:
            raise _Close(4013)
        privileged = (
            (GUILD_MEMBERS, self._world.members_intent),
            (GUILD_PRESENCES, self._world.presences_intent),
            (MESSAGE_CONTENT, self._world.message_content),
        )
        if any(intents & bit and not granted for bit, granted in privileged):
            raise _Close(4014)
        shard = data.get("shard", [0, 1])
        if not (isinstance(shard, list) and len(shard) == 2 and 0 <= shard[0] < shard[1]):
            raise _Close(4010)
        if len(self._world.guilds) / shard[1] > _MUST_SHARD:
            raise _Close(4011)
        return intents, (shard[0], shard[1])

    def _greet(self, session: Session) -> None:
        world = self._world
        guilds = [each for each in world.guilds.values() if session.serves(each)]
        ready = {
            "v": 10,
            "user": user_json(world.bot) | {"verified": True, "mfa_enabled": True, "email": None},
            "guilds": [{"id": each.id, "unavailable": True} for each in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": list(session.shard),
            "application": {"id": world.application_id, "flags": world.application_flags},
            "private_channels": [],
            "presences": [],
            "relationships": [],
            "user_settings": {},
            "session_type": "normal",
        }
        session.dispatch("READY", ready)
        for guild in guilds:
            if guild.available and session.intents & GUILDS:
                session.dispatch("GUILD_CREATE", self.guild_create(session, guild))

    def _resume(self, connection: Connection, data: Json) -> None:
        if connection.session:
            raise _Close(4005)
        if not isinstance(data, dict) or data.get("token") != self._world.token or not self._world.token_alive:
            raise _Close(4004)
        session = self.sessions.get(str(data.get("session_id")))
        seq = data.get("seq")
        missed = session.since(seq) if session and isinstance(seq, int) and seq <= session.seq else None
        if session is None or missed is None:
            connection.send({"op": 9, "d": False, "s": None, "t": None})
            return
        self.resumes += 1
        if session.connection and session.connection is not connection:
            self._end(session.connection, 4000)
        connection.session, session.connection = session, connection
        for frame in missed:
            connection.send(frame)
        session.dispatch("RESUMED", {"_trace": ["fake"]})
