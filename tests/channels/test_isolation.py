"""Workspaces with equal ids in everything never see each other, and every statement says whose rows it means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from core.channels.access import Audience
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.cipher import Keyring
from core.conversation.followup import FollowUps
from core.conversation.history import History
from core.conversation.threads import Threads
from core.conversation.values import ChannelRef, ThreadRef
from core.database import Database
from core.errors import MappingError
from core.secret import Secret
from core.tables import AuditRow, MappingRow, TokenRow
from core.workspaces import Workspaces
from tests.channels.places import confirmed, rows

PLACES = [
    ChannelRef(platform, workspace, channel)
    for platform in ("slack", "discord")
    for workspace in ("T1", "T2")
    for channel in ("C1", "C2")
]


class House:
    """Everything of this package, on one database."""

    def __init__(self, database: Database, workspaces: Workspaces, keyring: Keyring) -> None:
        self.database = database
        self.mappings = Mappings(database, workspaces, process_repository=None)
        self.tokens = Tokens(database, workspaces, keyring, origin="https://chat.example.com", process_token=None)
        self.history = History(database, workspaces)
        self.threads = Threads(database)
        self.preferences = Preferences(database, workspaces)

    async def furnish(self, channel: ChannelRef) -> None:
        """The same ids in every place, and in every one another repository, alias, default, token and thread."""
        name = _name(channel)
        await self.mappings.map(channel, f"owner/{name}", alias="web", actor=name)
        await self.mappings.map(channel, f"owner/{name}-too", alias=f"alias-{name}", actor=name)
        await self.tokens.save_for_mapping(channel, f"owner/{name}", Secret(f"token-of-{name}"), label=name, actor=name)
        await self.history.stay(ThreadRef(channel, "1.1"), f"github.com/owner/{name}")
        await self._set(channel, f"of {name}")
        await self.preferences.record_audience(channel, Audience.PUBLIC)
        if channel.channel_id == "C1":
            await self.mappings.set_default(channel.workspace, f"owner/{name}-default", actor=name)
            await self.tokens.save_for_workspace(channel.workspace, Secret(f"token-of-{name}-all"), actor=name)

    async def view(self, channel: ChannelRef) -> dict[str, Any]:
        """All that can be read of a place."""
        facts = await self.mappings.facts(ThreadRef(channel, "1.1"))
        secrets = [
            (await self.tokens.choose(channel.workspace, token_id)).secret
            for token_id in (None, *(each.token_id for each in facts.mappings))
        ]
        return {
            "facts": facts,
            "tokens": await self.tokens.list(channel.workspace),
            "values": [None if secret is None else secret.reveal() for secret in secrets],
            "listed": await self.mappings.list(channel),
            "preferences": await self.preferences.of(channel),
            "standing": await self.threads.standing(ThreadRef(channel, "1.1"), "U1"),
        }

    async def _set(self, channel: ChannelRef, instructions: str) -> None:
        mode, model, name = FollowUps.SMART, None, _name(channel)
        await self.preferences.set(
            channel, follow_ups=mode, guests=False, outsiders=False, model=model, instructions=instructions, actor=name
        )

    async def meddle(self, channel: ChannelRef) -> None:
        """Change all that can be changed of a place, and try what is another's."""
        name = _name(channel)
        await self.threads.mute(ThreadRef(channel, "1.1"))
        await self._set(channel, "meddled")
        await self.mappings.suspend(channel, actor="M")
        await confirmed(self.mappings, channel, actor="M")
        await self.mappings.map(channel, f"owner/{name}-too", alias="other", actor="M")
        await self.mappings.unmap(channel, f"owner/{name}", actor="M")
        await self.mappings.set_default(channel.workspace, None, actor="M")
        for token in await self.tokens.list(channel.workspace):
            await self.tokens.mark_refused(channel.workspace, token.token_id)
            await self.tokens.remove(channel.workspace, token.token_id, actor="M")
        for row in await rows(self.database, TokenRow):
            if (row.platform, row.workspace_id) != (channel.platform, channel.workspace_id):
                await self.tokens.mark_refused(channel.workspace, row.token_id)
                await self.tokens.remove(channel.workspace, row.token_id, actor="M")
                with pytest.raises(MappingError):
                    await self.tokens.choose(channel.workspace, row.token_id)
                with pytest.raises(MappingError):
                    await self.mappings.map(channel, "owner/x", token_id=row.token_id, actor="M")


