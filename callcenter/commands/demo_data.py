"""`callcenter demo-data`: a plausible year of a made-up city, for every page to show something."""

from __future__ import annotations

import datetime as dt

import click

from callcenter import bootstrap, database
from callcenter.demo_city import year
from callcenter.settings import SettingsError, load


@click.command("demo-data")
@click.option("--orders", default=400, show_default=True, type=click.IntRange(1, 20_000))
@click.option("--seed", default=12345, show_default=True, help="The same seed gives the same city.")
@click.option("--into-existing", is_flag=True, help="Also into a database that is in use.")
@click.pass_context
def demo_data_command(ctx: click.Context, orders: int, seed: int, into_existing: bool) -> None:
    """Fill the database with a made-up city: units, people, calls, and orders in every state.

    The orders go through the real lifecycle, with its clocks and rules. A database in which
    somebody works is left alone, unless you say otherwise.
    """
    settings = load(ctx.obj)
    secrets = bootstrap.ensure_data_dir(settings)
    settings = bootstrap.with_secrets(settings, secrets)
    database.upgrade(settings.database_url)
    engine = database.create_engine(settings.database_url)
    now = dt.datetime.now(dt.UTC)
    try:
        with database.writing(engine) as session:
            if not into_existing:
                _refuse(session)
            bootstrap.ensure_first_users(session, secrets, settings.domain)
            made = year.people(session, settings.domain, now)
        with click.progressbar(length=orders, label="orders") as bar:
            refused = year.orders(engine, orders, now, seed, lambda: bar.update(1))
    finally:
        engine.dispose()
    click.echo(f"{orders} orders; {refused} steps that the rules refused")
    for login, password, who in made:
        click.echo(f"  {login:<22} {password}   {who}")


def _refuse(session: database.Session) -> None:
    try:
        year.refuse_unless_empty(session)
    except year.NotEmpty as error:
        raise SettingsError(
            f"{error}; give --into-existing to mix a made-up city into it, "
            "or choose another CALLCENTER_DATA_DIR"
        ) from error
