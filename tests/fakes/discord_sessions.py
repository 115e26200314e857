"""Gateway sessions and their websockets."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from tests.fakes.discord_values import Guild, Json


@dataclass(eq=False)
class Session:
    """One IDENTIFY and what was dispatched since; it outlives its connection until it is lost."""

    id: str
    intents: int
    shard: tuple[int, int]
    connection: Connection | None = None
    kept: int = 250  # frames that can be replayed
    seq: int = 0
    log: list[Json] = field(default_factory=list)

    def serves(self, guild: Guild | None) -> bool:
        """Whether events of this guild come here; those of no guild come on shard 0."""
        number, count = self.shard
        return number == (int(guild.id) >> 22) % count if guild else number == 0

    def dispatch(self, name: str, data: Json) -> None:
        """Send an event, and keep it for a RESUME."""
        self.seq += 1
        frame = {"op": 0, "s": self.seq, "t": name, "d": data}
        self.log.append(frame)
        del self.log[: -self.kept]
        if self.connection:
            self.connection.send(frame)

    def since(self, seq: int) -> list[Json] | None:
        """What was dispatched after this number; None where that is not kept any more."""
        missed = [frame for frame in self.log if frame["s"] > seq]
        return missed if len(missed) == self.seq - seq else None


@dataclass(eq=False)
class Connection:
    """One websocket. Frames go out in order by a task of its own, so that nothing in the fake waits for the client."""

    socket: web.WebSocketResponse
    session: Session | None = None
    sends: list[float] = field(default_factory=list)  # when the client sent, for the 120 a minute
    beat_at: float = 0.0
    _out: asyncio.Queue[Json | int] = field(default_factory=asyncio.Queue)

    def send(self, frame: Json) -> None:
        self._out.put_nowait(frame)

    def close(self, code: int) -> None:
        """Close after what is still to be sent."""
        self.detach()
        self._out.put_nowait(code)

    def detach(self) -> None:
        """The session goes on without this connection."""
        if self.session and self.session.connection is self:
            self.session.connection = None

    async def write(self) -> int:
        """Send what is queued, until cancelled or told to close: with this code."""
        while True:
            frame = await self._out.get()
            if isinstance(frame, int):
                return frame
            with suppress(ConnectionError):  # the client is gone
                await self.socket.send_str(json.dumps(frame, separators=(",", ":")))
