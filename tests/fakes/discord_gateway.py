"""The gateway's websockets: HELLO, IDENTIFY, heartbeats, RESUME, and every close code."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from contextlib import suppress

from aiohttp import WSMsgType, web

from tests.fakes.discord_dispatcher import GUILD_MEMBERS, GUILD_PRESENCES, MESSAGE_CONTENT, Dispatcher
from tests.fakes.discord_sessions import Connection, Session
from tests.fakes.discord_values import Json

_KNOWN = (1 << 26) - 1
_MOST = 4_096  # bytes of a frame the client sends
_SENDS, _SENDS_SECONDS = 120, 60.0
_CONCURRENCY_SECONDS = 5.0
_LATE = 1.5  # heartbeat intervals without one after which a connection is taken for dead


class _Close(Exception):
    """Close the connection with this code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Gateway(Dispatcher):
    """One gateway for all shards."""

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
        self._world.change()
        reading, writing = asyncio.create_task(self._read(connection)), asyncio.create_task(connection.write())
        tasks = [reading, writing, asyncio.create_task(self._watch(connection))]
        if not self.mute:
            hello = {"heartbeat_interval": int(self.heartbeat_interval * 1_000), "_trace": ["fake"]}
            connection.send({"op": 10, "d": hello, "s": None, "t": None})
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                # aiohttp waits for the client to close it too only where nobody reads; who finds the connection gone
                # as it answers does not know the code any more
                reading.cancel()
                await asyncio.wait({reading})
                await socket.close(code=writing.result())
            else:
                reading.result()
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

    def _left(self, connection: Connection) -> None:
        session = connection.session
        left_by_client = session is not None and session.connection is connection
        connection.detach()
        if session and left_by_client and connection.socket.close_code in {1000, 1001}:
            self._forget(session)  # the client said it would not come back

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
        if now - self._last_identify.get(key, -_CONCURRENCY_SECONDS) < _CONCURRENCY_SECONDS - 0.1:
            self._world.violated("identified_too_fast", "gateway", f"shard {shard[0]}")
            connection.send({"op": 9, "d": False, "s": None, "t": None})
            return
        self._last_identify[key] = now
        if shard[0] in self.stuck:
            return
        session = Session(secrets.token_hex(16), intents, shard, connection, self.kept)
        connection.session = session
        self.sessions[session.id] = session
        self._greet(session)

    def _checked(self, data: Json) -> tuple[int, tuple[int, int]]:
        if not isinstance(data, dict) or data.get("token") != self._world.token:
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
        if len(self._world.guilds) / shard[1] > self.guilds_per_shard:
            raise _Close(4011)
        return intents, (shard[0], shard[1])

    def _resume(self, connection: Connection, data: Json) -> None:
        if connection.session:
            raise _Close(4005)
        if not isinstance(data, dict) or data.get("token") != self._world.token:
            raise _Close(4004)
        session = self.sessions.get(str(data.get("session_id")))
        seq = data.get("seq")
        if session and (not isinstance(seq, int) or seq > session.seq):
            raise _Close(4007)
        missed = session.since(seq) if session and isinstance(seq, int) else None
        if session is None or missed is None:
            connection.send({"op": 9, "d": False, "s": None, "t": None})
            return
        self.resumes += 1
        if session.shard[0] in self.stuck:
            return
        if session.connection and session.connection is not connection:
            self._end(session.connection, 4000)
        connection.session, session.connection = session, connection
        for frame in missed:
            connection.send(frame)
        session.dispatch("RESUMED", {"_trace": ["fake"]})
