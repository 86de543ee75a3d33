"""The expected wait that a citizen was told first

Revision: 0010, after 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workorder.models import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("told_at", UtcDateTime(), nullable=True))
    op.add_column("calls", sa.Column("told_seconds", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "told_seconds")
    op.drop_column("calls", "told_at")
