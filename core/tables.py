"""The tables. Every row of a workspace carries the workspace's key in its own key or a composite foreign key.

Text of people and of answers, tokens and data keys are sealed (cipher.py) before SQLAlchemy sees them. Times people
read are UTC datetimes; times that leases compare are milliseconds of the database's own clock. All tables stand in one
module, long as it is: they refer to each other, and a revision is read beside them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on both databases; SQLite would drop the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Only aware datetimes are stored."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What comes back is UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Base(DeclarativeBase):
    """Names every constraint, so that a revision can drop it by name on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: String(), int: BigInteger(), bytes: LargeBinary(), datetime: UtcDateTime()}  # noqa: RUF012


def _in_workspace(*more: Any) -> tuple[Any, ...]:
    return (
        ForeignKeyConstraint(
            ["platform", "workspace_id"],
            ["workspaces.platform", "workspaces.workspace_id"],
            ondelete="CASCADE",
        ),
        *more,
    )


class WorkspaceRow(Base):
    """A workspace, its data key (sealed under the key ring; destroying it is the erasure) and its default."""

    __tablename__ = "workspaces"

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    data_key: Mapped[bytes]
    default_repository: Mapped[str | None]
    default_set_by: Mapped[str | None]
    default_set_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class TokenRow(Base):
    """A stored token for /chat. `purpose` is 'workspace' (its one default) or 'mapping'."""

    __tablename__ = "tokens"
    __table_args__ = _in_workspace(
        Index(
            "uq_tokens_workspace_default",
            "platform",
            "workspace_id",
            unique=True,
            sqlite_where=text("purpose = 'workspace'"),
            postgresql_where=text("purpose = 'workspace'"),
        )
    )

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    token_id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    origin: Mapped[str]  # the service it was entered for; it is sent nowhere else
    label: Mapped[str]
    last_four: Mapped[str]
    fingerprint: Mapped[str]
    sealed: Mapped[bytes]
    set_by: Mapped[str]
    set_at: Mapped[datetime]
    refused_at: Mapped[datetime | None]


class MappingRow(Base):
    """Channel → repository, with its token and alias; several in a channel, one of them the default."""

    __tablename__ = "mappings"
    __table_args__ = _in_workspace(
        ForeignKeyConstraint(
            ["platform", "workspace_id", "token_id"],
            ["tokens.platform", "tokens.workspace_id", "tokens.token_id"],
            name="fk_mappings_tokens",
        ),
        UniqueConstraint("platform", "workspace_id", "channel_id", "alias"),
        Index(
            "uq_mappings_channel_default",
            "platform",
            "workspace_id",
            "channel_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    channel_id: Mapped[str] = mapped_column(primary_key=True)
    repository: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str | None]
    is_default: Mapped[bool] = mapped_column(Boolean())
    token_id: Mapped[str | None]
    set_by: Mapped[str]
    set_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]


class ChannelRow(Base):
    """What an admin set for a channel, and who could read it when its mappings were made."""

    __tablename__ = "channels"
    __table_args__ = _in_workspace()

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    channel_id: Mapped[str] = mapped_column(primary_key=True)
    follow_ups: Mapped[str | None]  # always, smart or mention; None is the default
    guests: Mapped[bool] = mapped_column(Boolean())
    outsiders: Mapped[bool] = mapped_column(Boolean())  # people of other organisations
    model: Mapped[str | None]
    instructions: Mapped[bytes | None]  # sealed under the workspace's data key
    audience: Mapped[str | None]  # None: nothing was asked since the last mapping


class ThreadRow(Base):
    """One conversation: the repository it stays on, from where its history counts, and who it is between."""

    __tablename__ = "threads"
    __table_args__ = _in_workspace()

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    channel_id: Mapped[str] = mapped_column(primary_key=True)
    thread_id: Mapped[str] = mapped_column(primary_key=True)
    repository: Mapped[str | None]
    history_from: Mapped[int]  # turns with a lower position were closed by `new`
    muted_at: Mapped[datetime | None]  # nothing unmentioned is answered
    crowded: Mapped[bool] = mapped_column(Boolean(), server_default=false())  # others talk here to each other
    created_at: Mapped[datetime]


