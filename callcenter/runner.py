"""`callcenter run`: everything a hotline needs, from one command, in one folder."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from callcenter import bootstrap, destinations, parts, ports, switch_process
from callcenter.hotlines import load_hotlines
from callcenter.processes import Child, only_one
from callcenter.queues import load_queues
from callcenter.settings import Settings, SettingsError

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
    hotlines = load_hotlines(settings.hotlines_dir, destinations.load(settings.destinations_file))
    load_queues(settings.queues_file, hotlines)
    secrets = bootstrap.ensure_data_dir(settings)
    settings = bootstrap.with_secrets(settings, secrets)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(only_one(settings.data_dir / "run.lock"))
        except BlockingIOError as error:
            raise SettingsError(
                f"CALLCENTER_DATA_DIR: {settings.data_dir} is in use by another `callcenter run`; "
                "stop it, or choose another folder"
            ) from error
        return _Run(settings, config_file, secrets, sorted(hotlines), stop).run(play)


class _Run:
    """One life of `callcenter run`."""

    def __init__(
        self,
        settings: Settings,
        config_file: Path | None,
        secrets: bootstrap.Secrets,
        numbers: list[str],
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._numbers = numbers
        self._stop = stop
        self._which = switch_process.choose(settings)
        self._redis = parts.redis_server(settings) if settings.embedded_redis else None
        self._switch = parts.switch(settings, self._which)
        self._ours = [
            parts.ours(settings, name, config_file) for name in ("projector", "controller", "web")
        ]
        self._children: list[Child] = []

    def run(self, play: Play | None) -> int:
        everything = [self._switch, *self._ours]
        ports.check(self._settings, {child.name for child in everything if child.left_behind()})
        try:
            logins = self._start()
            parts.wait_serving(self._settings, self._stop, self._watch)
            if not self._stop.is_set():
                for line in _greeting(self._settings, self._which, self._numbers, logins):
                    print(line, flush=True)
                self._serve(play or _nothing)
            return 0
        finally:
            print("stopping …", flush=True)
            for child in reversed(self._children):
                child.stop()

    def _start(self) -> list[bootstrap.FirstLogin]:
        settings = self._settings
        if self._redis is not None:
            self._begin(self._redis)
            parts.wait_redis(settings, self._stop)
        logins, agents = parts.prepare_database(settings, self._secrets)
        parts.prepare_switch(settings, agents, self._numbers)
        self._begin(self._switch)
        switch_process.wait_running(settings, parts.START_SECONDS)
        for child in self._ours:
            self._begin(child)
        return logins

    def _begin(self, child: Child) -> None:
        self._children.append(parts.started(child))

    def _watch(self) -> None:
        for child in self._children:
            child.watch()

    def _serve(self, play: Play) -> None:
        player = threading.Thread(target=play, args=(self._settings, self._stop))
        player.start()
        while not self._stop.wait(LOOK_EVERY):
            self._watch()
        player.join(PLAYER_SECONDS)


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
