"""The command line: settings first; one that is wrong stops the command in one line."""

from __future__ import annotations

import importlib
import json
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from callcenter.datafile import DataFileError
from callcenter.processes import NotServing
from callcenter.settings import Settings, SettingsError, load
from callcenter.switch_process import SwitchError

if TYPE_CHECKING:
    from callcenter.bench import Figure

# Commands in files of their own, imported when they are asked for: a controller has no use for
# what `queues` needs.
ELSEWHERE = {
    "calendar": "callcenter.commands.calendar:calendar_command",
    "policy": "callcenter.commands.policy:policy_command",
    "channel": "callcenter.commands.channel:channel_command",
    "demo-data": "callcenter.commands.demo_data:demo_data_command",
    "queues": "callcenter.commands.queues:queues_command",
    "report": "callcenter.commands.report:report_command",
    "simulate": "callcenter.commands.simulate:simulate_command",
    "why": "callcenter.commands.why:why_command",
}


class _Group(click.Group):
    """Turns errors that a person can mend into one line: exit code 2, or 1 for a failed start."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, _, name = ELSEWHERE[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (SettingsError, DataFileError, SwitchError) as error:
            click.echo(f"callcenter: {error}", err=True)
            ctx.exit(2)
        except NotServing as error:
            click.echo(f"callcenter: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Group)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings file; callcenter.toml of the working folder is read if there is one.",
)
@click.pass_context
def main(ctx: click.Context, config_file: Path | None) -> None:
    """An open call center for China's 12345 government hotlines."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    ctx.obj = config_file


def _settings(ctx: click.Context, *, secrets: bool = True) -> Settings:
    from callcenter import bootstrap

    settings = load(ctx.obj)
    return bootstrap.with_secrets(settings) if secrets else settings


@main.command()
@click.pass_context
def run(ctx: click.Context) -> None:
    """Start everything: database, Redis, switch, controller, web."""
    from callcenter import runner

    sys.exit(runner.run(_settings(ctx, secrets=False), ctx.obj))


@main.command()
@click.option("--minutes", default=480.0, show_default=True, help="How long the city calls.")
@click.pass_context
def demo(ctx: click.Context, minutes: float) -> None:
    """Start everything, with a small city in it that calls all day."""
    from callcenter import demo as city
    from callcenter import runner

    city.check()
    with city.surroundings():
        settings = _settings(ctx, secrets=False)
        code = runner.run(settings, ctx.obj, lambda ready, stop: city.play(ready, stop, minutes))
    sys.exit(code)


@main.command()
@click.pass_context
def controller(ctx: click.Context) -> None:
    """Control the switch's calls (one process per city, a second may stand by)."""
    from gevent import monkey

    monkey.patch_all()
    import gevent
    from gevent.event import Event

    from callcenter.controller import Controller

    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, stop.set)
    Controller(_settings(ctx)).run(stop)


@main.command()
@click.pass_context
def projector(ctx: click.Context) -> None:
    """Copy the journal into the database: call records, draft orders, recordings' index.

    Beside it the orders' clocks run, notices go out, and resolved orders are followed up.
    """
    import threading

    from callcenter import outreach_worker
    from callcenter import projector as process

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = _settings(ctx)
    with outreach_worker.running(settings):
        process.run(settings, stop)


@main.command()
@click.pass_context
def web(ctx: click.Context) -> None:
    """Serve the pages and the API."""
    from gevent import monkey

    monkey.patch_all()
    from web.server import serve

    settings = _settings(ctx)
    serve(settings, settings.web_host, settings.web_port)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments: tuple[str, ...]) -> None:
    """Run labswitch, the stand-in switch for trying and testing."""
    from labswitch.main import main as lab_main

    sys.exit(lab_main(list(arguments)))


@main.command()
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Check a running switch against what this application needs."""
    from callcenter.doctor import check

    findings = check(_settings(ctx))
    for finding in findings:
        mark = "✓" if finding.ok else "✗"
        click.echo(f"{mark} {finding.what}" + ("" if finding.ok else f" – {finding.how_to_mend}"))
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


@main.group()
def db() -> None:
    """The database."""


@db.command()
@click.pass_context
def upgrade(ctx: click.Context) -> None:
    """Bring the database's tables to this version."""
    from callcenter import database

    settings = _settings(ctx, secrets=False)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database.upgrade(settings.database_url)
    click.echo("the database is up to date")


@main.command()
@click.option("--key", "keys", default="1", help="Keys pressed in the menu.")
@click.option("--rating", default="1", help="Key pressed in the survey; empty for none.")
@click.option("--seconds", default=5, help="Length of the conversation.")
@click.pass_context
def call(ctx: click.Context, keys: str, rating: str, seconds: int) -> None:
    """Place a test call with SIPp: a citizen dials, an agent answers, the record is shown."""
    from callcenter import testcall

    sys.exit(testcall.place(_settings(ctx), keys=keys, rating=rating, seconds=seconds))


@main.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per figure.")
def bench(name: str, as_json: bool) -> None:
    """Measure; `callcenter bench names` lists what can be measured."""
    from callcenter.bench import BENCHES

    benches = {**BENCHES, "orders": _bench_orders}
    if name == "names":
        click.echo("\n".join(benches))
        return
    if name not in benches:
        raise SettingsError(f"there is no bench {name}; there are: {', '.join(benches)}")
    for figure in benches[name]():
        if as_json:
            click.echo(json.dumps(figure.as_dict(), ensure_ascii=False))
            continue
        beside = "" if figure.limit is None else f"  (promised: {figure.limit:g})"
        beside += "" if figure.peer is None else f"  (peer: {figure.peer:g})"
        click.echo(f"{figure.name:<48} {figure.value:>12.3f} {figure.unit}{beside}")


def _bench_orders() -> Iterator[Figure]:
    from web.bench import run

    return run()
