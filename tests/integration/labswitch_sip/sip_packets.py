"""A plain INVITE to spoil."""

from __future__ import annotations

from labswitch.sdp import build_sdp

HOST = "127.0.0.1"
OFFER = build_sdp(HOST, 40000)


def invite_packet(port: int, number: int = 0, dialed: str = "12345") -> bytes:
    """A sound INVITE from `port`; `number` makes it another call."""
    return (
        f"INVITE sip:{dialed}@{HOST} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK-t{number};rport\r\n"
        "Max-Forwards: 70\r\n"
        f'From: "Li" <sip:13812345678@{HOST}>;tag=t{number}\r\n'
        f"To: <sip:{dialed}@{HOST}>\r\n"
        f"Call-ID: torture-{port}-{number}\r\n"
        "CSeq: 1 INVITE\r\n"
        f"Contact: <sip:13812345678@{HOST}:{port}>\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(OFFER)}\r\n\r\n"
    ).encode() + OFFER
