"""SIP messages: one pass from bytes to fields, and back (RFC 3261 sections 7 and 18.3).

What comes from the network is hostile: sizes and counts are limited, text that isn't UTF-8 is
decoded with replacement characters, and what can't be read raises `Malformed`, which says how to
answer it. A message that was parsed has all its mandatory headers, and they could be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from labswitch.address import (
    Address,
    AddressError,
    parse_address,
    parse_host_port,
    parse_parameters,
    split_list,
)

MAX_PACKET = 16384
MAX_HEAD = 8192
MAX_FIELDS = 100
MAX_CSEQ = 2**31

# fmt: off
_KNOWN = (
    "Accept", "Alert-Info", "Allow", "Allow-Events", "Authorization", "Call-ID", "Contact",
    "Content-Encoding", "Content-Length", "Content-Type", "CSeq", "Date", "Diversion", "Event",
    "Expires", "From", "Max-Forwards", "Min-Expires", "Min-SE", "P-Asserted-Identity",
    "Privacy", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason",
    "Record-Route", "Refer-To", "Referred-By", "Remote-Party-ID", "Require", "Retry-After",
    "Route", "RSeq", "Server", "Session-Expires", "Subject", "Supported", "Timestamp", "To",
    "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)
# fmt: on
_CANONICAL = {name.lower(): name for name in _KNOWN} | {
    "i": "Call-ID",
    "m": "Contact",
    "e": "Content-Encoding",
    "l": "Content-Length",
    "c": "Content-Type",
    "f": "From",
    "s": "Subject",
    "k": "Supported",
    "t": "To",
    "v": "Via",
    "o": "Event",
    "r": "Refer-To",
    "b": "Referred-By",
    "x": "Session-Expires",
}
_TOKEN_EXTRAS = frozenset("-.!%*_+`'~")
_CONTROLS = dict.fromkeys((*range(32), 127), " ")


class Malformed(ValueError):
    """A packet that isn't a SIP message that we can use.

    `status` and `reason` are the answer that it deserves; `message` is what could be read of it,
    when that is a request with a Via (as mod_sofia does), else None: drop it.
    """

    def __init__(self, status: int, reason: str, message: SipMessage | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Via:
    """The topmost Via: who sent the message; `port` is 0 when absent."""

    host: str
    port: int
    parameters: dict[str, str]

    @property
    def branch(self) -> str:
        """The transaction's id, or an empty string."""
        return self.parameters.get("branch", "")


