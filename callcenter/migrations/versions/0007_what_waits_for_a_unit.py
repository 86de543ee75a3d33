"""What waits for a unit, by index

Revision: 0007, after 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_order_units_unit_state", "order_units", ["unit", "state"])


def downgrade() -> None:
    op.drop_index("ix_order_units_unit_state", "order_units")
