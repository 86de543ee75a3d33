"""Settings: defaults, then `callcenter.toml`, then `CALLCENTER_<NAME>` from the environment.

Secrets have no defaults: those that are not given are made at first run and kept in
`DATA_DIR/secrets.toml` (see `callcenter.bootstrap`).
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "CALLCENTER_"
DEFAULT_FILE = "callcenter.toml"
PACKAGE_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A setting that is wrong or missing: one line that says which, and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a process of ours needs to know before it starts."""

    data_dir: Path = Path("data")
    database_url: str = ""  # "": SQLite in the data folder
    redis_url: str = ""  # "": an embedded server, started by `callcenter run`
    switch: str = "auto"  # auto, freeswitch or lab
    realtime: str = "auto"  # auto or off: real-time priority for FreeSWITCH and the controller
    freeswitch: str = ""  # the binary; "": PATH, then /usr/local/freeswitch/bin
    domain: str = "callcenter.local"  # SIP realm of the agents' phones
    sip_ip: str = "127.0.0.1"
    sip_port: int = 5060  # the trunk: citizens come in here
    agent_sip_port: int = 0  # 0: sip_port + 2
    wss_port: int = 0  # browsers' phones, on sip_ip; 0: sip_port + 2383 (7443 for 5060)
    wss_url: str = ""  # where browsers find it; "": wss://<this machine>:<wss_port>
    trunk_acl: tuple[str, ...] = ("127.0.0.0/8",)  # who may send citizens' calls
    rtp_ports: tuple[int, int] = (16384, 17383)
    max_calls: int = 200
    calls_per_second: int = 60
    esl_host: str = "127.0.0.1"
    esl_port: int = 8021
    esl_password: str = ""
    outbound_port: int = 8084  # our listener for the dialplan's `socket`
    trunk_gateway: str = ""  # "host:port" of the carrier for calls to citizens; "": none are made
    # What may be dialed: mobile numbers, and fixed lines with or without area code; callers'
    # numbers can be forged, and a number abroad or at a premium is somebody's business model.
    callback_numbers: str = r"1[3-9][0-9]{9}|0[1-9][0-9]{8,10}|[2-8][0-9]{6,7}"
    outreach_file: Path | None = None  # mail server, SMS gateway, rules of follow-up
    smtp_password: str = ""
    imap_password: str = ""
    sms_secret: str = ""
    public_url: str = ""  # where citizens reach the public pages; "": no links are sent
    controllers: tuple[str, ...] = ()  # "host:port" list in the dialplan; (): this one
    web_host: str = "127.0.0.1"
    web_port: int = 8345
    web_proxies: int = 0  # reverse proxies of ours in front of the pages
    web_secret_key: str = ""
    api_token: str = ""
    hotlines_dir: Path = PACKAGE_ROOT / "ivr" / "hotlines"
    queues_file: Path = PACKAGE_ROOT / "acd" / "queues.yaml"
    alarms_file: Path = PACKAGE_ROOT / "callcenter" / "alarms.yaml"
    recording_reason: str = "export"  # none, export or always: what asks why it is listened to
    destinations_file: Path = PACKAGE_ROOT / "callcenter" / "destinations.yaml"
    sounds_dir: Path = PACKAGE_ROOT / "ivr" / "sounds" / "zh"

    @property
    def redis_socket(self) -> Path:
        """Socket of the embedded server: no port to clash, no password to lose."""
        return self.data_dir / "redis" / "redis.sock"

    @property
    def embedded_redis(self) -> bool:
        """Whether `callcenter run` starts the server itself."""
        return self.redis_url == f"unix://{self.redis_socket}"

    @property
    def recordings_dir(self) -> Path:
        return self.data_dir / "recordings"

    @property
    def journal_dir(self) -> Path:
        return self.data_dir / "journal"

    @property
    def cdr_dir(self) -> Path:
        return self.data_dir / "cdr"

    @property
    def switch_dir(self) -> Path:
        return self.data_dir / "switch"


