"""Puts the parts together for one process. Only the askrepo command and tests call it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from core import configured, keyfile, schema
from core.channels.commands import Commands
from core.channels.mappings import Mappings
from core.channels.moves import Moves
from core.channels.preferences import Preferences
from core.channels.rotation import Rotation
from core.channels.tokens import Tokens
from core.channels.trials import Trials
from core.chat.check import check
from core.chat.client import ChatClient
from core.conversation.feedback import Feedback
from core.conversation.history import History
from core.conversation.threads import Threads
from core.database import Database
from core.installations import Installations
from core.localchat.hosts import Hosts
from core.localchat.repos import Repositories
from core.localchat.server import serving
from core.metrics import Metrics
from core.relay import acts
from core.relay.answering import Answering
from core.relay.claims import Scope
from core.relay.delivery import Delivery
from core.relay.intake import Intake
from core.relay.leases import Leases
from core.relay.limits import Allowances
from core.relay.places import Places
from core.relay.planning import Planning
from core.relay.posts import Posts
from core.relay.revisions import Revisions
from core.relay.shares import Shares
from core.relay.worker import Worker
from core.secret import Secret
from core.settings import Settings, cache_folder
from core.tickets import Passes, Tickets
from core.workspaces import Workspaces


@dataclass
class App:
    """The parts of one process, open."""

    settings: Settings
    metrics: Metrics
    database: Database
    history: History
    threads: Threads
    mappings: Mappings
    tokens: Tokens
    commands: Commands
    preferences: Preferences
    trials: Trials
    moves: Moves
    rotation: Rotation
    intake: Intake
    revisions: Revisions
    leases: Leases
    feedback: Feedback
    allowances: Allowances
    installations: Installations
    tickets: Tickets
    passes: Passes
    repositories: Repositories
    _client: ChatClient
    _workers: list[Worker] = field(default_factory=list)

    def worker(self, deliveries: Mapping[str, Delivery], scope: Scope) -> Worker:
        """A worker that shows answers through these deliveries; woken by this process's intake."""
        planning = Planning(
            leases=self.leases,
            history=self.history,
            mappings=self.mappings,
            tokens=self.tokens,
            preferences=self.preferences,
            deliveries=deliveries,
        )
        answering = Answering(
            leases=self.leases,
            posts=Posts(self.database),
            history=self.history,
            planning=planning,
            tokens=self.tokens,
            client=self._client,
            model=self.settings.chat_model,
            deliveries=deliveries,
            allowances=self.allowances,
            metrics=self.metrics,
        )
        worker = Worker(
            self.leases, answering, Places(self.database, planning, deliveries), scope, metrics=self.metrics
        )
        self._workers.append(worker)
        return worker


@contextlib.asynccontextmanager
async def opened(settings: Settings, asking: Shares = Shares()) -> AsyncIterator[App]:  # noqa: B008 - frozen
    """Open the database, the keys, the /chat client, and the embedded /chat if no other is configured.

    `asking` is how fast this process takes questions in.
    The schema is brought up to date. Raises SettingsError, DatabaseError, CipherError, ServerError.
    """
    repository = configured.repository(settings)
    async with contextlib.AsyncExitStack() as stack:
        database = Database(settings.database_address())
        stack.push_async_callback(database.close)
        await schema.upgrade(database)
        keyring = await keyfile.keyring(database, settings.secret_keys)
        repositories = Repositories(cache_folder() / "repositories", hosts=Hosts(settings.clone_hosts))
        url, token = settings.chat_url, settings.chat_token
        if url is None:
            token = Secret(secrets.token_urlsafe(32))
            url = await stack.enter_async_context(serving(repositories, token=token))
        client = ChatClient(configured.service(settings, url))
        stack.push_async_callback(client.aclose)
        workspaces = Workspaces(database, keyring)
        preferences = Preferences(database, workspaces)
        mappings = Mappings(database, workspaces, process_repository=repository)
        tokens = Tokens(database, workspaces, keyring, origin=settings.chat_url, process_token=token)
        installations = Installations(database, workspaces)
        stack.push_async_callback(installations.drain)
        allowances, metrics = Allowances(database, workspaces), Metrics()
        workers: list[Worker] = []

        def wake() -> None:
            for worker in workers:
                worker.wake()

        await stack.enter_async_context(database.wakes(wake))
        yield App(
            settings=settings,
            metrics=metrics,
            database=database,
            history=History(database, workspaces),
            threads=Threads(database),
            mappings=mappings,
            tokens=tokens,
            commands=Commands(mappings, tokens, preferences),
            preferences=preferences,
            trials=Trials(mappings, tokens, preferences, partial(check, client), partial(acts.count, allowances)),
            moves=Moves(database, workspaces),
            rotation=Rotation(database, keyring),
            intake=Intake(database, workspaces, wake, asking, metrics=metrics),
            revisions=Revisions(database, workspaces),
            leases=Leases(database),
            feedback=Feedback(database),
            allowances=allowances,
            installations=installations,
            tickets=Tickets(database, keyring),
            passes=Passes(database, keyring),
            repositories=repositories,
            _client=client,
            _workers=workers,
        )


async def upgrade(settings: Settings) -> bool:
    """Bring the database's schema up to date; whether anything was to be done. Raises SettingsError, DatabaseError."""
    database = Database(settings.database_address())
    try:
        return await schema.upgrade(database)
    finally:
        await database.close()
