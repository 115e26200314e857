"""Stored tokens: sealed at rest, shown in part, sent only where they belong, and never another in their stead."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from core.channels.commands import Actor, Commands
from core.channels.grammar import Token, TokenAction
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import ChosenToken, TokenRule, Tokens
from core.cipher import Keyring, new_key
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Database
from core.errors import (
    CipherError,
    NotMappedHere,
    NoTokenNeeded,
    SecretError,
    Tampered,
    TokenForElsewhere,
    TokenGone,
    UnknownKey,
)
from core.secret import Secret
from core.tables import AuditRow, MappingRow, TokenRow
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, WORKSPACE, audited, rows

WEB, API = "github.com/acme/web", "github.com/acme/api"
HERE, ELSEWHERE = "https://chat.example.com/v1", "https://other.example.com/v1"
PROCESS = Secret("process-token-0123")


@pytest.fixture
def mappings(database: Database, workspaces: Workspaces) -> Mappings:
    return Mappings(database, workspaces, process_repository=None)


@pytest.fixture
def tokens(database: Database, workspaces: Workspaces, keyring: Keyring) -> Tokens:
    return Tokens(database, workspaces, keyring, origin=HERE, process_token=PROCESS)


def canary(name: str) -> Secret:
    return Secret(f"cAnArY-{name}-0123456789")


def sent(chosen: ChosenToken) -> str | None:
    return None if chosen.secret is None else chosen.secret.reveal()


async def set_up(mappings: Mappings, tokens: Tokens) -> str:
    """A mapped channel with a token of its own; the token's id."""
    await mappings.map(CHANNEL, WEB, actor="U1")
    return (await tokens.save_for_mapping(CHANNEL, WEB, canary("web"), label="team web", actor="U1")).token_id


async def test_the_mappings_token_then_the_workspaces_then_the_processs_then_none(
    mappings: Mappings, tokens: Tokens, database: Database, workspaces: Workspaces, keyring: Keyring
) -> None:
    of_web = await set_up(mappings, tokens)
    of_workspace = (await tokens.save_for_workspace(WORKSPACE, canary("workspace"), actor="U2")).token_id
    chosen = await tokens.choose(WORKSPACE, of_web)
    assert (sent(chosen), chosen.token_id, chosen.rule) == (canary("web").reveal(), of_web, TokenRule.MAPPING)
    chosen = await tokens.choose(WORKSPACE, None)
    assert (chosen.token_id, chosen.rule) == (of_workspace, TokenRule.WORKSPACE)
    assert sent(chosen) == canary("workspace").reveal()
    assert await tokens.remove(WORKSPACE, of_workspace, actor="U2")
    assert await tokens.choose(WORKSPACE, None) == ChosenToken(PROCESS, None, TokenRule.PROCESS)
    without = Tokens(database, workspaces, keyring, origin=HERE, process_token=None)
    assert await without.choose(WORKSPACE, None) == ChosenToken(None, None, TokenRule.NONE)
    assert (await without.applying(WORKSPACE, None)).stored is None


async def test_a_token_that_is_gone_is_not_replaced_by_another(mappings: Mappings, tokens: Tokens) -> None:
    of_web = await set_up(mappings, tokens)
    of_workspace = (await tokens.save_for_workspace(WORKSPACE, canary("workspace"), actor="U2")).token_id
    await tokens.remove(WORKSPACE, of_web, actor="U1")
    for gone in (of_web, of_workspace, "no-such-token", ""):
        with pytest.raises(TokenGone):
            await tokens.choose(WORKSPACE, gone)
        with pytest.raises(TokenGone):
            await tokens.applying(WORKSPACE, gone)
    assert (await mappings.list(CHANNEL))[0].token_id is None


async def test_replacing_makes_a_new_token_and_clears_the_refusal(
    mappings: Mappings, tokens: Tokens, database: Database
) -> None:
    old = await set_up(mappings, tokens)
    await tokens.mark_refused(WORKSPACE, old)
    (refused,) = await tokens.list(WORKSPACE)
    assert refused.refused_at is not None
    new = (await tokens.save_for_mapping(CHANNEL, "acme/WEB", canary("new"), actor="U2")).token_id
    assert (await mappings.list(CHANNEL))[0].token_id == new != old
    await tokens.mark_refused(WORKSPACE, old)  # the answer of the service to the old one arrives late
    (listed,) = await tokens.list(WORKSPACE)
    assert (listed.token_id, listed.refused_at, listed.set_by) == (new, None, "U2")
    with pytest.raises(TokenGone):
        await tokens.choose(WORKSPACE, old)
    assert sent(await tokens.choose(WORKSPACE, new)) == canary("new").reveal()
    assert len(await rows(database, TokenRow)) == 1


