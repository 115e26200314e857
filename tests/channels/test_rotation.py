"""A change of the key ring loses nothing, wherever it is cut off and whoever changes something meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import delete, update

from core.channels.mappings import Mappings
from core.channels.rotation import Batch, Rotation
from core.channels.tokens import Tokens
from core.cipher import Key, Keyring, new_key
from core.conversation.history import text_cell
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Database, Result, Unit
from core.errors import Tampered, UnknownKey
from core.secret import Secret
from core.tables import TokenRow, WorkspaceRow
from core.workspaces import Workspaces
from tests.channels.places import rows

ORIGIN = "https://chat.example.com"
REPOSITORY = "github.com/acme/web"
TEXT = "How does login work?"


class KilledError(Exception):
    """Stands for the end of the process."""


class SteppedDatabase(Database):
    """A database whose every write is announced before it is made and after it has taken effect."""

    def __init__(self, url: Secret, step: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(url)
        self._step = step

    async def write(self, unit: Unit[Result], *, urgent: bool = False, lasting: bool = True) -> Result:
        await self._step("before")
        result = await super().write(unit, urgent=urgent, lasting=lasting)
        await self._step("after")
        return result


class House:
    """Some workspaces with tokens and texts, as processes with one key ring or another see them."""

    def __init__(self, database: Database, size: int) -> None:
        self.database = database
        self.old, self.new = new_key(), new_key()
        self.workspaces = [WorkspaceRef("slack", f"T{number}") for number in range(size)]
        self.texts: dict[WorkspaceRef, bytes] = {}

    @property
    def both(self) -> Keyring:
        """The key ring during the change."""
        return Keyring((self.new, self.old))

    async def build(self) -> None:
        """Every workspace has a text, a token of its own and one of a mapping: three values under the old key."""
        ring = Keyring((self.old,))
        workspaces = Workspaces(self.database, ring)
        mappings = Mappings(self.database, workspaces, process_repository=None)
        tokens = Tokens(self.database, workspaces, ring, origin=ORIGIN, process_token=None)

        async def furnish(workspace: WorkspaceRef) -> None:
            channel = ChannelRef(workspace.platform, workspace.workspace_id, "C1")
            await mappings.map(channel, REPOSITORY, actor="U1")
            await tokens.save_for_workspace(workspace, _own(workspace), actor="U1")
            await tokens.save_for_mapping(channel, REPOSITORY, _of_mapping(workspace), actor="U1")
            key = await workspaces.data_key(workspace)
            self.texts[workspace] = key.seal_text(TEXT, text_cell(workspace, "1", "question"))

        for start in range(0, len(self.workspaces), 50):
            await asyncio.gather(*map(furnish, self.workspaces[start : start + 50]))

    async def check(self, *keys: Key) -> None:
        """A process with these keys reads everything."""
        ring = Keyring(keys)
        workspaces = Workspaces(self.database, ring)
        tokens = Tokens(self.database, workspaces, ring, origin=ORIGIN, process_token=None)
        mappings = Mappings(self.database, workspaces, process_repository=None)
        for workspace in self.workspaces:
            (mapping,) = await mappings.list(ChannelRef(workspace.platform, workspace.workspace_id, "C1"))
            assert (await tokens.choose(workspace, mapping.token_id)).secret == _of_mapping(workspace)
            assert (await tokens.choose(workspace, None)).secret == _own(workspace)
            key = await workspaces.data_key(workspace)
            assert key.open_text(self.texts[workspace], text_cell(workspace, "1", "question")) == TEXT


def _own(workspace: WorkspaceRef) -> Secret:
    return Secret(f"own-token-of-{workspace.workspace_id}")


def _of_mapping(workspace: WorkspaceRef) -> Secret:
    return Secret(f"mapping-token-of-{workspace.workspace_id}")


async def run(rotation: Rotation, size: int = 4) -> list[Batch]:
    return [batch async for batch in rotation.batches(size)]


@contextlib.asynccontextmanager
async def stepped(url: str, step: Callable[[str], Awaitable[None]]) -> AsyncIterator[Database]:
    opened = SteppedDatabase(Secret(url), step)
    yield opened
    await opened.close()


@pytest.fixture
async def house(database: Database) -> House:
    made = House(database, 5)
    await made.build()
    return made


async def test_everything_is_on_the_new_key_and_the_old_one_may_go(house: House) -> None:
    rotation = Rotation(house.database, house.both)
    assert await rotation.pending() == 15
    with pytest.raises(UnknownKey):
        await house.check(house.new)
    batches = await run(rotation)
    assert sum(batch.renewed for batch in batches) == 15
    assert sum(batch.unreadable + batch.changed for batch in batches) == 0
    assert await rotation.pending() == 0
    assert await run(rotation) == []
    await house.check(house.new)
    await house.check(house.new, house.old)
    with pytest.raises(UnknownKey):
        await house.check(house.old)


async def test_a_process_that_runs_meanwhile_reads_everything_at_every_moment(house: House) -> None:
    async for _ in Rotation(house.database, house.both).batches(3):
        await house.check(house.new, house.old)
        await house.check(house.old, house.new)


async def test_it_is_killed_at_every_write_and_goes_on(house: House, database_url: str) -> None:
    kills = 0

    async def die(moment: str) -> None:
        nonlocal kills
        if (moment, kills % 2) in {("before", 0), ("after", 1)}:
            kills += 1
            raise KilledError

    before = await Rotation(house.database, house.both).pending()
    while before:
        async with stepped(database_url, die) as dying:
            with pytest.raises(KilledError):
                await run(Rotation(dying, house.both))
        left = await Rotation(house.database, house.both).pending()
        assert left == before - (min(4, before, _rest(before)) if kills % 2 == 0 else 0)
        before = left
        await house.check(house.old, house.new)
    assert kills >= 8
    await house.check(house.new)


def _rest(pending: int) -> int:
    """How many values are left of the table it is in: 5 data keys first, then 10 tokens."""
    return pending - 10 if pending > 10 else pending


async def test_two_at_once_renew_each_value_once(house: House) -> None:
    results = await asyncio.gather(*(run(Rotation(house.database, house.both), 2) for _ in range(3)))
    batches = [batch for result in results for batch in result]
    assert sum(batch.renewed for batch in batches) == 15
    assert sum(batch.unreadable for batch in batches) == 0
    await house.check(house.new)


async def test_what_changes_meanwhile_is_left_as_it_was_changed(house: House, database_url: str) -> None:
    """Between the reading and the writing of each batch a token is replaced, and a workspace erased and made anew."""
    workspaces = Workspaces(house.database, house.both)
    tokens = Tokens(house.database, workspaces, house.both, origin=ORIGIN, process_token=None)
    replaced, erased = house.workspaces[0], WorkspaceRef("slack", "T9")
    await Workspaces(house.database, Keyring((house.old,))).data_key(erased)
    made_anew: list[bytes] = []

    async def interfere(moment: str) -> None:
        if moment == "after" or made_anew:
            return
        await tokens.save_for_workspace(replaced, Secret("replaced-0123456789"), actor="U2")
        await house.database.write(
            lambda connection: connection.execute(delete(WorkspaceRow).where(WorkspaceRow.workspace_id == "T9"))
        )
        key = await Workspaces(house.database, house.both).data_key(erased)
        made_anew.append(key.seal_text(TEXT, text_cell(erased, "1", "question")))

    async with stepped(database_url, interfere) as database:
        batches = await run(Rotation(database, house.both), 100)
    assert sum(batch.changed for batch in batches) == 1
    assert await Rotation(house.database, house.both).pending() == 0
    key = await Workspaces(house.database, Keyring((house.new,))).data_key(erased)
    assert key.open_text(made_anew[0], text_cell(erased, "1", "question")) == TEXT
    assert (await tokens.choose(replaced, None)).secret == Secret("replaced-0123456789")


async def test_what_does_not_open_is_left_counted_and_stops_nothing(house: House) -> None:
    damaged = (await rows(house.database, TokenRow))[3]
    await _damage(house.database, damaged)
    rotation = Rotation(house.database, house.both)
    batches = await run(rotation)
    assert sum(batch.renewed for batch in batches) == 14
    assert sum(batch.unreadable for batch in batches) == 1
    assert await rotation.pending() == 1
    with pytest.raises(Tampered):
        await house.check(house.new, house.old)
    lost = await run(Rotation(house.database, Keyring((house.new,))))
    assert lost == [Batch(0, 1, 0)]


async def _damage(database: Database, row: Any) -> None:
    sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
    same = (TokenRow.workspace_id == row.workspace_id) & (TokenRow.token_id == row.token_id)
    await database.write(lambda connection: connection.execute(update(TokenRow).where(same).values(sealed=sealed)))


@pytest.mark.long
@pytest.mark.timeout(1_800)
async def test_thousands_of_values_cut_off_at_every_batch(database: Database) -> None:
    house = House(database, 2_000)
    await house.build()
    count = await Rotation(database, house.both).pending()
    assert count == 6_000
    renewed = 0
    while batch := await anext(aiter(Rotation(database, house.both).batches()), None):
        renewed += batch.renewed
    assert renewed == count
    await house.check(house.new)
