"""Child processes that are started again when they die, and found again when we did.

A process id file is kept for each. When `callcenter run` itself was killed, the switch and the
Redis server go on with their calls and data; the next `callcenter run` takes them over.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from callcenter.scheduling import Role, promote, starting

logger = logging.getLogger(__name__)

PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)  # seconds before the 1st, 2nd … restart in a row
STEADY = 30.0  # seconds alive that make the next death a first one again
GROWN_UP = 10.0  # seconds after which a switch has started all that it starts at first
HUNG = 10.0  # seconds without a sign of life, after the first, that make a process a dead one
BLINK = 2.0  # seconds between two looks: after a longer pause it was us who stood still


class NotServing(Exception):
    """Everything was started, and calls can't be taken: one line that says why."""


@dataclass
class Child:
    """One process. `keep` lets it outlive a killed parent, to be taken over later."""

    name: str
    command: Sequence[str]
    folder: Path  # where <name>.pid and <name>.log are kept
    environ: Mapping[str, str] = field(default_factory=dict)
    keep: bool = False
    stop_seconds: float = 10.0
    role: Role = Role.OTHER
    realtime: bool = False  # if that is allowed
    alive: Path | None = None  # a file that the process touches every second
    _process: subprocess.Popen[bytes] | None = None
    _pid: int | None = None
    _started: float = 0.0
    _deaths: int = 0
    _next_start: float = 0.0
    _sign: float = 0.0  # the file's time when it was last looked at
    _sign_at: float = 0.0  # since when it has that time
    _looked_at: float = 0.0
    _promoted: int | None = None  # the process that was tried to be given real-time priority

    @property
    def pid(self) -> int | None:
        return self._pid

    def start(self) -> None:
        """Start the process, or take over the one that a killed parent left behind."""
        left = self.left_behind()
        if left is not None:
            if self.keep:
                logger.info("%s: takes over process %d", self.name, left)
                self._pid = left
                self._started = time.monotonic()
                return
            logger.info("%s: ends process %d of an earlier run", self.name, left)
            _end(left, self.command, self.stop_seconds)
        log_path = self.folder / f"{self.name}.log"
        with log_path.open("ab") as log, starting(self.role, realtime=self.realtime) as scheduled:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environ},
                start_new_session=True,
            )
        self._pid = self._process.pid
        if self.role is not Role.OTHER:
            logger.info("%s: process %d, scheduled %s", self.name, self._pid, scheduled)
        self._started = time.monotonic()
        self._pid_path.write_text(f"{self._pid}\n")

    def watch(self) -> None:
        """Start the process again if it has died, or hangs, and its pause is over."""
        now = time.monotonic()
        if self._pid is not None and self._alive():
            if self._hangs(now):
                logger.error("%s: process %d hangs; killed", self.name, self._pid)
                self._kill()
            elif now - self._started > GROWN_UP and self._promoted != self._pid:
                self._promote(self._pid)
            return
        if self._pid is not None:
            if now - self._started > STEADY:
                self._deaths = 0
            pause = PAUSES[min(self._deaths, len(PAUSES) - 1)]
            self._deaths += 1
            self._next_start = now + pause
            logger.error(
                "%s: process %d ended; starting it again in %.1f s (see %s)",
                self.name,
                self._pid,
                pause,
                self.folder / f"{self.name}.log",
            )
            self._pid = None
        if now >= self._next_start:
            self.start()

    def _promote(self, pid: int) -> None:
        self._promoted = pid
        if self.role is Role.SWITCH and self.realtime and promote(pid):
            logger.info("%s: process %d has real-time priority", self.name, pid)

    def stop(self) -> None:
        """Ask it to end, and end it when it doesn't within `stop_seconds`."""
        if self._pid is not None and self._alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
            deadline = time.monotonic() + self.stop_seconds
            while self._alive() and time.monotonic() < deadline:
                time.sleep(0.02)
            if self._alive():
                logger.warning("%s: did not end in %.0f s; killed", self.name, self.stop_seconds)
                self._kill()
        self._pid = None
        self._pid_path.unlink(missing_ok=True)

    def _hangs(self, now: float) -> bool:
        """Whether it gave a sign of life once, and has given none for long."""
        paused = now - self._looked_at > BLINK
        self._looked_at = now
        try:
            sign = self.alive.stat().st_mtime if self.alive else 0.0
        except OSError:
            sign = 0.0
        if sign != self._sign or paused:
            self._sign, self._sign_at = sign, now
        return self._started < self._sign_at < now - HUNG and sign > 0 and self._has_begun(sign)

    def _has_begun(self, sign: float) -> bool:
        """Whether the sign is this process's own, and not an earlier one's."""
        return time.time() - sign < time.monotonic() - self._started

    def _kill(self) -> None:
        assert self._pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(5)

    @property
    def _pid_path(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _alive(self) -> bool:
        if self._process is not None and self._process.pid == self._pid:
            return self._process.poll() is None
        return self._pid is not None and _is(self._pid, self.command)

    def left_behind(self) -> int | None:
        """The process of an earlier run that lives on, if there is one."""
        try:
            pid = int(self._pid_path.read_text())
        except (OSError, ValueError):
            return None
        return pid if _is(pid, self.command) else None


def _is(pid: int, command: Sequence[str]) -> bool:
    """Whether process `pid` runs `command`: ids are used again."""
    try:
        running = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    arguments = running.rstrip("\0").split("\0")
    return state != "Z" and arguments[-len(command) + 1 :] == list(command[1:])


def _end(pid: int, command: Sequence[str], seconds: float) -> None:
    """End a process that isn't our child: nobody may ever have collected it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _is(pid, command):
                return
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; BlockingIOError when another process has it. It ends with us."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
