"""Reviews of signals, whose comments lie beside those of cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; a comment is of a case or of a signal."""
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("state", sa.String(30), nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
    )
    op.create_index("reviews_by_state", "reviews", ["state", "told"])
    op.drop_index("ix_comments_case_id", "comments")
    op.execute("ALTER TABLE comments RENAME COLUMN case_id TO dossier_id")
    op.create_index("ix_comments_dossier_id", "comments", ["dossier_id"])


def downgrade() -> None:
    """Remove the table, with the comments on signals."""
    op.execute("DELETE FROM comments WHERE dossier_id IN (SELECT id FROM reviews)")
    op.drop_index("ix_comments_dossier_id", "comments")
    op.execute("ALTER TABLE comments RENAME COLUMN dossier_id TO case_id")
    op.create_index("ix_comments_case_id", "comments", ["case_id"])
    op.drop_table("reviews")
