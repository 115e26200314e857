"""One process of the relay put together by hand, with its rims in the test's reach."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.chat.client import ChatClient, Service
from core.chat.deadlines import Deadlines
from core.cipher import Keyring
from core.conversation.history import History
from core.conversation.values import ChannelRef, Question
from core.database import Database, Result, Unit
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
from core.tables import TurnRow
from core.workspaces import Workspaces
from tests.relay.places import UNLIMITED

REPOSITORY = "github.com/calcom/cal.com"


Step = Callable[[str], Awaitable[None]]


class Platform(Protocol):
    """Where people ask and answers are shown."""

    @property
    def name(self) -> str:
        """As threads have it."""
        ...

    def connect(self, step: Step | None) -> Delivery:
        """A process's way to it; `step` is awaited before and after each call, with its name."""
        ...


class SteppedDatabase(Database):
    """A database of one process whose every call is announced before it is made and after it has taken effect."""

    def __init__(self, url: Secret, step: Step) -> None:
        super().__init__(url)
        self._step = step

    @contextlib.asynccontextmanager
    async def reading(self, *, urgent: bool = False) -> AsyncIterator[AsyncConnection]:
        await self._step("before read")
        async with super().reading(urgent=urgent) as connection:
            yield connection

    async def write(self, unit: Unit[Result], *, urgent: bool = False, lasting: bool = True) -> Result:
        await self._step("before write")
        result = await super().write(unit, urgent=urgent, lasting=lasting)
        await self._step("after write")
        return result


@dataclass
class Process:
    """The parts of one process. Several share a database, a platform and a /chat."""

    database: Database
    keyring: Keyring
    platform: Platform
    chat_url: str
    step: Step | None = None
    process_repository: str | None = None
    shares: Shares = UNLIMITED
    client: ChatClient = None  # type: ignore[assignment] # a real one, unless given
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    token: Secret | None = field(default_factory=lambda: Secret("process-token-1234"))

    def __post_init__(self) -> None:
        workspaces = Workspaces(self.database, self.keyring)
        self.history = History(self.database, workspaces)
        self.mappings = Mappings(self.database, workspaces, process_repository=self.process_repository)
        self.tokens = Tokens(self.database, workspaces, self.keyring, origin=self.chat_url, process_token=self.token)
        self.leases = Leases(self.database, self.shares)
        deadlines = Deadlines(connect=5, first_token=5, silence=5, total=20)
        self.client = self.client or ChatClient(Service(self.chat_url, deadlines=deadlines), pause=_no_pause)
        deliveries = {self.platform.name: self.platform.connect(self.step)}
        self.preferences = Preferences(self.database, workspaces)
        self.revisions = Revisions(self.database, workspaces)
        planning = Planning(
            leases=self.leases,
            history=self.history,
            mappings=self.mappings,
            tokens=self.tokens,
            preferences=self.preferences,
            deliveries=deliveries,
        )
        self.answering = Answering(
            leases=self.leases,
            posts=Posts(self.database),
            history=self.history,
            planning=planning,
            tokens=self.tokens,
            client=self.client,
            model="gpt-4o",
            deliveries=deliveries,
            allowances=Allowances(self.database, workspaces),
            shares=self.shares,
        )
        self.scope = Scope((self.platform.name,))
        self.places = Places(self.database, planning, deliveries)
        self.worker = Worker(self.leases, self.answering, self.places, self.scope, clock=self.clock)
        self.intake = Intake(self.database, workspaces, self.worker.wake, self.shares, self.clock, self.wall)

    async def map(self, channel: ChannelRef, repository: str = REPOSITORY) -> None:
        await self.mappings.map(channel, repository, actor="U0")

    async def ask(self, question: Question) -> str:
        """Accept, wait for the outcome, and say which it was."""
        accepted = await self.intake.accept(question)
        assert accepted.turn_id is not None
        return (await self.worker.outcome(accepted.turn_id)).value

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        try:
            async with self.worker.running(grace=5):
                yield self
        finally:
            await self.client.aclose()

    async def records(self) -> dict[str, str]:
        """Every turn's status by its message id."""
        async with self.database.reading() as connection:
            rows = await connection.execute(select(TurnRow.message_id, TurnRow.status))
            return {row.message_id: row.status for row in rows}


async def _no_pause(seconds: float) -> None:
    """Retries of the client follow at once."""
