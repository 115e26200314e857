"""Each workspace has one data key, for ever, and only its own."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from core.cipher import Cell, Keyring, new_key
from core.conversation.values import WorkspaceRef
from core.database import Database
from core.errors import Tampered, UnknownKey
from core.tables import WorkspaceRow
from core.workspaces import Workspaces, lock
from tests.channels.places import rows

HERE, THERE = WorkspaceRef("slack", "T1"), WorkspaceRef("discord", "T1")
CELL = Cell("turns", "question", ("slack", "T1", "1"))


async def test_the_first_sight_of_a_workspace_records_it(
    database: Database, workspaces: Workspaces, keyring: Keyring
) -> None:
    sealed = (await workspaces.data_key(HERE)).seal(b"plain", CELL)
    assert [(row.platform, row.workspace_id) for row in await rows(database, WorkspaceRow)] == [("slack", "T1")]
    again = await Workspaces(database, keyring).data_key(HERE)
    assert again.open(sealed, CELL) == b"plain"


async def test_however_many_see_it_first_there_is_one_key(database: Database, keyring: Keyring) -> None:
    processes = [Workspaces(database, keyring) for _ in range(10)]
    keys = await asyncio.gather(*(process.data_key(HERE) for process in processes for _ in range(3)))
    assert len({repr(key) for key in keys}) == 1
    assert len(await rows(database, WorkspaceRow)) == 1


async def test_workspaces_do_not_share_a_key(workspaces: Workspaces) -> None:
    sealed = (await workspaces.data_key(HERE)).seal(b"plain", CELL)
    with pytest.raises(UnknownKey):
        (await workspaces.data_key(THERE)).open(sealed, CELL)


async def test_another_workspaces_data_key_does_not_open(database: Database, keyring: Keyring) -> None:
    workspaces = Workspaces(database, keyring)
    for workspace in (HERE, THERE):
        await workspaces.data_key(workspace)
    foreign = {row.platform: row.data_key for row in await rows(database, WorkspaceRow)}["discord"]
    exchanged = update(WorkspaceRow).where(WorkspaceRow.platform == "slack").values(data_key=foreign)
    await database.write(lambda connection: connection.execute(exchanged))
    with pytest.raises(Tampered):
        await Workspaces(database, keyring).data_key(HERE)


async def test_without_its_key_a_workspace_is_not_made_anew(database: Database, workspaces: Workspaces) -> None:
    await workspaces.data_key(HERE)
    before = await rows(database, WorkspaceRow)
    with pytest.raises(UnknownKey):
        await Workspaces(database, Keyring((new_key(),))).data_key(HERE)
    assert await rows(database, WorkspaceRow) == before


async def test_more_workspaces_than_are_remembered(database: Database, keyring: Keyring) -> None:
    workspaces = Workspaces(database, keyring, remembered=3)
    refs = [WorkspaceRef("slack", f"T{number}") for number in range(10)]
    first = dict(zip(refs, map(repr, await asyncio.gather(*map(workspaces.data_key, refs))), strict=True))
    again = dict(zip(refs, map(repr, await asyncio.gather(*map(workspaces.data_key, refs))), strict=True))
    assert first == again
    assert len(set(first.values())) == len(refs)


async def test_units_that_lock_a_workspace_run_one_after_the_other(database: Database, workspaces: Workspaces) -> None:
    """Two that each read a number and write one more never lose a step; other workspaces are not waited for."""
    await workspaces.data_key(HERE)

    async def count(connection: object) -> None:
        assert hasattr(connection, "execute")
        await lock(connection, HERE)  # type: ignore[arg-type]
        found = (await connection.execute(WorkspaceRow.__table__.select())).one()
        number = int(found.default_repository or 0) + 1
        await connection.execute(update(WorkspaceRow).values(default_repository=str(number)))

    await asyncio.gather(*(database.write(count) for _ in range(20)))
    (row,) = await rows(database, WorkspaceRow)
    assert row.default_repository == "20"
