"""Which repositories a channel asks about, who said so and when, and the workspace's default."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Row, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels import aliases, audit, tokenrows
from core.channels.access import Audience
from core.channels.choosing import Facts, Mapping, WorkspaceDefault
from core.channels.mapping import mapped_anew, meant, next_default, rebinds
from core.channels.preferences import has_widened, preferences_row, renew_audience
from core.channels.suspensions import handed_back, suspension_of
from core.conversation.values import ChannelRef, ThreadRef, WorkspaceRef
from core.database import Database
from core.repositories import parse, same
from core.scope import CHANNEL, THREAD, WORKSPACE, in_channel, in_thread, in_workspace, named
from core.tables import MappingRow, ThreadRow, WorkspaceRow
from core.workspaces import Workspaces, lock


class Mappings:
    """The mappings of this installation's channels. `process_repository` is the last resort of choosing.

    Every change is in the audit table. Raises RepositoryNameError for what names no repository.
    """

    def __init__(self, database: Database, workspaces: Workspaces, *, process_repository: str | None) -> None:
        self._database = database
        self._workspaces = workspaces
        self._process_repository = None if process_repository is None else parse(process_repository)

    async def map(
        self,
        channel: ChannelRef,
        repository: str,
        *,
        alias: str | None = None,
        token_id: str | None = None,
        default: bool = False,
        audience: Audience = Audience.UNKNOWN,
        actor: str,
    ) -> Mapping:
        """Map the channel to a repository, as `mapped_anew` has it; `default` makes it the default in any case.

        `audience` is who can read the channel now: once more people can, its mappings are suspended; where more can by
        now than was recorded, all but this one at once. Unknown, what the others were made for is kept.
        Raises BadAlias, AliasTaken, and TokenGone where `token_id` is no token for mappings of this workspace.
        """
        name = parse(repository)
        if alias is not None:
            aliases.check(alias)

        async def unit(connection: AsyncConnection) -> Mapping:
            await lock(connection, channel.workspace)
            here = await mappings_of(connection, channel)
            others = [each for each in here if not same(each.repository, name)]
            wider = bool(others) and await has_widened(connection, channel, audience)
            if wider:
                await _set_suspended(connection, channel, datetime.now(UTC), actor=actor, anew=True)
                here = await mappings_of(connection, channel)
            made = mapped_anew(here, name, alias=alias, token_id=token_id, actor=actor, now=datetime.now(UTC))
            made = replace(made, is_default=made.is_default or default)
            if token_id is not None:
                await tokenrows.require(connection, channel.workspace, token_id)
            await _store(connection, channel, here, made)
            if audience is not Audience.UNKNOWN or all(each.suspended for each in others):
                await renew_audience(self._database, connection, channel, audience)
            await _record(connection, channel, actor, "map", _named(made))
            if wider or rebinds(here, made):
                await handed_back(connection, channel)
                await self._database.announce(connection)
            return made

        await self._workspaces.data_key(channel.workspace)  # the workspace is recorded on first sight
        return await self._database.write(unit)

    async def unmap(self, channel: ChannelRef, repository: str | None = None, *, actor: str) -> Mapping:
        """Remove a mapping, and its token where no other uses it; None means the channel's only one.

        Another mapping takes over as the default (`next_default`). Returns what was removed. Raises NotMapped,
        NotMappedHere, and SeveralMapped for None where the channel has more than one.
        """
        name = None if repository is None else parse(repository)

        async def unit(connection: AsyncConnection) -> Mapping:
            await lock(connection, channel.workspace)
            here = await mappings_of(connection, channel)
            removed = meant(here, name)
            await connection.execute(delete(MappingRow).where(_is(channel, removed.repository)))
            if removed.token_id is not None:
                await tokenrows.drop_unused(connection, channel.workspace, removed.token_id, actor=actor)
            heir = next_default(tuple(each for each in here if each is not removed)) if removed.is_default else None
            if heir is not None:
                await connection.execute(
                    update(MappingRow).where(_is(channel, heir.repository)).values(is_default=True)
                )
            await _record(connection, channel, actor, "unmap", removed.repository)
            await handed_back(connection, channel)
            await self._database.announce(connection)
            return removed

        return await self._database.write(unit)

    async def list(self, channel: ChannelRef) -> tuple[Mapping, ...]:
        """The channel's mappings, its default first."""
        async with self._database.reading() as connection:
            return await mappings_of(connection, channel)

    async def channels(self, workspace: WorkspaceRef) -> tuple[ChannelRef, ...]:
        """The channels of a workspace that are mapped."""
        found = select(MappingRow.channel_id).where(in_workspace(MappingRow, workspace)).distinct()
        async with self._database.reading() as connection:
            ids = sorted((await connection.execute(found)).scalars())
        return tuple(ChannelRef(workspace.platform, workspace.workspace_id, channel_id) for channel_id in ids)

    async def mapped(self, platform: str) -> tuple[WorkspaceRef, ...]:
        """The workspaces of a platform that have mappings or a default repository."""
        mapped = select(MappingRow.workspace_id).where(MappingRow.platform == platform)
        async with self._database.reading() as connection:
            ids = set((await connection.execute(mapped.distinct())).scalars())
        return tuple(
            WorkspaceRef(platform, workspace_id)
            for workspace_id in sorted(ids | {each.workspace_id for each in await self.with_default(platform)})
        )

    async def with_default(self, platform: str) -> tuple[WorkspaceRef, ...]:
        """The workspaces of a platform that have a default repository."""
        found = select(WorkspaceRow.workspace_id).where(
            WorkspaceRow.platform == platform, WorkspaceRow.default_repository.is_not(None)
        )
        async with self._database.reading() as connection:
            ids = sorted((await connection.execute(found)).scalars())
        return tuple(WorkspaceRef(platform, workspace_id) for workspace_id in ids)

    async def suspend(self, channel: ChannelRef, *, actor: str, widened: bool = False) -> tuple[Mapping, ...]:
        """Let nothing be chosen here until somebody confirms; the mappings that newly concerns.

        `widened`: more people can read along. What is being answered here is broken off, and looked at anew; and what
        was suspended before is so anew, for who was asked to confirm then was asked about fewer readers.
        """

        async def unit(connection: AsyncConnection) -> tuple[Mapping, ...]:
            suspended = await _set_suspended(connection, channel, datetime.now(UTC), actor=actor, anew=widened)
            if widened:  # with a mapping or without: the workspace's default is not for everybody either
                await handed_back(connection, channel)
                await self._database.announce(connection)
            return suspended

        return await self._database.write(unit)

    async def suspend_widened(self, channel: ChannelRef, recorded: Audience, *, actor: str, turn_id: str) -> None:
        """Suspend the same way, because more people can read the channel than was recorded.

        Not where somebody has confirmed it since. It is the turn that found out which is not broken off.
        """

        async def unit(connection: AsyncConnection) -> None:
            await lock(connection, channel.workspace)
            known = await preferences_row(connection, channel)
            if known is None or known.audience != recorded.word:
                return
            if await _set_suspended(connection, channel, datetime.now(UTC), actor=actor):
                await handed_back(connection, channel, but=turn_id)
                await self._database.announce(connection)

        await self._database.write(unit)

    async def confirm(
        self, channel: ChannelRef, suspension: str, *, audience: Audience = Audience.UNKNOWN, actor: str
    ) -> bool:
        """Lift the suspension that `suspension_of` calls so; False where it is not as it was then.

        `audience` is who can read the channel now, as in `map`.
        """

        async def unit(connection: AsyncConnection) -> bool:
            await lock(connection, channel.workspace)
            if not suspension or suspension_of(await mappings_of(connection, channel)) != suspension:
                return False
            await _set_suspended(connection, channel, None, actor=actor)
            await renew_audience(self._database, connection, channel, audience)
            return True

        return await self._database.write(unit)

    async def set_default(self, workspace: WorkspaceRef, repository: str | None, *, actor: str) -> None:
        """Set the repository of the workspace's channels without a mapping; None removes it."""
        name = None if repository is None else parse(repository)
        by, at = (None, None) if name is None else (actor, datetime.now(UTC))

        async def unit(connection: AsyncConnection) -> None:
            await connection.execute(
                update(WorkspaceRow)
                .where(in_workspace(WorkspaceRow, workspace))
                .values(default_repository=name, default_set_by=by, default_set_at=at)
            )
            await audit.record(connection, workspace, actor=actor, action="default", detail=name or "none")
            await handed_back(connection, workspace)
            await self._database.announce(connection)

        await self._workspaces.data_key(workspace)
        await self._database.write(unit)

    async def facts(self, place: ThreadRef | ChannelRef) -> Facts:
        """What choosing depends on in this thread, or for a fresh question in this channel."""
        channel = place.channel if isinstance(place, ThreadRef) else place
        async with self._database.reading() as connection:
            return Facts(
                thread_repository=await _of_thread(connection, place) if isinstance(place, ThreadRef) else None,
                mappings=await mappings_of(connection, channel),
                workspace_default=await _default(connection, channel.workspace),
                process_repository=self._process_repository,
            )


