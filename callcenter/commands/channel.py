"""`callcenter channel`: the keys of the channels that hand in what citizens write."""

from __future__ import annotations

import datetime as dt

import click

from callcenter import bootstrap, database, intake, intake_wechat
from callcenter.settings import load


@click.group("channel")
def channel_command() -> None:
    """The channels beside the telephone: web form, e-mail, SMS, WeChat."""


@channel_command.command("key")
@click.argument("name", type=click.Choice(list(intake.CHANNELS)))
@click.pass_context
def key(ctx: click.Context, name: str) -> None:
    """Make the key of channel NAME, and show it once; one that it had before is void."""
    settings = bootstrap.with_secrets(load(ctx.obj))
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        made = intake.make_key(session, name, dt.datetime.now(dt.UTC))
    engine.dispose()
    click.echo(f"POST /api/v1/intake/{name}\nAuthorization: Bearer {made}")
    if name == "wechat":
        click.echo(
            "or WeChat's own callback at /api/v1/intake/wechat/callback, with the Token "
            f"{intake_wechat.token(settings.web_secret_key)}"
        )
