"""`callcenter queues export|import`: the queues' settings as a file, and back."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import click
import yaml

from callcenter import config_export, database, datafile, queue_store
from callcenter.datafile import DataFileError
from callcenter.hotlines import load_hotlines
from callcenter.queues import check_file
from callcenter.settings import Settings, SettingsError, load

HEAD = "# Queues of the hotline; every key is described in acd/config.py (QueueConfig, Config).\n"


@click.group("queues")
def queues_command() -> None:
    """The queues' settings: kept in the database, taken over by the running controller."""


@queues_command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def export_command(ctx: click.Context, file: Path) -> None:
    """Write them to FILE (- for the screen)."""
    settings = load(ctx.obj)
    engine = database.create_engine(settings.database_url)
    with database.reading(engine) as session:
        data = queue_store.load(session)
    engine.dispose()
    if data is None:
        raise SettingsError("no queues have been imported; `callcenter run` does it when it starts")
    text = HEAD + yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        file.write_text(text, "utf-8")


@queues_command.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Write it although there are warnings.")
@click.pass_context
def import_command(ctx: click.Context, file: Path, yes: bool) -> None:
    """Check FILE as a whole, then put it in the place of what is there.

    The controller takes it over within seconds. Nobody who waits is lost: whoever's queue is gone
    goes by that queue's `deleted` rule, else by `default_overflow`.
    """
    settings = load(ctx.obj)
    located = datafile.read_located(file)
    config = check_file(located, load_hotlines(settings.hotlines_dir))
    engine = database.create_engine(settings.database_url)
    with database.reading(engine) as session:
        warnings = config.warnings(queue_store.agents(session))
        difference = queue_store.compare(queue_store.load(session), located.data)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if warnings and not yes:
        click.echo("nothing was written; --yes writes it all the same", err=True)
        sys.exit(2)
    _write(settings, located)
    for what in ("added", "changed", "removed", "settings"):
        names = getattr(difference, what)
        if names:
            click.echo(f"{what}: {', '.join(names)}")
    if not difference:
        click.echo("nothing has changed")


def _write(settings: Settings, located: datafile.Located) -> None:
    if not isinstance(located.data, dict):
        raise DataFileError(f"{located.name}: expected a table of keys")
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        queue_store.save(session, located.data, dt.datetime.now(dt.UTC))
    with database.reading(engine) as session:
        config_export.export(session, settings.data_dir)
    engine.dispose()