def load(toml_path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raise SettingsError in one line that names the setting and the mend.

    `toml_path` must exist when given; without it `callcenter.toml` of the working folder is
    read if there is one.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    known = {field.name for field in fields(Settings)}
    for name, value, where in [*_from_file(toml_path), *_from_environ(environ)]:
        if name not in known:
            near = ", ".join(sorted(known))
            raise SettingsError(f"{where}: there is no such setting; there are: {near}")
        values[name] = _READERS[name](value, where)
    return _completed(Settings(**values))


def _from_file(path: Path | None) -> list[tuple[str, Any, str]]:
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists():
            return []
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error
    return [(name.lower(), value, f"{path}: {name}") for name, value in raw.items()]


def _from_environ(environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    return [
        (key.removeprefix(PREFIX).lower(), value, key)
        for key, value in sorted(environ.items())
        if key.startswith(PREFIX)
    ]


def _completed(settings: Settings) -> Settings:
    """Fill in what follows from other settings, and check what must agree."""
    data_dir = settings.data_dir.expanduser().resolve()
    settings = replace(
        settings,
        data_dir=data_dir,
        agent_sip_port=settings.agent_sip_port or settings.sip_port + 2,
        wss_port=settings.wss_port or _beside(settings.sip_port),
        database_url=settings.database_url or f"sqlite:///{data_dir / 'callcenter.db'}",
        redis_url=settings.redis_url or f"unix://{data_dir / 'redis' / 'redis.sock'}",
        controllers=settings.controllers or (f"127.0.0.1:{settings.outbound_port}",),
    )
    ports: dict[int, str] = {}
    for name in (
        "sip_port",
        "agent_sip_port",
        "wss_port",
        "esl_port",
        "outbound_port",
        "web_port",
    ):
        port = getattr(settings, name)
        if port in ports:
            raise SettingsError(
                f"{PREFIX}{name.upper()}: port {port} is also {ports[port].upper()}; "
                "give each its own"
            )
        ports[port] = name
    return settings


def _beside(sip_port: int) -> int:
    """FreeSWITCH's usual 7443 for 5060, and as far away from any other."""
    return sip_port + 2383 if sip_port + 2383 < 65536 else sip_port - 2383


# --- readers: one per kind of setting ---------------------------------------------------------

Reader = Callable[[Any, str], Any]


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{where}: expected text, found {value!r}")
    if any(ord(char) < 32 for char in value):
        raise SettingsError(f"{where}: control characters are not allowed")
    return value


def _path(value: Any, where: str) -> Path:
    text = _text(value, where)
    if not text:
        raise SettingsError(f"{where}: expected a folder, found nothing")
    return Path(text)


def _existing_dir(value: Any, where: str) -> Path:
    path = _path(value, where).expanduser().resolve()
    if not path.is_dir():
        raise SettingsError(f"{where}: expected an existing folder, {path} isn't one")
    return path


def _existing_file(value: Any, where: str) -> Path:
    path = _path(value, where).expanduser().resolve()
    if not path.is_file():
        raise SettingsError(f"{where}: expected an existing file, {path} isn't one")
    return path


def _integer(low: int, high: int) -> Reader:
    def read(value: Any, where: str) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = low - 1
        if isinstance(value, bool | float) or not low <= number <= high:
            raise SettingsError(
                f"{where}: expected a whole number from {low} to {high}, found {value!r}"
            )
        return number

    return read


def _choice(*choices: str) -> Reader:
    def read(value: Any, where: str) -> str:
        if value not in choices:
            raise SettingsError(f"{where}: expected one of {', '.join(choices)}, found {value!r}")
        return str(value)

    return read


def _port_range(value: Any, where: str) -> tuple[int, int]:
    parts = value.split("-") if isinstance(value, str) else value
    try:
        low, high = (int(part) for part in parts)
    except (TypeError, ValueError):
        low, high = 0, 0
    if not 1024 <= low < high <= 65535:
        raise SettingsError(
            f"{where}: expected a port range such as 16384-17383 (1024 to 65535), found {value!r}"
        )
    return low, high


def _list(each: Reader) -> Reader:
    def read(value: Any, where: str) -> tuple[str, ...]:
        items = [item.strip() for item in value.split(",")] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not items:
            raise SettingsError(f"{where}: expected a comma-separated list, found {value!r}")
        return tuple(each(item, where) for item in items)

    return read


def _network(value: Any, where: str) -> str:
    try:
        return str(ipaddress.ip_network(str(value), strict=False))
    except ValueError as error:
        raise SettingsError(
            f"{where}: expected networks such as 10.1.0.0/16, found {value!r}"
        ) from error


def _address(value: Any, where: str) -> str:
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError as error:
        raise SettingsError(
            f"{where}: expected an IP address such as 127.0.0.1, found {value!r}"
        ) from error


def _host_port(value: Any, where: str) -> str:
    host, colon, port = str(value).rpartition(":")
    if not colon or not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise SettingsError(f"{where}: expected host:port, found {value!r}")
    return f"{host}:{port}"


def _gateway(value: Any, where: str) -> str:
    text = _host_port(value, where) if value else ""
    if text and not re.fullmatch(r"[A-Za-z0-9.\-]+:[0-9]{1,5}", text):
        raise SettingsError(f"{where}: expected host:port, found {value!r}")
    return text


def _pattern(value: Any, where: str) -> str:
    text = _text(value, where)
    try:
        re.compile(text)
    except re.error as error:
        raise SettingsError(f"{where}: expected a regular expression: {error}") from error
    return text


def _public_url(value: Any, where: str) -> str:
    text = _text(value, where)
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).netloc):
        raise SettingsError(f"{where}: expected https://HOST, found {text!r}")
    return text


