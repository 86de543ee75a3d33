"""Work orders: units, the dispatch directory, policies, the calendar, clocks, supervision

Revision: 0003, after 0002
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from workorder.models import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _units()
    _rules()
    _people()
    _orders()
    _handling()


def _units() -> None:
    op.create_table(
        "units",
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("parent", sa.String(length=32), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=160), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("contact_name", sa.String(length=64), nullable=False),
        sa.Column("contact_phone", sa.String(length=32), nullable=False),
        sa.Column("contact_email", sa.String(length=128), nullable=False),
        sa.Column("leader_name", sa.String(length=64), nullable=False),
        sa.Column("leader_phone", sa.String(length=32), nullable=False),
        sa.Column("leader_email", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["units.code"], name="fk_units_parent_units"),
        sa.PrimaryKeyConstraint("code", name="pk_units"),
        sa.UniqueConstraint("name", name="uq_units_name"),
    )
    op.create_index("ix_units_parent", "units", ["parent"])
    op.create_index("ix_units_path", "units", ["path"])
    op.create_table(
        "dispatch_rules",
        sa.Column("id", KEY, nullable=False),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("topic", sa.String(length=64), nullable=True),
        sa.Column("district", sa.String(length=32), nullable=True),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("co_units", JSON, nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_dispatch_rules_unit_units"),
        sa.PrimaryKeyConstraint("id", name="pk_dispatch_rules"),
    )
    op.create_index("ix_dispatch_rules_topic", "dispatch_rules", ["topic"])


def _rules() -> None:
    op.create_table(
        "policies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policies"),
        sa.UniqueConstraint("name", "version", name="uq_policies_name"),
    )
    op.create_table(
        "calendar_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_calendar_days"),
    )
    op.create_table(
        "calendar_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("year", name="pk_calendar_years"),
    )


def _people() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("unit", sa.String(length=32), nullable=True))
        users.create_foreign_key("fk_users_unit_units", "units", ["unit"], ["code"])
        users.create_index("ix_users_unit", ["unit"])


def _orders() -> None:
    # What stands in the rows already needs a value; new rows get theirs from the model.
    text: dict[str, Any] = {"nullable": False, "server_default": ""}
    number: dict[str, Any] = {"nullable": False, "server_default": "0"}
    no: dict[str, Any] = {"nullable": False, "server_default": sa.false()}
    columns: list[sa.Column[Any]] = [
        sa.Column("topic", sa.String(length=64), **text),
        sa.Column("district", sa.String(length=32), **text),
        sa.Column("address", sa.String(length=200), **text),
        sa.Column("policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.Column("unit", sa.String(length=32)),
        sa.Column("owner", sa.String(length=48), nullable=False, server_default="agent"),
        sa.Column("is_key", sa.Boolean(), **no),
        sa.Column("specialised", sa.Boolean(), **no),
        sa.Column("unclear", sa.Boolean(), **no),
        sa.Column("return_count", sa.Integer(), **number),
        sa.Column("redo_count", sa.Integer(), **number),
        sa.Column("extension_count", sa.Integer(), **number),
        sa.Column("extension_state", sa.String(length=16), **text),
        sa.Column("supervision_count", sa.Integer(), **number),
        sa.Column("supervised", sa.Boolean(), **no),
        sa.Column("repeat_count", sa.Integer(), **number),
        sa.Column("repeat_of", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.Column("result", sa.Text(), **text),
        sa.Column("satisfaction", sa.Integer()),
        sa.Column("solved", sa.Boolean()),
        sa.Column("accepted_at", UtcDateTime()),
        sa.Column("dispatched_at", UtcDateTime()),
        sa.Column("resolved_at", UtcDateTime()),
        sa.Column("warn_at", UtcDateTime()),
        sa.Column("due_at", UtcDateTime()),
        sa.Column("due_clock", sa.String(length=16), **text),
        sa.Column("closed_at", UtcDateTime()),
    ]
    with op.batch_alter_table("orders") as orders:
        for column in columns:
            orders.add_column(column)
        orders.create_foreign_key("fk_orders_policy_id_policies", "policies", ["policy_id"], ["id"])
        orders.create_foreign_key("fk_orders_unit_units", "units", ["unit"], ["code"])
        orders.create_foreign_key("fk_orders_repeat_of_orders", "orders", ["repeat_of"], ["id"])
    with op.batch_alter_table("orders") as orders:
        for column in columns:
            if column.server_default is not None:
                orders.alter_column(column.name, server_default=None)
        orders.create_index("ix_orders_owner", ["owner"])
        orders.create_index("ix_orders_due_at", ["due_at"])
        orders.create_index("ix_orders_repeat_of", ["repeat_of"])
        orders.create_index("ix_orders_state_due_at", ["state", "due_at"])
        orders.create_index("ix_orders_unit_state", ["unit", "state"])
    with op.batch_alter_table("order_events") as events:
        events.add_column(
            sa.Column("role", sa.String(length=32), nullable=False, server_default="system")
        )
        events.add_column(sa.Column("unit", sa.String(length=32), nullable=True))
    with op.batch_alter_table("order_events") as events:
        events.alter_column("role", server_default=None)


def _handling() -> None:
    op.create_table(
        "order_units",
        sa.Column("id", KEY, nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("part", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_units_order_id_orders"),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_order_units_unit_units"),
        sa.PrimaryKeyConstraint("id", name="pk_order_units"),
        sa.UniqueConstraint("order_id", "place", name="uq_order_units_order_id"),
    )
    op.create_index("ix_order_units_unit_active", "order_units", ["unit", "active", "order_id"])
    op.create_table(
        "order_clocks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("clock", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("target_at", UtcDateTime(), nullable=True),
        sa.Column("warn_at", UtcDateTime(), nullable=True),
        sa.Column("yellow_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("red_at", UtcDateTime(), nullable=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("noticed", sa.String(length=8), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name="fk_order_clocks_order_id_orders"
        ),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_order_clocks_unit_units"),
        sa.PrimaryKeyConstraint("id", name="pk_order_clocks"),
        sa.UniqueConstraint("order_id", "run", name="uq_order_clocks_order_id"),
    )
    op.create_index("ix_order_clocks_unit", "order_clocks", ["unit"])
    op.create_index("ix_order_clocks_next_at", "order_clocks", ["next_at"])
    op.create_index("ix_order_clocks_stopped_at_due_at", "order_clocks", ["stopped_at", "due_at"])
    op.create_table(
        "order_supervisions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("issued_by", sa.String(length=64), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name="fk_order_supervisions_order_id_orders"
        ),
        sa.ForeignKeyConstraint(["unit"], ["units.code"], name="fk_order_supervisions_unit_units"),
        sa.PrimaryKeyConstraint("id", name="pk_order_supervisions"),
        sa.UniqueConstraint("order_id", "serial", name="uq_order_supervisions_order_id"),
    )
    op.create_index("ix_order_supervisions_unit", "order_supervisions", ["unit"])
    op.create_index("ix_order_supervisions_issued_at", "order_supervisions", ["issued_at"])
    op.create_index("ix_order_supervisions_closed_at", "order_supervisions", ["closed_at"])
    op.create_table(
        "order_shingles",
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.Column("order_id", KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name="fk_order_shingles_order_id_orders"
        ),
        sa.PrimaryKeyConstraint("band", "order_id", name="pk_order_shingles"),
    )


def downgrade() -> None:
    for table in ("order_shingles", "order_supervisions", "order_clocks", "order_units"):
        op.drop_table(table)
    with op.batch_alter_table("order_events") as events:
        events.drop_column("unit")
        events.drop_column("role")
    with op.batch_alter_table("orders") as orders:
        for index in ("owner", "due_at", "repeat_of", "state_due_at", "unit_state"):
            orders.drop_index(f"ix_orders_{index}")
        for name in ("policy_id_policies", "unit_units", "repeat_of_orders"):
            orders.drop_constraint(f"fk_orders_{name}", type_="foreignkey")
        for name in ORDER_COLUMNS:
            orders.drop_column(name)
    with op.batch_alter_table("users") as users:
        users.drop_index("ix_users_unit")
        users.drop_constraint("fk_users_unit_units", type_="foreignkey")
        users.drop_column("unit")
    for table in ("calendar_years", "calendar_days", "policies", "dispatch_rules", "units"):
        op.drop_table(table)


ORDER_COLUMNS = (
    *("topic", "district", "address", "policy_id", "unit", "owner"),
    *("is_key", "specialised", "unclear", "return_count", "redo_count"),
    *("extension_count", "extension_state", "supervision_count", "supervised"),
    *("repeat_count", "repeat_of", "result", "satisfaction", "solved"),
    *("accepted_at", "dispatched_at", "resolved_at", "warn_at", "due_at", "due_clock"),
    "closed_at",
)
