"""Stored tokens for /chat: sealed at rest, shown only as label, last four and fingerprint, sent only where they belong.

A token never changes: replacing one makes a new row with a new id. So a question that chose the old one finds it gone
instead of sending another in its stead, and what the service said about the old one is not held against the new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels import origins, tokenrows
from core.channels.suspensions import handed_back
from core.cipher import Cell, Keyring
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Database, Unit
from core.errors import NotMappedHere, NoTokenNeeded, SecretError, TokenForElsewhere, TokenGone
from core.repositories import parse, same
from core.scope import WORKSPACE, given, in_channel, in_workspace, named
from core.secret import Secret, bearer, repeats
from core.tables import MappingRow, TokenRow
from core.workspaces import Workspaces, lock

_LABEL = 60  # characters of a label
_FOUR_SHOWN_FROM = 12  # of a shorter token, four characters would give away too much


class TokenRule(StrEnum):
    """Whose token is sent."""

    MAPPING = "mapping"
    WORKSPACE = "workspace"
    PROCESS = "process"
    EMBEDDED = "embedded"  # the built-in service answers; what it is sent is its own
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What may be shown of a stored token. `elsewhere`: it was entered for another service than today's."""

    token_id: str
    purpose: str
    label: str
    last_four: str
    fingerprint: str
    set_by: str
    set_at: datetime
    refused_at: datetime | None
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Applying:
    """The rule that decides which token is sent from a place, and that token if it is a stored one."""

    rule: TokenRule
    stored: StoredToken | None = None


@dataclass(frozen=True, slots=True)
class ChosenToken:
    """The token to send with one question. `token_id` is None for the process's and for none."""

    secret: Secret | None
    token_id: str | None
    rule: TokenRule


def token_cell(workspace: WorkspaceRef, token_id: str, purpose: str, origin: str) -> Cell:
    """Where a sealed token lives: neither its row, its purpose nor its service can be exchanged in the database."""
    return Cell("tokens", "sealed", (workspace.platform, workspace.workspace_id, token_id, purpose, origin))


