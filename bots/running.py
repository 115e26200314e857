"""The roles of a process: `web` serves HTTP, `slack` is Socket Mode, `discord` the gateway, `worker` answers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bots import limits
from bots.discord import service as discord
from bots.discord.shards import Shards
from bots.errors import CommandError
from bots.pages.token import token_routes
from bots.parts import Parts
from bots.roles import Role
from bots.signals import handled
from bots.slack import service as slack
from bots.tasks import cancelled
from core import logs
from core.conversation.values import ThreadRef
from core.errors import DatabaseError, SettingMissing, SettingsError
from core.listening import listening
from core.metrics import served
from core.relay.claims import Scope
from core.relay.delivery import Delivery
from core.relay.steering import Stop
from core.relay.worker import Worker
from core.settings import Settings
from core.tickets import Tickets

log = logs.get(__name__)

_NO_PLATFORM = (
    "No chat platform is set up: set `DISCORD_TOKEN` or `SLACK_BOT_TOKEN`, as the README says step by step. "
    "`askrepo console` needs neither."
)
GRACE_SECONDS = 10.0  # for answers that run when the process is told to end; with all that ends beside them, under 25
_TRIED_AGAIN_SECONDS = 1.0  # after the last time it was seen whether the database takes what is written
_CANCELLED_AGAIN_SECONDS = 8.0  # longer than it takes a connection to close, and to do what was heard


class Connection(Protocol):
    """A connection over which a platform tells us what happens."""

    @property
    def ready(self) -> asyncio.Event:
        """Set while it stands."""
        ...

    async def run(self) -> None:
        """Keep it until cancelled. Raises SettingsError where it can never work."""
        ...


@dataclass
class _Platforms:
    """What the platforms of a process bring. A connection stands under the platform's name for people."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    routes: list[BaseRoute] = field(default_factory=list)


def roles(settings: Settings, named: Sequence[Role]) -> frozenset[Role]:
    """The named roles, or all that are configured.

    Raises SettingMissing for a role, and CommandError where no chat platform is set up for a worker to answer in.
    """
    socket_mode, gateway = settings.slack_app_token is not None, discord.configured(settings)
    if Role.SLACK in named and not socket_mode:
        raise SettingMissing("SLACK_APP_TOKEN", "it is needed for the role `slack`, which is Socket Mode")
    if Role.DISCORD in named and not gateway:
        raise SettingMissing("DISCORD_TOKEN", "it is needed for the role `discord`, which is the gateway")
    over_http = slack.configured(settings) and not socket_mode
    if not (over_http or socket_mode or gateway) and (not named or Role.WORKER in named):
        raise CommandError(_NO_PLATFORM)
    if named:
        return frozenset(named)
    configured = {
        Role.WEB: over_http or settings.public_url is not None,
        Role.SLACK: socket_mode,
        Role.DISCORD: gateway,
        Role.WORKER: True,
    }
    return frozenset(role for role, wanted in configured.items() if wanted)


@contextlib.asynccontextmanager
async def running(
    parts: Parts, wanted: Iterable[Role], *, host: str, shards: Shards | None = None
) -> AsyncIterator[str | None]:
    """Fill these roles while the block runs; yields the base URL where there is one. Raises what opening raises."""
    wanted, settings = frozenset(wanted), parts.settings
    async with contextlib.AsyncExitStack() as stack:
        if settings.metrics_port is not None:
            measured = served(parts.metrics, host=settings.metrics_host, port=settings.metrics_port)
            log.info("metrics", port=stack.enter_context(measured))
        workers: list[Worker] = []

        async def stop(thread: ThreadRef, turn_id: str | None = None, *, before: int | None = None) -> bool:
            return await (workers[0] if workers else parts.leases).stop(thread, turn_id, before=before)

        found = await _opened(stack, parts, wanted, stop, shards)
        if Role.WORKER in wanted:
            worker = parts.worker(found.deliveries, Scope(tuple(found.deliveries)))
            workers.append(worker)
            await stack.enter_async_context(worker.running(grace=GRACE_SECONDS))
        for name, connection in found.connections.items():
            alone = _alone(Role(name.lower()), settings, wanted)
            await stack.enter_async_context(_kept(name, connection, alone=alone))
        url = None
        if Role.WEB in wanted:
            pages = token_routes(parts.tickets, parts.tokens, parts.trials) if settings.token_page else []
            receives = slack.configured(settings) and settings.slack_app_token is None
            health = _health(parts, found.connections, receives=receives)
            web = Starlette(routes=[*found.routes, *pages, *health])
            url = await stack.enter_async_context(listening(web, host=host, port=settings.port))
        log.info("running", roles=" ".join(sorted(wanted)), **({"url": url} if url else {}))
        yield url


