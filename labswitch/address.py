"""SIP URIs, name-addr headers and parameters (RFC 3261 sections 19.1, 20 and 25).

Lenient in what it reads (white space, missing quotes), strict in what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote

MAX_PARAMETERS = 32
# RFC 2396 section 2.4.3, but for the bar: FreeSWITCH answers 400 to the same
EXCLUDED = frozenset('{}\\^`<>"')


class AddressError(ValueError):
    """A URI or name-addr that can't be read."""


@dataclass(frozen=True, slots=True)
class SipUri:
    """`sip:user@host:port;parameters`; the user is unescaped, `port` is 0 when absent."""

    user: str
    host: str
    port: int = 0
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Address:
    """A From, To, Contact or Route value; parameters' names are lower case."""

    display: str
    uri: str
    parameters: dict[str, str]

    @property
    def tag(self) -> str:
        """The dialog tag, or an empty string."""
        return self.parameters.get("tag", "")


def split_list(text: str) -> list[str]:
    """Split a header's value at commas that are outside quotes and angle brackets."""
    if "," not in text:
        return [text.strip()]
    parts: list[str] = []
    start = 0
    quoted = bracketed = escaped = False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "<":
            bracketed = True
        elif char == ">":
            bracketed = False
        elif char == "," and not bracketed:
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def parse_parameters(text: str, separator: str = ";") -> dict[str, str]:
    """Parse `a=b;c;d="e;f"`; names in lower case, quotes taken off, the first of a name wins."""
    found: dict[str, str] = {}
    pieces = text.split(separator) if '"' not in text else _split_quoted(text, separator)
    for piece in pieces[:MAX_PARAMETERS]:
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if name and name not in found:
            found[name] = unquote_string(value.strip()) if equals else ""
    return found


def unquote_string(text: str) -> str:
    """Take off a quoted-string's quotes and backslashes; other text is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    if "\\" not in text:
        return text
    kept: list[str] = []
    escaped = False
    for char in text:
        if char == "\\" and not escaped:
            escaped = True
        else:
            kept.append(char)
            escaped = False
    return "".join(kept)


def quote_string(text: str) -> str:
    """Make a quoted-string; control characters, which it may not hold, become spaces."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_address(text: str) -> Address:
    """Parse a name-addr or addr-spec; raises AddressError."""
    text = text.strip()
    display = ""
    if text.startswith('"'):
        end = _closing_quote(text)
        display, text = unquote_string(text[: end + 1]), text[end + 1 :].lstrip()
        if not text.startswith("<"):
            raise AddressError("a display name without an address")
    opening = text.find("<")
    if opening < 0:
        # Without brackets the parameters are the header's, not the URI's (section 20.10).
        uri, _, parameters = text.partition(";")
    else:
        closing = text.find(">", opening)
        if closing < 0:
            raise AddressError("an address that isn't closed")
        display = display or text[:opening].strip()
        uri = text[opening + 1 : closing]
        parameters = text[closing + 1 :].strip().removeprefix(";")
    uri = uri.strip()
    if not uri or any(char.isspace() for char in uri):
        raise AddressError("an empty or broken URI")
    return Address(display, uri, parse_parameters(parameters) if parameters else {})


def parse_uri(text: str) -> SipUri:
    """Parse a sip: or sips: URI; raises AddressError."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        raise AddressError("not a SIP URI")
    userinfo, at, hostpart = rest.partition("@")
    if not at:
        userinfo, hostpart = "", rest
    if any(char in EXCLUDED for char in userinfo):
        raise AddressError("a character that no URI may hold")
    hostport, _, parameters = hostpart.partition("?")[0].partition(";")
    host, port = parse_host_port(hostport)
    user = _readable_user(userinfo.partition(":")[0])
    return SipUri(user, host, port, parse_parameters(parameters) if parameters else {})


def parse_host_port(text: str) -> tuple[str, int]:
    """Parse `host`, `host:port` or `[v6]:port`; the port is 0 when absent. Raises AddressError."""
    text = text.strip()
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host += bracket
        port_text = rest.removeprefix(":")
    else:
        host, _, port_text = text.partition(":")
    host, port_text = host.strip(), port_text.strip()
    if not host or any(char.isspace() or char in '<>"@,' for char in host):
        raise AddressError("no host")
    if not port_text:
        return host, 0
    if not (port_text.isascii() and port_text.isdigit() and len(port_text) <= 5):
        raise AddressError("a port that isn't a number")
    port = int(port_text)
    if not 0 < port < 65536:
        raise AddressError("a port out of range")
    return host, port


def format_address(display: str, uri: str, tag: str = "") -> str:
    """Make a name-addr with brackets, and a tag when there is one."""
    name = quote_string(display) + " " if display else ""
    return f"{name}<{uri}>;tag={tag}" if tag else f"{name}<{uri}>"


def escape_user(user: str) -> str:
    """Escape a URI's user part (section 25.1, `user`)."""
    return quote(user, safe="-_.!~*'()&=+$,;?/")


def _readable_user(user: str) -> str:
    if "%" not in user:
        return user
    plain = unquote(user)
    return plain if plain.isprintable() else user


def _closing_quote(text: str) -> int:
    escaped = False
    for at in range(1, len(text)):
        if escaped:
            escaped = False
        elif text[at] == "\\":
            escaped = True
        elif text[at] == '"':
            return at
    raise AddressError("a quote that isn't closed")


def _split_quoted(text: str, separator: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    quoted = escaped = False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == separator:
            pieces.append(text[start:at])
            start = at + 1
    pieces.append(text[start:])
    return pieces