async def _set_suspended(
    connection: AsyncConnection, channel: ChannelRef, at: datetime | None, *, actor: str, anew: bool = False
) -> tuple[Mapping, ...]:
    """Those that were not so before. `anew`: from `at` on, too, those that were."""
    await lock(connection, channel.workspace)
    other = MappingRow.suspended_at.is_(None) if at is not None else MappingRow.suspended_at.is_not(None)
    concerned = update(MappingRow).where(in_channel(MappingRow, channel), other).values(suspended_at=at)
    rows = (await connection.execute(concerned.returning(MappingRow.__table__))).all()
    if rows:
        names = ", ".join(sorted(row.repository for row in rows))
        await _record(connection, channel, actor, "confirm" if at is None else "suspend", names)
    if anew:
        await connection.execute(update(MappingRow).where(in_channel(MappingRow, channel)).values(suspended_at=at))
    return tuple(map(_mapping, rows))


def _named(made: Mapping) -> str:
    return f"{made.repository} as {made.alias}" if made.alias else made.repository


async def _store(connection: AsyncConnection, channel: ChannelRef, here: tuple[Mapping, ...], made: Mapping) -> None:
    if made.is_default:
        await connection.execute(
            update(MappingRow).where(in_channel(MappingRow, channel), MappingRow.is_default).values(is_default=False)
        )
    known = next((each for each in here if same(each.repository, made.repository)), None)
    if known is not None:
        await connection.execute(update(MappingRow).where(_is(channel, known.repository)).values(asdict(made)))
        if known.token_id is not None and known.token_id != made.token_id:
            await tokenrows.drop_unused(connection, channel.workspace, known.token_id, actor=made.set_by)
        return
    await connection.execute(insert(MappingRow).values(**asdict(channel), **asdict(made)))


