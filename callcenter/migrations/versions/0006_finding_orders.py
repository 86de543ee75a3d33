"""Finding orders: by text, by what a list is cut to; files and saved searches

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from workorder.models import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WALKED = ("state", "category", "district", "topic", "agent_number")


def upgrade() -> None:
    for name in WALKED:
        op.create_index(f"ix_orders_{name}_created_at", "orders", [name, "created_at"])
    op.create_index("ix_orders_extension_state", "orders", ["extension_state"])
    op.create_table(
        "attachments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=80), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=True),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_attachments_order_id_orders"),
        sa.PrimaryKeyConstraint("id", name="pk_attachments"),
    )
    op.create_index("ix_attachments_order_id", "attachments", ["order_id"])
    op.create_table(
        "saved_views",
        sa.Column("id", KEY, nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("query", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
        sa.UniqueConstraint("username", "name", name="uq_saved_views_username"),
    )
    _text_index()


def _text_index() -> None:
    """See `workorder.search`. Orders that are there already are put in."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE order_text USING fts5"
            "(pairs, content='', detail=none, columnsize=0, tokenize='ascii')"
        )
    else:
        op.execute(
            "CREATE TABLE order_text (order_id BIGINT CONSTRAINT pk_order_text PRIMARY KEY"
            " CONSTRAINT fk_order_text_order_id_orders REFERENCES orders ON DELETE CASCADE,"
            " pairs INTEGER[] NOT NULL)"
        )
        op.execute(
            "CREATE INDEX ix_order_text_pairs ON order_text USING gin (pairs)"
            " WITH (fastupdate = off)"  # else every search reads what isn't sorted in yet
        )
    from workorder import search

    search.index_all(connection)


def downgrade() -> None:
    op.execute("DROP TABLE order_text")
    op.drop_table("saved_views")
    op.drop_table("attachments")
    op.drop_index("ix_orders_extension_state", "orders")
    for name in reversed(WALKED):
        op.drop_index(f"ix_orders_{name}_created_at", "orders")