class Tokens:
    """The stored tokens of this installation.

    `origin` is the address of today's service (scheme, host, port, path); tokens entered for another are kept, but not
    sent. None is the embedded service, which takes the process's token alone. Otherwise `process_token` is the last
    resort. Raises CipherError for what does not open.

    Nothing is saved where `provided`, which is a part of the same transaction, fails: its error is raised.
    """

    def __init__(
        self,
        database: Database,
        workspaces: Workspaces,
        keyring: Keyring,
        *,
        origin: str | None,
        process_token: Secret | None,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._keyring = keyring
        self._origin = None if origin is None else origins.canonical(origin)
        self._process_token = process_token

    async def save_for_mapping(
        self,
        channel: ChannelRef,
        repository: str,
        secret: Secret,
        *,
        label: str = "",
        actor: str,
        provided: Unit[None] | None = None,
    ) -> StoredToken:
        """Store the token of one mapping, in place of its former one.

        Raises NotMappedHere, SecretError and NoTokenNeeded.
        """
        name = parse(repository)
        row = await self._sealed(channel.workspace, tokenrows.MAPPING, secret, label, actor)

        async def unit(connection: AsyncConnection) -> None:
            await lock(connection, channel.workspace)
            found = select(MappingRow.repository, MappingRow.token_id).where(in_channel(MappingRow, channel))
            mappings = (await connection.execute(found)).all()
            mapping = next((mapping for mapping in mappings if same(mapping.repository, name)), None)
            if mapping is None:
                raise NotMappedHere(name)
            await tokenrows.add(connection, row, channel.workspace, channel.channel_id, mapping.repository)
            await connection.execute(
                update(MappingRow)
                .where(in_channel(MappingRow, channel), MappingRow.repository == mapping.repository)
                .values(token_id=row["token_id"])
            )
            if mapping.token_id is not None:
                await tokenrows.drop_unused(connection, channel.workspace, mapping.token_id, actor=actor)
            await self._changed(connection, channel)

        return await self._saved(unit, row, provided)

    async def save_for_workspace(
        self,
        workspace: WorkspaceRef,
        secret: Secret,
        *,
        label: str = "",
        actor: str,
        provided: Unit[None] | None = None,
    ) -> StoredToken:
        """Store the token of mappings without one, in place of the former one. Raises SecretError and NoTokenNeeded."""
        row = await self._sealed(workspace, tokenrows.WORKSPACE, secret, label, actor)

        async def unit(connection: AsyncConnection) -> None:
            await lock(connection, workspace)
            await tokenrows.drop(connection, workspace, TokenRow.purpose == tokenrows.WORKSPACE, actor=actor)
            await tokenrows.add(connection, row, workspace, None, "the workspace")
            await self._changed(connection, workspace)

        return await self._saved(unit, row, provided)

    async def _changed(self, connection: AsyncConnection, *places: ChannelRef | WorkspaceRef) -> None:
        """What is being answered there with another token than now begins anew."""
        for place in places:
            await handed_back(connection, place)
        await self._database.announce(connection)

    async def _saved(self, unit: Unit[None], row: dict[str, Any], provided: Unit[None] | None) -> StoredToken:
        async def whole(connection: AsyncConnection) -> None:
            if provided is not None:
                await provided(connection)
            await unit(connection)

        await self._database.write(whole)
        return self._shown(row)

    async def _sealed(
        self, workspace: WorkspaceRef, purpose: str, secret: Secret, label: str, actor: str
    ) -> dict[str, Any]:
        """The row of a new token. Its fingerprint is keyed by the workspace: it survives a change of the key ring."""
        if self._origin is None:
            raise NoTokenNeeded
        token = bearer(secret.reveal())
        if repeats(label, token):
            raise SecretError("its label repeats it")
        value = token.reveal()
        workspace_key = await self._workspaces.data_key(workspace)
        token_id = uuid4().hex
        return {
            "platform": workspace.platform,
            "workspace_id": workspace.workspace_id,
            "token_id": token_id,
            "purpose": purpose,
            "origin": self._origin,
            "label": _printable(label),
            "last_four": value[-4:] if len(value) >= _FOUR_SHOWN_FROM else "",
            "fingerprint": workspace_key.fingerprint(value),
            "sealed": self._keyring.seal_text(value, token_cell(workspace, token_id, purpose, self._origin)),
            "set_by": actor,
            "set_at": datetime.now(UTC),
            "refused_at": None,
        }

    async def remove(self, workspace: WorkspaceRef, token_id: str, *, actor: str) -> bool:
        """Forget a token; its mappings stay, without one. False if there is none of that id."""

        async def unit(connection: AsyncConnection) -> bool:
            await lock(connection, workspace)
            of_workspace = and_(TokenRow.token_id == token_id, TokenRow.purpose == tokenrows.WORKSPACE)
            if await tokenrows.drop(connection, workspace, of_workspace, actor=actor):
                await self._changed(connection, workspace)
                return True
            channels = await tokenrows.unbind(connection, workspace, token_id)
            dropped = await tokenrows.drop(connection, workspace, tokenrows.of_mapping(token_id), actor=actor)
            if channels:  # those alone: who manages one channel must not be able to interrupt all the others
                await self._changed(connection, *channels)
            return dropped

        return await self._database.write(unit)

    async def list(self, workspace: WorkspaceRef) -> tuple[StoredToken, ...]:
        """The workspace's tokens, in the order they were set."""
        found = (
            select(TokenRow.__table__)
            .where(in_workspace(TokenRow, workspace))
            .order_by(TokenRow.set_at, TokenRow.token_id)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(found)).all()
        return tuple(self._shown(row._asdict()) for row in rows)

    async def of_workspace(self, workspace: WorkspaceRef) -> str | None:
        """The id of the workspace's own token, whatever service it was entered for."""
        return next((each.token_id for each in await self.list(workspace) if each.purpose == tokenrows.WORKSPACE), None)

    async def applying(self, workspace: WorkspaceRef, token_id: str | None) -> Applying:
        """Which token would be sent, without opening it; `token_id` is the mapping's. Raises TokenGone."""
        rule, row = await self._found(workspace, token_id)
        return Applying(rule, None if row is None else self._shown(row._asdict()))

    async def choose(self, workspace: WorkspaceRef, token_id: str | None) -> ChosenToken:
        """The token to send: the mapping's (`token_id`), else the workspace's, else the process's, else none.

        Raises TokenGone, TokenForElsewhere, and CipherError: there is no way on to the next rule.
        """
        rule, row = await self._found(workspace, token_id)
        if row is None:
            return ChosenToken(self._process_token, None, rule)
        if row.origin != self._origin:
            raise TokenForElsewhere(row.label)
        cell = token_cell(workspace, row.token_id, row.purpose, row.origin)
        return ChosenToken(Secret(self._keyring.open_text(row.sealed, cell)), row.token_id, rule)

    async def mark_refused(self, workspace: WorkspaceRef, token_id: str) -> None:
        """Note that the service refused this token; shown until it is replaced."""

        async def unit(connection: AsyncConnection) -> None:
            await connection.execute(
                update(TokenRow)
                .where(in_workspace(TokenRow, workspace), TokenRow.token_id == token_id, TokenRow.refused_at.is_(None))
                .values(refused_at=datetime.now(UTC))
            )

        await self._database.write(unit)

    async def _found(self, workspace: WorkspaceRef, token_id: str | None) -> tuple[TokenRule, Row[Any] | None]:
        if self._origin is None:
            return TokenRule.EMBEDDED, None
        of_mapping = token_id is not None
        async with self._database.reading() as connection:
            found = _OF_MAPPING if of_mapping else _OF_WORKSPACE
            row = (await connection.execute(found, named(workspace, token_id=token_id))).one_or_none()
        if row is not None:
            return TokenRule.MAPPING if of_mapping else TokenRule.WORKSPACE, row
        if of_mapping:
            raise TokenGone
        return TokenRule.NONE if self._process_token is None else TokenRule.PROCESS, None

    def _shown(self, row: dict[str, Any]) -> StoredToken:
        return StoredToken(
            token_id=row["token_id"],
            purpose=row["purpose"],
            label=row["label"],
            last_four=row["last_four"],
            fingerprint=row["fingerprint"],
            set_by=row["set_by"],
            set_at=row["set_at"],
            refused_at=row["refused_at"],
            elsewhere=row["origin"] != self._origin,
        )


_STORED = select(TokenRow.__table__).where(in_workspace(TokenRow, WORKSPACE))
_OF_MAPPING = _STORED.where(TokenRow.token_id == given("token_id"), TokenRow.purpose == tokenrows.MAPPING)
_OF_WORKSPACE = _STORED.where(TokenRow.purpose == tokenrows.WORKSPACE)


def _printable(label: str) -> str:
    return " ".join("".join(each for each in label if each.isprintable() or each.isspace()).split())[:_LABEL]
