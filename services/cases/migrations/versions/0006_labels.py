"""What assessors said of posts, so that models can be trained and measured: labels by post and assessor, without text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "labels",
        sa.Column("post", sa.String(20), primary_key=True),
        sa.Column("assessor", sa.String(100), primary_key=True),
        sa.Column("label", sa.Integer, nullable=False),
        sa.Column("spans", sa.Text, nullable=False),
        sa.Column("sampled", sa.Float, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("labels")
