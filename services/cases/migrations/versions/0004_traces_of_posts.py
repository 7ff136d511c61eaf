"""What cases are held against each other by. Cases that are there already wait for it, as far as posts are remembered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# As long as adr.outcomes remembered a post when this was written.
_REMEMBERED = timedelta(days=200)
_CASES = sa.table("cases", sa.column("id"), sa.column("document"), sa.column("post"), sa.column("opened_at"))


def upgrade() -> None:
    """Make the table, and a row in it for each case that names a post."""
    traces = op.create_table(
        "traces",
        sa.Column("case_id", sa.String(40), primary_key=True),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("drug", sa.String(100), nullable=False),
        sa.Column("post", sa.String(40), nullable=False),
        sa.Column("at", sa.String(32), nullable=True),
        sa.Column("author", sa.String(64), nullable=True),
        sa.Column("fingerprint", sa.String(64), nullable=True),
        sa.Column("sketch", sa.LargeBinary, nullable=True),
        sa.Column("looked", sa.Integer, nullable=False),
    )
    for name in ("opened_at", "drug", "post", "author", "fingerprint", "looked"):
        op.create_index(f"ix_traces_{name}", "traces", [name])
    connection = op.get_bind()
    oldest = (datetime.now(UTC) - _REMEMBERED).isoformat()
    query = sa.select(_CASES).where(_CASES.c.post.is_not(None), _CASES.c.opened_at >= oldest)
    for row in connection.execute(query).all():
        connection.execute(
            traces.insert().values(
                case_id=row.id,
                opened_at=row.opened_at,
                drug=json.loads(row.document)["drug"]["id"],
                post=row.post,
                looked=0,
            )
        )


def downgrade() -> None:
    """Remove the table. Cases keep their flags, which the earlier program does not read."""
    op.drop_table("traces")
