"""SE-09: an installation put in another workspace's row acts nowhere, and nor does that workspace's.

Giving up takes its time: pytest tests/slack/test_tampered.py -m long
"""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from core.conversation.values import WorkspaceRef
from core.database import Database
from core.tables import InstallationRow
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.slack import house
from tests.slack.askers import keep, serving_all
from tests.slack.house import REPOSITORY
from tests.turns import ended


@pytest.fixture
def transport() -> str:
    return "http"


@pytest.mark.long
async def test_swapped_installations_act_nowhere(slack: FakeSlack, chat: FakeChat, sqlite_url: str) -> None:
    worlds = [house.world(slack) for _ in range(2)]
    given = serving_all(slack, chat, sqlite_url)
    async with house.askrepo(slack, given) as parts:
        for world in worlds:
            await keep(parts, slack, world.askrepo)
            await parts.mappings.map(world.place, REPOSITORY, actor="U0")
        await swap(parts.database, *(world.place.workspace for world in worlds))
    calls = len(slack.calls)
    with capture_logs() as logged:  # the tracebacks of many attempts would take their time
        async with house.askrepo(slack, given) as parts:
            for world in worlds:
                await slack.says(world.alice, world.general, f"{world.askrepo.bot} where?")
            assert await ended(parts, 2, 60) == ["failed", "failed"]
    assert "nobody could be told" in {line["event"] for line in logged}
    assert slack.calls[calls:] == []
    assert chat.requests == []


async def swap(database: Database, one: WorkspaceRef, other: WorkspaceRef) -> None:
    ids, theirs = (
        InstallationRow.workspace_id,
        {one.workspace_id: other.workspace_id, other.workspace_id: one.workspace_id},
    )

    async def unit(connection: AsyncConnection) -> None:
        sealed = {row[0]: row[1] for row in await connection.execute(select(ids, InstallationRow.sealed))}
        for workspace_id, octets in sealed.items():
            moved = update(InstallationRow).where(ids == theirs[workspace_id]).values(sealed=octets)
            await connection.execute(moved)

    await database.write(unit)
