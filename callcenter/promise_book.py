"""Promises to call somebody, that aren't kept yet: one small file for each, on the disk.

A file per promise makes each step one atomic rename or one unlink, whatever dies meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

logger = logging.getLogger(__name__)

SUFFIX = ".json"
_ID = re.compile(r"[0-9a-f-]{8,64}")


class Promised(Protocol):
    """A dataclass with an id of hexadecimal digits and dashes."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...


P = TypeVar("P", bound=Promised)


class PromiseBook(Generic[P]):
    """The folder. Every method blocks on the disk: call them from a thread."""

    def __init__(self, folder: Path, from_data: Callable[[dict[str, Any]], P]) -> None:
        """`from_data` raises ValueError for what isn't a promise."""
        self.folder = folder
        self._from_data = from_data
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

    def save(self, promise: P) -> None:
        """Write it; when this returns it is on the disk. OSError when it can't be."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(promise.id)
        new = path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(promise), file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def remove(self, promise_id: str) -> None:
        """Forget it; nothing happens when it is gone."""
        self._path(promise_id).unlink(missing_ok=True)
        self._sync_folder()

    def read(self, promise_id: str) -> P | None:
        """One of them; None when it isn't open, or can't be read."""
        if not _ID.fullmatch(promise_id):
            return None
        path = self._path(promise_id)
        try:
            return self._from_data(json.loads(path.read_text("utf-8")))
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

    def _path(self, promise_id: str) -> Path:
        if not _ID.fullmatch(promise_id):
            raise ValueError(f"not a promise's id: {promise_id!r}")
        return self.folder / f"{promise_id}{SUFFIX}"

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