async def test_the_first_refusal_is_kept(mappings: Mappings, tokens: Tokens) -> None:
    token_id = await set_up(mappings, tokens)
    await tokens.mark_refused(WORKSPACE, token_id)
    (first,) = await tokens.list(WORKSPACE)
    await tokens.mark_refused(WORKSPACE, token_id)
    assert await tokens.list(WORKSPACE) == (first,)
    assert (await tokens.choose(WORKSPACE, token_id)).token_id == token_id


async def test_a_token_is_for_a_mapping_that_exists(mappings: Mappings, tokens: Tokens, database: Database) -> None:
    await mappings.map(CHANNEL, API, actor="U1")
    with pytest.raises(NotMappedHere):
        await tokens.save_for_mapping(CHANNEL, WEB, canary("web"), actor="U1")
    assert await rows(database, TokenRow) == []
    assert [action for _, action, _ in await audited(database)] == ["map"]


async def test_a_shared_token_is_replaced_for_one_mapping_only(mappings: Mappings, tokens: Tokens) -> None:
    shared = await set_up(mappings, tokens)
    other = replace(CHANNEL, channel_id="C2")
    await mappings.map(other, API, token_id=shared, actor="U1")
    await tokens.save_for_mapping(CHANNEL, WEB, canary("new"), actor="U1")
    assert (await mappings.list(other))[0].token_id == shared
    assert sent(await tokens.choose(WORKSPACE, shared)) == canary("web").reveal()


async def test_what_is_shown_is_label_last_four_and_fingerprint(
    mappings: Mappings, tokens: Tokens, database: Database
) -> None:
    await set_up(mappings, tokens)
    (shown,) = await tokens.list(WORKSPACE)
    assert (shown.label, shown.last_four, shown.set_by, shown.refused_at) == ("team web", "6789", "U1", None)
    assert len(shown.fingerprint) == 8
    assert "cAnArY" not in repr(shown)
    assert "cAnArY" not in repr(await tokens.choose(WORKSPACE, shown.token_id))
    detail = f"token 'team web' …6789 ({shown.fingerprint}) for {WEB}"
    assert (await audited(database))[-1] == ("U1", "token set", detail)


async def test_four_characters_are_shown_only_of_a_long_token(tokens: Tokens) -> None:
    for value, four in (("a" * 11, ""), ("a" * 8 + "wxyz", "wxyz")):
        stored = await tokens.save_for_workspace(WORKSPACE, Secret(value), actor="U1")
        assert stored.last_four == four
        assert await tokens.list(WORKSPACE) == (stored,)


async def test_equal_tokens_have_equal_fingerprints_within_a_workspace_only(tokens: Tokens) -> None:
    first = await tokens.save_for_workspace(WORKSPACE, canary("same"), actor="U1")
    again = await tokens.save_for_workspace(WORKSPACE, canary("same"), actor="U1")
    other = await tokens.save_for_workspace(WORKSPACE, canary("other"), actor="U1")
    foreign = await tokens.save_for_workspace(WorkspaceRef("slack", "T2"), canary("same"), actor="U1")
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, foreign.fingerprint}) == 3


async def test_what_cannot_be_a_token_is_not_stored(tokens: Tokens, database: Database) -> None:
    for value in ("", " ", "two words", "Bearer abcdefgh", "tökén", "a\x00b", "x" * 5_000):
        with pytest.raises(SecretError):
            await tokens.save_for_workspace(WORKSPACE, Secret(value), actor="U1")
    assert await rows(database, TokenRow) == []


async def test_a_label_is_one_short_printable_line_and_not_the_token(tokens: Tokens) -> None:
    stored = await tokens.save_for_workspace(
        WORKSPACE, canary("web"), label=" the\nteam's\x00 \ud800\u202e" + "x" * 90, actor="U1"
    )
    assert stored.label == ("the team's " + "x" * 90)[:60]
    with pytest.raises(SecretError) as caught:
        await tokens.save_for_workspace(WORKSPACE, canary("web"), label=f"it is {canary('web').reveal()}", actor="U1")
    assert "cAnArY" not in str(caught.value)


async def test_no_value_stands_in_the_file(
    database: Database, mappings: Mappings, tokens: Tokens, tmp_path: Path
) -> None:
    for number in range(20):
        await mappings.map(CHANNEL, WEB, actor="U1")
        await tokens.save_for_mapping(CHANNEL, WEB, canary(f"file{number}"), label="file", actor="U1")
    await mappings.unmap(CHANNEL, actor="U1")
    assert "cAnArY" not in repr([*await rows(database, TokenRow), *await rows(database, AuditRow)])
    for file in tmp_path.glob("askrepo.db*"):
        assert b"cAnArY" not in file.read_bytes()


