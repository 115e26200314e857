"""The stored threads of a channel: which one was last, which ones still wait for an answer, who talks in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from sqlalchemy import CTE, Select, and_, exists, func, inspect, literal, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation import followup
from core.conversation.followup import FollowUps, Reply, ThreadFacts
from core.conversation.values import ChannelRef, Outcome, ThreadRef, WorkspaceRef
from core.database import Database
from core.scope import in_channel, in_thread, in_workspace, of_turn
from core.tables import ChannelRow, PostRow, ThreadRow, TurnRow, WorkspaceRow

_ENDED = tuple(outcome.value for outcome in Outcome)
_LOOKED_AT = 50  # of somebody's newest questions, when their threads are looked for
# unlike a question that was deleted before anything came of it
_SEEN = or_(TurnRow.erased_at.is_(None), TurnRow.attempt > 0, TurnRow.answered_with.is_not(None))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn stands, and whether it has no outcome yet."""

    thread: ThreadRef
    is_open: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """Somebody's newest question of a thread. `repository` is what it was answered about, None while it was not."""

    thread: ThreadRef
    turn_id: str
    repository: str | None
    asked_at: datetime
    sealed_question: bytes = field(repr=False)


class Threads:
    """The threads of this installation that something was asked in. Every method raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, channel: ChannelRef) -> ThreadRef | None:
        """The thread of the channel's last question."""
        found = select(TurnRow.thread_id).where(in_channel(TurnRow, channel)).order_by(TurnRow.position.desc()).limit(1)
        return next(iter(await self._threads(channel, found)), None)

    async def unfinished(self, channel: ChannelRef, *, most: int = 20) -> list[ThreadRef]:
        """The threads that hold a question without an outcome, the newest first."""
        return await self._threads(channel, _unfinished(channel, most))

    async def _threads(self, channel: ChannelRef, found: Select[str]) -> list[ThreadRef]:
        async with self._database.reading() as connection:
            return [ThreadRef(channel, thread_id) for thread_id in (await connection.execute(found)).scalars()]

    async def whole_channels(self, workspace: WorkspaceRef, *, after: int, most: int) -> list[ThreadRef]:
        """The conversations that have a channel to themselves and a question ordered `after` that, newest first."""
        channels = _channels(workspace)
        whole = and_(in_workspace(TurnRow, workspace), TurnRow.channel_id == channels.c.channel_id)
        newest = select(func.max(TurnRow.position)).where(whole, TurnRow.thread_id == channels.c.channel_id)
        known = select(channels.c.channel_id, newest.scalar_subquery().label("newest")).subquery()
        found = (
            select(known.c.channel_id)
            .where(known.c.newest > after)
            .order_by(known.c.newest.desc(), known.c.channel_id)
            .limit(most)
        )
        async with self._database.reading() as connection:
            ids = (await connection.execute(found)).scalars().all()
        return [ThreadRef(ChannelRef(workspace.platform, workspace.workspace_id, each), each) for each in ids]

    async def reached(self, thread: ThreadRef, *, before: int) -> int | None:
        """The order of the last that is known of a conversation: its newest question `before` that, or a fresh start.

        None where nothing had been asked.
        """
        asked = select(func.max(TurnRow.position)).where(in_thread(TurnRow, thread), TurnRow.position < before)
        anew = select(ThreadRow.history_from).where(in_thread(ThreadRow, thread))
        async with self._database.reading() as connection:
            newest = (await connection.execute(asked)).scalar_one()
            began = (await connection.execute(anew)).scalar_one_or_none()
        return None if newest is None else max(newest, began or 0)

    async def standing(self, thread: ThreadRef, user_id: str) -> ThreadFacts | None:
        """What decides whether this person's unmentioned reply is for us; None where nothing was ever asked.

        One statement, whatever the channel holds.
        """
        async with self._database.reading() as connection:
            row = (await connection.execute(_standing(thread, user_id))).one()
        if not row.ours:
            return None
        return ThreadFacts(
            mode=FollowUps.of(row.follow_ups),
            muted=row.muted_at is not None,
            crowded=bool(row.crowded),
            asked_before=row.asked_before,
        )

    async def is_for_us(self, thread: ThreadRef, user_id: str, *, mentions_others: bool) -> bool:
        """Whether this person's unmentioned reply is for us; one between others is remembered as such."""
        reply = followup.decide(await self.standing(thread, user_id), mentions_others=mentions_others, direct=False)
        if reply is Reply.IGNORE_AND_CROWD:
            await self.crowd(thread)
        return reply is Reply.ANSWER

    async def of_turn(self, workspace: WorkspaceRef, turn_id: str) -> Place | None:
        """Where a turn of this workspace stands; None where there is none of this id."""
        found = select(TurnRow.channel_id, TurnRow.thread_id, TurnRow.status).where(
            of_turn(TurnRow, workspace, turn_id)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(found)).one_or_none()
        if row is None:
            return None
        channel = ChannelRef(workspace.platform, workspace.workspace_id, row.channel_id)
        return Place(ThreadRef(channel, row.thread_id), row.status not in _ENDED)

    async def elsewhere(self, thread: ThreadRef) -> tuple[WorkspaceRef, ...]:
        """The other workspaces in which something was asked in this thread.

        For a platform whose channels can be of several workspaces at once, under one id.
        """
        there = exists().where(
            TurnRow.platform == WorkspaceRow.platform,
            TurnRow.workspace_id == WorkspaceRow.workspace_id,
            TurnRow.channel_id == thread.channel.channel_id,
            TurnRow.thread_id == thread.thread_id,
        )
        found = select(WorkspaceRow.workspace_id).where(
            WorkspaceRow.platform == thread.channel.platform,
            WorkspaceRow.workspace_id != thread.channel.workspace_id,
            there,
        )
        async with self._database.reading() as connection:
            ids = sorted((await connection.execute(found)).scalars())
        return tuple(WorkspaceRef(thread.channel.platform, each) for each in ids)

    async def shown_in(self, thread: ThreadRef, post_ids: Sequence[str]) -> tuple[str, ...]:
        """The turns of this thread whose answers these posts of ours show."""
        shown = (
            select(PostRow.turn_id)
            .where(in_workspace(PostRow, thread.channel.workspace), PostRow.turn_id == TurnRow.turn_id)
            .where(PostRow.post_id.in_(post_ids))
        )
        found = select(TurnRow.turn_id).where(in_thread(TurnRow, thread), shown.exists())
        async with self._database.reading() as connection:
            return tuple((await connection.execute(found)).scalars())

    async def recent(self, workspace: WorkspaceRef, user_id: str, *, most: int = 5) -> list[Recent]:
        """The threads in which this person asked last, the newest first; of their last 50 questions, not more."""
        found = (
            select(
                TurnRow.channel_id,
                TurnRow.thread_id,
                TurnRow.turn_id,
                TurnRow.repository,
                TurnRow.asked_at,
                TurnRow.question,
            )
            .where(in_workspace(TurnRow, workspace), TurnRow.asker_id == user_id, TurnRow.erased_at.is_(None))
            .order_by(TurnRow.asked_at.desc())
            .limit(_LOOKED_AT)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(found)).all()
        newest: dict[ThreadRef, Recent] = {}
        for row in rows:
            channel = ChannelRef(workspace.platform, workspace.workspace_id, row.channel_id)
            thread = ThreadRef(channel, row.thread_id)
            newest.setdefault(thread, Recent(thread, row.turn_id, row.repository, row.asked_at, row.question))
        return list(newest.values())[:most]

    async def mute(self, thread: ThreadRef) -> None:
        """Answer nothing unmentioned here until `unmute`."""
        await self._set(thread, muted_at=datetime.now(UTC))

    async def unmute(self, thread: ThreadRef) -> None:
        """Answer unmentioned replies again, as if nobody else had spoken."""
        await self._set(thread, muted_at=None, crowded=False)

    async def crowd(self, thread: ThreadRef) -> None:
        """Others talk here to each other: from now on a mention is needed."""
        await self._set(thread, crowded=True)

    async def _set(self, thread: ThreadRef, **values: object) -> None:
        await self._database.write(lambda connection: change(self._database, connection, thread, values, values))


