"""A channel got another id, or is gone. Slack gives a new id to a channel that becomes shared, among others.

Everything moves in one unit, and nothing is answered at the new id before somebody confirms: whoever could not read
the channel yesterday may read it today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from sqlalchemy import and_, delete, exists, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from core.channels import audit, tokenrows
from core.channels.access import Audience
from core.channels.choosing import Mapping
from core.channels.mappings import mappings_of
from core.channels.preferences import instructions_cell, preferences_row
from core.channels.suspensions import handed_back
from core.cipher import Keyring
from core.conversation.values import ChannelRef, WorkspaceRef
from core.database import Database
from core.locks import lock_claims
from core.repositories import same
from core.scope import in_channel, in_workspace
from core.statuses import FREE, OPEN
from core.tables import ChannelRow, MappingRow, ThreadRow, TurnRow, WorkspaceRow
from core.workspaces import Workspaces, lock

_TRIES = 3  # a question or thread that arrives at the new id meanwhile makes the unit fail, and is seen by the next


def joining(here: Sequence[Mapping], coming: Sequence[Mapping], *, now: datetime) -> tuple[Mapping, ...]:
    """Those of `coming` that a channel with the mappings `here` takes on, suspended: what is here wins.

    Left out is a repository that is mapped here already; lost are an alias that is taken and, where there is a
    default here, that of being the default.
    """
    aliases = {each.alias for each in here}
    has_default = any(each.is_default for each in here)
    return tuple(
        replace(
            each,
            alias=None if each.alias in aliases else each.alias,
            is_default=each.is_default and not has_default,
            suspended_at=each.suspended_at or now,
        )
        for each in coming
        if not any(same(each.repository, known.repository) for known in here)
    )


class Moves:
    """Finds, moves and forgets the channels of this installation. Every method raises DatabaseError and CipherError."""

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self._database = database
        self._workspaces = workspaces

    async def elsewhere(self, channel: ChannelRef) -> tuple[ChannelRef, ...]:
        """The same channel in other workspaces for which something of it is stored.

        For a platform whose channels can be of several workspaces at once, under one id. They are looked through one by
        one, since no index begins with a channel.
        """
        theirs = (
            and_(
                table.platform == WorkspaceRow.platform,
                table.workspace_id == WorkspaceRow.workspace_id,
                table.channel_id == channel.channel_id,
            )
            for table in (MappingRow, ChannelRow, TurnRow)
        )
        found = select(WorkspaceRow.workspace_id).where(
            WorkspaceRow.platform == channel.platform,
            WorkspaceRow.workspace_id != channel.workspace_id,
            or_(*(exists().where(each) for each in theirs)),
        )
        async with self._database.reading() as connection:
            ids = sorted((await connection.execute(found)).scalars())
        return tuple(replace(channel, workspace_id=workspace_id) for workspace_id in ids)

    async def moved(self, old: ChannelRef, new_id: str, *, actor: str) -> bool:
        """Move what belongs to `old` to the channel id `new_id` of the same workspace; whether there was anything.

        Mappings, preferences, threads and turns move; all mappings there are suspended; turns under way are handed
        back, so that whoever takes them over sees that. What the new id has already wins, and what gives way to it is
        in the audit table. Any number of calls, at once or in turn, are one.
        """
        new = replace(old, channel_id=new_id)
        key = await self._workspaces.data_key(old.workspace)

        async def unit(connection: AsyncConnection) -> bool:
            await lock(connection, old.workspace)
            notes = [
                *await _mappings(connection, old, new, actor),
                *await _preferences(connection, old, new, key),
                *await _threads(connection, old, new),
                *await _turns(connection, old, new),
            ]
            if notes:
                notes += await _suspended(connection, new)
                detail = "; ".join((f"{old.channel_id} → {new_id}", *notes))
                await audit.record(
                    connection, old.workspace, actor=actor, action="move", detail=detail, channel_id=new_id
                )
                await self._database.announce(connection)
            return bool(notes)

        if new == old:
            return False
        for _ in range(_TRIES - 1):
            try:
                return await self._database.write(unit)
            except IntegrityError:
                continue
        return await self._database.write(unit)

    async def forget_channel(self, channel: ChannelRef, *, actor: str) -> tuple[str, ...]:
        """The channel is deleted: remove its mappings, their unused tokens and its preferences; what was mapped.

        Its threads and turns stay, as of any channel.
        """

        async def unit(connection: AsyncConnection) -> tuple[str, ...]:
            await lock(connection, channel.workspace)
            here = await mappings_of(connection, channel)
            await connection.execute(delete(MappingRow).where(in_channel(MappingRow, channel)))
            await _drop_tokens(connection, channel, here, actor)
            if here:
                await handed_back(connection, channel)
                await self._database.announce(connection)
            settings = await connection.execute(delete(ChannelRow).where(in_channel(ChannelRow, channel)))
            names = tuple(each.repository for each in here)
            if names or settings.rowcount:
                detail = ", ".join(names) or "settings"
                await audit.record(
                    connection,
                    channel.workspace,
                    actor=actor,
                    action="forget channel",
                    detail=detail,
                    channel_id=channel.channel_id,
                )
            return names

        return await self._database.write(unit)

    async def forget_workspace(self, workspace: WorkspaceRef, *, actor: str) -> tuple[str, ...]:
        """We were removed there for good: remove all mappings, tokens and settings, and its default; what was mapped.

        Threads and turns stay, as of a channel that is deleted.
        """

        async def unit(connection: AsyncConnection) -> tuple[str, ...]:
            await lock(connection, workspace)
            mappings = delete(MappingRow).where(in_workspace(MappingRow, workspace)).returning(MappingRow.repository)
            names = tuple(sorted(set((await connection.execute(mappings)).scalars())))
            tokens = await tokenrows.drop(connection, workspace, true(), actor=actor)
            settings = await connection.execute(delete(ChannelRow).where(in_workspace(ChannelRow, workspace)))
            default = await connection.execute(
                update(WorkspaceRow)
                .where(in_workspace(WorkspaceRow, workspace), WorkspaceRow.default_repository.is_not(None))
                .values(default_repository=None, default_set_by=None, default_set_at=None)
            )
            if names or tokens or default.rowcount:
                await handed_back(connection, workspace)
                await self._database.announce(connection)
            if names or tokens or settings.rowcount or default.rowcount:
                detail = ", ".join(names) or "settings"
                await audit.record(connection, workspace, actor=actor, action="forget workspace", detail=detail)
            return names

        return await self._database.write(unit)


async def _mappings(connection: AsyncConnection, old: ChannelRef, new: ChannelRef, actor: str) -> list[str]:
    here, coming = await mappings_of(connection, new), await mappings_of(connection, old)
    joined = joining(here, coming, now=datetime.now(UTC))
    await connection.execute(delete(MappingRow).where(in_channel(MappingRow, old)))
    for each in joined:
        await connection.execute(insert(MappingRow).values(**asdict(new), **asdict(each)))
    await _drop_tokens(connection, new, coming, actor)
    kept = {each.repository: each for each in joined}
    return [_note(each, kept.get(each.repository)) for each in coming]


def _note(before: Mapping, after: Mapping | None) -> str:
    if after is None:
        return f"dropped {before.repository}, mapped there already"
    lost = [f"its alias {before.alias}"] if before.alias != after.alias else []
    lost += ["being the default"] if before.is_default != after.is_default else []
    return f"moved {before.repository}" + (f" without {' and '.join(lost)}" if lost else "")


async def _drop_tokens(
    connection: AsyncConnection, channel: ChannelRef, removed: Sequence[Mapping], actor: str
) -> None:
    for token_id in sorted({each.token_id for each in removed if each.token_id is not None}):
        await tokenrows.drop_unused(connection, channel.workspace, token_id, actor=actor)


async def _suspended(connection: AsyncConnection, channel: ChannelRef) -> list[str]:
    """Suspend what was mapped at the new id before; what came has come suspended."""
    concerned = update(MappingRow).where(in_channel(MappingRow, channel), MappingRow.suspended_at.is_(None))
    names = await connection.execute(concerned.values(suspended_at=datetime.now(UTC)).returning(MappingRow.repository))
    return [f"suspended {name}" for name in sorted(names.scalars())]


async def _preferences(connection: AsyncConnection, old: ChannelRef, new: ChannelRef, key: Keyring) -> list[str]:
    coming, here = await preferences_row(connection, old), await preferences_row(connection, new)
    if coming is None:
        return []
    await connection.execute(delete(ChannelRow).where(in_channel(ChannelRow, old)))
    if here is None:
        sealed = coming.instructions
        if sealed is not None:
            sealed = key.seal(key.open(sealed, instructions_cell(old)), instructions_cell(new))
        moved = {**coming._asdict(), "channel_id": new.channel_id, "instructions": sealed}
        await connection.execute(insert(ChannelRow).values(moved))
        return ["moved the settings"]
    recorded = [word for word in (coming.audience, here.audience) if word is not None]
    narrowest = min(recorded, key=Audience.of, default=None)
    await connection.execute(update(ChannelRow).where(in_channel(ChannelRow, new)).values(audience=narrowest))
    return ["dropped the settings, there are some already"]


async def _threads(connection: AsyncConnection, old: ChannelRef, new: ChannelRef) -> list[str]:
    here = aliased(ThreadRow)
    known = exists().where(in_channel(here, new), here.thread_id == ThreadRow.thread_id)
    both = (await connection.execute(select(ThreadRow.__table__).where(in_channel(ThreadRow, old), known))).all()
    for row in both:
        at = and_(in_channel(ThreadRow, new), ThreadRow.thread_id == row.thread_id)
        lacking = update(ThreadRow).where(at, ThreadRow.repository.is_(None)).values(repository=row.repository)
        await connection.execute(lacking)
        await connection.execute(
            delete(ThreadRow).where(in_channel(ThreadRow, old), ThreadRow.thread_id == row.thread_id)
        )
    moved = await connection.execute(
        update(ThreadRow).where(in_channel(ThreadRow, old)).values(channel_id=new.channel_id)
    )
    notes = [f"moved threads: {moved.rowcount}"] if moved.rowcount else []
    return notes + ([f"joined threads: {len(both)}"] if both else [])


async def _turns(connection: AsyncConnection, old: ChannelRef, new: ChannelRef) -> list[str]:
    """A question that was accepted under both ids stays where it is, and is answered at the new one alone."""
    await lock_claims(connection)
    other = aliased(TurnRow)
    twin = and_(in_channel(other, new), other.message_id == TurnRow.message_id)
    of_old = in_channel(TurnRow, old)
    answered_with = select(other.turn_id).where(twin).scalar_subquery()
    twice = await connection.execute(
        update(TurnRow)
        .where(of_old, TurnRow.status.in_(OPEN), exists().where(twin))
        .values(status="stopped", answered_with=answered_with, finished_at=datetime.now(UTC), **FREE)
    )
    await handed_back(connection, old)
    moved = await connection.execute(
        update(TurnRow).where(of_old, ~exists().where(twin)).values(channel_id=new.channel_id)
    )
    notes = [f"moved turns: {moved.rowcount}"] if moved.rowcount else []
    return notes + ([f"stopped turns that were asked there too: {twice.rowcount}"] if twice.rowcount else [])
