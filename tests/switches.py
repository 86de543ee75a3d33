"""The switch as a fixture: every end-to-end test runs against `lab`, and against `freeswitch` too
when a binary is found (CALLCENTER_FREESWITCH, else PATH, else /usr/local/freeswitch/bin).

    def test_…(switch): …             one switch per kind for the whole run, quick
    def test_…(make_switch): …        own switches, e.g. with other settings, to kill and restart
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import pytest
from sipp import free_ports, write_wav_tone

from callcenter import switch_conf, switch_process
from callcenter.settings import Settings, load
from callcenter.switch_process import SwitchError, SwitchProbe
from ivr.prompts import TEXTS

Kind = Literal["lab", "freeswitch"]

PUBLISHED = ("12345", "2613710")
AGENTS = {f"{number}": f"phone-{number}" for number in range(1001, 1011)}
RTP_PORTS = 400
START_SECONDS = 30.0


@dataclass
class RunningSwitch:
    """A switch on ports of its own, with its data below `settings.data_dir`."""

    kind: Kind
    settings: Settings
    agents: dict[str, str] = field(default_factory=lambda: dict(AGENTS))  # number -> password
    published: tuple[str, ...] = PUBLISHED
    process: subprocess.Popen[bytes] | None = None

    @property
    def trunk(self) -> tuple[str, int]:
        """Where citizens' calls are sent to."""
        return self.settings.sip_ip, self.settings.sip_port

    @property
    def registrar(self) -> tuple[str, int]:
        """Where agents' phones register and call."""
        return self.settings.sip_ip, self.settings.agent_sip_port

    @property
    def pid(self) -> int:
        assert self.process is not None, "the switch isn't running"
        return self.process.pid

    @property
    def log(self) -> str:
        """What it wrote so far, for a failing test's message."""
        files = sorted((self.settings.switch_dir / "log").glob("*.log"))
        return "\n".join(file.read_text("utf-8", "replace") for file in files)

    def start(self) -> None:
        """Render the configuration, start, and wait until calls can come."""
        switch_conf.render(
            self.settings,
            [entry(number, word, self.settings.domain) for number, word in self.agents.items()],
            self.published,
            self.settings.switch_dir / "conf",
        )
        lend_certificates(self.settings)
        self.process = switch_process.launch(self.settings, self.kind)
        try:
            switch_process.wait_running(self.settings, START_SECONDS, self.process)
        except SwitchError:
            self.kill()
            raise
        if self.kind == "freeswitch":
            keep_certificates(self.settings)

    def stop(self) -> None:
        if self.process is not None:
            switch_process.stop(self.process)
            self.process = None

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def api(self, command: str) -> str:
        with SwitchProbe(self.settings) as probe:
            return probe.api(command).strip()

    def calls(self) -> int:
        """Channels that are up, this instant; `show channels` comes from a table and lags."""
        found = re.search(r"^(\d+) session\(s\) - peak", self.api("status"), re.MULTILINE)
        assert found, "no count of sessions in `status`"
        return int(found[1])

    def hang_up_all(self) -> None:
        """End every call, so that the next test finds an idle switch."""
        self.api("hupall")
        eventually(lambda: self.calls() == 0, "calls left after hupall")


