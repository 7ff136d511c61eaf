"""The source of a case's post; posts that were deleted. Sources of cases whose post was deleted before are not known any more."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CASES = sa.table("cases", sa.column("id"), sa.column("document"))


def upgrade() -> None:
    """Make the table, and write the sources into the cases."""
    op.create_table(
        "deleted_posts",
        sa.Column("post", sa.String(40), primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("ix_deleted_posts_at", "deleted_posts", ["at"])
    connection = op.get_bind()
    for row in connection.execute(sa.select(_CASES.c.id, _CASES.c.document)).all():
        case = json.loads(row.document)
        if case.get("post") and not case.get("source"):
            case["source"] = case["post"].partition(":")[0]
            document = json.dumps(case, ensure_ascii=False, separators=(",", ":"))
            connection.execute(_CASES.update().where(_CASES.c.id == row.id).values(document=document))


def downgrade() -> None:
    """Remove the table. Cases keep their sources, which the earlier program does not read."""
    op.drop_table("deleted_posts")
