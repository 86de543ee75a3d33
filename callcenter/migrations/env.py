"""Alembic's entry. The connection, its transaction and its lock come from the caller."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from callcenter.models import Base
from workorder.models import UtcDateTime


def render_item(kind: str, item: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    """Write our own column type by its name in newly generated migrations."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen_context.imports.add("from workorder.models import UtcDateTime")
        return "UtcDateTime()"
    return False


connection = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("use callcenter.database.upgrade, or `callcenter db upgrade`")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=render_item,
    compare_type=True,
)
context.run_migrations()
