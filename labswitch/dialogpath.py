"""The way through a dialog: tags, sequence numbers, targets and routes (RFC 3261 section 12)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from labswitch.address import AddressError, format_address, parse_address
from labswitch.message import SipMessage, is_token
from labswitch.timers import Timer, TimerQueue
from labswitch.transaction import MAGIC_COOKIE, T1, T2, TIMEOUT, SourceAddress

_OURS = frozenset(
    {
        "via",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "record-route",
        "route",
        "content-length",
        "content-type",
    }
)


def new_tag() -> str:
    """A dialog tag that can't be guessed."""
    return secrets.token_hex(8)


def new_branch() -> str:
    """A new transaction's branch."""
    return MAGIC_COOKIE + secrets.token_hex(10)


def extra_fields(headers: dict[str, str] | None) -> list[tuple[str, str]]:
    """An application's headers as fields: none that the dialog owns, none that forge a line."""
    found: list[tuple[str, str]] = []
    for name, value in (headers or {}).items():
        if is_token(name) and name.lower() not in _OURS:
            clean = "".join(char if char.isprintable() else " " for char in value)
            found.append((name, clean.strip()))
    return found


@dataclass(slots=True)
class DialogPath:
    """One dialog as this side sees it.

    `local` and `remote` are name-addrs without tags, `target` is the far end's Contact, `routes`
    the route set in the order in which we send it, `destination` where packets really go: where
    the far end's came from, so that a phone behind NAT is reached.
    """

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    target: str
    destination: SourceAddress
    sent_by: str
    user_agent: str
    routes: list[str] = field(default_factory=list)
    local_cseq: int = 0
    remote_cseq: int = -1

    @classmethod
    def of_request(
        cls, invite: SipMessage, source: SourceAddress, sent_by: str, user_agent: str
    ) -> DialogPath:
        """The dialog that an INVITE from the network opens; raises AddressError."""
        return cls(
            call_id=invite.call_id,
            local=format_address(invite.to.display, invite.to.uri),
            remote=format_address(invite.from_.display, invite.from_.uri),
            local_tag=new_tag(),
            remote_tag=invite.from_.tag,
            target=parse_address(invite.values("Contact")[0]).uri,
            destination=source,
            sent_by=sent_by,
            user_agent=user_agent,
            routes=invite.values("Record-Route"),
            remote_cseq=invite.cseq[0],
        )

    def confirmed_by(self, response: SipMessage, source: SourceAddress) -> DialogPath:
        """The dialog that a 2xx to our INVITE opens; several may come of one INVITE."""
        path = DialogPath(
            call_id=self.call_id,
            local=self.local,
            remote=self.remote,
            local_tag=self.local_tag,
            remote_tag=response.to.tag,
            target=self.target,
            destination=source,
            sent_by=self.sent_by,
            user_agent=self.user_agent,
            routes=list(reversed(response.values("Record-Route"))),
            local_cseq=self.local_cseq,
        )
        path.retarget(response)
        return path

    def retarget(self, message: SipMessage) -> None:
        """Take over the Contact of a target refresh (section 12.2), if it has one."""
        contacts = message.values("Contact")
        if contacts:
            try:
                self.target = parse_address(contacts[0]).uri
            except AddressError:
                return

    def request(
        self,
        method: str,
        *,
        fields: list[tuple[str, str]] | None = None,
        content_type: str = "",
        body: bytes = b"",
        cseq: int | None = None,
    ) -> SipMessage:
        """A new request inside the dialog; an ACK is given its INVITE's `cseq`."""
        if cseq is None:
            self.local_cseq += 1
            cseq = self.local_cseq
        remote = f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote
        built = [
            ("Via", f"SIP/2.0/UDP {self.sent_by};rport;branch={new_branch()}"),
            *(("Route", route) for route in self.routes),
            ("Max-Forwards", "70"),
            ("From", f"{self.local};tag={self.local_tag}"),
            ("To", remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("User-Agent", self.user_agent),
        ]
        for name, value in fields or []:
            # A header of the application's replaces ours, for instance Max-Forwards.
            built = [known for known in built if known[0].lower() != name.lower()]
            built.append((name, value))
        if content_type:
            built.append(("Content-Type", content_type))
        return SipMessage(method=method, uri=self.target, fields=built, body=body)


class AnswerRepeater:
    """Sends a 2xx of an INVITE again until its ACK comes (section 13.3.1.4)."""

    def __init__(
        self,
        timers: TimerQueue,
        resend: Callable[[], None],
        on_timeout: Callable[[], None],
        *,
        cseq: int,
    ) -> None:
        self.cseq = cseq
        self._timers = timers
        self._resend = resend
        self._on_timeout = on_timeout
        self._interval = T1
        self._repeat: Timer = timers.after(T1, self._again)
        self._deadline: Timer = timers.after(TIMEOUT, self._give_up)

    def stop(self) -> None:
        """The ACK has come."""
        self._repeat.cancel()
        self._deadline.cancel()

    def _again(self) -> None:
        self._resend()
        self._interval = min(2 * self._interval, T2)
        self._repeat = self._timers.after(self._interval, self._again)

    def _give_up(self) -> None:
        self._repeat.cancel()
        self._on_timeout()
