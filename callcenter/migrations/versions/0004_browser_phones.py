"""Secrets of phones in the browser

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workorder.models import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "browser_phones",
        sa.Column("agent", sa.String(length=16), nullable=False),
        sa.Column("a1_hash", sa.String(length=64), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("agent", name="pk_browser_phones"),
    )


def downgrade() -> None:
    op.drop_table("browser_phones")