async def _record(connection: AsyncConnection, channel: ChannelRef, actor: str, action: str, detail: str) -> None:
    await audit.record(
        connection, channel.workspace, actor=actor, action=action, detail=detail, channel_id=channel.channel_id
    )


def _is(channel: ChannelRef, repository: str) -> ColumnElement[bool]:
    return and_(in_channel(MappingRow, channel), MappingRow.repository == repository)


async def mappings_of(connection: AsyncConnection, channel: ChannelRef) -> tuple[Mapping, ...]:
    """Within a unit: the channel's mappings, its default first."""
    rows = (await connection.execute(_HERE, named(channel))).all()
    return tuple(sorted(map(_mapping, rows), key=lambda each: (not each.is_default, each.repository)))


def _mapping(row: Row[tuple[object, ...]]) -> Mapping:
    return Mapping(
        repository=row.repository,
        alias=row.alias,
        is_default=row.is_default,
        token_id=row.token_id,
        set_by=row.set_by,
        set_at=row.set_at,
        suspended_at=row.suspended_at,
    )


async def _default(connection: AsyncConnection, workspace: WorkspaceRef) -> WorkspaceDefault | None:
    row = (await connection.execute(_DEFAULT, named(workspace))).one_or_none()
    if row is None or row.default_repository is None or row.default_set_at is None:
        return None
    return WorkspaceDefault(row.default_repository, row.default_set_by or "", row.default_set_at)


async def _of_thread(connection: AsyncConnection, thread: ThreadRef) -> str | None:
    return (await connection.execute(_OF_THREAD, named(thread))).scalar_one_or_none()


_HERE = select(MappingRow.__table__).where(in_channel(MappingRow, CHANNEL))
_DEFAULT = select(WorkspaceRow.default_repository, WorkspaceRow.default_set_by, WorkspaceRow.default_set_at).where(
    in_workspace(WorkspaceRow, WORKSPACE)
)
_OF_THREAD = select(ThreadRow.repository).where(in_thread(ThreadRow, THREAD))
