"""Socket Mode: Slack's payloads over two connections of ours; each is replaced before it ends, or when it is deaf.

A new connection has said hello before the one it replaces is closed, so Slack always has somebody to send to. The
websocket is aiohttp's own. slack_sdk's client of it closes before it opens, tries again with an address that is spent
and writes that address into the log, parses without bounds, and finds a lost connection only by looking at intervals.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import aiohttp
from slack_bolt import BoltResponse

from bots.slack import payload
from bots.slack.envelope import Envelope, acknowledgement, envelope
from bots.slack.guard import Tally
from bots.slack.hearing import CONNECTIONS, Heard, Silence, Why, due
from bots.slack.opening import SETTING, asked, switched_off
from bots.slack.payload import Payload
from bots.slack.verify import MOST_OCTETS, Form, Reason, Refused
from bots.slack.web_client import Slack
from core import logs
from core.errors import DeliveryFailed, NotYet, SecretError, SettingsError
from core.secret import Secret, bearer

_IN_FLIGHT = 500
_HELLO_SECONDS = 10.0
_HEARTBEAT_SECONDS = 10.0
_GOODBYE_SECONDS = 15.0  # Slack warns about ten seconds before it closes
_FINISH_SECONDS = 4.0  # Slack waits three for an acknowledgement
_CLOSE_SECONDS = 2.0
_TICK_SECONDS = 5.0
_LIFE_SECONDS = 3_600.0  # where hello does not say
_SHORT_LIFE_SECONDS = 60.0

log = logs.get(__name__)


@dataclass(eq=False, slots=True)
class _Connection:
    """A websocket. `greeted` and `why` are set once: when Slack says hello, and when it is to be replaced."""

    socket: aiohttp.ClientWebSocketResponse
    opened: float
    heard: Heard
    greeted: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    why: asyncio.Future[Why] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    reading: asyncio.Task[None] | None = None
    open: bool = True
    answering: set[asyncio.Task[None]] = field(default_factory=set)

    def replace(self, why: Why) -> None:
        if not self.why.done():
            self.why.set_result(why)
        if not self.greeted.done():
            self.greeted.set_result(False)


class Socket:
    """Receives over Socket Mode until it is cancelled.

    `dispatch` gets each payload with the headers it would have over HTTP, many at once, and what it answers with 200
    is acknowledged. A quiet app costs some twelve calls of apps.connections.open an hour, of fifty allowed a minute.
    `ready` is set while Slack has somebody to send to: a connection that was greeted and is open. Raises SettingsError
    for a token that cannot be one. `clock` is monotonic; `pause` waits.
    """

    def __init__(
        self,
        app_token: Secret,
        api_url: str,
        dispatch: Callable[[Payload, Mapping[str, str]], Awaitable[BoltResponse]],
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        finish_seconds: float = _FINISH_SECONDS,
    ) -> None:
        try:
            self._token = bearer(app_token.reveal())
        except SecretError as error:
            raise SettingsError(SETTING, error.problem) from None
        self.ready = asyncio.Event()
        self._slack = Slack(api_url)
        self._dispatch = dispatch
        self._clock = clock
        self._pause = pause
        self._finish_seconds = finish_seconds
        self._asking = asyncio.Lock()
        self._room = asyncio.Semaphore(_IN_FLIGHT)
        self._silence = Silence(clock())
        self._tally = Tally()
        self._current: list[_Connection | None] = [None] * CONNECTIONS
        self._all: set[_Connection] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Receive until cancelled; then what was received is answered first, within seconds.

        Raises SettingsError where waiting does not help: Slack refuses the token, or Socket Mode is switched off.
        """
        async with aiohttp.ClientSession(trust_env=False) as session:
            tasks = [asyncio.create_task(self._keep(place, session)) for place in range(CONNECTIONS)]
            tasks.append(asyncio.create_task(self._watch()))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    each.result()
            finally:
                await _ended(tasks)
                await self._finish()

    async def _keep(self, place: int, session: aiohttp.ClientSession) -> None:
        """Have a connection in this place for ever."""
        failures = 0
        before: _Connection | None = None
        while True:
            connection, failures = await self._opened(session, failures)
            if place and before is None:  # else both would be old at the same time
                connection.heard.ends -= (connection.heard.ends - connection.opened) / 3
            self._current[place] = connection
            self._look()
            self._note("slack socket is open", f"place {place}", info=True)
            if before is not None:
                self._leave(before)
            why = await connection.why
            self._note("slack socket is replaced", why, info=why in {Why.ASKED, Why.OLD, Why.QUIET})
            if why is Why.OFF:
                raise switched_off()
            early = why in {Why.LOST, Why.ASKED} and self._clock() - connection.opened < _SHORT_LIFE_SECONDS
            failures = failures + 1 if early else 0
            before = connection

    async def _opened(self, session: aiohttp.ClientSession, failures: int) -> tuple[_Connection, int]:
        """A connection that said hello, each try with an address of its own; and after how many failures."""
        while True:
            if failures:
                await self._pause(min(60.0, 2.0 ** min(failures - 1, 6)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            try:
                async with self._asking:  # what Slack says of the pace holds for every place
                    address = await self._address()
                return await self._greeted(session, address), failures
            except DeliveryFailed as error:
                self._note("slack socket cannot be opened", str(error))
                failures += 1

    async def _address(self) -> Secret:
        """A fresh address: the ticket in it is as good as a token, and works once."""
        while True:
            try:
                return await asked(self._slack, self._token)
            except NotYet as wait:
                self._note("slack socket cannot be opened", "too many calls")
                await self._pause(wait.seconds)

    async def _greeted(self, session: aiohttp.ClientSession, address: Secret) -> _Connection:
        timeout = aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS)
        connection = None
        try:
            async with asyncio.timeout(_HELLO_SECONDS):
                socket = await session.ws_connect(address.reveal(), timeout=timeout, heartbeat=_HEARTBEAT_SECONDS)
                now = self._clock()
                connection = _Connection(socket, now, Heard(now, now + _LIFE_SECONDS * 3 / 4))
                self._all.add(connection)
                connection.reading = asyncio.create_task(self._read(connection))
                if await connection.greeted:
                    return connection
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            if connection is not None:
                self._leave(connection)
            status = f" {error.status}" if isinstance(error, aiohttp.WSServerHandshakeError) else ""
            raise DeliveryFailed(f"no connection: {type(error).__name__}{status}") from None
        self._leave(connection)
        if connection.why.result() is Why.OFF:
            raise switched_off()
        raise DeliveryFailed("no hello")

    async def _read(self, connection: _Connection) -> None:
        try:
            while (message := await connection.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                try:
                    octets = message.data.encode()
                    if len(octets) > MOST_OCTETS:
                        raise Refused(Reason.TOO_LARGE)
                    await self._take(connection, payload.read(octets, Form.JSON))
                except Refused as refused:
                    self._note("slack frame refused", refused.reason.value.code)
        finally:
            connection.open = False
            connection.replace(Why.LOST)
            self._look()

    async def _take(self, connection: _Connection, frame: Payload) -> None:
        match frame:
            case {"type": "hello"}:
                match frame:
                    case {"debug_info": {"approximate_connection_time": int(seconds)}} if seconds > 0:
                        connection.heard.ends = connection.opened + seconds * 3 / 4
                if not connection.greeted.done():
                    connection.greeted.set_result(True)
            case {"type": "disconnect"}:
                connection.replace(Why.OFF if frame.get("reason") == "link_disabled" else Why.ASKED)
            case _ if found := envelope(frame):
                self._hear(connection)
                await self._room.acquire()
                task = asyncio.create_task(self._answer(connection, found))
                connection.answering.add(task)
                task.add_done_callback(connection.answering.discard)
            case _:
                self._note("slack frame refused", "unknown")

    def _hear(self, connection: _Connection) -> None:
        now = self._clock()
        self._silence.broken(now)
        for each in self._current:
            if each is not None:
                each.heard.missed += 1
        connection.heard.last, connection.heard.missed = now, 0

    async def _answer(self, connection: _Connection, to: Envelope) -> None:
        try:
            answer = await self._dispatch(to.payload, to.headers)
            acknowledged = acknowledgement(to, answer)
            if acknowledged is None:
                self._note("slack envelope is not acknowledged", str(answer.status))
                return
            await connection.socket.send_json(acknowledged.to_dict())
        except (ConnectionError, aiohttp.ClientError):
            self._note("slack envelope is not acknowledged", "its connection is gone")
        except Exception as error:
            self._note("slack envelope is not acknowledged", type(error).__name__)
        finally:
            self._room.release()

    async def _watch(self) -> None:
        while True:
            await self._pause(_TICK_SECONDS)
            connections = [each for each in self._current if each is not None and not each.why.done()]
            if len(connections) < CONNECTIONS:
                continue  # one is being replaced: keep the other
            found = due([each.heard for each in connections], self._silence, self._clock())
            if found is not None:
                index, why = found
                if why is Why.QUIET:
                    self._silence.suspected()
                connections[index].replace(why)

    def _leave(self, connection: _Connection) -> None:
        task = asyncio.create_task(self._left(connection))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _left(self, connection: _Connection) -> None:
        """Close a connection when what came over it is answered; where Slack means to close it, let it be first."""
        asked = connection.why.done() and connection.why.result() is Why.ASKED
        if connection.reading is not None and asked and len(self._leaving) <= CONNECTIONS:
            await asyncio.wait({connection.reading}, timeout=_GOODBYE_SECONDS)
        if connection.answering:
            await asyncio.wait(connection.answering, timeout=_FINISH_SECONDS)
        await self._closed(connection)

    async def _closed(self, connection: _Connection) -> None:
        # before the reader ends: its buffer is empty then, and what came so far is read
        await connection.socket.close()
        if connection.reading is not None:
            await _ended([connection.reading])
        self._all.discard(connection)

    async def _finish(self) -> None:
        """Read no more, answer what was read, close."""
        await _ended([*self._leaving, *(each.reading for each in self._all if each.reading is not None)])
        if answering := {task for each in self._all for task in each.answering}:
            await asyncio.wait(answering, timeout=self._finish_seconds)
            await _ended(answering)
        await asyncio.gather(*(self._closed(each) for each in list(self._all)))
        await self._slack.close()

    def _look(self) -> None:
        if any(each is not None and each.open for each in self._current):
            self.ready.set()
        else:
            self.ready.clear()

    def _note(self, event: str, reason: str, *, info: bool = False) -> None:
        if count := self._tally.due(f"{event}: {reason}", self._clock()):
            (log.info if info else log.warning)(event, reason=str(reason), count=count)


async def _ended(tasks: Sequence[asyncio.Task[None]] | set[asyncio.Task[None]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
