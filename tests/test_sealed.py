"""SE-09: what is swapped, copied, cut or changed among the sealed values of a database is refused by name, never used.

Every column of octets, in rows of three workspaces, read by what the product reads it with. What becomes of a question:
tests/relay/test_tampered.py. Ten thousand changes on each database: pytest tests/test_sealed.py -m long -n 0 -s
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Row, Table, and_, select, update

from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.cipher import Keyring
from core.conversation.followup import FollowUps
from core.conversation.history import History
from core.conversation.values import ChannelRef, Outcome, ThreadRef, WorkspaceRef
from core.database import Database
from core.errors import CipherError, Tampered, UnknownKey
from core.installations import Installations
from core.relay.claims import Scope
from core.relay.endings import Ending
from core.relay.intake import Intake
from core.relay.leases import Leases
from core.secret import Secret
from core.tables import Base
from core.tickets import Tickets, _digest
from core.workspaces import Workspaces
from tests.relay.places import UNLIMITED, question

ORIGIN = "https://chat.example.com"
PLACES = (WorkspaceRef("slack", "T1"), WorkspaceRef("slack", "T2"), WorkspaceRef("discord", "T1"))
COLUMNS = [
    (table, column.name)
    for table in Base.metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, LargeBinary)
]


@dataclass
class Vault:
    """A database, and a process that has just begun: it remembers no key."""

    database: Database
    keyring: Keyring
    tickets: list[Secret] = field(default_factory=list)

    @property
    def workspaces(self) -> Workspaces:
        return Workspaces(self.database, self.keyring)

    @property
    def tokens(self) -> Tokens:
        process = Secret("process-token-1234")
        return Tokens(self.database, self.workspaces, self.keyring, origin=ORIGIN, process_token=process)

    @property
    def history(self) -> History:
        return History(self.database, self.workspaces)

    async def fill(self) -> None:
        """One of everything in two channels of each place."""
        for place in PLACES:
            said = f"{place.platform}-{place.workspace_id}"
            await self.tokens.save_for_workspace(place, Secret(f"workspace-token-{said}"), actor="U1")
            installations = Installations(self.database, self.workspaces)
            await installations.save(place, Secret(f"installation of {said}"), installed_at=datetime.now(UTC))
            for number in ("1", "2"):
                await self._fill(ChannelRef(place.platform, place.workspace_id, number), f"{said}-{number}")

    async def _fill(self, channel: ChannelRef, said: str) -> None:
        mappings = Mappings(self.database, self.workspaces, process_repository=None)
        await mappings.map(channel, "owner/name", actor="U1")
        await self.tokens.save_for_mapping(channel, "owner/name", Secret(f"token-{said}"), actor="U1")
        preferences = Preferences(self.database, self.workspaces)
        await preferences.set(
            channel, follow_ups=FollowUps.SMART, guests=False, outsiders=False, model=None, instructions=said, actor="U"
        )
        self.tickets.append(await Tickets(self.database, self.keyring).issue("test", said, 6_000))
        asked = replace(question(f"question {said}", within=ThreadRef(channel, "1")), reference=f"reference {said}")
        leases = Leases(self.database, UNLIMITED)
        await Intake(self.database, self.workspaces, lambda: None, UNLIMITED).accept(asked)
        (claim,) = await leases.claim("worker", Scope((channel.platform,)), 1)
        sealed = [
            await self.history.seal(claim.workspace, claim.turn_id, column, f"{column} {said}")
            for column in ("context", "answer")
        ]
        await leases.keep_context(claim, sealed[0])
        await leases.finish(claim, Ending(Outcome.ANSWERED, sealed[1], "github.com/owner/name"))

    async def rows(self, table: Table) -> list[Row[Any]]:
        async with self.database.reading() as connection:
            return list(await connection.execute(select(table)))


Read = Callable[[Vault, Row[Any]], Awaitable[str | None]]


def place_of(row: Row[Any]) -> WorkspaceRef:
    return WorkspaceRef(row.platform, row.workspace_id)


async def data_key(vault: Vault, row: Row[Any]) -> str:
    return (await vault.workspaces.data_key(place_of(row))).fingerprint("which key")


async def token(vault: Vault, row: Row[Any]) -> str | None:
    chosen = await vault.tokens.choose(place_of(row), row.token_id if row.purpose == "mapping" else None)
    return None if chosen.secret is None else chosen.secret.reveal()


async def instructions(vault: Vault, row: Row[Any]) -> str | None:
    channel = ChannelRef(row.platform, row.workspace_id, row.channel_id)
    return (await Preferences(vault.database, vault.workspaces).of(channel)).instructions


async def installation(vault: Vault, row: Row[Any]) -> str | None:
    found = await Installations(vault.database, vault.workspaces).of(place_of(row))
    return None if found is None else found.payload.reveal()


async def ticket(vault: Vault, row: Row[Any]) -> str:
    tickets = Tickets(vault.database, vault.keyring)
    (secret,) = [each for each in vault.tickets if _digest(each) == row.ticket]
    payload = await tickets.peek("test", secret)
    if payload is None:
        raise UnknownKey("gone")  # one whose key is not in the ring is not good any more, which is no error
    return payload


async def turn(vault: Vault, row: Row[Any]) -> str:
    """All that is stored of it, as the next question of its thread is told of it."""
    thread = ThreadRef(ChannelRef(row.platform, row.workspace_id, row.channel_id), row.thread_id)
    (stored,) = await vault.history.turns(thread)
    (exchange,) = await vault.history.exchanges(thread, before=1_000)
    return "\n".join([stored.question.reference, *exchange.questions, exchange.answer])


READS: dict[tuple[str, str], Read] = {
    ("workspaces", "data_key"): data_key,
    ("tokens", "sealed"): token,
    ("channels", "instructions"): instructions,
    ("installations", "sealed"): installation,
    ("tickets", "sealed"): ticket,
    **{("turns", column): turn for column in ("question", "reference", "context", "answer")},
}


@dataclass(frozen=True)
class Value:
    """One sealed value, and what the product reads there."""

    table: Table
    column: str
    row: Row[Any]
    says: str | None

    @property
    def octets(self) -> bytes:
        octets: bytes = getattr(self.row, self.column)
        return octets

    @property
    def place(self) -> str:
        key = " ".join(str(getattr(self.row, column.name)) for column in self.table.primary_key)
        return f"{self.table.name}.{self.column} of {key}"

    async def read(self, vault: Vault) -> str | None:
        return await READS[self.table.name, self.column](vault, self.row)

    async def put(self, vault: Vault, octets: bytes) -> None:
        same = and_(*(column == getattr(self.row, column.name) for column in self.table.primary_key))
        changed = update(self.table).where(same).values({self.column: octets})
        await vault.database.write(lambda connection: connection.execute(changed))

    async def refuses(self, vault: Vault, octets: bytes, how: str) -> None:
        """With these octets in its place it is an error with a name, which tells nothing."""
        await self.put(vault, octets)
        read, error = await self._tried(vault)
        assert error is not None, f"{self.place}, {how}: {read!r} was read"
        assert error.__cause__ is None
        assert str(self.says) not in str(error)

    async def _tried(self, vault: Vault) -> tuple[str | None, CipherError | None]:
        try:
            return await self.read(vault), None
        except (Tampered, UnknownKey) as error:
            return None, error


@pytest.fixture
async def vault(database: Database, keyring: Keyring) -> Vault:
    filled = Vault(database, keyring)
    await filled.fill()
    return filled


async def values_of(vault: Vault) -> list[Value]:
    """All of them, each of which can be read."""
    found = []
    for table, column in COLUMNS:
        for row in await vault.rows(table):
            value = Value(table, column, row, await READS[table.name, column](vault, row))
            assert value.says, value.place
            found.append(value)
    return found


async def tamper(vault: Vault, times: int) -> None:
    """So many changes, each refused where it was made, and none of them lasting."""
    values = await values_of(vault)
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(times):
        value, other = chance.sample(values, 2)
        how, note = chance.choice(["swapped", "copied", "cut", "flipped"]), f"seed {seed}, change {number}"
        changed = {value: other.octets}
        if how == "swapped":
            changed[other] = value.octets
        if how == "cut":
            at, behind = sorted(chance.sample(range(len(value.octets) + 1), 2))
            changed[value] = value.octets[:at] + value.octets[behind:]
        if how == "flipped":
            at = chance.randrange(len(value.octets))
            flipped = bytes([value.octets[at] ^ 1 << chance.randrange(8)])
            changed[value] = value.octets[:at] + flipped + value.octets[at + 1 :]
        for each, octets in changed.items():
            await each.refuses(vault, octets, f"{how} with {other.place}; {note}")
        for each in changed:
            await each.put(vault, each.octets)
    for value in values:
        assert await value.read(vault) == value.says, value.place


def test_every_column_of_octets_is_read() -> None:
    assert {(table.name, column) for table, column in COLUMNS} == READS.keys()


async def test_in_no_row_is_the_value_of_the_next_read(vault: Vault) -> None:
    values = await values_of(vault)
    for table, column in COLUMNS:
        same = [value for value in values if (value.table, value.column) == (table, column)]
        assert len(same) >= 3
        for value, following in zip(same, [*same[1:], same[0]], strict=True):
            await value.refuses(vault, following.octets, f"that of {following.place}")
        for value in same:
            await value.put(vault, value.octets)


async def test_no_change_of_a_sealed_value_is_read(vault: Vault) -> None:
    await tamper(vault, 30)


@pytest.mark.long
@pytest.mark.timeout(1_200)
async def test_none_of_ten_thousand_changes_of_a_sealed_value_is_read(vault: Vault) -> None:
    await tamper(vault, 10_000)


async def test_a_value_of_the_same_place_that_was_replaced_does_not_come_back(vault: Vault) -> None:
    """What can be read of an old copy of the database is no use in today's."""
    old = [value for value in await values_of(vault) if value.table.name == "tokens"]
    for place in PLACES:
        await vault.tokens.save_for_workspace(place, Secret(f"new-token-of-{place.workspace_id}"), actor="U1")
    now = {
        value.row.workspace_id + value.row.platform: value for value in await values_of(vault) if of_workspace(value)
    }
    for value in filter(of_workspace, old):
        await now[value.row.workspace_id + value.row.platform].refuses(vault, value.octets, "an older one")


def of_workspace(value: Value) -> bool:
    return value.table.name == "tokens" and value.row.purpose == "workspace"
