"""Who is next in line: the turns that may be claimed, which of them fit into everybody's shares, and who is behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, ColumnElement, Row, Select, and_, case, exists, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from core.conversation.values import ChannelRef, Outcome, ThreadRef
from core.database import now_ms
from core.relay.claims import DUE, NOW, Scope
from core.relay.shares import Shares
from core.scope import THREAD, given, in_thread
from core.statuses import RUNNING, WAITING
from core.tables import ThreadRow, TurnRow

_WORKSPACE = ("platform", "workspace_id")
_MOST_BEHIND = 20  # questions that one answer covers at most


@dataclass(frozen=True, slots=True)
class Candidate:
    """A turn that may be claimed, and how many answers run for its person, in its channel and its workspace."""

    turn_id: str
    thread: ThreadRef
    asker_id: str
    of_person: int
    of_channel: int
    of_workspace: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the turn's row."""
        return self.thread.channel.platform, self.thread.channel.workspace_id, self.turn_id


def chosen(candidates: Sequence[Candidate], shares: Shares, most: int) -> list[Candidate]:
    """The first `most` of these that fit into the shares, one of a thread at most."""
    picked: list[Candidate] = []
    threads: set[ThreadRef] = set()
    taken: Counter[object] = Counter()
    for each in candidates:
        channel = each.thread.channel
        person = (channel.workspace, each.asker_id)
        fits = (
            each.of_person + taken[person] < shares.person.at_once
            and each.of_channel + taken[channel] < shares.channel.at_once
            and each.of_workspace + taken[channel.workspace] < shares.workspace.at_once
        )
        if fits and each.thread not in threads and len(picked) < most:
            picked.append(each)
            threads.add(each.thread)
            taken.update((person, channel, channel.workspace))
    return picked


def candidate_of(row: Row[Any]) -> Candidate:
    """A row of `candidates_statement` as a value."""
    thread = ThreadRef(ChannelRef(row.platform, row.workspace_id, row.channel_id), row.thread_id)
    return Candidate(row.turn_id, thread, row.asker_id, int(row.of_person), int(row.of_channel), int(row.of_workspace))


@lru_cache(maxsize=64)  # building such a statement takes SQLAlchemy longer than running it takes a database
def due_statement(scope: Scope) -> Select[bool]:
    """Whether anything waits that may be due: cheap, and all that an idle worker asks."""
    return select(exists().where(TurnRow.status == WAITING, DUE, scope.condition()))


@lru_cache(maxsize=64)
def candidates_statement(scope: Scope, shares: Shares, most: int) -> Select[*tuple[Any, ...]]:
    """The first in line that are due: each the head of its thread, of nobody who has their share already.

    A turn that has begun is the head of its thread even if an earlier question arrives late: a platform that cannot say
    whose an unfinished post is relies on that. Read in the order of `ix_turns_line`, so that neither what is stored nor
    what waits slows it down. A turn that is refused unread may overtake those before it in its thread.
    """
    busy = _busy()
    levels = [
        _running(busy, (*_WORKSPACE, "asker_id"), "person"),
        _running(busy, (*_WORKSPACE, "channel_id"), "channel"),
        _running(busy, _WORKSPACE, "workspace"),
    ]
    at_once = (shares.person.at_once, shares.channel.at_once, shares.workspace.at_once)
    counts = [func.coalesce(level.c.answers, 0) for level in levels]
    refused = or_(TurnRow.declined.is_not(None), and_(TurnRow.late_at.is_not(None), TurnRow.late_at < NOW))
    names = ("of_person", "of_channel", "of_workspace")
    statement: Select[*tuple[Any, ...]] = select(
        TurnRow.platform,
        TurnRow.workspace_id,
        TurnRow.channel_id,
        TurnRow.thread_id,
        TurnRow.turn_id,
        TurnRow.asker_id,
        *(count.label(name) for count, name in zip(counts, names, strict=True)),
    )
    for level in levels:
        same = [getattr(TurnRow, column.name) == column for column in level.c if column.name != "answers"]
        statement = statement.outerjoin(level, and_(*same))
    within = and_(*(count < most_running for count, most_running in zip(counts, at_once, strict=True)))
    return (
        statement.where(TurnRow.status == WAITING, DUE, scope.condition())
        .where(within, ~_in_same_thread(RUNNING), or_(refused, ~_in_same_thread(WAITING, earlier=True)))
        .order_by(TurnRow.line_at, TurnRow.due_at, TurnRow.position)
        .limit(most)
    )


def _busy() -> CTE:
    """The running answers: as many rows as answers run in the whole installation, at most."""
    columns = (TurnRow.platform, TurnRow.workspace_id, TurnRow.channel_id, TurnRow.asker_id)
    return select(*columns).where(TurnRow.status == RUNNING).cte("busy")


def _running(busy: CTE, columns: Sequence[str], name: str) -> CTE:
    by = [busy.c[column] for column in columns]
    return select(*by, func.count().label("answers")).group_by(*by).cte(name)


def _in_same_thread(status: ColumnElement[str], *, earlier: bool = False) -> ColumnElement[bool]:
    other = aliased(TurnRow)
    found = exists().where(
        other.platform == TurnRow.platform,
        other.workspace_id == TurnRow.workspace_id,
        other.channel_id == TurnRow.channel_id,
        other.thread_id == TurnRow.thread_id,
        other.status == status,
    )
    if earlier:
        in_order = tuple_(other.position, other.message_id) < tuple_(TurnRow.position, TurnRow.message_id)
        found = found.where(
            case((other.attempt > 0, or_(TurnRow.attempt == 0, in_order)), else_=and_(TurnRow.attempt == 0, in_order))
        )
    return found.correlate(TurnRow)


# made once: an alias of a table costs a millisecond, and goes with the garbage collector alone
_said = aliased(TurnRow)
_SAID_SINCE = exists().where(
    in_thread(_said, THREAD),
    _said.status.in_((Outcome.ANSWERED.value, Outcome.STOPPED.value)),
    _said.erased_at.is_(None),
    _said.position > given("order"),
    _said.position < TurnRow.position,
)
_BEGUN_BETWEEN = exists().where(
    in_thread(ThreadRow, THREAD),
    (ThreadRow.history_from > given("order")) != (ThreadRow.history_from > TurnRow.position),
)
_BEHIND = in_thread(TurnRow, THREAD), TurnRow.status == WAITING, TurnRow.turn_id != given("turn_id")
# what waits in a thread behind the claimed turn of this id and order, up to what was answered or begun anew between
BEHIND = (
    select(TurnRow.__table__, now_ms().label("now"))
    .where(*_BEHIND, ~_SAID_SINCE, ~_BEGUN_BETWEEN)
    .order_by(TurnRow.position, TurnRow.message_id)
    .limit(_MOST_BEHIND)
)
