"""Reads a FreeSWITCH configuration: as much of it as this stand-in acts on.

The pre-processor is textual, as in FreeSWITCH: `X-PRE-PROCESS` sets `$${variables}` and includes
files by pattern (relative to the configuration folder), then the whole is one XML document.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

MAX_INCLUDE_DEPTH = 10
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_WRAPPER = re.compile(r"</?include\b[^>]*>|<\?xml\b.*?\?>", re.IGNORECASE | re.DOTALL)
_DIRECTIVE = re.compile(
    r"<X-PRE-PROCESS\s+cmd\s*=\s*([\"'])(?P<cmd>.*?)\1\s+data\s*=\s*([\"'])(?P<data>.*?)\3\s*"
    r"(?:/>|>\s*</X-PRE-PROCESS>)",
    re.DOTALL,
)
_GLOBAL = re.compile(r"\$\$\{([^}]+)\}")
_TRUE = frozenset({"true", "yes", "on", "enable", "enabled", "active", "allow", "1"})


class ConfigurationError(ValueError):
    """The configuration can't be used; the message says which file or setting."""


def is_true(value: str | None) -> bool:
    """What FreeSWITCH takes for yes: true, yes, on, enabled, active, allow, or a number not 0."""
    if value is None:
        return False
    text = value.strip().lower()
    return text in _TRUE or (text.lstrip("-").isdigit() and int(text) != 0)


@dataclass(frozen=True, slots=True)
class Profile:
    """One SIP profile (`sofia.conf`)."""

    name: str
    settings: dict[str, str]

    @property
    def context(self) -> str:
        return self.settings.get("context", "default")

    @property
    def address(self) -> tuple[str, int]:
        return self.settings.get("sip-ip", "127.0.0.1"), int(self.settings.get("sip-port", "5060"))

    @property
    def challenges(self) -> bool:
        """Whether calls need digest authentication."""
        return is_true(self.settings.get("auth-calls"))

    @property
    def acl(self) -> str | None:
        return self.settings.get("apply-inbound-acl")

    @property
    def registration_domain(self) -> str | None:
        return self.settings.get("force-register-domain")


@dataclass(frozen=True, slots=True)
class AccessList:
    """A network list of `acl.conf`: the most exact node that holds an address decides."""

    allow_by_default: bool
    nodes: tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, bool], ...]

    def allows(self, address: str) -> bool:
        try:
            host = ipaddress.ip_address(address)
        except ValueError:
            return False
        matching = [node for node in self.nodes if host in node[0]]
        if not matching:
            return self.allow_by_default
        return max(matching, key=lambda node: node[0].prefixlen)[1]


def _automatic(*networks: str) -> AccessList:
    return AccessList(False, tuple((ipaddress.ip_network(text), True) for text in networks))


_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_AUTOMATIC_LISTS = {
    "loopback.auto": _automatic("127.0.0.0/8", "::1/128"),
    "localnet.auto": _automatic("127.0.0.0/8"),
    "rfc1918.auto": _automatic(*_PRIVATE),
    "any_v4.auto": _automatic("0.0.0.0/0"),
    "none": _automatic(),
}


@dataclass(frozen=True, slots=True)
class User:
    """A directory user. `a1_hash` is MD5(user:realm:password) in hex (RFC 7616 section 3.4.2)."""

    id: str
    domain: str
    a1_hash: str | None
    variables: dict[str, str]


@dataclass(slots=True)
class Configuration:
    """Everything read; all times in seconds."""

    variables: dict[str, str] = field(default_factory=dict)
    switchname: str = "labswitch"
    max_sessions: int = 1000
    sessions_per_second: int = 30
    rtp_ports: tuple[int, int] = (16384, 32768)
    heartbeat: float = 20.0
    profiles: list[Profile] = field(default_factory=list)
    access_lists: dict[str, AccessList] = field(default_factory=dict)
    esl_address: tuple[str, int] = ("127.0.0.1", 8021)
    esl_password: str = ""
    esl_acl: str | None = None
    users: dict[str, User] = field(default_factory=dict)
    contexts: dict[str, ET.Element] = field(default_factory=dict)
    local_streams: dict[str, Path] = field(default_factory=dict)
    dial_string: str = ""
    dial_variables: dict[str, str] = field(default_factory=dict)  # of every leg to a user
    api_expansion: bool = True  # whether ${api(arguments)} is run
    cdr_folder: Path | None = None
    cdr_b_legs: bool = False
    cdr_encoded: bool = True

    def access_list(self, name: str) -> AccessList | None:
        """A network list by name, or one that FreeSWITCH makes itself (`loopback.auto` …)."""
        return self.access_lists.get(name) or _AUTOMATIC_LISTS.get(name)

    @property
    def domain(self) -> str:
        return self.variables.get("domain", "localhost")


def load(folder: Path) -> Configuration:
    """Read `folder/freeswitch.xml`. Raises ConfigurationError."""
    variables = _folders(folder)
    text = _Preprocessor(folder, variables).read(folder / "freeswitch.xml")
    try:
        document = ET.fromstring(text)
    except ET.ParseError as error:
        line = text.splitlines()[error.position[0] - 1][:120] if text else ""
        raise ConfigurationError(f"{folder}/freeswitch.xml: {error}: {line.strip()}") from error
    try:
        return _interpret(document, variables)
    except (ValueError, KeyError) as error:
        raise ConfigurationError(f"{folder}: {error}") from error


def _folders(folder: Path) -> dict[str, str]:
    return {"conf_dir": str(folder), "base_dir": str(folder.parent), "hostname": "localhost"}


