"""Find the switch, start it, see that it is ready, stop it.

`SwitchProbe` is a plain blocking ESL client for the few questions that are asked before (or
without) a controller; the controller's own link is `callcenter.esl`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Literal

from callcenter import scheduling
from callcenter.settings import Settings

INSTALLED = Path("/usr/local/freeswitch/bin/freeswitch")
PROFILES = ("trunk", "agents")
STOP_SECONDS = 20.0  # FreeSWITCH took 7 s to unload its modules
_LARGEST_REPLY = 16 * 1024 * 1024  # bytes

Which = Literal["freeswitch", "lab"]


class SwitchError(Exception):
    """The switch can't be started or asked: one line that says why."""


def find_freeswitch(settings: Settings) -> Path | None:
    """The binary: the setting, else PATH, else where FreeSWITCH installs itself; None if nowhere.

    A setting that names no program is an error of its own, not a reason to look elsewhere.
    """
    if settings.freeswitch:
        chosen = Path(settings.freeswitch).expanduser()
        if not os.access(chosen, os.X_OK) or not chosen.is_file():
            raise SwitchError(f"freeswitch: {chosen} is not a program; install it or unset this")
        return chosen.resolve()
    found = shutil.which("freeswitch")
    if found:
        return Path(found)
    return INSTALLED if os.access(INSTALLED, os.X_OK) else None


def choose(settings: Settings) -> Which:
    """Which switch `settings.switch` means on this machine; SwitchError when it isn't here."""
    if settings.switch == "lab":
        return "lab"
    if find_freeswitch(settings):
        return "freeswitch"
    if settings.switch == "freeswitch":
        raise SwitchError(
            "FreeSWITCH was not found; install it, set CALLCENTER_FREESWITCH, or use lab"
        )
    return "lab"


def switch_command(settings: Settings, which: Which) -> list[str]:
    """The command line that runs the switch in the foreground with DATA_DIR/switch/conf."""
    home = settings.switch_dir
    if which == "lab":
        return [sys.executable, "-m", "labswitch.main", "--conf", str(home / "conf")]
    binary = find_freeswitch(settings)
    if binary is None:
        raise SwitchError(
            "FreeSWITCH was not found; install it, set CALLCENTER_FREESWITCH, or use lab"
        )
    folders = {
        "-conf": home / "conf",
        "-log": home / "log",
        "-db": home / "db",
        "-run": home / "run",
        "-storage": home / "storage",
        "-temp": home / "temp",
        "-cache": home / "cache",
        "-certs": home / "certs",
        "-recordings": settings.recordings_dir,
    }
    # -nf foreground, -nc no console, -np the priority that it is started with
    # (callcenter.scheduling), -nonat no port mapping
    command = [str(binary), "-nf", "-nc", "-np", "-nonat"]
    for option, folder in folders.items():
        command += [option, str(folder)]
    return command


def role(which: Which) -> scheduling.Role:
    """The lab switch shares the processor with everything else: it is a program in Python."""
    return scheduling.Role.SWITCH if which == "freeswitch" else scheduling.Role.OTHER


def make_folders(settings: Settings) -> None:
    """The folders that the switch writes to; nobody but us gets in."""
    home = settings.switch_dir
    own = [home / name for name in ("log", "db", "run", "storage", "temp", "cache", "certs")]
    for folder in [*own, settings.recordings_dir / "messages", settings.cdr_dir]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def launch(settings: Settings, which: Which) -> subprocess.Popen[bytes]:
    """Start the switch in a session of its own (a Ctrl-C at our terminal isn't meant for it).

    What it prints goes to DATA_DIR/switch/log/console.log. Its files are readable by us alone.
    """
    make_folders(settings)
    home = settings.switch_dir
    with (
        open(home / "log" / "console.log", "wb") as console,
        scheduling.starting(role(which), realtime=settings.realtime == "auto"),
    ):
        return subprocess.Popen(
            switch_command(settings, which),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            cwd=home,
            start_new_session=True,
            umask=0o077,
        )