async def test_a_token_entered_for_another_service_is_not_sent(
    database: Database, workspaces: Workspaces, keyring: Keyring
) -> None:
    for entered, today in (
        (HERE, ELSEWHERE),
        (HERE, "http://chat.example.com/v1"),
        (HERE, "https://chat.example.com:8443/v1"),
        (HERE, "https://chat.example.com/v2"),
        (HERE, "https://chat.example.com"),
        (ELSEWHERE, HERE),
    ):
        then = Tokens(database, workspaces, keyring, origin=entered, process_token=None)
        now = Tokens(database, workspaces, keyring, origin=today, process_token=PROCESS)
        stored = await then.save_for_workspace(WORKSPACE, canary("web"), label="old", actor="U1")
        assert not stored.elsewhere
        with pytest.raises(TokenForElsewhere) as caught:
            await now.choose(WORKSPACE, None)
        assert caught.value.label == "old"
        (listed,) = await now.list(WORKSPACE)
        assert listed.elsewhere
        assert sent(await then.choose(WORKSPACE, None)) == canary("web").reveal()


async def test_one_service_in_another_spelling_is_the_same(
    database: Database, workspaces: Workspaces, keyring: Keyring, tokens: Tokens
) -> None:
    await tokens.save_for_workspace(WORKSPACE, canary("web"), actor="U1")
    for today in (HERE, "https://CHAT.example.com:443/v1/", "HTTPS://chat.example.com/v1"):
        now = Tokens(database, workspaces, keyring, origin=today, process_token=None)
        assert sent(await now.choose(WORKSPACE, None)) == canary("web").reveal()


async def test_nothing_exchanged_in_the_database_makes_a_token_go_astray(
    database: Database, workspaces: Workspaces, keyring: Keyring, mappings: Mappings, tokens: Tokens
) -> None:
    """Between any two tokens: of two workspaces, two channels, two purposes, two services."""
    other = WorkspaceRef("slack", "T2")
    elsewhere = Tokens(database, workspaces, keyring, origin=ELSEWHERE, process_token=None)
    await set_up(mappings, tokens)
    await mappings.map(CHANNEL, API, actor="U1")
    await tokens.save_for_mapping(CHANNEL, API, canary("api"), actor="U1")
    await tokens.save_for_workspace(WORKSPACE, canary("workspace"), actor="U1")
    await elsewhere.save_for_workspace(other, canary("other"), actor="U1")
    stored = await rows(database, TokenRow)
    assert len(stored) == 4
    for row, foreign in itertools.permutations(stored, 2):
        await _change(database, row, sealed=foreign.sealed)
        with pytest.raises(Tampered):
            await _choose(elsewhere if row.origin == ELSEWHERE else tokens, row)
        await _change(database, row, sealed=row.sealed)
    for row in stored:
        await _change(database, row, origin=ELSEWHERE if row.origin == HERE else HERE)
        with pytest.raises(Tampered):
            await _choose(tokens if row.origin == ELSEWHERE else elsewhere, row)
        await _change(database, row, origin=row.origin)
        assert sent(await _choose(elsewhere if row.origin == ELSEWHERE else tokens, row)) is not None


async def _change(database: Database, row: Any, **values: object) -> None:
    same = (TokenRow.workspace_id == row.workspace_id) & (TokenRow.token_id == row.token_id)
    await database.write(lambda connection: connection.execute(update(TokenRow).where(same).values(values)))


async def _choose(tokens: Tokens, row: Any) -> ChosenToken:
    return await tokens.choose(
        WorkspaceRef(row.platform, row.workspace_id), row.token_id if row.purpose == "mapping" else None
    )


async def test_a_mappings_token_made_the_workspaces_is_refused(
    database: Database, mappings: Mappings, tokens: Tokens
) -> None:
    await set_up(mappings, tokens)
    (row,) = await rows(database, TokenRow)
    await _change(database, row, purpose="workspace")
    with pytest.raises(Tampered):
        await tokens.choose(WORKSPACE, None)


async def test_an_older_value_does_not_come_back(database: Database, mappings: Mappings, tokens: Tokens) -> None:
    await set_up(mappings, tokens)
    (old,) = await rows(database, TokenRow)
    await tokens.save_for_mapping(CHANNEL, WEB, canary("new"), actor="U1")
    (new,) = await rows(database, TokenRow)
    await _change(database, new, sealed=old.sealed)
    with pytest.raises(Tampered):
        await tokens.choose(WORKSPACE, new.token_id)


