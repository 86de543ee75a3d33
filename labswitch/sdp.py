"""Session descriptions (RFC 8866) for one G.711 audio stream, offered and answered (RFC 3264)."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass

from labswitch.message import SipMessage

logger = logging.getLogger(__name__)

SDP_TYPE = "application/sdp"
PCMU = 0
PCMA = 8
CODEC_NAMES = {PCMU: "PCMU", PCMA: "PCMA"}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_MIRRORED = {"sendonly": "recvonly", "recvonly": "sendonly"}
MAX_SDP = 8192
MAX_LINES = 200


class SdpError(ValueError):
    """A session description that can't be read, or that has no audio stream."""


@dataclass(frozen=True, slots=True)
class Sdp:
    """What the far end offers or answers for its first audio stream.

    `codecs` are the static payload types among its formats that we know, in its order of
    preference; empty means that nothing fits. `port` 0 means that the stream is refused.
    `dtmf_payload_type` is that of telephone-event (RFC 4733), None when not offered. `direction`
    is as the far end sees it: `sendonly` is its hold.
    """

    ip: str
    port: int
    codecs: tuple[int, ...]
    dtmf_payload_type: int | None
    direction: str

    @property
    def on_hold(self) -> bool:
        """Whether the far end has put us on hold: it won't listen."""
        return self.direction in ("sendonly", "inactive")


def parse_sdp(data: bytes) -> Sdp:
    """Parse a session description; raises SdpError."""
    if len(data) > MAX_SDP:
        raise SdpError("too large")
    lines = data.decode("utf-8", "replace").splitlines()
    if not lines or lines[0].strip() != "v=0" or len(lines) > MAX_LINES:
        raise SdpError("not a session description")
    session, audio = _split_at_audio(lines)
    port, formats = _parse_media_line(audio[0])
    address = _connection(audio) or _connection(session)
    direction = _direction(audio) or _direction(session) or "sendrecv"
    if address is None and port:
        raise SdpError("no connection address")
    if address == "0.0.0.0":
        direction = "inactive" if direction == "inactive" else "sendonly"  # RFC 2543's hold
    codecs = tuple(dict.fromkeys(number for number in formats if number in CODEC_NAMES))
    return Sdp(address or "0.0.0.0", port, codecs, _dtmf_type(audio, formats), direction)


def read_sdp(message: SipMessage) -> Sdp | None:
    """A message's session description, None when it has none that can be read."""
    if not message.body or message.content_type not in (SDP_TYPE, ""):
        return None
    try:
        return parse_sdp(message.body)
    except SdpError as error:
        logger.debug("call %s: %s", message.call_id, error)
        return None


def build_sdp(
    ip: str,
    port: int,
    *,
    codecs: tuple[int, ...] = (PCMA, PCMU),
    dtmf_payload_type: int | None = 101,
    direction: str = "sendrecv",
    session_id: int = 1,
    version: int = 1,
) -> bytes:
    """Make an offer or an answer; raise `version` with each change of the same session."""
    formats = [str(number) for number in codecs]
    attributes = [f"a=rtpmap:{number} {CODEC_NAMES[number]}/8000" for number in codecs]
    if dtmf_payload_type is not None:
        formats.append(str(dtmf_payload_type))
        attributes.append(f"a=rtpmap:{dtmf_payload_type} telephone-event/8000")
        attributes.append(f"a=fmtp:{dtmf_payload_type} 0-15")
    lines = [
        "v=0",
        f"o=labswitch {session_id} {version} IN IP4 {ip}",
        "s=labswitch",
        f"c=IN IP4 {ip}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(formats)}",
        *attributes,
        "a=ptime:20",
        f"a={direction}",
    ]
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def answer_sdp(
    offer: Sdp,
    ip: str,
    port: int,
    *,
    session_id: int = 1,
    version: int = 1,
) -> bytes:
    """Answer `offer`: its first codec, its payload type for DTMF, its direction mirrored.

    Raises SdpError when no codec fits: the call deserves 488.
    """
    if not offer.codecs:
        raise SdpError("no codec in common")
    return build_sdp(
        ip,
        port,
        codecs=offer.codecs[:1],
        dtmf_payload_type=offer.dtmf_payload_type,
        direction=_MIRRORED.get(offer.direction, offer.direction),
        session_id=session_id,
        version=version,
    )


def _split_at_audio(lines: list[str]) -> tuple[list[str], list[str]]:
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    for at, start in enumerate(starts):
        if lines[start].startswith("m=audio "):
            end = starts[at + 1] if at + 1 < len(starts) else len(lines)
            return lines[: starts[0]], lines[start:end]
    raise SdpError("no audio stream")


def _parse_media_line(line: str) -> tuple[int, list[int]]:
    words = line.split()
    if len(words) < 4:
        raise SdpError("a broken media line")
    port_text = words[1].partition("/")[0]
    port = _number(port_text, 65535)
    if port is None:
        raise SdpError("a media port that isn't a number")
    if words[2].upper() != "RTP/AVP":
        return port, []
    formats = (_number(word, 127) for word in words[3:])
    return port, [number for number in formats if number is not None]


def _connection(lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith("c="):
            words = line[2:].split()
            if len(words) != 3 or words[:2] != ["IN", "IP4"]:
                raise SdpError("a connection that isn't IPv4")
            address = words[2].partition("/")[0]
            try:
                socket.inet_pton(socket.AF_INET, address)
            except (OSError, ValueError):
                raise SdpError("a connection that isn't an address") from None
            return address
    return None


def _direction(lines: list[str]) -> str | None:
    for line in lines:
        if line.startswith("a=") and line[2:].strip() in DIRECTIONS:
            return line[2:].strip()
    return None


def _dtmf_type(lines: list[str], formats: list[int]) -> int | None:
    for line in lines:
        if line.startswith("a=rtpmap:"):
            number_text, _, encoding = line[9:].strip().partition(" ")
            number = _number(number_text, 127)
            if encoding.strip().lower().startswith("telephone-event/8000") and number in formats:
                return number
    return None


def _number(text: str, limit: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    value = int(text)
    return value if value <= limit else None
