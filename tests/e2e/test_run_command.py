"""`callcenter run` as a person starts it: one command, one folder, one Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from hotline_kit import write_rules, write_voices
from phone import AgentPhone, Citizen
from switches import (
    Kept,
    Kind,
    eventually,
    keep_certificates,
    kept_running,
    lend_certificates,
    local_settings,
    missing,
)
from system import SOUNDS, environ, fill_folder

from callcenter.bootstrap import Secrets
from callcenter.presence import connect
from callcenter.settings import Settings

READY_SECONDS = 60.0
ENDED_SECONDS = 40.0
CITIZEN = "13700000001"


class Run:
    """A running `callcenter run`."""

    def __init__(self, settings: Settings, kind: Kind) -> None:
        self.settings = settings
        self.kind = kind
        self._environ = {
            **{name: text for name, text in os.environ.items() if "CALLCENTER" not in name},
            **environ(settings),
            "CALLCENTER_SWITCH": kind,
            "CALLCENTER_CONTROLLERS": f"127.0.0.1:{settings.outbound_port}",
        }
        for name in ("ESL_PASSWORD", "REDIS_URL", "DATABASE_URL"):
            del self._environ[f"CALLCENTER_{name}"]
        self._output = settings.data_dir.with_suffix(".out")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **changes: str) -> Run:
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "callcenter", "run"],
                env={**self._environ, **changes},
                cwd=self.settings.data_dir.parent,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Another command beside it, with its settings."""
        return subprocess.run(
            [sys.executable, "-m", "callcenter", *args],
            env=self._environ,
            cwd=self.settings.data_dir.parent,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def output(self) -> str:
        return self._output.read_text("utf-8")

    def ready(self) -> Run:
        """Until it has greeted."""
        assert self.process is not None

        def greeted() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.output() + self.logs()
            return "Ctrl-C" in self.output()

        eventually(greeted, f"a greeting\n{self.output()}", READY_SECONDS)
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(ENDED_SECONDS)

    def logs(self) -> str:
        files = sorted((self.settings.data_dir / "log").glob("*.log"))
        return "\n".join(f"== {file.name}\n{file.read_text()[-2000:]}" for file in files)

    def pid(self, name: str) -> int:
        return int((self.settings.data_dir / "log" / f"{name}.pid").read_text())

    def pids(self) -> dict[str, int]:
        return {path.stem: self.pid(path.stem) for path in self.settings.data_dir.glob("log/*.pid")}

    @property
    def secrets(self) -> Secrets:
        return Secrets.load(self.settings.data_dir)

    # --- a call --------------------------------------------------------------------------------

    def api(self, path: str, **options: Any) -> Any:
        url = f"http://127.0.0.1:{self.settings.web_port}/api/v1/{path}"
        headers = {"Authorization": f"Bearer {self.secrets.api_token}"}
        method = "PUT" if options else "GET"
        return requests.request(method, url, headers=headers, timeout=5, **options).json()

    def agent(self, number: str) -> AgentPhone:
        where = ("127.0.0.1", self.settings.agent_sip_port)
        password = self.secrets.sip_passwords[number]
        phone = AgentPhone(where, number, password, self.settings.domain)
        phone.register()
        ready = {"state": "ready"}
        path = f"agents/{number}/state"
        eventually(lambda: self.api(path, json=ready).get("state") == "ready", "an agent is ready")
        return phone

    def citizen(self) -> Citizen:
        return Citizen(("127.0.0.1", self.settings.sip_port), CITIZEN)

    def ended(self) -> dict[str, Any]:
        def record() -> dict[str, Any] | None:
            calls = self.api("calls")["calls"]
            return calls[0] if calls and calls[0]["ended_at"] else None

        return dict(eventually(record, "the call's record", 20))

    def stop(self) -> None:
        """End whatever of it is left."""
        left = self.pids()
        if self.process is not None and self.process.poll() is None:
            self.end()
        for pid in left.values():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


Make = Callable[..., Run]


def maker(folder: Path, made: list[Run]) -> Make:
    sounds, rules = write_voices(folder / "voices"), write_rules(folder / "rules")

    def make(kind: Kind = "lab", *, shipped: bool = False, first: bool = False) -> Run:
        """`shipped`: with the repository's own hotlines, queues and voice; `first`: in a folder
        that isn't there yet."""
        data = folder / f"data-{len(made)}"
        if shipped:
            settings = local_settings(data, SOUNDS)
        else:
            settings = replace(local_settings(data, sounds), **rules)
        if not first:
            fill_folder(data)
            lend_certificates(settings)
        made.append(Run(settings, kind))
        return made[-1]

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> Iterator[Make]:
    """A `callcenter run` with ports and a data folder of its own, not started."""
    made: list[Run] = []
    yield maker(tmp_path, made)
    for run in made:
        run.stop()


@pytest.fixture(scope="module")
def lasting_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept[Run]]:
    """One that tests share, each leaving it serving; a start and an end take long."""
    make = maker(tmp_path_factory.mktemp("lasting"), [])
    with kept_running(lambda kind: make(kind).start().ready()) as running:
        yield running


@pytest.fixture
def lasting(lasting_runs: Kept[Run], switch_kind: Kind) -> Run:
    return lasting_runs(switch_kind)


def talk(run: Run) -> None:
    agent, citizen = run.agent("1001"), run.citizen()
    try:
        call = citizen.dial("2613710")
        call.hears("agent")
        agent.rings().hears("citizen", length=0.5)
        call.hang_up()
        assert run.ended()["outcome"] == "answered"
    finally:
        agent.close()
        citizen.close()


