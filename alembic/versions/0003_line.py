"""Questions stand in a fair line, may meet a limit, and are answered in time or not at all.

Revises: 0002
"""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WAITING = sa.text("status = 'waiting'")
THREAD = ["platform", "workspace_id", "channel_id", "thread_id", "position", "message_id"]


def upgrade() -> None:
    # what the version still running stores has none of these: it is first in line, and never late
    op.add_column("turns", sa.Column("line_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("turns", sa.Column("place_told", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("turns", sa.Column("late_at", sa.BigInteger(), nullable=True))
    op.add_column("turns", sa.Column("declined", sa.String(), nullable=True))
    op.add_column("turns", sa.Column("declined_until", sa.BigInteger(), nullable=True))
    op.create_index("ix_turns_line", "turns", ["line_at", "due_at"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index("ix_turns_waiting_thread", "turns", THREAD, sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_index("ix_turns_waiting", "turns")


def downgrade() -> None:
    op.create_index("ix_turns_waiting", "turns", ["due_at"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_index("ix_turns_waiting_thread", "turns")
    op.drop_index("ix_turns_line", "turns")
    for column in ("declined_until", "declined", "late_at", "place_told", "line_at"):
        op.drop_column("turns", column)
