"""Repeated orders, by index

Revision: 0009, after 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_orders_repeat_count_due_at", "orders", ["repeat_count", "due_at"])


def downgrade() -> None:
    op.drop_index("ix_orders_repeat_count_due_at", "orders")
