"""Mappings: made, made anew, removed, suspended; each change once, whole, and in the audit table."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.channels.access import Audience
from core.channels.choosing import Mapping, WorkspaceDefault
from core.channels.mapping import mapped_anew, next_default, rebinds
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.suspensions import suspension_of
from core.channels.tokens import Tokens
from core.cipher import Keyring
from core.conversation.history import History
from core.conversation.values import ChannelRef, ThreadRef
from core.database import Database
from core.errors import (
    AliasTaken,
    BadAlias,
    MappingError,
    NotMapped,
    NotMappedHere,
    RepositoryNameError,
    SeveralMapped,
    TokenGone,
)
from core.secret import Secret
from core.tables import AuditRow, MappingRow, TokenRow
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, THREAD, WORKSPACE, audited, confirmed, rows

WEB, API, DOCS = "github.com/acme/web", "github.com/acme/api", "github.com/acme/docs"
THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
NOW = THEN + timedelta(days=1)


@pytest.fixture
def mappings(database: Database, workspaces: Workspaces) -> Mappings:
    return Mappings(database, workspaces, process_repository="acme/last")


@pytest.fixture
def tokens(database: Database, workspaces: Workspaces, keyring: Keyring) -> Tokens:
    return Tokens(database, workspaces, keyring, origin="https://chat.example.com", process_token=None)


def mapping(repository: str, *, default: bool = False, alias: str | None = None, suspended: bool = False) -> Mapping:
    return Mapping(repository, alias, default, "token-1", "U0", THEN, THEN if suspended else None)


def anew(here: tuple[Mapping, ...], repository: str, *, alias: str | None = None, token: str | None = None) -> Mapping:
    return mapped_anew(here, repository, alias=alias, token_id=token, actor="U1", now=NOW)


def test_the_first_mapping_is_the_default_and_the_second_is_not() -> None:
    assert anew((), WEB, alias="web") == Mapping(WEB, "web", True, None, "U1", NOW)
    assert anew((mapping(WEB, default=True),), API) == Mapping(API, None, False, None, "U1", NOW)


def test_a_mapping_that_joins_suspended_ones_is_the_default() -> None:
    assert anew((mapping(WEB, default=True, suspended=True),), API).is_default


def test_mapping_again_makes_it_the_default_keeps_what_is_not_given_and_lifts_a_suspension() -> None:
    here = (mapping(WEB, default=True), mapping(API, alias="api", suspended=True))
    assert anew(here, API) == Mapping(API, "api", True, "token-1", "U1", NOW)
    assert anew(here, API, alias="back", token="token-2") == Mapping(API, "back", True, "token-2", "U1", NOW)
    assert anew(here, "github.com/Acme/API").repository == "github.com/Acme/API"


def test_questions_under_way_are_bound_otherwise_where_the_default_or_a_token_changes() -> None:
    here = (mapping(API, default=True), mapping(WEB))
    assert rebinds((), anew((), API))
    assert rebinds(here, anew(here, WEB))
    assert rebinds(here, anew(here, API, token="t1"))
    assert not rebinds(here, anew(here, API, alias="api"))
    assert not rebinds(here, anew(here, "github.com/acme/third"))


def test_an_alias_names_one_repository() -> None:
    here = (mapping(WEB, default=True, alias="web"),)
    with pytest.raises(AliasTaken) as caught:
        anew(here, API, alias="web")
    assert (caught.value.alias, caught.value.repository) == ("web", WEB)
    assert anew(here, "github.com/acme/WEB", alias="web").alias == "web"


def test_the_oldest_usable_mapping_takes_over() -> None:
    old, new = mapping(WEB), replace(mapping(API), set_at=NOW)
    assert next_default(()) is None
    assert next_default((new, old)) is old
    assert next_default((new, replace(old, suspended_at=NOW))) is new
    assert next_default((replace(old, suspended_at=NOW),)) == replace(old, suspended_at=NOW)


async def test_what_is_mapped_is_listed_with_who_and_when(mappings: Mappings, database: Database) -> None:
    before = datetime.now(UTC)
    web = await mappings.map(CHANNEL, "https://github.com/acme/web/tree/main", alias="web", actor="U1")
    api = await mappings.map(CHANNEL, "acme/api", actor="U2")
    assert await mappings.list(CHANNEL) == (web, api)
    assert (web.repository, web.alias, web.is_default, web.set_by, web.token_id) == (WEB, "web", True, "U1", None)
    assert (api.repository, api.alias, api.is_default, api.set_by) == (API, None, False, "U2")
    assert before <= web.set_at <= api.set_at <= datetime.now(UTC)
    assert await audited(database) == [("U1", "map", f"{WEB} as web"), ("U2", "map", API)]


async def test_mapping_again_makes_it_the_default(mappings: Mappings) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    await mappings.map(CHANNEL, API, alias="api", actor="U1")
    await mappings.map(CHANNEL, "github.com/Acme/API", actor="U2")
    api, web = await mappings.list(CHANNEL)
    assert (api.repository, api.alias, api.is_default, api.set_by) == ("github.com/Acme/API", "api", True, "U2")
    assert (web.repository, web.is_default) == (WEB, False)


async def test_a_refused_mapping_changes_nothing(mappings: Mappings, database: Database) -> None:
    await mappings.map(CHANNEL, WEB, alias="web", actor="U1")
    before = await rows(database, MappingRow), await rows(database, AuditRow)
    with pytest.raises(AliasTaken):
        await mappings.map(CHANNEL, API, alias="web", actor="U1")
    with pytest.raises(BadAlias):
        await mappings.map(CHANNEL, API, alias="Web", actor="U1")
    with pytest.raises(RepositoryNameError):
        await mappings.map(CHANNEL, "nothing", actor="U1")
    with pytest.raises(TokenGone):
        await mappings.map(CHANNEL, API, token_id="no-such-token", actor="U1")
    assert (await rows(database, MappingRow), await rows(database, AuditRow)) == before


async def test_unmapping_the_default_lets_the_oldest_other_take_over(mappings: Mappings, database: Database) -> None:
    for repository in (WEB, API, DOCS):
        await mappings.map(CHANNEL, repository, actor="U1")
    removed = await mappings.unmap(CHANNEL, "github.com/ACME/web", actor="U2")
    assert removed.repository == WEB
    assert [(each.repository, each.is_default) for each in await mappings.list(CHANNEL)] == [(API, True), (DOCS, False)]
    await mappings.unmap(CHANNEL, DOCS, actor="U2")
    assert [(each.repository, each.is_default) for each in await mappings.list(CHANNEL)] == [(API, True)]
    assert (await audited(database))[-2:] == [("U2", "unmap", WEB), ("U2", "unmap", DOCS)]


async def test_unmapping_without_a_name_removes_the_only_one(mappings: Mappings) -> None:
    with pytest.raises(NotMapped):
        await mappings.unmap(CHANNEL, actor="U1")
    await mappings.map(CHANNEL, WEB, actor="U1")
    with pytest.raises(NotMappedHere):
        await mappings.unmap(CHANNEL, API, actor="U1")
    await mappings.map(CHANNEL, API, actor="U1")
    with pytest.raises(SeveralMapped) as caught:
        await mappings.unmap(CHANNEL, actor="U1")
    assert caught.value.repositories == (WEB, API)
    await mappings.unmap(CHANNEL, API, actor="U1")
    await mappings.unmap(CHANNEL, actor="U1")
    assert await mappings.list(CHANNEL) == ()


async def test_a_token_goes_with_the_last_mapping_that_uses_it(
    mappings: Mappings, tokens: Tokens, database: Database
) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    stored = await tokens.save_for_mapping(CHANNEL, WEB, Secret("cAnArY-0123456789"), actor="U1")
    other = replace(CHANNEL, channel_id="C2")
    await mappings.map(other, API, token_id=stored.token_id, actor="U1")
    await mappings.unmap(CHANNEL, actor="U1")
    assert len(await rows(database, TokenRow)) == 1
    await mappings.unmap(other, actor="U1")
    assert await rows(database, TokenRow) == []
    assert (await audited(database, channel_id=None))[-1][1] == "token removed"


async def test_another_token_displaces_the_former_one(mappings: Mappings, tokens: Tokens, database: Database) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    first = await tokens.save_for_mapping(CHANNEL, WEB, Secret("first-0123456789"), actor="U1")
    await mappings.map(CHANNEL, API, actor="U1")
    second = await tokens.save_for_mapping(CHANNEL, API, Secret("second-0123456789"), actor="U1")
    await mappings.map(CHANNEL, WEB, token_id=second.token_id, actor="U1")
    assert [row.token_id for row in await rows(database, TokenRow)] == [second.token_id]
    assert first.token_id != second.token_id


async def test_a_workspaces_token_is_no_mappings_token(mappings: Mappings, tokens: Tokens) -> None:
    stored = await tokens.save_for_workspace(WORKSPACE, Secret("cAnArY-0123456789"), actor="U1")
    with pytest.raises(TokenGone):
        await mappings.map(CHANNEL, WEB, token_id=stored.token_id, actor="U1")


async def test_a_suspension_is_the_channels_and_lasts_until_it_is_confirmed(
    mappings: Mappings, database: Database
) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    await mappings.map(CHANNEL, API, actor="U1")
    other = replace(CHANNEL, channel_id="C2")
    await mappings.map(other, WEB, actor="U1")
    assert {each.repository for each in await mappings.suspend(CHANNEL, actor="slack")} == {WEB, API}
    assert await mappings.suspend(CHANNEL, actor="slack") == ()
    assert [each.suspended for each in await mappings.list(CHANNEL)] == [True, True]
    assert [each.suspended for each in await mappings.list(other)] == [False]
    assert await confirmed(mappings, CHANNEL, actor="U9")
    assert not await confirmed(mappings, CHANNEL, actor="U9")
    assert [each.suspended for each in await mappings.list(CHANNEL)] == [False, False]
    assert (await audited(database))[2:] == [
        ("slack", "suspend", f"{API}, {WEB}"),
        ("U9", "confirm", f"{API}, {WEB}"),
    ]


async def test_who_confirmed_what_fewer_could_read_is_asked_again(mappings: Mappings, database: Database) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    await mappings.suspend(CHANNEL, actor="slack", widened=True)
    asked = suspension_of(await mappings.list(CHANNEL))
    assert await mappings.suspend(CHANNEL, actor="slack") == ()
    assert suspension_of(await mappings.list(CHANNEL)) == asked
    assert await mappings.suspend(CHANNEL, actor="slack", widened=True) == ()  # they are told once
    assert not await mappings.confirm(CHANNEL, asked, actor="U9")
    assert not await mappings.confirm(CHANNEL, "", actor="U9")
    assert (await mappings.list(CHANNEL))[0].suspended
    assert await confirmed(mappings, CHANNEL, actor="U9")
    assert [action for _, action, _ in await audited(database)] == ["map", "suspend", "confirm"]


async def test_what_was_read_before_somebody_confirmed_suspends_nothing(
    mappings: Mappings, database: Database, workspaces: Workspaces
) -> None:
    preferences = Preferences(database, workspaces)
    await mappings.map(CHANNEL, WEB, actor="U1")
    await preferences.record_audience(CHANNEL, Audience.PRIVATE)
    await mappings.suspend_widened(CHANNEL, Audience.PRIVATE, actor="askrepo", turn_id="t1")
    assert (await mappings.list(CHANNEL))[0].suspended
    await confirmed(mappings, CHANNEL, actor="U1")
    await mappings.suspend_widened(CHANNEL, Audience.PRIVATE, actor="askrepo", turn_id="t1")
    assert not (await mappings.list(CHANNEL))[0].suspended


async def test_what_was_mapped_for_fewer_readers_is_suspended_by_mapping_another(
    mappings: Mappings, database: Database, workspaces: Workspaces
) -> None:
    """That it was shared nobody has told, and whoever maps the other says nothing about these."""
    preferences = Preferences(database, workspaces)
    for repository in (WEB, API):
        await mappings.map(CHANNEL, repository, audience=Audience.PRIVATE, actor="U1")
    assert not any(each.suspended for each in await mappings.list(CHANNEL))
    await mappings.suspend(CHANNEL, actor="slack")
    await mappings.map(CHANNEL, API, audience=Audience.PRIVATE, actor="U1")
    offered = suspension_of(await mappings.list(CHANNEL))
    await mappings.map(CHANNEL, DOCS, audience=Audience.SHARED, actor="U2")
    here = [(each.repository, each.is_default, each.suspended) for each in await mappings.list(CHANNEL)]
    assert here == [(DOCS, True, False), (API, False, True), (WEB, False, True)]
    assert (await preferences.of(CHANNEL)).audience is Audience.SHARED
    assert not await mappings.confirm(CHANNEL, offered, audience=Audience.SHARED, actor="U1")
    assert (await audited(database))[-2:] == [("U2", "suspend", API), ("U2", "map", DOCS)]


async def test_where_nobody_knows_who_reads_along_what_was_mapped_stays_for_whom_it_was(
    mappings: Mappings, database: Database, workspaces: Workspaces
) -> None:
    preferences = Preferences(database, workspaces)
    await mappings.map(CHANNEL, WEB, audience=Audience.PRIVATE, actor="U1")
    await mappings.map(CHANNEL, API, actor="shell")
    assert (await preferences.of(CHANNEL)).audience is Audience.PRIVATE
    await mappings.suspend(CHANNEL, actor="slack")
    await mappings.map(CHANNEL, DOCS, actor="shell")
    assert (await preferences.of(CHANNEL)).audience is None  # the others are confirmed first


async def test_mapping_again_confirms(mappings: Mappings) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    await mappings.suspend(CHANNEL, actor="slack")
    await mappings.map(CHANNEL, WEB, actor="U9")
    (web,) = await mappings.list(CHANNEL)
    assert not web.suspended


async def test_the_workspaces_default_is_set_and_removed(mappings: Mappings, database: Database) -> None:
    await mappings.set_default(WORKSPACE, "acme/docs", actor="U1")
    default = (await mappings.facts(CHANNEL)).workspace_default
    assert default is not None
    assert default == WorkspaceDefault(DOCS, "U1", default.set_at)
    await mappings.set_default(WORKSPACE, None, actor="U2")
    assert (await mappings.facts(CHANNEL)).workspace_default is None
    assert await audited(database, channel_id=None) == [("U1", "default", DOCS), ("U2", "default", "none")]


async def test_the_facts_of_a_place(mappings: Mappings, database: Database, workspaces: Workspaces) -> None:
    nothing = await mappings.facts(THREAD)
    assert (nothing.thread_repository, nothing.mappings, nothing.workspace_default) == (None, (), None)
    assert nothing.process_repository == "github.com/acme/last"
    web = await mappings.map(CHANNEL, WEB, actor="U1")
    await History(database, workspaces).stay(THREAD, API)
    assert (await mappings.facts(THREAD)).thread_repository == API
    assert (await mappings.facts(THREAD)).mappings == (web,)
    assert (await mappings.facts(CHANNEL)).thread_repository is None
    assert (await mappings.facts(ThreadRef(CHANNEL, "another"))).thread_repository is None


def test_the_process_repository_has_to_be_one(database: Database, workspaces: Workspaces) -> None:
    with pytest.raises(RepositoryNameError):
        Mappings(database, workspaces, process_repository="nothing")
    assert Mappings(database, workspaces, process_repository=None) is not None


async def test_of_concurrent_mappings_each_is_whole(mappings: Mappings, database: Database) -> None:
    """Equal aliases, equal repositories, all first: one default, one of each alias, one row a repository."""

    async def attempt(number: int) -> bool:
        try:
            await mappings.map(CHANNEL, f"acme/r{number % 5}", alias=f"a{number % 3}", actor=f"U{number}")
        except AliasTaken:
            return False
        return True

    done = await asyncio.gather(*map(attempt, range(40)))
    here = await mappings.list(CHANNEL)
    assert [each.is_default for each in here].count(True) == 1
    assert len({each.repository for each in here}) == len(here) <= 5
    aliases = [each.alias for each in here]
    assert len(set(aliases)) == len(aliases)
    assert len(await audited(database)) == sum(done)


async def test_concurrent_unmapping_removes_each_once(mappings: Mappings) -> None:
    for repository in (WEB, API, DOCS):
        await mappings.map(CHANNEL, repository, actor="U1")

    async def attempt(repository: str) -> bool:
        try:
            await mappings.unmap(CHANNEL, repository, actor="U1")
        except MappingError:
            return False
        return True

    assert sum(await asyncio.gather(*map(attempt, [WEB, API, DOCS, WEB, API, WEB]))) == 3
    assert await mappings.list(CHANNEL) == ()


HOSTILE = ["'; DROP TABLE mappings; --", '"', "\\", "%", "_", "C1\n", "😀", "C" * 10_000, "{}", ":x", "NULL", ""]


async def test_hostile_ids_are_only_values(mappings: Mappings) -> None:
    for name in HOSTILE:
        channel = ChannelRef("slack", name, name)
        made = await mappings.map(channel, WEB, actor=name)
        assert made.set_by == name
        assert await mappings.list(channel) == (made,)
        assert (await mappings.facts(ThreadRef(channel, name))).mappings == (made,)
    assert await mappings.list(CHANNEL) == ()
    for name in HOSTILE:
        await mappings.unmap(ChannelRef("slack", name, name), actor=name)
