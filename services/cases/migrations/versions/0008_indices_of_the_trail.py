"""Indices by which the audit trail is looked through: who acted, what was done, to what, and when."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    for name in ("actor", "action", "subject"):
        op.create_index(f"audit_by_{name}", "audit", [name, "seq"])
    op.create_index("audit_by_at", "audit", ["at"])


def downgrade() -> None:
    """Drop them."""
    for name in ("actor", "action", "subject", "at"):
        op.drop_index(f"audit_by_{name}", "audit")
