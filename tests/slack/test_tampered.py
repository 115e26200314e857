"""SE-09: an installation put in another workspace's row acts nowhere, and nor does that workspace's.

Giving up takes its time: pytest tests/slack/test_tampered.py -m long
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update

from core.conversation.values import WorkspaceRef
from core.database import Database
from core.scope import in_workspace
from core.tables import InstallationRow
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.slack import house
from tests.slack.askers import by_oauth, keep
from tests.slack.house import REPOSITORY
from tests.turns import ended


@pytest.fixture
def transport() -> str:
    return "http"


@pytest.mark.long
async def test_swapped_installations_act_nowhere(slack: FakeSlack, chat: FakeChat, tmp_path: Path) -> None:
    worlds = [house.world(slack) for _ in range(2)]
    given = by_oauth(slack, chat, tmp_path)
    async with house.askrepo(slack, given) as parts:
        for world in worlds:
            await keep(parts, slack, world.askrepo)
            await parts.mappings.map(world.place, REPOSITORY, actor="U0")
        await swap(parts.database, *(world.place.workspace for world in worlds))
    calls = len(slack.calls)
    async with house.askrepo(slack, given) as parts:
        for world in worlds:
            await slack.says(world.alice, world.general, f"{world.askrepo.bot} where?")
        assert await ended(parts, 2, 90) == ["failed", "failed"]
    assert slack.calls[calls:] == []
    assert chat.requests == []


async def swap(database: Database, one: WorkspaceRef, other: WorkspaceRef) -> None:
    sealed = []
    async with database.reading() as connection:
        for place in (other, one):
            found = select(InstallationRow.sealed).where(in_workspace(InstallationRow, place))
            sealed.append((await connection.execute(found)).scalar_one())
    for place, octets in zip((one, other), sealed, strict=True):
        changed = update(InstallationRow).where(in_workspace(InstallationRow, place)).values(sealed=octets)
        await database.write(lambda connection: connection.execute(changed))