class TurnRow(Base):
    """One question, its place in the queue (section 3a of the design) and its outcome.

    status: waiting → running → answered | failed | refused | stopped. `attempt` fences: it rises with every claim, and
    every write names it; so does `revision`, which rises when the question is edited. `failures` counts crashes and
    errors.
    """

    __tablename__ = "turns"
    __table_args__ = _in_workspace(
        UniqueConstraint("platform", "workspace_id", "channel_id", "message_id"),
        Index(
            "uq_turns_running_thread",
            "platform",
            "workspace_id",
            "channel_id",
            "thread_id",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index("ix_turns_asker", "platform", "workspace_id", "asker_id", "asked_at"),
        Index("ix_turns_thread_position", "platform", "workspace_id", "channel_id", "thread_id", "position"),
        Index(
            "ix_turns_line",
            "line_at",
            "due_at",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(
            "ix_turns_waiting_thread",
            "platform",
            "workspace_id",
            "channel_id",
            "thread_id",
            "position",
            "message_id",
            sqlite_where=text("status = 'waiting'"),
            postgresql_where=text("status = 'waiting'"),
        ),
        Index(
            "ix_turns_running",
            "lease_until",
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
    )

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    channel_id: Mapped[str]
    thread_id: Mapped[str]
    message_id: Mapped[str]
    position: Mapped[int]
    asker_id: Mapped[str]
    question: Mapped[bytes]
    reference: Mapped[bytes | None]  # sealed; what the platform needs to act on it later
    context: Mapped[bytes | None]  # sealed; what stood around the question and was sent along
    revision: Mapped[int] = mapped_column(server_default=text("0"))
    edited: Mapped[int] = mapped_column(server_default=text("0"))  # the platform's microseconds; 0: as it was posted
    erased_at: Mapped[datetime | None]  # its author deleted it: no text of it is kept
    asked_at: Mapped[datetime]
    status: Mapped[str]
    attempt: Mapped[int]
    failures: Mapped[int]
    worker: Mapped[str | None]
    lease_until: Mapped[int | None]
    due_at: Mapped[int]
    line_at: Mapped[int] = mapped_column(server_default=text("0"))  # those who wait are answered in this order
    place_told: Mapped[bool] = mapped_column(Boolean(), server_default=false())
    late_at: Mapped[int | None]  # from then on no answer is expected any more
    declined: Mapped[str | None]  # it ends with a notice: the limit that it met, or that it was given up
    declined_until: Mapped[int | None]
    stop_requested: Mapped[bool]
    answer: Mapped[bytes | None]
    repository: Mapped[str | None]
    model: Mapped[str | None]
    answered_with: Mapped[str | None]  # the turn whose answer covered this one too
    finished_at: Mapped[datetime | None]


class PostRow(Base):
    """What was shown where, so that a redo edits the post it finds instead of posting again."""

    __tablename__ = "posts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["platform", "workspace_id", "turn_id"],
            ["turns.platform", "turns.workspace_id", "turns.turn_id"],
            ondelete="CASCADE",
        ),
    )

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # 0 is the first post of the answer
    post_id: Mapped[str]
    posted_at: Mapped[datetime]


class FeedbackRow(Base):
    """What somebody thinks of an answer: their last word counts."""

    __tablename__ = "feedback"
    __table_args__ = (
        ForeignKeyConstraint(
            ["platform", "workspace_id", "turn_id"],
            ["turns.platform", "turns.workspace_id", "turns.turn_id"],
            ondelete="CASCADE",
        ),
    )

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    turn_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    helpful: Mapped[bool] = mapped_column(Boolean())
    given_at: Mapped[datetime]


class InstallationRow(Base):
    """What a platform must keep to act in a workspace, sealed; one per workspace (of a Slack organisation: its own id).

    `version` rises with every change; `renewing_until` (the database's clock) is the lease of whoever renews it.
    """

    __tablename__ = "installations"
    __table_args__ = _in_workspace()

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    version: Mapped[int]
    installed_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    renewing_until: Mapped[int | None]
    revoked_at: Mapped[datetime | None]


class TicketRow(Base):
    """Something to be used once, by whoever holds its secret, until it expires: a form, a token page's link.

    Of passes, such as an OAuth state, those that were used: nothing is sealed in them.
    """

    __tablename__ = "tickets"

    ticket: Mapped[str] = mapped_column(primary_key=True)  # a digest; the secret itself is not stored
    purpose: Mapped[str]
    sealed: Mapped[bytes]
    expires_at: Mapped[int] = mapped_column(index=True)  # milliseconds of the database's clock


class AllowanceRow(Base):
    """When the next call of one kind may be made in a workspace; all processes draw on it."""

    __tablename__ = "allowances"
    __table_args__ = _in_workspace()

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[int]  # milliseconds of the database's clock


class AuditRow(Base):
    """Who changed what, when. Append only; holds fingerprints, never values."""

    __tablename__ = "audit"
    __table_args__ = _in_workspace()

    platform: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    audit_id: Mapped[str] = mapped_column(primary_key=True)
    channel_id: Mapped[str | None]
    actor: Mapped[str]
    action: Mapped[str]
    detail: Mapped[str]
    at: Mapped[datetime]
