"""`callcenter policy …`: cities' rules as files, in use by version, and explained for an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callcenter.settings import SettingsError, load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.group("policy")
def policy_command() -> None:
    """The cities' rules: limits, returns, extensions, supervision; each with its source."""


@policy_command.command("check")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def check_command(file: Path) -> None:
    """Check FILE without changing anything; a fault is named with line, key and expectation."""
    from callcenter import policies

    policy = policies.read(file)
    count = policies.rules(policy)
    click.echo(f"{file}: {policy.policy} ({policy.title}), {count} rules, each with its source")


@policy_command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--use", is_flag=True, help="New orders go by it at once.")
@click.pass_context
def import_command(ctx: click.Context, file: Path, use: bool) -> None:
    """Keep FILE as a new version; orders that have begun keep theirs."""
    from callcenter import policies
    from workorder import policies as versions

    with _database(ctx) as (session, now):
        row = policies.store(session, file, by="command line", at=now)
        if use:
            versions.use(session, row)
        click.echo(f"{row.name} version {row.version}{' is in use' if row.current else ''}")


@policy_command.command("list")
@click.pass_context
def list_command(ctx: click.Context) -> None:
    """The newest version of each policy; * marks the one that new orders go by."""
    from workorder import policies as versions

    with _database(ctx) as (session, _now):
        for row in versions.latest(session):
            mark = "*" if row.current else " "
            click.echo(f"{mark} {row.name:<12} {row.version:>3}  {row.title}")


@policy_command.command("use")
@click.argument("name")
@click.pass_context
def use_command(ctx: click.Context, name: str) -> None:
    """Let new orders go by the newest version of policy NAME."""
    from workorder import policies as versions

    with _database(ctx) as (session, _now):
        known = {row.name: row for row in versions.latest(session)}
        if name not in known:
            raise SettingsError(f"there is no policy {name}; there are: {', '.join(known)}")
        versions.use(session, known[name])
        click.echo(f"new orders go by {name} version {known[name].version}")


@policy_command.command("explain")
@click.argument("order")
@click.pass_context
def explain_command(ctx: click.Context, order: str) -> None:
    """Say how each deadline of ORDER comes about: rule, source, and every day counted."""
    import sqlalchemy as sa

    from callcenter import order_account
    from workorder.models import Order

    with _database(ctx) as (session, now):
        found = session.scalar(sa.select(Order).where(Order.number == order))
        if found is None:
            raise SettingsError(f"there is no order {order}")
        for line in order_account.lines(session, found, now):
            click.echo(line)


@contextmanager
def _database(ctx: click.Context) -> Iterator[tuple[Session, dt.datetime]]:
    from callcenter import database

    engine = database.create_engine(load(ctx.obj).database_url)
    try:
        with database.writing(engine) as session:
            yield session, dt.datetime.now(dt.UTC)
    finally:
        engine.dispose()