@cache
def _certificates() -> Path:
    """What the first FreeSWITCH of a run made: two keys cost it four seconds of a processor."""
    folder = Path(tempfile.mkdtemp(prefix="callcenter-certificates-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def lend_certificates(settings: Settings) -> None:
    """Spare a switch the making of its keys, where another one has made some."""
    folder = settings.switch_dir / "certs"
    if not any(folder.glob("*")):
        shutil.copytree(_certificates(), folder, dirs_exist_ok=True)


def keep_certificates(settings: Settings) -> None:
    """Keep a running FreeSWITCH's keys for the next one."""
    shutil.copytree(settings.switch_dir / "certs", _certificates(), dirs_exist_ok=True)


def entry(number: str, password: str, domain: str) -> switch_conf.AgentDirectoryEntry:
    a1 = hashlib.md5(f"{number}:{domain}:{password}".encode()).hexdigest()
    return switch_conf.AgentDirectoryEntry(number, a1)


class Stoppable(Protocol):
    def stop(self) -> None: ...


Shared = TypeVar("Shared", bound=Stoppable)
Kept = Callable[[Kind], Shared]


@contextmanager
def kept_running(start: Callable[[Kind], Shared]) -> Iterator[Kept[Shared]]:
    """What is started once per kind, when it is first asked for, and stopped at the end.

    A parametrized fixture would be torn down at each change of the kind, twice a file.
    """
    running: dict[Kind, Shared] = {}

    def of(kind: Kind) -> Shared:
        if kind not in running:
            running[kind] = start(kind)
        return running[kind]

    try:
        yield of
    finally:
        while running:
            running.popitem()[1].stop()


def eventually(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Wait for a condition; its first true value."""
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(min(0.1, max(0.02, waited / 20)))  # what takes long is looked at less often


def missing(kind: Kind) -> str | None:
    """The reason why this kind of switch can't run here, or None."""
    if kind == "lab":
        found = importlib.util.find_spec("labswitch.main")
        return None if found else "labswitch.main isn't there yet"
    binary = os.environ.get("CALLCENTER_FREESWITCH", "")
    if switch_process.find_freeswitch(replace(load(environ={}), freeswitch=binary)) is None:
        return "no FreeSWITCH: set CALLCENTER_FREESWITCH, or put it on PATH or in /usr/local"
    return None


def local_settings(folder: Path, sounds: Path, **changes: Any) -> Settings:
    """Settings with free ports and `folder` for data; two controllers, the second a standby."""
    first = free_ports(RTP_PORTS + 8)
    sip, agents, wss, esl, outbound, standby, web = range(first, first + 7)
    rtp = first + 8
    settings = load(
        environ={
            "CALLCENTER_DATA_DIR": str(folder),
            "CALLCENTER_FREESWITCH": os.environ.get("CALLCENTER_FREESWITCH", ""),
            "CALLCENTER_SIP_PORT": str(sip),
            "CALLCENTER_AGENT_SIP_PORT": str(agents),
            "CALLCENTER_WSS_PORT": str(wss),
            "CALLCENTER_RTP_PORTS": f"{rtp}-{rtp + RTP_PORTS - 1}",
            "CALLCENTER_ESL_PORT": str(esl),
            "CALLCENTER_ESL_PASSWORD": "only-for-this-test",
            "CALLCENTER_OUTBOUND_PORT": str(outbound),
            "CALLCENTER_CONTROLLERS": f"127.0.0.1:{outbound},127.0.0.1:{standby}",
            "CALLCENTER_WEB_PORT": str(web),
            "CALLCENTER_SOUNDS_DIR": str(sounds),
        }
    )
    return replace(settings, **changes)


@pytest.fixture(scope="session")
def tone_sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prompts folder with a short tone for every prompt."""
    folder = tmp_path_factory.mktemp("sounds") / "zh"
    for name in TEXTS:
        write_wav_tone(folder / f"{name}.wav", 500, 0.2)
    return folder


@pytest.fixture(scope="session", params=["lab", "freeswitch"])
def switch_kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    reason = missing(kind)
    if reason:
        pytest.skip(reason)
    return kind


@pytest.fixture(scope="session")
def running_switches(
    tone_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept[RunningSwitch]]:
    def start(kind: Kind) -> RunningSwitch:
        settings = local_settings(tmp_path_factory.mktemp(kind), tone_sounds)
        return _started(RunningSwitch(kind, settings), tone_sounds)

    with kept_running(start) as running:
        yield running


@pytest.fixture
def shared_switch(switch_kind: Kind, running_switches: Kept[RunningSwitch]) -> RunningSwitch:
    return running_switches(switch_kind)


@pytest.fixture
def switch(shared_switch: RunningSwitch) -> Iterator[RunningSwitch]:
    """The shared switch of a kind, idle before and after; started again if a test ended it."""
    if shared_switch.process is None or shared_switch.process.poll() is not None:
        shared_switch.start()
    yield shared_switch
    if shared_switch.process is not None:
        shared_switch.hang_up_all()


@pytest.fixture
def make_switch(
    switch_kind: Kind, tone_sounds: Path, tmp_path: Path
) -> Iterator[Callable[..., RunningSwitch]]:
    """Start a switch for this test alone: `make_switch(max_calls=2)`, changes as in Settings."""
    made: list[RunningSwitch] = []

    def make(**changes: Any) -> RunningSwitch:
        settings = local_settings(tmp_path / f"switch-{len(made)}", tone_sounds, **changes)
        running = _started(RunningSwitch(switch_kind, settings), tone_sounds)
        made.append(running)
        return running

    yield make
    for running in made:
        running.kill()  # a polite stop takes FreeSWITCH seconds, more with calls


def _started(running: RunningSwitch, sounds: Path) -> RunningSwitch:
    """Start it; a port that was taken in the meantime is no reason to fail."""
    for attempt in range(3):
        try:
            running.start()
        except SwitchError as error:
            if attempt == 2:
                raise SwitchError(f"{error}\n{running.log[-4000:]}") from error
            fresh = local_settings(running.settings.data_dir, sounds)
            ports = ("sip_port", "agent_sip_port", "wss_port", "esl_port", "outbound_port")
            names = (*ports, "rtp_ports", "controllers")
            changes = {name: getattr(fresh, name) for name in names}
            running.settings = replace(running.settings, **changes)
        else:
            return running
    raise AssertionError("unreachable")