def stop(process: subprocess.Popen[bytes], timeout: float = STOP_SECONDS) -> int:
    """SIGTERM, and SIGKILL after `timeout` seconds; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait(5.0)


def wait_running(
    settings: Settings, timeout: float, process: subprocess.Popen[bytes] | None = None
) -> None:
    """Return when both SIP profiles are RUNNING; SwitchError after `timeout` seconds, or at once
    when `process` has ended.

    `status` answers long before the switch can take a call, so profiles are what counts.
    """
    deadline = time.monotonic() + timeout
    reason = "no answer yet"
    while True:
        if process is not None and process.poll() is not None:
            log = settings.switch_dir / "log" / "console.log"
            raise SwitchError(f"the switch ended with code {process.returncode}; see {log}")
        try:
            with SwitchProbe(settings, timeout=2.0) as probe:
                missing = [name for name in PROFILES if name not in probe.running_profiles()]
        except SwitchError as error:
            reason = str(error)
        else:
            if not missing:
                return
            reason = f"SIP profile {' and '.join(missing)} not running"
        if time.monotonic() >= deadline:
            raise SwitchError(f"the switch isn't ready after {timeout:g} s: {reason}")
        time.sleep(0.1)


class SwitchProbe:
    """One short ESL conversation: `with SwitchProbe(settings) as probe: probe.api("status")`."""

    def __init__(self, settings: Settings, timeout: float = 5.0) -> None:
        self._where = (settings.esl_host, settings.esl_port)
        self._password = settings.esl_password
        self._timeout = timeout
        self._buffer = b""

    def __enter__(self) -> SwitchProbe:
        try:
            self._socket = socket.create_connection(self._where, self._timeout)
        except OSError as error:
            host, port = self._where
            raise SwitchError(f"event socket {host}:{port}: {error.strerror or error}") from error
        try:
            self._authenticate()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def api(self, command: str) -> str:
        """Run a command; its answer, also when that begins with -ERR."""
        self._send(f"api {command}")
        while True:
            headers, body = self._message()
            if headers.get("content-type") == "api/response":
                return body

    def running_profiles(self) -> set[str]:
        """SIP profiles that take calls, from `sofia status`: name, type, address, state."""
        rows = [line.split() for line in self.api("sofia status").splitlines()]
        return {
            row[0] for row in rows if len(row) >= 4 and row[1] == "profile" and row[3] == "RUNNING"
        }

    def _authenticate(self) -> None:
        headers, _ = self._message()
        if headers.get("content-type") == "text/rude-rejection":
            raise SwitchError("event socket: our address is refused by its access list")
        self._send(f"auth {self._password}")
        headers, _ = self._message()
        if not headers.get("reply-text", "").startswith("+OK"):
            raise SwitchError("event socket: the password is refused")

    def _send(self, line: str) -> None:
        if "\n" in line or "\r" in line:
            raise ValueError("line breaks are not allowed in a command")
        try:
            self._socket.sendall(line.encode() + b"\n\n")
        except OSError as error:
            raise SwitchError(f"event socket: {error.strerror or error}") from error

    def _message(self) -> tuple[dict[str, str], str]:
        deadline = time.monotonic() + self._timeout
        while b"\n\n" not in self._buffer:
            self._receive(deadline)
        head, _, self._buffer = self._buffer.partition(b"\n\n")
        headers = {}
        for line in head.decode("utf-8", "replace").splitlines():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > _LARGEST_REPLY:
            raise SwitchError(f"event socket: a reply of {length!r} bytes makes no sense")
        while len(self._buffer) < int(length):
            self._receive(deadline)
        body, self._buffer = self._buffer[: int(length)], self._buffer[int(length) :]
        return headers, body.decode("utf-8", "replace")

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or len(self._buffer) > _LARGEST_REPLY:
            raise SwitchError(f"event socket: no complete answer within {self._timeout:g} s")
        self._socket.settimeout(left)
        try:
            chunk = self._socket.recv(65536)
        except TimeoutError:
            return
        except OSError as error:
            raise SwitchError(f"event socket: {error.strerror or error}") from error
        if not chunk:
            raise SwitchError("event socket: the switch closed the connection")
        self._buffer += chunk
