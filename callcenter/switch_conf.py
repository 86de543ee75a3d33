"""The switch's configuration: `freeswitch-conf/` plus the two files that differ by place.

FreeSWITCH's preprocessor pastes `$${name}` into XML as plain text, and from there values go on into
regular expressions and application arguments. So a value that would need escaping anywhere on that
way is refused here, with a sentence that names the setting.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from callcenter.settings import PACKAGE_ROOT, Settings

SOURCE = PACKAGE_ROOT / "freeswitch-conf"
LOCAL = "local.xml"
DIRECTORY = "directory/agents.xml"
HOME = "switch/conf"  # the rendered configuration, in the data folder

# Sessions: a citizen and an agent for each call, and agents' standing legs while nobody calls.
LEGS_PER_CALL = 2
SPARE_SESSIONS = 100
SESSIONS_PER_CALL_SETUP = 4  # the citizen, and agents who don't answer at once

_PLAIN = re.compile(r"[^\s\x00-\x1f\x7f\"'<>&$\\|;,(){}\[\]#!^*?`]+")
_PATH = re.compile(r"/[^\s\x00-\x1f\x7f\"'<>&$\\|;,(){}\[\]#!^*?`]*")
_NUMBER = re.compile(r"[0-9]{3,20}")
_AGENT = re.compile(r"[0-9]{3,16}")
_A1_HASH = re.compile(r"[0-9a-f]{32}")
_HOST_PORT = re.compile(r"[A-Za-z0-9.\-]+:[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class AgentDirectoryEntry:
    """An agent's phone: its number (also its SIP user) and MD5(number:domain:password)."""

    number: str
    a1_hash: str


def render(
    settings: Settings,
    agents: Iterable[AgentDirectoryEntry],
    published_numbers: Iterable[str],
    target: Path,
) -> None:
    """Write the complete configuration to `target` (0700), which a running switch may be reading.

    Each file is replaced as a whole, those that left the source folder are removed. Raise
    ValueError for a value that the switch couldn't take, before anything is written; OSError as
    it comes.
    """
    local = local_xml(settings, published_numbers)
    directory = directory_xml(agents)
    if not (SOURCE / "freeswitch.xml").is_file():
        raise FileNotFoundError(f"{SOURCE}: the switch's configuration is missing here")
    source_files = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.xml")}
    for relative in sorted(source_files):
        _replace(target / relative, (SOURCE / relative).read_text("utf-8"))
    _replace(target / LOCAL, local)
    _replace(target / DIRECTORY, directory)
    kept = source_files | {Path(LOCAL), Path(DIRECTORY)}
    for path in target.rglob("*.xml"):
        if path.relative_to(target) not in kept:
            path.unlink()


def write_directory(agents: Iterable[AgentDirectoryEntry], target: Path) -> bool:
    """Replace the agents' phones in a configuration folder; False when they are the same.

    `reloadxml` makes the switch see it. Raise ValueError as `render`.
    """
    path, text = target / DIRECTORY, directory_xml(agents)
    if path.exists() and path.read_text("utf-8") == text:
        return False
    _replace(path, text)
    return True


