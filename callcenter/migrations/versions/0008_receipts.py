"""Telling citizens that their request is here: who wrote, and what was accepted lately

Revision: 0008, after 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "intake_messages",
        sa.Column("contact", sa.String(length=128), nullable=False, server_default=""),
    )
    op.create_index("ix_intake_messages_order_number", "intake_messages", ["order_number"])
    op.create_index("ix_orders_accepted_at", "orders", ["accepted_at"])


def downgrade() -> None:
    op.drop_index("ix_orders_accepted_at", "orders")
    op.drop_index("ix_intake_messages_order_number", "intake_messages")
    op.drop_column("intake_messages", "contact")
