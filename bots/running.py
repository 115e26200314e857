"""The roles of a process: `web` receives over HTTP and serves pages, `slack` is Socket Mode, `worker` answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from enum import StrEnum

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bots.pages.token import token_routes
from bots.parts import Parts
from bots.signals import handled
from bots.slack import service
from bots.slack.service import SlackService
from core import logs
from core.conversation.values import ThreadRef
from core.errors import DatabaseError, SettingsError
from core.listening import listening
from core.relay.claims import Scope
from core.relay.worker import Worker
from core.settings import Settings

log = logs.get(__name__)

GRACE_SECONDS = 10.0  # for answers that run when the process is told to end; with all that ends beside them, under 25


class Role(StrEnum):
    """What a process does."""

    WEB = "web"
    SLACK = "slack"
    WORKER = "worker"


def roles(settings: Settings, named: Sequence[Role]) -> frozenset[Role]:
    """The named roles, or all that are configured. Raises SettingsError where a role lacks its settings."""
    socket_mode = settings.slack_app_token is not None
    if named:
        wanted = frozenset(named)
        if Role.SLACK in wanted and not socket_mode:
            raise SettingsError("SLACK_APP_TOKEN", "it is needed for the role `slack`, which is Socket Mode")
        return wanted
    if not service.configured(settings):
        raise SettingsError("SLACK_BOT_TOKEN", "no chat platform is set up; the README says how, step by step")
    web = not socket_mode or settings.public_url is not None
    return frozenset({Role.WORKER, *([Role.WEB] if web else []), *([Role.SLACK] if socket_mode else [])})


@contextlib.asynccontextmanager
async def running(parts: Parts, wanted: Iterable[Role], *, host: str) -> AsyncIterator[str | None]:
    """Fill these roles while the block runs; yields the base URL where there is one. Raises what opening raises."""
    wanted = frozenset(wanted)
    async with contextlib.AsyncExitStack() as stack:
        workers: list[Worker] = []

        async def stop(thread: ThreadRef) -> int:
            return await (workers[0].stop(thread) if workers else parts.leases.stop(thread))

        slack = await stack.enter_async_context(service.opened(parts, stop))
        if Role.WORKER in wanted:
            worker = parts.worker({"slack": slack.delivery}, Scope(("slack",)))
            workers.append(worker)
            await stack.enter_async_context(worker.running(grace=GRACE_SECONDS))
        ready: list[Callable[[], bool]] = []
        if Role.SLACK in wanted:
            await stack.enter_async_context(_socket(slack, ready))
        url = None
        if Role.WEB in wanted:
            if not slack.routes and Role.SLACK not in wanted:
                raise SettingsError("SLACK_SIGNING_SECRET", "it is needed, or SLACK_APP_TOKEN for Socket Mode")
            pages = token_routes(parts.tickets, parts.tokens, parts.check) if parts.settings.public_url else []
            web = Starlette(routes=[*slack.routes, *pages, *_health(parts, ready)])
            url = await stack.enter_async_context(listening(web, host=host, port=parts.settings.port))
        log.info("running", roles=" ".join(sorted(wanted)), url=url)
        yield url


async def run(parts: Parts, wanted: Iterable[Role], *, host: str) -> None:
    """Fill these roles until SIGTERM or SIGINT; then let running answers reach their end, or hand them over."""
    end = asyncio.Event()
    with handled({"SIGTERM": end.set, "SIGINT": end.set}):
        async with running(parts, wanted, host=host):
            await end.wait()
            log.info("ending")


@contextlib.asynccontextmanager
async def _socket(slack: SlackService, ready: list[Callable[[], bool]]) -> AsyncIterator[None]:
    """Socket Mode while the block runs; what ends it for good ends the process."""
    socket = slack.socket()
    ready.append(socket.ready.is_set)
    owner = asyncio.current_task()
    task = asyncio.create_task(socket.run())

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and owner is not None:
            owner.cancel()

    task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if task.done() and not task.cancelled():
            task.result()
        raise
    finally:
        task.remove_done_callback(ended)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _health(parts: Parts, ready: Sequence[Callable[[], bool]]) -> list[BaseRoute]:
    async def alive(request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def usable(request: Request) -> Response:
        try:
            await parts.leases.reachable()
        except DatabaseError:
            return PlainTextResponse("the database is away\n", 503)
        if not all(each() for each in ready):
            return PlainTextResponse("no connection to Slack\n", 503)
        return PlainTextResponse("ready\n")

    return [Route("/healthz", alive), Route("/readyz", usable)]
