"""What becomes of a question after it was asked: its author edits or deletes it, or has it answered once more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex

from sqlalchemy import ColumnElement, and_, case, exists, or_, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from core.conversation.history import text_cell
from core.conversation.values import ChannelRef, Notice, Offer, Outcome, Question, ThreadRef, WorkspaceRef
from core.database import Database, now_ms
from core.relay.claims import GIVEN_UP, LATE_SECONDS, REFUSED, due_soon
from core.relay.delivery import ECHO
from core.relay.room import Room
from core.relay.shares import Shares
from core.scope import in_channel, in_thread, in_workspace, of_turn
from core.statuses import OPEN
from core.tables import PostRow, TurnRow
from core.workspaces import Workspaces

ANSWERED_BEFORE = Notice("You edited a question that I had replied to. Shall I answer it as it is now?", Offer.AGAIN)

_ENDED = tuple(outcome.value for outcome in Outcome)


class Revised(StrEnum):
    """What an edit came to."""

    UNKNOWN = "unknown"  # no question of ours
    SAME = "same"  # its words did not change, or a later edit is stored already
    REPLACED = "replaced"  # it is, or will be, answered as it is now
    ANSWERED = "answered"  # it had its outcome already; it can be asked again


class Revisions:
    """Changes to stored questions. Every method raises DatabaseError."""

    def __init__(self, database: Database, workspaces: Workspaces, shares: Shares = Shares()) -> None:  # noqa: B008 - frozen
        self._database = database
        self._workspaces = workspaces
        self._room = Room(database, shares.waiting)

    async def revise(self, question: Question) -> tuple[Revised, str]:
        """Replace the text of a stored question, found by its natural key; what that came to, and the turn's id.

        One that is being answered is answered anew, in the same place: the running attempt ends at its next write.
        """
        workspace = question.thread.channel.workspace
        key = await self._workspaces.data_key(workspace)

        async def unit(connection: AsyncConnection) -> tuple[Revised, str]:
            found = select(TurnRow.turn_id, TurnRow.status, TurnRow.question, TurnRow.edited).where(
                _at(question.thread.channel, question.message_id), TurnRow.erased_at.is_(None)
            )
            row = (await connection.execute(found.with_for_update())).one_or_none()
            if row is None:
                return Revised.UNKNOWN, ""
            cell = text_cell(workspace, row.turn_id, "question")
            # a platform delivers again what it could not deliver, and does not wait with what came after it
            if question.edited < row.edited:
                return Revised.SAME, row.turn_id
            same = key.open_text(row.question, cell) == question.text
            reworded = {
                "question": key.seal_text(question.text, cell),
                "revision": TurnRow.revision + 1,
                "stop_requested": False,  # that was about the words before, as these are
                "declined": case((TurnRow.declined.not_in((REFUSED, GIVEN_UP)), TurnRow.declined)),
                "failures": 0,
                "answered_with": case((TurnRow.status.not_in(OPEN), TurnRow.answered_with)),
                "late_at": now_ms() + int(LATE_SECONDS * 1000),  # whoever edits it expects an answer
            }
            changed = {"edited": question.edited} | ({} if same else reworded)
            await connection.execute(update(TurnRow).where(of_turn(TurnRow, workspace, row.turn_id)).values(changed))
            if same:
                return Revised.SAME, row.turn_id
            return (Revised.REPLACED if row.status in OPEN else Revised.ANSWERED), row.turn_id

        return await self._database.write(unit)

    async def forestall(self, question: Question) -> None:
        """Let a question that is deleted already be a duplicate, should it come yet; of one that came nothing changes.

        What stands for it is as `erase` leaves a question that no worker had: its key, and no text.
        """
        channel, turn_id = question.thread.channel, token_hex(16)
        key = await self._workspaces.data_key(channel.workspace)
        erased = self._database.insert(TurnRow).values(
            **asdict(channel),
            thread_id=question.thread.thread_id,
            message_id=question.message_id,
            turn_id=turn_id,
            position=question.order,
            asker_id=question.asker.user_id,
            question=key.seal_text("", text_cell(channel.workspace, turn_id, "question")),
            erased_at=datetime.now(UTC),
            asked_at=question.asked_at,
            status=Outcome.STOPPED.value,
            attempt=0,
            failures=0,
            due_at=now_ms(),
            stop_requested=False,
        )
        await self._database.write(lambda connection: connection.execute(erased.on_conflict_do_nothing()))

    async def erase(self, channel: ChannelRef, message_id: str, within: str | None = None) -> ThreadRef | None:
        """Forget all text of a question, and stop it where it is still open; the thread it was asked in, if any.

        The message is the question, or our post that shows it: at the beginning of its thread, or in the one `within`.
        """
        workspace = channel.workspace
        key = await self._workspaces.data_key(workspace)

        async def unit(connection: AsyncConnection) -> ThreadRef | None:
            here = or_(_at(channel, message_id), _shown_by(channel, message_id, within))
            row = (
                await connection.execute(select(TurnRow.turn_id, TurnRow.thread_id).where(here).with_for_update())
            ).one_or_none()
            if row is None:
                return None
            untouched = and_(TurnRow.status == "waiting", TurnRow.attempt == 0)
            shown = and_(TurnRow.status.in_(OPEN), ~untouched)
            await connection.execute(
                update(TurnRow)
                .where(of_turn(TurnRow, workspace, row.turn_id))
                .values(
                    question=key.seal_text("", text_cell(workspace, row.turn_id, "question")),
                    reference=case((shown, TurnRow.reference)),  # to show that it stopped
                    context=None,
                    answer=None,
                    erased_at=datetime.now(UTC),
                    status=case((untouched, Outcome.STOPPED.value), else_=TurnRow.status),
                    stop_requested=TurnRow.status.in_(OPEN),
                    due_at=due_soon(),
                )
            )
            return ThreadRef(channel, row.thread_id)

        return await self._database.write(unit)

    async def forget_around(self, channel: ChannelRef, thread_ids: Collection[str], order: int) -> None:
        """Forget what stood around the questions of these threads: a post of this order may be in it, and is deleted.

        A question that was asked before the post was never sent with it. What is being answered goes on, and what a
        question itself was about (a reply, a shortcut) stays with it until it is deleted.
        """
        here = and_(in_channel(TurnRow, channel), TurnRow.thread_id.in_(thread_ids))
        around = and_(here, TurnRow.position > order, TurnRow.context.is_not(None))
        async with self._database.reading() as connection:
            if not (await connection.execute(select(exists().where(around)))).scalar_one():
                return
        await self._database.write(
            lambda connection: connection.execute(update(TurnRow).where(around).values(context=None))
        )

    async def known(
        self, channel: ChannelRef, message_ids: Sequence[str], within: str | None = None
    ) -> tuple[str, ...]:
        """Those of these messages that `erase` would forget the question of, in one look-up."""
        asked = select(TurnRow.message_id).where(in_channel(TurnRow, channel), TurnRow.message_id.in_(message_ids))
        shown = (
            select(PostRow.post_id)
            .join(TurnRow, and_(_same_turn(), in_channel(TurnRow, channel)))
            .where(
                in_workspace(PostRow, channel.workspace),
                PostRow.number == ECHO,
                PostRow.post_id.in_(message_ids),
                TurnRow.thread_id.in_({*message_ids, within or ""}),  # so that few turns are looked at
                or_(TurnRow.thread_id == PostRow.post_id, TurnRow.thread_id == within),
            )
        )
        async with self._database.reading() as connection:
            return tuple(sorted((await connection.execute(union(asked, shown))).scalars()))

    async def again(self, workspace: WorkspaceRef, turn_id: str) -> bool:
        """Put a turn that has ended back in the queue, with the turns its answer covered; False if it has not ended.

        Its answer is shown anew in the posts it has; what it is now stays until then. A question that was deleted is
        not asked again. Raises LineFull.
        """

        async def unit(connection: AsyncConnection) -> bool:
            ended = TurnRow.status.in_(_ENDED)
            lead = (
                await connection.execute(
                    select(TurnRow.channel_id, TurnRow.thread_id)
                    .where(of_turn(TurnRow, workspace, turn_id), ended, TurnRow.erased_at.is_(None))
                    .with_for_update()
                )
            ).one_or_none()
            if lead is None:
                return False
            channel = ChannelRef(workspace.platform, workspace.workspace_id, lead.channel_id)
            thread = in_thread(TurnRow, ThreadRef(channel, lead.thread_id))  # which one answer does not leave
            concerned = and_(thread, or_(TurnRow.turn_id == turn_id, TurnRow.answered_with == turn_id))
            if not await self._room.take(connection, 1):
                raise self._room.full()
            await connection.execute(
                update(TurnRow)
                .where(concerned, ended, TurnRow.erased_at.is_(None))
                .values(
                    status="waiting",
                    due_at=now_ms(),
                    line_at=now_ms(),
                    late_at=now_ms() + int(LATE_SECONDS * 1000),
                    place_told=False,
                    attempt=case((TurnRow.attempt > 0, TurnRow.attempt + 1), else_=0),  # the one before has no say now
                    declined=None,
                    failures=0,
                    stop_requested=False,
                    answer=case((TurnRow.status == Outcome.ANSWERED.value, TurnRow.answer)),
                    finished_at=None,
                )
            )
            await self._database.announce(connection)
            return True

        return await self._database.write(unit)

    async def leading(self, workspace: WorkspaceRef, turn_id: str) -> str:
        """The turn whose answer covers this one, unless its question was deleted: then this one stands for itself."""
        lead = aliased(TurnRow)
        covered = in_workspace(lead, workspace), lead.turn_id == TurnRow.answered_with, lead.erased_at.is_(None)
        found = select(lead.turn_id).where(of_turn(TurnRow, workspace, turn_id), *covered)
        async with self._database.reading() as connection:
            return (await connection.execute(found)).scalar_one_or_none() or turn_id

    async def newest_ended(self, thread: ThreadRef) -> str | None:
        """The newest turn of the thread that has ended, and is not deleted."""
        found = (
            select(TurnRow.turn_id)
            .where(in_thread(TurnRow, thread), TurnRow.status.in_(_ENDED), TurnRow.erased_at.is_(None))
            .order_by(TurnRow.position.desc(), TurnRow.message_id.desc())
            .limit(1)
        )
        async with self._database.reading() as connection:
            return (await connection.execute(found)).scalar_one_or_none()


def _at(channel: ChannelRef, message_id: str) -> ColumnElement[bool]:
    return and_(in_channel(TurnRow, channel), TurnRow.message_id == message_id)


def _same_turn() -> ColumnElement[bool]:
    """The condition that a post is of the turn."""
    return and_(
        PostRow.platform == TurnRow.platform,
        PostRow.workspace_id == TurnRow.workspace_id,
        PostRow.turn_id == TurnRow.turn_id,
    )


def _shown_by(channel: ChannelRef, post_id: str, within: str | None) -> ColumnElement[bool]:
    """The condition that this post of ours shows the turn's question."""
    shown = select(PostRow.turn_id).where(
        in_workspace(PostRow, channel.workspace),
        PostRow.turn_id == TurnRow.turn_id,
        PostRow.number == ECHO,
        PostRow.post_id == post_id,
    )
    return and_(in_channel(TurnRow, channel), TurnRow.thread_id.in_({post_id, within or post_id}), shown.exists())