class SipMessage:
    """A request (`method` and `uri` set) or a response (`status` set).

    `fields` are headers in their order, names in their usual spelling, compact ones written out.
    """

    def __init__(
        self,
        *,
        method: str = "",
        uri: str = "",
        status: int = 0,
        phrase: str = "",
        fields: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.uri = uri
        self.status = status
        self.phrase = phrase
        self.fields = fields if fields is not None else []
        self.body = body

    @property
    def is_request(self) -> bool:
        return self.status == 0

    def get(self, name: str, default: str = "") -> str:
        """The first header called `name` (in its usual spelling, any case)."""
        wanted = _CANONICAL.get(name.lower())
        if wanted is not None:
            for field_name, value in self.fields:
                if field_name == wanted:
                    return value
            return default
        lower = name.lower()
        for field_name, value in self.fields:
            if field_name.lower() == lower:
                return value
        return default

    def values(self, name: str) -> list[str]:
        """All values of a list header, in order, those that share a line split at commas."""
        wanted = _CANONICAL.get(name.lower(), name)
        found: list[str] = []
        for field_name, value in self.fields:
            if field_name == wanted:
                found.extend(split_list(value))
        return found

    @cached_property
    def via(self) -> Via:
        """The topmost Via; raises AddressError."""
        return parse_via(self.values("Via")[0])

    @cached_property
    def from_(self) -> Address:
        return parse_address(self.get("From"))

    @cached_property
    def to(self) -> Address:
        return parse_address(self.get("To"))

    @cached_property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @cached_property
    def cseq(self) -> tuple[int, str]:
        """The sequence number and its method; raises AddressError."""
        return parse_cseq(self.get("CSeq"))

    @cached_property
    def content_type(self) -> str:
        """The body's media type in lower case, without parameters."""
        return self.get("Content-Type").partition(";")[0].strip().lower()

    def header_map(self) -> dict[str, str]:
        """All headers by name, the first of each."""
        return dict(reversed(self.fields))

    def to_bytes(self) -> bytes:
        """The packet to send; raises ValueError for text that would forge a line."""
        if self.status:
            lines = [f"SIP/2.0 {self.status} {self.phrase}"]
        else:
            lines = [f"{self.method} {self.uri} SIP/2.0"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            raise ValueError("a line break inside a SIP header")
        return head.encode("utf-8", "replace") + b"\r\n\r\n" + self.body


def parse_message(data: bytes) -> SipMessage:
    """Parse one packet; raises Malformed."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        head, blank, body = data.partition(b"\n\n")
    too_large = len(data) > MAX_PACKET or len(head) > MAX_HEAD
    lines = head[:MAX_HEAD].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    message, version_known = _parse_start_line(lines[0])
    problem = _parse_fields(lines, message)
    if too_large:
        raise Malformed(513, "Message Too Large", _answerable(message))
    if not blank:
        raise Malformed(400, "Truncated Message", _answerable(message))
    if not version_known:
        raise Malformed(505, "Version Not Supported", _answerable(message))
    problem = problem or _check_mandatory(message) or _take_body(message, body)
    if problem:
        raise Malformed(400, problem, _answerable(message))
    return message


def parse_via(text: str) -> Via:
    """Parse a Via value such as `SIP/2.0/UDP host:port;branch=x`; raises AddressError."""
    protocol, _, rest = text.partition("/")
    _, _, rest = rest.partition("/")
    sent, _, parameters = rest.partition(";")
    transport, _, sent_by = sent.strip().partition(" ")
    if protocol.strip().upper() != "SIP" or not transport:
        raise AddressError("not a Via")
    host, port = parse_host_port(sent_by)
    return Via(host, port, parse_parameters(parameters) if parameters else {})


def parse_cseq(text: str) -> tuple[int, str]:
    """Parse a CSeq value; raises AddressError."""
    number, _, method = text.strip().partition(" ")
    if not (number.isascii() and number.isdigit() and len(number) <= 12):
        raise AddressError("a CSeq that isn't a number")
    value = int(number)
    method = method.strip()
    if value >= MAX_CSEQ or not method:
        raise AddressError("a CSeq out of range")
    return value, method


def is_token(text: str) -> bool:
    """Whether `text` is a token (section 25.1): a method or a header name may be nothing else."""
    return bool(text) and all(
        char.isascii() and (char.isalnum() or char in _TOKEN_EXTRAS) for char in text
    )


def _parse_start_line(line: str) -> tuple[SipMessage, bool]:
    parts = line.split(None, 2)
    if len(parts) >= 2 and parts[0].upper() == "SIP/2.0":
        if not (len(parts[1]) == 3 and parts[1].isascii() and parts[1].isdigit()):
            raise Malformed(400, "Bad Status Line")
        status = int(parts[1])
        if not 100 <= status <= 699:
            raise Malformed(400, "Bad Status Line")
        return SipMessage(status=status, phrase=parts[2] if len(parts) > 2 else ""), True
    if len(parts) != 3 or not is_token(parts[0]) or len(parts[0]) > 32:
        raise Malformed(400, "Bad Request Line")
    version = parts[2].strip().upper()
    if not version.startswith("SIP/") or " " in version:
        raise Malformed(400, "Bad Request Line")
    return SipMessage(method=parts[0], uri=parts[1]), version == "SIP/2.0"


def _parse_fields(lines: list[str], message: SipMessage) -> str:
    """Collect the headers; returns what is wrong with the first bad one, if any."""
    fields = message.fields
    problem = ""
    for line in lines[1:]:
        if not line.isprintable():
            line = line.translate(_CONTROLS)
        if line[:1] in (" ", ""):
            if fields and line:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip()}".strip())
            continue
        name, colon, value = line.partition(":")
        name = name.rstrip()
        if not colon or not is_token(name):
            problem = problem or "Bad Header"
            continue
        if len(fields) >= MAX_FIELDS:
            return "Too Many Headers"
        fields.append((_CANONICAL.get(name.lower(), name), value.strip()))
    return problem


def _check_mandatory(message: SipMessage) -> str:
    for name in ("Via", "From", "To", "Call-ID", "CSeq"):
        if not message.get(name):
            return f"Missing {name} Header"
    checked = "Via"
    try:
        _ = message.via
        checked = "From"
        _ = message.from_
        checked = "To"
        _ = message.to
        checked = "CSeq"
        _, method = message.cseq
    except (AddressError, IndexError):
        return f"Bad {checked} Header"
    if message.is_request and method != message.method:
        return "CSeq Method Mismatch"
    hops = message.get("Max-Forwards", "70")
    if not (hops.isascii() and hops.isdigit() and len(hops) <= 10 and int(hops) <= 255):
        return "Bad Max-Forwards Header"
    return ""


def _take_body(message: SipMessage, body: bytes) -> str:
    lengths = {value for name, value in message.fields if name == "Content-Length"}
    if not lengths:
        message.body = body
        return ""
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) <= 10):
        return "Bad Content-Length"
    if int(length) > len(body):
        return "Content-Length Larger Than Message"
    # What follows the body in a datagram is discarded (section 18.3).
    message.body = body[: int(length)]
    return ""


def _answerable(message: SipMessage) -> SipMessage | None:
    if not message.is_request or message.method == "ACK":
        return None
    return message if message.values("Via") else None
