"""Of each question, which edit of it is stored.

Revises: 0003
"""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # what the version still running stores has none: any edit is later than that
    op.add_column("turns", sa.Column("edited", sa.BigInteger(), server_default=sa.text("0"), nullable=False))


def downgrade() -> None:
    op.drop_column("turns", "edited")