def test_given_two_folders_when_run_twice_then_both_serve_and_end_without_a_trace(
    make_run: Make,
) -> None:
    other: Kind = "lab" if missing("freeswitch") else "freeswitch"
    one, two = (make_run(kind, first=True).start() for kind in ("lab", other))
    for run in (one, two):
        run.ready()
        told = run.output()
        assert f"http://127.0.0.1:{run.settings.web_port}/" in told
        assert f"sip:127.0.0.1:{run.settings.sip_port}" in told
        for username, password in run.secrets.first_logins.items():
            assert re.search(rf"{username} +{password}", told)
        talk(run)
    intruder = make_run()
    folder = str(one.settings.data_dir)
    process = intruder.start(CALLCENTER_DATA_DIR=folder).process
    assert process is not None
    assert process.wait(20) == 2
    (line,) = intruder.output().splitlines()
    assert "in use by another" in line
    left = {**{f"1 {n}": p for n, p in one.pids().items()}, **two.pids()}
    assert len(left) == 10
    if two.kind == "freeswitch":
        keep_certificates(two.settings)
    assert one.end(signal.SIGTERM) == 0
    assert two.end(signal.SIGINT) == 0
    assert [name for name, pid in left.items() if alive(pid)] == []
    again = one.start().ready()
    assert "First logins" not in again.output()
    assert again.end() == 0


def test_given_a_new_start_when_a_test_call_is_placed_then_it_is_answered_and_rated(
    make_run: Make, switch_kind: Kind
) -> None:
    run = make_run(switch_kind, shipped=True).start().ready()
    placed = run.command("call", "--seconds", "1", "--rating", "2")
    assert placed.returncode == 0, placed.stdout + placed.stderr
    assert "outcome    answered" in placed.stdout
    record = run.ended()
    assert (record["outcome"], record["rating"]) == ("answered", 2)
    assert record["menu_path"] == ["main:1"]
    assert run.api(f"orders/{record['order_number']}")["state"] == "draft"

    def registered() -> set[str]:
        return {each["number"] for each in run.api("agents")["agents"] if each["registered"]}

    eventually(lambda: record["agent"] not in registered(), "its phone is gone, and known to be")
    assert run.end() == 0


def test_given_run_is_killed_while_two_talk_when_it_is_run_again_then_they_talk_on(
    lasting: Run,
) -> None:
    run = lasting
    agent, citizen = run.agent("1001"), run.citizen()
    try:
        call = citizen.dial("2613710")
        call.hears("agent", length=0.5)
        before = run.pids()
        assert run.process is not None
        run.process.kill()
        run.process.wait(5)
        run.start().ready()
        after = run.pids()
        assert {n: after[n] for n in ("switch", "redis")} == {
            n: before[n] for n in ("switch", "redis")
        }
        assert [n for n in ("controller", "projector", "web") if alive(before[n])] == []
        assert run.api("agents/1001/state")["state"] == "talking"
        heard = call.heard.seconds("agent")
        call.hears("agent", length=heard + 1)
        assert call.heard.words()[-1] == "agent"
        agent.calls[0].hang_up()
        call.hears("survey")
        call.press("1")
        call.is_over()
        record = run.ended()
        assert (record["outcome"], record["rating"]) == ("answered", 1)
    finally:
        agent.close()
        citizen.close()


def test_given_a_controller_that_dies_or_hangs_then_run_starts_another(
    lasting: Run, record_property: Any
) -> None:
    run = lasting
    live = connect(f"unix://{run.settings.redis_socket}")

    def serving(old: int) -> bool:
        shown = json.loads(str(live.get("cc:live") or "{}"))
        return shown.get("takes_calls") is True and not shown["controller"].endswith(f"-{old}")

    first = run.pid("controller")
    begun = time.monotonic()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: serving(first), "another controller takes calls", 20)
    record_property("seconds after kill -9", round(time.monotonic() - begun, 2))

    second = run.pid("controller")
    citizen = run.citizen()
    try:
        os.kill(second, signal.SIGSTOP)
        begun = time.monotonic()
        call = citizen.dial("12345")
        eventually(lambda: call.state == "ringing", "the citizen hears ringing")
        call.hears("menu_main", 40)
        record_property(
            "seconds until a hung controller's call", round(time.monotonic() - begun, 2)
        )
        assert not alive(second)
    finally:
        citizen.close()


@pytest.mark.parametrize("name", ["SIP_PORT", "ESL_PORT", "OUTBOUND_PORT", "WEB_PORT"])
def test_given_a_port_in_use_when_run_then_one_line_says_which(make_run: Make, name: str) -> None:
    run = make_run()
    port = getattr(run.settings, name.lower())
    kind = socket.SOCK_DGRAM if name == "SIP_PORT" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", port))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        process = run.start().process
        assert process is not None
        assert process.wait(20) == 2
    (line,) = run.output().splitlines()
    assert line.startswith(f"callcenter: CALLCENTER_{name}: 127.0.0.1:{port} is in use")
    assert run.pids() == {}


def test_given_wrong_settings_when_run_then_one_line_and_exit_code_2(
    make_run: Make,
) -> None:
    for change in ({"CALLCENTER_WEB_PORT": "many"}, {"CALLCENTER_SWTICH": "lab"}):
        process = (run := make_run()).start(**change).process
        assert process is not None
        assert process.wait(20) == 2
        (line,) = run.output().splitlines()
        assert next(iter(change)) in line