async def test_without_its_key_a_token_is_an_error_not_none(
    database: Database, mappings: Mappings, tokens: Tokens
) -> None:
    await set_up(mappings, tokens)
    await tokens.save_for_workspace(WORKSPACE, canary("workspace"), actor="U1")
    strange = Keyring((new_key(),))
    others = Tokens(database, Workspaces(database, strange), strange, origin=HERE, process_token=PROCESS)
    (mapping,) = await mappings.list(CHANNEL)
    for token_id in (mapping.token_id, None):
        with pytest.raises(UnknownKey):
            await others.choose(WORKSPACE, token_id)
    with pytest.raises(CipherError):
        await others.save_for_workspace(WORKSPACE, canary("new"), actor="U1")


async def test_a_workspace_has_one_token_however_many_set_it_at_once(tokens: Tokens, database: Database) -> None:
    await asyncio.gather(
        *(tokens.save_for_workspace(WORKSPACE, canary(f"n{number}"), actor="U1") for number in range(20))
    )
    (left,) = await rows(database, TokenRow)
    assert sent(await tokens.choose(WORKSPACE, None)) is not None
    actions = [action for _, action, _ in await audited(database, channel_id=None)]
    assert (actions.count("token set"), actions.count("token removed")) == (20, 19)
    assert left.purpose == "workspace"


async def test_a_mapping_has_one_token_however_many_set_it_at_once(
    mappings: Mappings, tokens: Tokens, database: Database
) -> None:
    await mappings.map(CHANNEL, WEB, actor="U1")
    await asyncio.gather(
        *(tokens.save_for_mapping(CHANNEL, WEB, canary(f"n{number}"), actor="U1") for number in range(20)),
        *(mappings.map(CHANNEL, WEB, actor="U1") for _ in range(5)),
    )
    (left,) = await rows(database, TokenRow)
    (mapping,) = await rows(database, MappingRow)
    assert mapping.token_id == left.token_id


async def test_removing_what_is_not_there_is_said(tokens: Tokens, database: Database) -> None:
    assert not await tokens.remove(WORKSPACE, "no-such-token", actor="U1")
    assert await audited(database, channel_id=None) == []


async def test_another_workspaces_token_id_is_no_token(database: Database, mappings: Mappings, tokens: Tokens) -> None:
    of_web = await set_up(mappings, tokens)
    other = WorkspaceRef("slack", "T2")
    with pytest.raises(TokenGone):
        await tokens.choose(other, of_web)
    assert not await tokens.remove(other, of_web, actor="U9")
    await tokens.mark_refused(other, of_web)
    (row,) = await rows(database, TokenRow)
    assert row.refused_at is None
    copied = {**row._asdict(), "workspace_id": "T2"}
    await tokens.save_for_workspace(other, canary("t2"), actor="U9")
    await database.write(lambda connection: connection.execute(insert(TokenRow).values(copied)))
    with pytest.raises(Tampered):
        await tokens.choose(other, of_web)


async def test_the_embedded_service_gets_the_process_token_and_no_stored_one(
    database: Database, workspaces: Workspaces, keyring: Keyring
) -> None:
    workspace = WorkspaceRef("slack", "W1")
    remote = Tokens(database, workspaces, keyring, origin="https://chat.example.com", process_token=None)
    await remote.save_for_workspace(workspace, Secret("stored-token-1234"), actor="U1")
    own = Secret("process-token-5678")
    embedded = Tokens(database, workspaces, keyring, origin=None, process_token=own)
    assert await embedded.choose(workspace, None) == ChosenToken(own, None, TokenRule.EMBEDDED)
    with pytest.raises(NoTokenNeeded):
        await embedded.save_for_workspace(workspace, Secret("stored-token-1234"), actor="U1")
    assert [each.elsewhere for each in await embedded.list(workspace)] == [True]
    mappings = Mappings(database, workspaces, process_repository=None)
    commands = Commands(mappings, embedded, Preferences(database, workspaces))
    place = ChannelRef("slack", "W1", "C1")
    shown = await commands.run(Token(TokenAction.SHOW), place, Actor("U1", may_manage=True))
    assert "ASKREPO_CHAT_TOKEN" not in shown.text
    removed = await commands.run(Token(TokenAction.REMOVE, of_workspace=True), place, Actor("U1", may_manage=True))
    assert "is removed" in removed.text
    assert await embedded.list(workspace) == ()
