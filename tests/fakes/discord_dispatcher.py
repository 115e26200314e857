"""The gateway's sessions: who is told of what, by intent and shard."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes.discord_permissions import sees
from tests.fakes.discord_sessions import Connection, Session
from tests.fakes.discord_shapes import channel_json, guild_json, member_json, thread_member_json, user_json
from tests.fakes.discord_values import Guild, Json
from tests.fakes.discord_world import World

GUILDS, GUILD_MEMBERS, GUILD_PRESENCES = 1 << 0, 1 << 1, 1 << 8
GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 9, 1 << 12, 1 << 15
_DAY = 86_400.0


class Dispatcher:
    """The sessions of all shards, and what tests turn.

    `identifies` are the times (on the fake's clock) of every IDENTIFY; `budget` of them are allowed in 24 hours.
    `heartbeat_interval` is in seconds of the real clock. `deaf`: heartbeats are not acknowledged. `mute`: no HELLO.
    `refuses`: the HTTP status the websocket is refused with. `kept`: how many events a RESUME can replay.
    `stuck`: shards whose IDENTIFY and RESUME are not answered, though their heartbeats are.
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
        self.guilds_per_shard = 2_500  # beyond it a connection is refused (4011)
        self.shards = 1  # what GET /gateway/bot recommends
        self.heartbeat_interval = 41.25
        self.kept = 250
        self.deaf = False
        self.mute = False
        self.refuses = 0
        self.stuck: set[int] = set()
        self._last_identify: dict[int, float] = {}

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

    def invalidate(self, *, resumable: bool = False, shard: int | None = None) -> None:
        """Opcode 9."""
        for session in [each for each in self.ready if shard in {None, each.shard[0]}]:
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

    def dispatch(
        self, name: str, data: Json | Callable[[Session], Json], guild: Guild | None = None, *, intent: int = GUILDS
    ) -> None:
        """Send an event to the sessions it is for; `data` may differ by session."""
        if guild is not None and (guild.id not in self._world.guilds or not guild.available):
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

    def _end(self, connection: Connection, code: int | None) -> None:
        if code is not None:
            self.closed.append(code)
            connection.close(code)
            return
        connection.detach()
        transport = connection.socket._req.transport if connection.socket._req else None
        if transport:
            transport.abort()

    def _forget(self, session: Session) -> None:
        session.connection = None
        self.sessions.pop(session.id, None)
