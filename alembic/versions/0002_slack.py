"""Channel settings, installations, tickets, allowances, feedback; what edits, deletions and contexts need.

Revises: 0001
"""

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_tickets")),
    )
    op.create_index(op.f("ix_tickets_expires_at"), "tickets", ["expires_at"])
    op.create_table(
        "allowances",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["platform", "workspace_id"],
            ["workspaces.platform", "workspaces.workspace_id"],
            name=op.f("fk_allowances_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("platform", "workspace_id", "name", name=op.f("pk_allowances")),
    )
    op.create_table(
        "channels",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("follow_ups", sa.String(), nullable=True),
        sa.Column("guests", sa.Boolean(), nullable=False),
        sa.Column("outsiders", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("instructions", sa.LargeBinary(), nullable=True),
        sa.Column("audience", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["platform", "workspace_id"],
            ["workspaces.platform", "workspaces.workspace_id"],
            name=op.f("fk_channels_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("platform", "workspace_id", "channel_id", name=op.f("pk_channels")),
    )
    op.create_table(
        "installations",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewing_until", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["platform", "workspace_id"],
            ["workspaces.platform", "workspaces.workspace_id"],
            name=op.f("fk_installations_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("platform", "workspace_id", name=op.f("pk_installations")),
    )
    op.create_table(
        "feedback",
        sa.Column("platform", sa.String(), nullable=False),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("turn_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["platform", "workspace_id", "turn_id"],
            ["turns.platform", "turns.workspace_id", "turns.turn_id"],
            name=op.f("fk_feedback_turns"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("platform", "workspace_id", "turn_id", "user_id", name=op.f("pk_feedback")),
    )
    op.add_column("threads", sa.Column("muted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("threads", sa.Column("crowded", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("turns", sa.Column("reference", sa.LargeBinary(), nullable=True))
    op.add_column("turns", sa.Column("context", sa.LargeBinary(), nullable=True))
    op.add_column("turns", sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("turns", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_turns_asker", "turns", ["platform", "workspace_id", "asker_id", "asked_at"])


def downgrade() -> None:
    # not in batch mode: rebuilding a table on SQLite deletes the rows that refer to it
    op.drop_index("ix_turns_asker", "turns")
    for column in ("erased_at", "revision", "context", "reference"):
        op.drop_column("turns", column)
    for column in ("crowded", "muted_at"):
        op.drop_column("threads", column)
    for table in ("feedback", "installations", "channels", "allowances", "tickets"):
        op.drop_table(table)