def variables(settings: Settings, published_numbers: Iterable[str]) -> dict[str, str]:
    """Every `$${name}` of the configuration; ValueError for what the switch couldn't take."""
    return {
        "domain": _checked("domain", settings.domain, _PLAIN),
        "sip_ip": str(ipaddress.ip_address(settings.sip_ip)),
        "sip_port": str(settings.sip_port),
        "agent_sip_port": str(settings.agent_sip_port),
        "wss_port": str(settings.wss_port),
        "rtp_start": str(settings.rtp_ports[0]),
        "rtp_end": str(settings.rtp_ports[1] & ~1),  # RTP has the even ports
        "esl_host": _loopback(settings.esl_host),
        "esl_port": str(settings.esl_port),
        "esl_password": _checked("esl_password", settings.esl_password, _PLAIN),
        "controllers": "|".join(
            _checked("controllers", item, _HOST_PORT) for item in _some(settings.controllers)
        ),
        "published_numbers": "|".join(
            _checked("published number", number, _NUMBER)
            for number in _some(published_numbers, "published numbers")
        ),
        "trunk_acl": ",".join(
            str(ipaddress.ip_network(network)) for network in _some(settings.trunk_acl, "trunk_acl")
        ),
        "max_calls": str(settings.max_calls),
        "calls_per_second": str(settings.calls_per_second),
        "max_sessions": str(LEGS_PER_CALL * settings.max_calls + SPARE_SESSIONS),
        "max_sessions_per_second": str(SESSIONS_PER_CALL_SETUP * settings.calls_per_second),
        "sounds_dir": _folder("sounds_dir", settings.sounds_dir),
        "music_dir": _folder("music_dir", music_dir(settings)),
        "recordings_dir": _folder("data_dir", settings.recordings_dir),
        "cdr_dir": _folder("data_dir", settings.cdr_dir),
    }


def local_xml(settings: Settings, published_numbers: Iterable[str]) -> str:
    lines = [
        f'  <X-PRE-PROCESS cmd="set" data="{name}={value}"/>\n'
        for name, value in variables(settings, published_numbers).items()
    ]
    return f"<!-- Generated: changes here are lost. -->\n<include>\n{''.join(lines)}</include>\n"


def directory_xml(agents: Iterable[AgentDirectoryEntry]) -> str:
    users: dict[str, str] = {}
    for agent in agents:
        number = _checked("agent's number", agent.number, _AGENT)
        if number in users:
            raise ValueError(f"agent {number} is there twice")
        a1_hash = _checked(f"a1-hash of agent {number}", agent.a1_hash, _A1_HASH, show=False)
        users[number] = (
            f'  <user id="{number}">'
            f'<params><param name="a1-hash" value="{a1_hash}"/></params></user>\n'
        )
    body = "".join(users[number] for number in sorted(users))
    return f"<!-- Generated: changes here are lost. -->\n<include>\n{body}</include>\n"


def music_dir(settings: Settings) -> Path:
    """The music belongs to the project; a city that brings its own prompts may bring music too."""
    beside_prompts = settings.sounds_dir.parent / "music"
    return beside_prompts if beside_prompts.is_dir() else PACKAGE_ROOT / "ivr" / "sounds" / "music"


# --- checks ------------------------------------------------------------------------------------


def _checked(name: str, value: str, pattern: re.Pattern[str], *, show: bool = True) -> str:
    if pattern.fullmatch(value):
        return value
    found = repr(value) if show and "password" not in name else "something else"
    wanted = {
        _NUMBER: "3 to 20 digits",
        _AGENT: "3 to 16 digits",
        _A1_HASH: "32 hexadecimal digits",
        _HOST_PORT: "host:port",
        _PATH: "an absolute path without spaces, quotes or any of <>&$\\|;,(){}[]#!^*?`",
        _PLAIN: "text without spaces, quotes or any of <>&$\\|;,(){}[]#!^*?`",
    }[pattern]
    raise ValueError(f"{name}: the switch needs {wanted}, found {found}")


def _folder(name: str, path: Path) -> str:
    return _checked(name, str(path.absolute()), _PATH)


def _some(values: Iterable[str], name: str = "controllers") -> list[str]:
    found = list(dict.fromkeys(values))
    if not found:
        raise ValueError(f"{name}: the switch needs at least one")
    return found


def _loopback(host: str) -> str:
    """The event socket gives away the whole switch, so it listens on this machine alone."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise ValueError(
        f"esl_host: a switch that is started here listens on 127.0.0.1 only, found {host!r}; "
        "to reach it from elsewhere use a tunnel"
    )


def _replace(path: Path, text: str) -> None:
    """Readers see the old file or the new one; nobody but us sees either (passwords, hashes)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
