"""`callcenter run`: everything a hotline needs, from one command, in one folder."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from callcenter import bootstrap, parts, switch_process
from callcenter.hotlines import load_hotlines
from callcenter.processes import Child
from callcenter.queues import load_queues
from callcenter.settings import Settings

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.2  # seconds between two looks at the children
PLAYER_SECONDS = 30.0  # for what plays beside the children to end


Play = Callable[[Settings, threading.Event], None]


def run(settings: Settings, config_file: Path | None, play: Play | None = None) -> int:
    """Start it all, say where it is, watch over it until SIGINT or SIGTERM; the exit code.

    `play` runs beside it in a thread, until it returns or the event that it is given is set.
    """
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
            children.append(parts.started(parts.redis_server(settings)))
            parts.wait_redis(settings, stop)
        logins, agents = parts.prepare_database(settings, secrets)
        parts.prepare_switch(settings, agents, sorted(hotlines))
        children.append(parts.started(parts.switch(settings, which)))
        switch_process.wait_running(settings, parts.START_SECONDS)
        for name in ("projector", "controller", "web"):
            children.append(parts.started(parts.ours(settings, name, config_file)))
        for line in _greeting(settings, which, sorted(hotlines), logins):
            print(line, flush=True)
        player = threading.Thread(target=play or _nothing, args=(settings, stop))
        player.start()
        while not stop.wait(LOOK_EVERY):
            for child in children:
                child.watch()
        print("stopping …", flush=True)
        player.join(PLAYER_SECONDS)
        return 0
    finally:
        for child in reversed(children):
            child.stop()


def _nothing(settings: Settings, stop: threading.Event) -> None:
    """Nobody plays: real citizens call."""


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
