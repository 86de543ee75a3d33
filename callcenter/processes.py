"""Child processes that are started again when they die, and found again when we did.

A process id file is kept for each. When `callcenter run` itself was killed, the switch and the
Redis server go on with their calls and data; the next `callcenter run` takes them over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)

PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)  # seconds before the 1st, 2nd … restart in a row
STEADY = 30.0  # seconds alive that make the next death a first one again


@dataclass
class Child:
    """One process. `keep` lets it outlive a killed parent, to be taken over later."""

    name: str
    command: Sequence[str]
    folder: Path  # where <name>.pid and <name>.log are kept
    environ: Mapping[str, str] = field(default_factory=dict)
    keep: bool = False
    stop_seconds: float = 10.0
    ready: Callable[[], None] | None = None  # raises when it doesn't come up
    _process: subprocess.Popen[bytes] | None = None
    _pid: int | None = None
    _started: float = 0.0
    _deaths: int = 0
    _next_start: float = 0.0

    @property
    def pid(self) -> int | None:
        return self._pid

    def start(self) -> None:
        """Start the process, or take over the one that a killed parent left behind."""
        left = self._left_behind()
        if left is not None:
            if self.keep:
                logger.info("%s: takes over process %d", self.name, left)
                self._pid = left
                self._started = time.monotonic()
                return
            logger.info("%s: ends process %d of an earlier run", self.name, left)
            _end(left, self.stop_seconds)
        log_path = self.folder / f"{self.name}.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environ},
                start_new_session=True,
            )
        self._pid = self._process.pid
        self._started = time.monotonic()
        self._pid_path.write_text(f"{self._pid}\n")

    def watch(self) -> None:
        """Start the process again if it has died and its pause is over."""
        if self._pid is not None and self._alive():
            return
        now = time.monotonic()
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
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                if self._process is not None:
                    self._process.wait(5)
        self._pid = None
        self._pid_path.unlink(missing_ok=True)

    @property
    def _pid_path(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _alive(self) -> bool:
        if self._process is not None and self._process.pid == self._pid:
            return self._process.poll() is None
        return self._pid is not None and _is(self._pid, self.command)

    def _left_behind(self) -> int | None:
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


def _end(pid: int, seconds: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