async def _opened(
    stack: contextlib.AsyncExitStack, parts: Parts, wanted: frozenset[Role], stop: Stop, shards: Shards | None
) -> _Platforms:
    """The platforms that are configured, until the stack ends."""
    settings, found = parts.settings, _Platforms()
    if slack.configured(settings):
        alone = _alone(Role.SLACK, settings, wanted)
        in_slack = await stack.enter_async_context(slack.opened(parts, stop, alone=alone))
        found.deliveries["slack"] = in_slack.delivery
        found.routes += in_slack.routes
        if Role.SLACK in wanted:
            found.connections["Slack"] = in_slack.socket()
        if Role.WEB in wanted and settings.slack_signing_secret is None and settings.slack_app_token is None:
            raise SettingMissing("SLACK_SIGNING_SECRET", "it is needed, or SLACK_APP_TOKEN for Socket Mode")
    if discord.configured(settings):
        in_discord = await stack.enter_async_context(discord.opened(parts))
        found.deliveries["discord"] = in_discord.delivery
        if Role.DISCORD in wanted:
            found.connections["Discord"] = discord.listening(in_discord, parts, stop, shards)
    return found


async def run(parts: Parts, wanted: Iterable[Role], *, host: str, shards: Shards | None = None) -> None:
    """Fill these roles until SIGTERM or SIGINT; then let running answers reach their end, or hand them over."""
    end = asyncio.Event()
    limits.as_many_as_allowed()
    with handled({"SIGTERM": end.set, "SIGINT": end.set}):
        async with running(parts, wanted, host=host, shards=shards):
            freeze_heap()
            await end.wait()
            log.info("ending")


def freeze_heap() -> None:
    """What is there now stays until the end: the collector need not go through it each time, for 50 ms and more."""
    gc.collect()
    gc.freeze()


def _alone(role: Role, settings: Settings, wanted: frozenset[Role]) -> bool:
    """Whether this process does nothing but for the platform of this role: then what can never work there ends it."""
    others = {Role.SLACK: {Role.DISCORD, Role.WORKER}, Role.DISCORD: {Role.SLACK, Role.WEB, Role.WORKER}}[role]
    return not (slack.configured(settings) and discord.configured(settings)) or wanted.isdisjoint(others)


@contextlib.asynccontextmanager
async def _kept(
    name: str, connection: Connection, *, alone: bool, cancelled_again: float = _CANCELLED_AGAIN_SECONDS
) -> AsyncIterator[None]:
    """The connection while the block runs; what ends it for good ends the process, unless there is more to do there."""
    owner = asyncio.current_task()
    task = asyncio.create_task(connection.run())

    def fatal() -> bool:
        return task.done() and not task.cancelled() and (alone or not isinstance(task.exception(), SettingsError))

    def ended(done: asyncio.Task[None]) -> None:
        if fatal() and owner is not None:
            owner.cancel()
        elif not done.cancelled():
            reason = str(done.exception())
            log.error("not heard until this is mended and askrepo started again", platform=name, reason=reason)

    task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if fatal():
            task.result()
        raise
    finally:
        task.remove_done_callback(ended)
        await cancelled(task, cancelled_again)


class _Writable:
    """Whether the database takes what is written: from a full disk the queue could be read, and nothing be accepted.

    Tried once a second at most, whoever asks how often.
    """

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._trying = asyncio.Lock()
        self._again_at = 0.0
        self._takes = False

    async def __call__(self) -> bool:
        async with self._trying:
            if time.monotonic() >= self._again_at:
                try:
                    await self._tickets.issuable()
                    self._takes = True
                except DatabaseError:
                    self._takes = False
                self._again_at = time.monotonic() + _TRIED_AGAIN_SECONDS
        return self._takes


def _health(parts: Parts, connections: Mapping[str, Connection], *, receives: bool) -> list[BaseRoute]:
    """`receives`: Slack's questions come in here, so no other platform's outage may keep them out."""
    writable = _Writable(parts.tickets)

    async def alive(request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def usable(request: Request) -> Response:
        if not await writable():
            return PlainTextResponse("the database takes nothing\n", 503)
        away = "".join(f"not connected to {name}\n" for name, each in connections.items() if not each.ready.is_set())
        if away and not receives:
            return PlainTextResponse(away, 503)
        return PlainTextResponse(f"ready\n{away}")

    return [Route("/healthz", alive), Route("/readyz", usable)]
