"""`callcenter demo`: a city that calls by itself, and nothing of it left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from switches import eventually, local_settings
from system import environ

ANSWERED = 2
SECONDS = 90.0


def processes_with(text: str) -> dict[int, str]:
    """Processes whose command line or environment speaks of `text`."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told and int(folder.name) != os.getpid():
            found[int(folder.name)] = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            )
    return found


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


@pytest.fixture
def place() -> Iterator[Path]:
    """Its own folder for temporary files, with a short name: sockets' paths are short."""
    with tempfile.TemporaryDirectory(prefix="cc-demo-") as folder:
        yield Path(folder)


@pytest.mark.timeout(240)
def test_given_a_demo_when_ctrl_c_is_pressed_then_its_calls_were_answered_and_nothing_is_left(
    switch_kind, tone_sounds, place
):
    settings = local_settings(place / "unused", tone_sounds)
    marker = {"TMPDIR": str(place)}  # so that every process of this demo can be told
    told = {
        **{name: text for name, text in os.environ.items() if "CALLCENTER" not in name},
        **environ(settings),
        **marker,
        "CALLCENTER_SWITCH": switch_kind,
        "CALLCENTER_CONTROLLERS": f"127.0.0.1:{settings.outbound_port}",
    }
    for name in ("ESL_PASSWORD", "REDIS_URL", "DATABASE_URL", "DATA_DIR"):
        told.pop(f"CALLCENTER_{name}", None)
    output = place / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(
            [sys.executable, "-m", "callcenter", "demo", "--minutes", "3"],
            env=told, cwd=place, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:

        def answered() -> bool:
            assert demo.poll() is None, output.read_text("utf-8")[-4000:]
            folders = list(place.glob("callcenter-demo-*/secrets.toml"))
            if not folders:
                return False
            token = folders[0].read_text("utf-8").partition('api_token = "')[2].partition('"')[0]
            try:
                figures = requests.get(
                    f"http://127.0.0.1:{settings.web_port}/api/v1/figures",
                    headers={"Authorization": f"Bearer {token}"}, timeout=5,
                )  # fmt: skip
            except requests.RequestException:
                return False
            return figures.ok and figures.json()["counts"]["answered"] >= ANSWERED

        eventually(answered, f"{ANSWERED} answered calls", SECONDS)
        printed = output.read_text("utf-8")
        assert "supervisor" in printed  # who may log in
        assert "1001" in printed
        assert len(processes_with(str(place))) > 5
    finally:
        began = time.monotonic()
        os.kill(demo.pid, signal.SIGINT)  # as Ctrl-C does: the demo tells its own
        try:
            code = demo.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(demo.pid, signal.SIGKILL)
            raise
    assert code == 0, output.read_text("utf-8")[-4000:]
    assert time.monotonic() - began < 40
    assert processes_with(str(place)) == {}
    for name in ("sip_port", "agent_sip_port", "esl_port", "outbound_port", "web_port"):
        assert is_free(getattr(settings, name)), name
    left = [path.name for path in place.iterdir() if path.name not in ("output", "unused")]
    assert left == []
