"""A network without sockets and a clock that tests turn by hand."""

from __future__ import annotations

from labswitch.message import SipMessage, parse_message
from labswitch.timers import TimerQueue

PEER = ("192.0.2.7", 5070)


class ManualClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """What was sent, and when, in seconds since the start."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.timers = TimerQueue(self.clock)
        self.sent: list[tuple[float, SipMessage]] = []

    def send(self, packet: bytes, destination: tuple[str, int]) -> None:
        self.sent.append((round(self.clock.now - 1000.0, 3), parse_message(packet)))

    def pass_time(self, seconds: float) -> None:
        """Let time pass timer by timer, as it would."""
        end = self.clock.now + seconds
        while (wait := self.timers.seconds_to_next()) is not None and self.clock.now + wait <= end:
            self.clock.now += wait
            self.timers.run_due()
        self.clock.now = end

    def take(self) -> list[SipMessage]:
        """Messages sent since the last time."""
        messages = [message for _, message in self.sent]
        self.sent.clear()
        return messages

    def times(self) -> list[float]:
        return [at for at, _ in self.sent]


def names(messages: list[SipMessage]) -> list[str]:
    """`INVITE`, `ACK`, `200 BYE`…"""
    return [
        message.method if message.is_request else f"{message.status} {message.cseq[1]}"
        for message in messages
    ]


def request(
    method: str,
    *,
    branch: str = "z9hG4bK-p1",
    cseq: int = 1,
    to_tag: str = "",
    from_tag: str = "peer",
    call_id: str = "call-1",
    fields: list[tuple[str, str]] | None = None,
    body: bytes = b"",
    cseq_method: str = "",
) -> SipMessage:
    to = "<sip:12345@lab>" + (f";tag={to_tag}" if to_tag else "")
    built = [
        ("Via", f"SIP/2.0/UDP 192.0.2.7:5070;branch={branch};rport"),
        ("From", f'"Li" <sip:13812345678@192.0.2.7>;tag={from_tag}'),
        ("To", to),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {cseq_method or method}"),
        ("Contact", "<sip:13812345678@10.1.1.1:5099>"),
        *(fields or []),
    ]
    if body:
        built.append(("Content-Type", "application/sdp"))
    message = SipMessage(method=method, uri="sip:12345@lab", fields=built, body=body)
    return parse_message(message.to_bytes())


def response(
    to: SipMessage,
    status: int,
    *,
    tag: str = "far",
    fields: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> SipMessage:
    to_value = to.get("To") + ("" if to.to.tag or status == 100 else f";tag={tag}")
    built = [
        ("Via", to.get("Via")),
        ("From", to.get("From")),
        ("To", to_value),
        ("Call-ID", to.call_id),
        ("CSeq", to.get("CSeq")),
        ("Contact", "<sip:phone@10.1.1.1:5099>"),
        *(fields or []),
    ]
    if body:
        built.append(("Content-Type", "application/sdp"))
    return parse_message(SipMessage(status=status, phrase="x", fields=built, body=body).to_bytes())
