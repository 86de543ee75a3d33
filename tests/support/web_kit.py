"""Settings, data and log-ins for tests of the pages."""

from __future__ import annotations

import atexit
import datetime as dt
import functools
import hashlib
import re
import shutil
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from callcenter import database, policies
from callcenter.events import Event, Kind
from callcenter.models import Agent, Call, JournalEvent, Recording
from callcenter.settings import PACKAGE_ROOT
from web import passwords
from web.rights import Role
from workorder.models import Order, OrderEvent, User

PASSWORD = "correct horse battery"
# Cheap on purpose: many tests log in, and the real cost is a quarter of a second each time.
passwords.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD_HASH = passwords.HASHER.hash(PASSWORD)
API_TOKEN = "token-for-tests-only"


@dataclass(frozen=True)
class KitSettings:
    data_dir: Path
    database_url: str
    redis_url: str = ""
    web_secret_key: str = "secret-for-tests-only"
    api_token: str = API_TOKEN
    domain: str = "callcenter.local"
    alarms_file: Path = PACKAGE_ROOT / "callcenter" / "alarms.yaml"
    recording_reason: str = "export"
    sip_ip: str = "127.0.0.1"
    wss_port: int = 7443
    wss_url: str = ""
    hotlines_dir: Path = PACKAGE_ROOT / "ivr" / "hotlines"
    trunk_gateway: str = "carrier.test"
    callback_numbers: str = r"1[3-9][0-9]{9}|0[1-9][0-9]{8,10}"
    outreach_file: Path | None = None
    web_proxies: int = 0

    @property
    def recordings_dir(self) -> Path:
        return self.data_dir / "recordings"

    @property
    def journal_dir(self) -> Path:
        return self.data_dir / "journal"


def make_settings(folder: Path, redis_url: str = "") -> KitSettings:
    """A data folder with an empty, migrated database."""
    for name in ("recordings", "journal"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_empty_database(), folder / "callcenter.db")
    return KitSettings(folder, f"sqlite:///{folder / 'callcenter.db'}", redis_url)


@functools.cache
def _empty_database() -> Path:
    """Migrated once per run and copied: all migrations take longer than most tests."""
    path = Path(tempfile.mkdtemp(prefix="web-kit-")) / "empty.db"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    url = f"sqlite:///{path}"
    database.upgrade(url)
    engine = database.create_engine(url)
    with database.writing(engine) as session:
        policies.ensure(session, dt.datetime.now(dt.UTC))
    with engine.connect() as connection:  # one file: nothing may wait in the write-ahead log
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


# --- rows ----------------------------------------------------------------------------------------


def add_user(engine: Engine, username: str, role: Role | str, **values: Any) -> None:
    fields: dict[str, Any] = {
        "display_name": username,
        "password_hash": PASSWORD_HASH,
        "created_at": dt.datetime.now(dt.UTC),
    }
    with database.writing(engine) as session:
        session.add(User(username=username, role=str(role), **(fields | values)))


def add_agent(engine: Engine, number: str = "1001", name: str = "王芳") -> None:
    with database.writing(engine) as session:
        session.add(
            Agent(number=number, name=name, sip_a1_hash="0" * 32, queues={"general": 5}, skills={})
        )


def add_call(engine: Engine, call_id: str, *, age: float = 60, **values: Any) -> None:
    """A call that arrived `age` seconds ago; times may be given as seconds after arrival."""
    arrived = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age)
    for name in ("queued_at", "told_at", "offered_at", "answered_at", "talk_ended_at", "ended_at"):
        if isinstance(values.get(name), int | float):
            values[name] = arrived + dt.timedelta(seconds=values[name])
    fields: dict[str, Any] = {
        "caller": "13812345678",
        "dialed": "12345",
        "hotline": "city",
        "menu_path": ["main:1"],
        "stage": "ended" if values.get("ended_at") else "queue",
        "arrived_at": arrived,
        "updated_at": arrived,
    }
    with database.writing(engine) as session:
        session.add(Call(id=call_id, **(fields | values)))


def add_events(engine: Engine, events: list[Event]) -> None:
    with database.writing(engine) as session:
        for each in events:
            session.add(
                JournalEvent(
                    id=each.id, at=each.at, kind=each.kind, call_id=each.call, data=each.data
                )
            )


def add_order(engine: Engine, number: str, **values: Any) -> None:
    at = dt.datetime.now(dt.UTC)
    fields: dict[str, Any] = {
        "state": "draft",
        "title": "路灯不亮",
        "body": "和平路 12 号门前路灯三天不亮。",
        "citizen_number": "13812345678",
        "agent_number": "1001",
        "created_at": at,
        "updated_at": at,
    }
    with database.writing(engine) as session:
        order = Order(number=number, **(fields | values))
        order.events.append(
            OrderEvent(at=order.created_at, kind="drafted", actor="system", to_state="draft")
        )
        session.add(order)


def add_recording(
    engine: Engine, settings: KitSettings, call_id: str, *, seconds: float = 2.0, **values: Any
) -> bytes:
    """A WAV file and its index entry; the file's bytes are returned."""
    path = f"2026/03/01/{call_id}.wav"
    sound = wav(seconds)
    file = settings.recordings_dir / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(sound)
    fields: dict[str, Any] = {
        "kind": "talk",
        "state": "indexed",
        "sha256": hashlib.sha256(sound).hexdigest(),
        "seconds": seconds,
        "channels": 1,
        "size": len(sound),
    }
    with database.writing(engine) as session:
        session.add(Recording(path=path, call_id=call_id, **(fields | values)))
    return sound


def wav(seconds: float) -> bytes:
    """8 kHz mono, 16 bit; a slow ramp, so that every part differs."""
    frames = int(8000 * seconds)
    data = b"".join(struct.pack("<h", n % 30000) for n in range(frames))
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1,
                       8000, 16000, 2, 16)  # fmt: skip
    return head + struct.pack("<4sI", b"data", len(data)) + data


def steps(call_id: str, start: float, *told: tuple[float, Kind, dict[str, Any]]) -> list[Event]:
    """Journal events at `start` + seconds."""
    return [
        Event(f"{call_id}:{number}", start + after, kind, call_id, data)
        for number, (after, kind, data) in enumerate(told)
    ]


# --- the browser's part --------------------------------------------------------------------------


def token_of(page: TestResponse) -> str:
    """The CSRF token in a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, "no CSRF token in the page"
    return found[1]


def log_in(
    client: FlaskClient, username: str, password: str = PASSWORD, **form: str
) -> TestResponse:
    page = client.get("/login")
    return client.post(
        "/login",
        data={"csrf_token": token_of(page), "username": username, "password": password, **form},
    )


def post(client: FlaskClient, path: str, page: str = "/account", **form: str) -> TestResponse:
    """Post a form as the page would: with the token that `page` holds."""
    return client.post(path, data={"csrf_token": token_of(client.get(page)), **form})


def client_for(app: Flask, username: str) -> FlaskClient:
    client = app.test_client()
    assert log_in(client, username).status_code == 302
    return client
