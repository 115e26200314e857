"""Socket Mode: tickets that work once, up to ten connections, envelopes and their acknowledgements."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any, Literal

from aiohttp import WSMsgType, web

from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_values import Json
from tests.fakes.slack_world import World

_TICKET_SECONDS = 30
_CONNECTIONS = 10


@method("apps.connections.open", 50, takes="app")
def open_connection(asked: Asked) -> Json:
    if not asked.world.app.socket_mode:
        raise SlackError("not_enabled")
    ticket = secrets.token_hex(12)
    asked.world.tickets[ticket] = asked.world.clock()
    return {"url": f"{asked.world.base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={asked.world.app.id}"}


class Sockets:
    """The connections of the app. `deaf`: frames are swallowed, as on a connection that is dead without knowing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connections: list[web.WebSocketResponse] = []
        self._transports: dict[web.WebSocketResponse, asyncio.Transport | None] = {}
        self._waiting: dict[str, tuple[asyncio.Future[Any], web.WebSocketResponse, bool]] = {}
        self._acknowledged: set[str] = set()
        self._turn = 0
        self.deaf = False
        self.accepted = 0
        self.refused_tickets = 0

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/link/", self._connect)]

    async def send(self, envelope: Json) -> Any:
        """Send one envelope down one of the connections; its acknowledgement's payload, once that is here."""
        if not self._connections:
            raise ConnectionError
        self._turn += 1
        socket = self._connections[self._turn % len(self._connections)]
        envelope_id = secrets.token_hex(8)
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = (answered, socket, envelope["accepts_response_payload"])
        try:
            if not self.deaf:
                await socket.send_json({"envelope_id": envelope_id, **envelope})
            return await answered
        finally:
            self._waiting.pop(envelope_id, None)

    async def disconnect(
        self, reason: Literal["warning", "refresh_requested", "link_disabled"], *, close: bool = True
    ) -> None:
        """Send every connection a disconnect frame; a warning leaves it open for now."""
        for socket in list(self._connections):
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "fake"}})
            if close and reason != "warning":
                self._forget(socket)
        self._world.app.socket_mode = self._world.app.socket_mode and reason != "link_disabled"

    async def cut(self) -> None:
        """Reset every connection, without a word."""
        for socket in list(self._connections):
            transport = self._transports[socket]
            self._forget(socket)
            if transport:
                transport.abort()

    async def close(self) -> None:
        """End every connection as an ending server does."""
        for socket in list(self._connections):
            self._forget(socket)
            await socket.close()

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        opened = self._world.tickets.pop(request.query.get("ticket", ""), None)
        if opened is None or self._world.clock() > opened + _TICKET_SECONDS:
            self.refused_tickets += 1
            self._world.violated("spent_ticket", "socket mode", "a ticket works once and not for long")
            return web.Response(status=403)
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        if len(self._connections) >= _CONNECTIONS:
            self._world.violated("too_many_websockets", "socket mode")
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        self._connections.append(socket)
        self._transports[socket] = request.transport
        self.accepted += 1
        info = {"host": "fake", "build_number": 1, "approximate_connection_time": 3600}
        connection = {"app_id": self._world.app.id}
        hello = {"type": "hello", "num_connections": self.open, "debug_info": info, "connection_info": connection}
        await socket.send_json(hello)
        self._world.change()
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT and not self.deaf:
                    self._acknowledge(frame.data)
        finally:
            self._forget(socket)
            self._world.change()
        return socket

    def _acknowledge(self, text: str) -> None:
        try:
            frame = json.loads(text)
            envelope_id = frame["envelope_id"]
        except (ValueError, KeyError, TypeError):
            return self._world.violated("invalid_frame", "socket mode", text[:80])
        if envelope_id not in self._waiting:
            if envelope_id in self._acknowledged:
                self._world.violated("acknowledged_twice", "socket mode", envelope_id)
            return None  # too late: the payload has been given up, and that was recorded
        answered, _, accepts = self._waiting[envelope_id]
        if frame.get("payload") and not accepts:
            self._world.violated("unexpected_payload", "socket mode", text[:80])
        self._acknowledged.add(envelope_id)
        if not answered.done():
            answered.set_result(frame.get("payload"))
        return None

    def _forget(self, socket: web.WebSocketResponse) -> None:
        if socket in self._connections:
            self._connections.remove(socket)
            del self._transports[socket]
        for answered, used, _ in list(self._waiting.values()):
            if used is socket and not answered.done():
                answered.set_exception(ConnectionError())