class _Preprocessor:
    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables

    def read(self, path: Path, depth: int = 0) -> str:
        if depth > MAX_INCLUDE_DEPTH:
            raise ConfigurationError(f"{path}: included too deeply")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: {error}") from error
        text = _WRAPPER.sub("", _COMMENT.sub("", text))
        parts = []
        end = 0
        for found in _DIRECTIVE.finditer(text):
            parts.append(self._expand(text[end : found.start()]))
            parts.append(self._directive(found["cmd"].lower(), found["data"], path, depth))
            end = found.end()
        parts.append(self._expand(text[end:]))
        return "".join(parts)

    def _directive(self, command: str, data: str, path: Path, depth: int) -> str:
        data = self._expand(data)
        if command == "set":
            name, _, value = data.partition("=")
            self.variables[name.strip()] = value.strip()
        elif command == "include":
            return "\n".join(self.read(found, depth + 1) for found in self._glob(data, path))
        else:
            log.warning("%s: X-PRE-PROCESS %s is ignored here", path, command)
        return ""

    def _glob(self, pattern: str, path: Path) -> list[Path]:
        if Path(pattern).is_absolute():
            base = Path(pattern)
            return sorted(base.parent.glob(base.name))
        found = sorted(self.folder.glob(pattern))
        return found or sorted(path.parent.glob(pattern))

    def _expand(self, text: str) -> str:
        return _GLOBAL.sub(lambda found: self.variables.get(found[1], ""), text)


def _interpret(document: ET.Element, variables: dict[str, str]) -> Configuration:
    result = Configuration(variables=variables)
    sections = {section.get("name"): section for section in document.iter("section")}
    configuration = sections.get("configuration")
    if configuration is not None:
        parts = {part.get("name"): part for part in configuration.iter("configuration")}
        for name, read in _READERS.items():
            part = parts.get(name)
            if part is not None:
                read(part, result)
    directory = sections.get("directory")
    if directory is not None:
        result.users = {user.id: user for user in _users(directory)}
        for domain in directory.findall("domain"):
            _read_dialing(_params(domain.find("params")), result)
    dialplan = sections.get("dialplan")
    if dialplan is not None:
        result.contexts = {c.get("name", ""): c for c in dialplan.findall("context")}
    return result


def _read_dialing(params: dict[str, str], result: Configuration) -> None:
    result.dial_string = params.get("dial-string", "")
    for name, value in params.items():
        if name.startswith("dial-var-"):
            result.dial_variables[name.removeprefix("dial-var-")] = value


def _params(element: ET.Element | None) -> dict[str, str]:
    if element is None:
        return {}
    return {p.get("name", ""): p.get("value", "") for p in element.findall("param")}


def _read_switch(part: ET.Element, result: Configuration) -> None:
    params = _params(part.find("settings"))
    result.switchname = params.get("switchname") or result.switchname
    result.max_sessions = int(params.get("max-sessions", result.max_sessions))
    result.sessions_per_second = int(params.get("sessions-per-second", result.sessions_per_second))
    result.api_expansion = is_true(params.get("api-expansion", "true"))
    first = int(params.get("rtp-start-port", result.rtp_ports[0]))
    result.rtp_ports = (first, int(params.get("rtp-end-port", result.rtp_ports[1])))
    result.heartbeat = float(params.get("event-heartbeat-interval", result.heartbeat))


def _read_event_socket(part: ET.Element, result: Configuration) -> None:
    params = _params(part.find("settings"))
    result.esl_address = (
        params.get("listen-ip", result.esl_address[0]),
        int(params.get("listen-port", result.esl_address[1])),
    )
    result.esl_password = params.get("password", "")
    result.esl_acl = params.get("apply-inbound-acl")
    if not result.esl_password:
        raise ConfigurationError("event_socket.conf: a password is needed")


def _read_sofia(part: ET.Element, result: Configuration) -> None:
    for profile in part.iter("profile"):
        settings = _params(profile.find("settings"))
        result.profiles.append(Profile(profile.get("name", ""), settings))


def _read_acl(part: ET.Element, result: Configuration) -> None:
    for entry in part.iter("list"):
        nodes = [node for found in entry.findall("node") for node in _networks(found)]
        allow = entry.get("default", "allow") == "allow"
        result.access_lists[entry.get("name", "")] = AccessList(allow, tuple(nodes))


def _networks(
    node: ET.Element,
) -> Iterator[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, bool]]:
    allow = node.get("type", "allow") == "allow"
    for text in re.split(r"[,\s]+", node.get("cidr", "").strip()):
        if text:
            yield ipaddress.ip_network(text, strict=False), allow


def _read_local_streams(part: ET.Element, result: Configuration) -> None:
    for entry in part.findall("directory"):
        result.local_streams[entry.get("name", "")] = Path(entry.get("path", ""))


def _read_cdr(part: ET.Element, result: Configuration) -> None:
    params = _params(part.find("settings"))
    folder = params.get("log-dir")
    result.cdr_folder = Path(folder) if folder else None
    result.cdr_b_legs = is_true(params.get("log-b-leg"))
    result.cdr_encoded = is_true(params.get("encode-values", "true"))


_READERS = {
    "switch.conf": _read_switch,
    "event_socket.conf": _read_event_socket,
    "sofia.conf": _read_sofia,
    "acl.conf": _read_acl,
    "local_stream.conf": _read_local_streams,
    "json_cdr.conf": _read_cdr,
}


def _variables(element: ET.Element) -> dict[str, str]:
    found = element.iterfind("variables/variable")
    return {v.get("name", ""): v.get("value", "") for v in found}


def _users(directory: ET.Element) -> Iterator[User]:
    for domain in directory.findall("domain"):
        name = domain.get("name", "")
        common = _variables(domain)
        for user in domain.iter("user"):
            variables = {**common, **_variables(user)}
            a1_hash = _params(user.find("params")).get("a1-hash")
            yield User(user.get("id", ""), name, a1_hash, variables)
