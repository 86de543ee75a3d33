"""`callcenter why CALL`: the decisions of one call."""

from __future__ import annotations

import click

from callcenter import database, why
from callcenter.settings import SettingsError, load
from workorder.worktime import CHINA


@click.command("why")
@click.argument("call")
@click.pass_context
def why_command(ctx: click.Context, call: str) -> None:
    """Say why CALL (its id, or the beginning of it) went to whom it went.

    Who was eligible and chosen, who was passed over and for which reason, which rule of the queue
    moved it on. Times are China's.
    """
    settings = load(ctx.obj)
    engine = database.create_engine(settings.database_url)
    try:
        with database.reading(engine) as session:
            events = why.events_of(session, call)
    except why.NoSuchCall as error:
        raise SettingsError(str(error)) from error
    finally:
        engine.dispose()
    for line in why.explain(events, CHINA):
        click.echo(line)
