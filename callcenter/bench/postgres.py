"""A PostgreSQL server of the bench's own, where its programs are installed; gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

START_SECONDS = 60
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
}


def programs() -> Path | None:
    """The folder of initdb and postgres, newest first; None when they aren't installed."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def server() -> Iterator[str | None]:
    """The URL of an empty database; None where PostgreSQL isn't installed."""
    found = programs()
    if found is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="callcenter-bench-pg-"))
    process = None
    try:
        port, run_as = _free_port(), _not_root(folder)
        flags = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "bench"]
        subprocess.run(
            [*run_as, found / "initdb", "-D", folder / "data", *flags],
            check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        options = [part for k, v in OPTIONS.items() for part in ("-c", f"{k}={v}")]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [*run_as, found / "postgres", "-D", folder / "data", "-p", str(port), *options],
                stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        url = f"postgresql://bench@127.0.0.1:{port}/postgres"
        _wait(url, process, folder / "log")
        yield url
    finally:
        if process is not None:
            process.send_signal(2)  # fast: doesn't wait for clients
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _not_root(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