def _host(value: Any, where: str) -> str:
    text = _text(value, where)
    if not text or any(char in text for char in " /|:'\"<>"):
        raise SettingsError(f"{where}: expected a host name or address, found {value!r}")
    return text


def _database_url(value: Any, where: str) -> str:
    text = _text(value, where)
    scheme = text.partition("://")[0]
    if text and scheme not in ("sqlite", "postgresql", "postgresql+psycopg"):
        raise SettingsError(
            f"{where}: expected sqlite:///FILE or postgresql://USER@HOST/NAME, found {scheme!r}"
        )
    # psycopg 3 is the driver that runs under gevent
    return text.replace("postgresql://", "postgresql+psycopg://", 1)


def _redis_url(value: Any, where: str) -> str:
    text = _text(value, where)
    if text and urlsplit(text).scheme not in ("redis", "rediss", "unix"):
        raise SettingsError(f"{where}: expected redis://HOST:PORT/0, found {text!r}")
    return text


def _wss_url(value: Any, where: str) -> str:
    text = _text(value, where)
    if text and not re.fullmatch(r"wss://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9./_\-]*)?", text):
        raise SettingsError(f"{where}: expected wss://HOST:PORT/, found {text!r}")
    return text


def _secret(value: Any, where: str) -> str:
    text = _text(value, where)
    if text and (len(text) < 12 or any(char.isspace() for char in text)):
        raise SettingsError(f"{where}: expected at least 12 characters without spaces")
    return text


_port = _integer(1, 65535)
_READERS: dict[str, Reader] = {
    "data_dir": _path,
    "database_url": _database_url,
    "redis_url": _redis_url,
    "switch": _choice("auto", "freeswitch", "lab"),
    "realtime": _choice("auto", "off"),
    "freeswitch": _text,
    "domain": _host,
    "sip_ip": _address,
    "sip_port": _port,
    "agent_sip_port": _integer(0, 65535),
    "wss_port": _integer(0, 65535),
    "wss_url": _wss_url,
    "trunk_acl": _list(_network),
    "rtp_ports": _port_range,
    "max_calls": _integer(1, 10_000),
    "calls_per_second": _integer(1, 1_000),
    "esl_host": _host,
    "esl_port": _port,
    "esl_password": _secret,
    "outbound_port": _port,
    "trunk_gateway": _gateway,
    "callback_numbers": _pattern,
    "outreach_file": _existing_file,
    "smtp_password": _text,
    "imap_password": _text,
    "sms_secret": _text,
    "public_url": _public_url,
    "controllers": _list(_host_port),
    "web_host": _host,
    "web_port": _port,
    "web_proxies": _integer(0, 5),
    "web_secret_key": _secret,
    "api_token": _secret,
    "hotlines_dir": _existing_dir,
    "queues_file": _existing_file,
    "alarms_file": _existing_file,
    "recording_reason": _choice("none", "export", "always"),
    "destinations_file": _existing_file,
    "sounds_dir": _existing_dir,
}
