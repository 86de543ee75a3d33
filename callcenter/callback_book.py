"""Callbacks that were promised and not yet kept: one small file for each, on the disk.

A promise must outlive the controller, Redis and the database, and it must be on the disk before
the citizen hears of it. So it isn't kept in Redis (may lose its last second), nor in the database
(may be away while calls go on), nor read back from the journal (the whole history, when only what
is open is wanted). The journal has every step all the same, so that the call's record and its
draft order tell of the promise even if this folder were lost.

A file per promise makes each step one atomic rename or one unlink, whatever dies meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

FOLDER = "callbacks"
SUFFIX = ".json"
_ID = re.compile(r"[0-9a-f-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A promise to call. Times are seconds since the epoch, UTC."""

    id: str  # the contact in the queue, and the UUID of the channel that calls the citizen
    call: str  # the call in which it was promised
    number: str
    dialed: str  # the published number, shown to the citizen
    hotline: str
    queue: str
    reason: str  # asked, overflow or cut_off
    requirement: str = ""
    priority: int = 0
    arrived_at: float = 0.0
    queued_at: float = 0.0  # keeps the place
    requested_at: float = 0.0
    last_agent: str = ""
    attempts: int = 0
    not_before: float = 0.0  # of the next attempt

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Callback:
        """From JSON; ValueError when something is missing or of another type."""
        kinds = {item.name: {"str": str, "int": int, "float": float}[str(item.type)]
                 for item in fields(cls)}  # fmt: skip
        try:
            return cls(**{name: kinds[name](value) for name, value in data.items()})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a callback: {error}") from error


class CallbackBook:
    """The folder. Every method blocks on the disk: call them from a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def keep(self) -> bool:
        """Become the one who dials; False while another process is.

        The kernel ends the lock with the process, however it dies.
        """
        if self._lock is not None:
            return True
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "keeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def save(self, callback: Callback) -> None:
        """Write it; when this returns it is on the disk. OSError when it can't be."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(callback.id)
        new = path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(callback), file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def remove(self, callback_id: str) -> None:
        """Forget it; nothing happens when it is gone."""
        self._path(callback_id).unlink(missing_ok=True)
        self._sync_folder()

    def read(self, callback_id: str) -> Callback | None:
        """One of them; None when it isn't open, or can't be read."""
        if not _ID.fullmatch(callback_id):
            return None
        path = self._path(callback_id)
        try:
            return Callback.from_data(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError) as error:
            logger.error("%s can't be read: %s", path, error)
            return None

    def ids(self) -> set[str]:
        """Those that are open."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return set()
        found = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
        return {name for name in found if _ID.fullmatch(name)}

    def _path(self, callback_id: str) -> Path:
        if not _ID.fullmatch(callback_id):
            raise ValueError(f"not a callback's id: {callback_id!r}")
        return self.folder / f"{callback_id}{SUFFIX}"

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
