"""The whole system for end-to-end tests: every process real, each one killable.

    def test_…(make_system): …      one of its own, e.g. with other settings

`hotline_kit` has one that the tests share.

The switch comes from `switches`, so each test runs on labswitch and, where found, on FreeSWITCH.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime as dt
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from sipp import Sipp, SippRun
from switches import AGENTS, Kind, RunningSwitch, eventually, local_settings

from callcenter import bootstrap, database, parts, policies
from callcenter.hotlines import load_hotlines
from callcenter.presence import connect
from callcenter.processes import Child
from callcenter.settings import Settings, load

REPOSITORY = Path(__file__).resolve().parent.parent
SOUNDS = REPOSITORY / "ivr" / "sounds" / "zh"
OURS = ("projector", "controller", "web")


class System:
    """Redis, database, switch, projector, controller and web on ports of their own."""

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self.settings = settings
        self.switch = RunningSwitch(kind, settings)
        self.children: dict[str, Child] = {}
        self._sipp: Sipp | None = None

    # --- processes --------------------------------------------------------------------------

    def start(self) -> None:
        secrets = bootstrap.ensure_data_dir(self.settings)
        self.settings = bootstrap.with_secrets(self.settings, secrets)
        self.switch.settings = self.settings
        self.switch.agents = dict(secrets.sip_passwords)
        self._start_child(parts.redis_server(self.settings))
        self.wait_redis()
        parts.prepare_database(self.settings, secrets)
        self.switch.published = tuple(sorted(load_hotlines(self.settings.hotlines_dir)))
        self.switch.start()
        for name in OURS:
            self.start_process(name)
        self.wait_ready()

    def stop(self) -> None:
        """End it all by force: polite stops take seconds, and have tests of their own."""
        self.hang_up_sipp()
        self.switch.kill()
        for name in list(self.children):
            self.kill(name)

    def start_process(self, name: str) -> None:
        child = parts.ours(self.settings, name, None)
        child.environ = {**child.environ, **environ(self.settings)}
        self._start_child(child)

    def stop_process(self, name: str) -> None:
        if name in self.children:
            self.children.pop(name).stop()

    def kill(self, name: str) -> None:
        """`kill -9`; the process stays dead until `start_process`."""
        child = self.children.pop(name)
        assert child.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        child.stop()

    def _start_child(self, child: Child) -> None:
        self.children[child.name] = parts.started(child)

    def log(self, name: str) -> str:
        path = self.settings.data_dir / "log" / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    # --- waiting ----------------------------------------------------------------------------

    def wait_redis(self) -> None:
        client = connect(self.settings.redis_url)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        eventually(answers, "redis answers")

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Until the web answers and says that all is well."""
        eventually(
            self.well, f"the system is up\n{self.log('web')}\n{self.log('controller')}", seconds
        )

    def well(self) -> bool:
        try:
            return requests.get(self.url("/healthz"), timeout=2).status_code == 200
        except requests.RequestException:
            return False

    # --- the API ----------------------------------------------------------------------------

    def url(self, path: str) -> str:
        return f"http://{self.settings.web_host}:{self.settings.web_port}{path}"

    def api(self, path: str, method: str = "GET", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.settings.api_token}"}
        headers |= options.pop("headers", {})
        return requests.request(
            method, self.url(f"/api/v1/{path}"), headers=headers, timeout=5, **options
        )

    def state(self, agent: str) -> str:
        return str(self.api(f"agents/{agent}/state").json()["state"])

    def set_state(self, agent: str, state: str, **more: str) -> requests.Response:
        return self.api(f"agents/{agent}/state", "PUT", json={"state": state, **more})

    # --- people -----------------------------------------------------------------------------

    @property
    def sipp(self) -> Sipp:
        if self._sipp is None:
            folder = self.settings.data_dir / f"sipp-{len(list(self.settings.data_dir.iterdir()))}"
            self._sipp = Sipp(folder)
        return self._sipp

    def citizen(self, dialed: str = "12345", **options: Any) -> SippRun:
        return self.sipp.citizen(self.switch.trunk, dialed, **options)

    def hang_up_sipp(self) -> None:
        if self._sipp is not None:
            self._sipp.close()
            self._sipp = None


def environ(settings: Settings) -> dict[str, str]:
    """The settings as the environment of a process of ours."""
    return {
        "CALLCENTER_DATA_DIR": str(settings.data_dir),
        "CALLCENTER_DATABASE_URL": settings.database_url,
        "CALLCENTER_REDIS_URL": settings.redis_url,
        "CALLCENTER_SIP_PORT": str(settings.sip_port),
        "CALLCENTER_AGENT_SIP_PORT": str(settings.agent_sip_port),
        "CALLCENTER_WSS_PORT": str(settings.wss_port),
        "CALLCENTER_RTP_PORTS": f"{settings.rtp_ports[0]}-{settings.rtp_ports[1]}",
        "CALLCENTER_ESL_PORT": str(settings.esl_port),
        "CALLCENTER_ESL_PASSWORD": settings.esl_password,
        "CALLCENTER_OUTBOUND_PORT": str(settings.outbound_port),
        "CALLCENTER_WEB_PORT": str(settings.web_port),
        "CALLCENTER_SOUNDS_DIR": str(settings.sounds_dir),
        "CALLCENTER_HOTLINES_DIR": str(settings.hotlines_dir),
        "CALLCENTER_QUEUES_FILE": str(settings.queues_file),
        "CALLCENTER_DESTINATIONS_FILE": str(settings.destinations_file),
        "CALLCENTER_TRUNK_GATEWAY": settings.trunk_gateway,
        **_given("CALLCENTER_OUTREACH_FILE", settings.outreach_file),
        "CALLCENTER_MAX_CALLS": str(settings.max_calls),
        "CALLCENTER_CALLS_PER_SECOND": str(settings.calls_per_second),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONWARNINGS": "default",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def _given(name: str, value: Path | None) -> dict[str, str]:
    return {} if value is None else {name: str(value)}


@cache
def _new_folder() -> Path:
    """A data folder as the first start leaves it: hashing the first passwords takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="callcenter-new-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = load(environ={"CALLCENTER_DATA_DIR": str(folder)})
    secrets = bootstrap.ensure_data_dir(settings)
    database.upgrade(settings.database_url)
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        bootstrap.ensure_first_users(session, secrets, settings.domain)
        policies.ensure(session, dt.datetime.now(dt.UTC))
    engine.dispose()
    return folder


def fill_folder(folder: Path) -> None:
    """Secrets and a database, as if it weren't the first start."""
    shutil.copytree(_new_folder(), folder, dirs_exist_ok=True)


def started(kind: Kind, folder: Path, sounds: Path, **changes: Any) -> System:
    """A running system; changes as in Settings."""
    settings = local_settings(folder, sounds)
    if "database_url" not in changes:
        fill_folder(folder)
    system = System(kind, replace(settings, esl_password="", **changes))
    try:
        system.start()
    except BaseException:
        system.stop()
        raise
    return system


@pytest.fixture
def make_system(
    switch_kind: Kind, tone_sounds: Path, tmp_path: Path
) -> Iterator[Callable[..., System]]:
    """Start a system for this test alone; changes as in Settings, e.g. `sounds_dir=SOUNDS`."""
    made: list[System] = []

    def make(**changes: Any) -> System:
        system = started(switch_kind, tmp_path / f"s{len(made)}", tone_sounds, **changes)
        made.append(system)
        return system

    yield make
    for system in made:
        system.stop()


__all__ = ["AGENTS", "System", "make_system", "started"]