async def change(
    database: Database,
    connection: AsyncConnection,
    thread: ThreadRef,
    first: Mapping[str, object],
    values: Mapping[str, object],
) -> None:
    """Within a unit: store what changes of a thread; `first`, where nothing of it is stored yet."""
    await connection.execute(
        database.insert(ThreadRow)
        .values(
            **asdict(thread.channel),
            thread_id=thread.thread_id,
            created_at=datetime.now(UTC),
            **{"history_from": 0, **first},
        )
        .on_conflict_do_update(index_elements=inspect(ThreadRow).primary_key, set_=values)
    )


def _channels(workspace: WorkspaceRef) -> CTE:
    """The channels in which something was asked, each found behind the one before it: no turn more is read."""
    channels = select(literal("").label("channel_id")).cte("channels", recursive=True)
    behind = and_(in_workspace(TurnRow, workspace), TurnRow.channel_id > channels.c.channel_id)
    following = select(func.min(TurnRow.channel_id)).where(behind).scalar_subquery()
    return channels.union_all(select(following).where(channels.c.channel_id.is_not(None)))


def _unfinished(channel: ChannelRef, most: int) -> Select[str]:
    """By the indexes of what is open alone, whatever was answered in the channel: so each status is written out."""
    here = select(TurnRow.thread_id, TurnRow.position).where(in_channel(TurnRow, channel))
    waiting = here.where(TurnRow.status == literal_column("'waiting'"))
    found = waiting.union_all(here.where(TurnRow.status == literal_column("'running'"))).subquery()
    return select(found.c.thread_id).group_by(found.c.thread_id).order_by(func.max(found.c.position).desc()).limit(most)


def _standing(thread: ThreadRef, user_id: str) -> Select[datetime | None, bool, str | None, bool, bool]:
    turns = exists().where(in_thread(TurnRow, thread), _SEEN)
    place = select(literal(1).label("here")).subquery()  # a row even where the thread and the channel have none
    return (
        select(
            ThreadRow.muted_at,
            ThreadRow.crowded,
            ChannelRow.follow_ups,
            turns.label("ours"),
            turns.where(TurnRow.asker_id == user_id).label("asked_before"),
        )
        .select_from(place)
        .outerjoin(ThreadRow, in_thread(ThreadRow, thread))
        .outerjoin(ChannelRow, in_channel(ChannelRow, thread.channel))
    )
