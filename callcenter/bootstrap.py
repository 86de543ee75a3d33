"""The first run: the data folder, the secrets nobody has to invent, and somebody who can log in."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import secrets
import tempfile
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from callcenter.models import Agent
from callcenter.settings import Settings, SettingsError
from workorder.models import User

FILE = "secrets.toml"
FOLDERS = ("journal", "recordings/messages", "cdr")
BOOTSTRAP_LOCK = 0x31323334_35000003
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_HEAD = "# Made at the first run. Whoever reads this can do anything: keep it to yourself.\n"


@dataclass(frozen=True, slots=True)
class _Person:
    username: str
    name: str
    role: str  # see web.rights.Role
    agent: bool = False


PEOPLE = (
    _Person("admin", "系统管理员", "administrator"),
    _Person("supervisor", "值班班长", "supervisor"),
    _Person("dispatcher", "派单员", "dispatcher"),
    _Person("1001", "王芳", "agent", agent=True),
    _Person("1002", "李强", "agent", agent=True),
    _Person("1003", "张敏", "agent", agent=True),
    _Person("1004", "刘洋", "agent", agent=True),
)
QUEUES = {"general": 5}


class HasDataDir(Protocol):
    @property
    def data_dir(self) -> Path: ...


@dataclass(frozen=True, slots=True)
class FirstLogin:
    """An account made just now; the password is shown once and should be changed."""

    username: str
    password: str
    role: str
    display_name: str
    agent_number: str | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What `secrets.toml` holds."""

    esl_password: str = field(repr=False)
    web_secret_key: str = field(repr=False)
    api_token: str = field(repr=False)
    sip_passwords: dict[str, str] = field(default_factory=dict, repr=False)  # by agent number
    first_logins: dict[str, str] = field(default_factory=dict, repr=False)  # by username

    @classmethod
    def load(cls, data_dir: Path) -> Secrets:
        """Read the file; SettingsError when it is missing, unreadable or incomplete."""
        path = data_dir / FILE
        raw = _read(path)
        if raw is None:
            raise SettingsError(f"{path}: missing; `callcenter run` makes it at its first start")
        return cls.read(path, raw)

    @classmethod
    def read(cls, path: Path, raw: dict[str, Any]) -> Secrets:
        """Check the content of the file at `path`; raise SettingsError."""
        for name in ("esl_password", "web_secret_key", "api_token"):
            if not isinstance(raw.get(name), str) or not raw[name]:
                raise SettingsError(f'{path}: {name}: expected {name} = "…"')
        return cls(
            esl_password=raw["esl_password"],
            web_secret_key=raw["web_secret_key"],
            api_token=raw["api_token"],
            sip_passwords=_texts(path, raw, "sip_password"),
            first_logins=_texts(path, raw, "first_logins"),
        )


def _read(path: Path) -> dict[str, Any] | None:
    """The file's content; None when there is none."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def _texts(path: Path, raw: dict[str, Any], name: str) -> dict[str, str]:
    table = raw.get(name, {})
    if not isinstance(table, dict) or not all(isinstance(text, str) for text in table.values()):
        raise SettingsError(f'{path}: [{name}]: expected lines like name = "…"')
    return table


def with_secrets(settings: Settings, secrets: Secrets | None = None) -> Settings:
    """Fill the settings' secrets from the file, where neither file nor environment gave them.

    SettingsError when one is needed and there is no file yet.
    """
    names = [
        name
        for name in ("esl_password", "web_secret_key", "api_token")
        if not getattr(settings, name)
    ]
    if not names:
        return settings
    secrets = secrets or Secrets.load(settings.data_dir)
    return replace(settings, **{name: getattr(secrets, name) for name in names})


def ensure_data_dir(settings: HasDataDir) -> Secrets:
    """Make the data folder and its secrets; what is there already stays as it is.

    SettingsError when the folder can't be made or its secrets can't be read.
    """
    data_dir = settings.data_dir
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in FOLDERS:
            (data_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data_dir / FILE
        told = _read(path)
        complete = _completed(told or {})
        Secrets.read(path, complete)  # a file that is wrong isn't touched
        if told is None:
            _create(path, complete)
        elif complete != told:
            os.replace(_written(path, complete), path)
    except OSError as error:
        raise SettingsError(f"CALLCENTER_DATA_DIR: {data_dir}: {error}") from error
    return Secrets.load(data_dir)


def _completed(told: dict[str, Any]) -> dict[str, Any]:
    """`told` with everything that it lacks made up."""
    agents = [person.username for person in PEOPLE if person.agent]
    everything = {
        "esl_password": secrets.token_urlsafe(24),
        "web_secret_key": secrets.token_urlsafe(32),
        "api_token": secrets.token_urlsafe(32),
        "sip_password": {number: new_password() for number in agents},
        "first_logins": {person.username: new_password() for person in PEOPLE},
    }
    return everything | told


def new_password() -> str:
    """Twelve letters and digits in groups, as in kfhr-7mwt-9xqd: 59 bits, easy to type."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def _create(path: Path, content: dict[str, Any]) -> None:
    """Write the file unless another process just did: then its secrets are the ones."""
    draft = _written(path, content)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _written(path: Path, content: dict[str, Any]) -> Path:
    """A new file beside `path`, whole and on the disk, readable by its owner only."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_HEAD + _toml(content))
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _toml(content: dict[str, Any]) -> str:
    # A JSON string is a TOML string.
    lines = [f"{name} = {json.dumps(v)}" for name, v in content.items() if not isinstance(v, dict)]
    for name, table in content.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


# --- the first users -------------------------------------------------------------------------


def ensure_first_users(session: Session, secrets: Secrets, domain: str) -> list[FirstLogin]:
    """Make the first users and agents in an empty database; give those made, with passwords.

    Where there is any user or agent nothing is made: who was deleted doesn't come back.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"SELECT pg_advisory_xact_lock({BOOTSTRAP_LOCK})"))
    if session.scalar(sa.select(User.id).limit(1)) or session.scalar(
        sa.select(Agent.number).limit(1)
    ):
        return []
    hasher = PasswordHasher()
    now = dt.datetime.now(dt.UTC)
    logins = []
    for person in PEOPLE:
        number = person.username if person.agent else None
        password = secrets.first_logins.get(person.username) or new_password()
        session.add(
            User(
                username=person.username,
                password_hash=hasher.hash(password),
                display_name=person.name,
                role=person.role,
                agent_number=number,
                created_at=now,
            )
        )
        if number is not None:
            sip_password = secrets.sip_passwords.get(number) or new_password()
            session.add(new_agent(number, person.name, domain, sip_password))
        logins.append(FirstLogin(person.username, password, person.role, person.name, number))
    return logins


def new_agent(number: str, name: str, domain: str, password: str) -> Agent:
    """An agent whose phone may register as `number` with `password`, in the demo's queues."""
    return Agent(
        number=number,
        name=name,
        sip_a1_hash=sip_a1_hash(number, domain, password),
        queues=dict(QUEUES),
        skills={},
        active=True,
    )


def sip_a1_hash(number: str, domain: str, password: str) -> str:
    """HA1 of SIP's digest authentication (RFC 2617 section 3.2.2.2), which has to be MD5."""
    text = f"{number}:{domain}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()