def _name(channel: ChannelRef) -> str:
    return "-".join((channel.platform, channel.workspace_id, channel.channel_id)).lower()


@pytest.fixture
async def house(database: Database, workspaces: Workspaces, keyring: Keyring) -> House:
    made = House(database, workspaces, keyring)
    for channel in PLACES:
        await made.furnish(channel)
    return made


async def test_a_place_shows_only_its_own(house: House) -> None:
    for channel in PLACES:
        own = _name(channel)
        shared = {own, _name(ChannelRef(channel.platform, channel.workspace_id, "C1"))}
        shared |= {_name(ChannelRef(channel.platform, channel.workspace_id, "C2"))}
        shown = repr(await house.view(channel))
        assert own in shown
        for other in PLACES:
            assert _name(other) not in shown or _name(other) in shared
        facts = await house.mappings.facts(ThreadRef(channel, "1.1"))
        assert {each.set_by for each in facts.mappings} == {own}
        assert facts.thread_repository == f"github.com/owner/{own}"


async def test_what_is_done_in_one_workspace_changes_nothing_in_another(house: House) -> None:
    before = {channel: await house.view(channel) for channel in PLACES}
    await house.meddle(PLACES[0])
    for channel in PLACES:
        if channel.workspace != PLACES[0].workspace:
            assert await house.view(channel) == before[channel]
    assert {row.workspace_id for row in await rows(house.database, AuditRow) if row.actor == "M"} == {"T1"}
    assert {row.platform for row in await rows(house.database, AuditRow) if row.actor == "M"} == {"slack"}
    assert len(await rows(house.database, MappingRow)) == 2 * len(PLACES) - 1


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that goes to a database while the test runs."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


_NOT_BY_INDEX = r"(?: \|\| \S+\))?"  # nothing put behind it: the same value, by which no index is read


def unscoped(statements: list[str]) -> list[str]:
    """The statements on rows of workspaces that do not say which workspace they mean."""
    of_rows = re.compile(
        r"(?:FROM|UPDATE|DELETE FROM) (?P<table>mappings|tokens|threads|turns|channels|workspaces|audit)\b"
    )
    found = []
    for statement in statements:
        for part in re.split(r"(?=\((?=SELECT))", statement):
            match = of_rows.search(part)
            named = match and all(
                re.search(rf"\b{match['table']}\.{column}{_NOT_BY_INDEX} = ", part)
                for column in ("platform", "workspace_id")
            )
            if match and not named:
                found.append(part)
    return found


async def test_every_statement_names_its_workspace(house: House, statements: list[str]) -> None:
    await house.furnish(ChannelRef("slack", "T3", "C1"))
    await house.view(PLACES[1])
    await house.meddle(PLACES[1])
    of_test = "FROM tokens"  # the reading of all rows by `meddle` itself
    assert [part for part in unscoped(statements) if not part.endswith(of_test)] == []
    kinds = {statement.split()[0] for statement in statements}
    assert {"SELECT", "INSERT", "UPDATE", "DELETE"} <= kinds


def test_the_check_of_statements_sees_a_missing_condition() -> None:
    assert unscoped(["SELECT mappings.alias FROM mappings WHERE mappings.channel_id = ?"])
    assert unscoped(["UPDATE tokens SET refused_at=? WHERE tokens.token_id = ? AND tokens.platform = ?"])
    scoped = "DELETE FROM tokens WHERE tokens.platform = ? AND tokens.workspace_id = ?"
    assert not unscoped([scoped])
    assert not unscoped(["UPDATE turns SET status=? WHERE (turns.platform || ?) = ? AND turns.workspace_id = ?"])
    assert unscoped(["UPDATE turns SET status=? WHERE (turns.platform || ?) IN (?) AND turns.workspace_id = ?"])
    assert unscoped([f"{scoped} AND EXISTS (SELECT * FROM mappings WHERE mappings.token_id = ?)"])  # noqa: S608
    assert not unscoped(["SELECT 1 FROM mappings WHERE mappings.platform = $1 AND mappings.workspace_id = $2"])
