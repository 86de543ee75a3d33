"""Our own re-INVITEs: one at a time, tried again after glare (RFC 3261 section 14.1)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from labswitch.causes import cause_of_status
from labswitch.message import SipMessage
from labswitch.sdp import SDP_TYPE, Sdp, read_sdp
from labswitch.transaction import SourceAddress

if TYPE_CHECKING:
    from labswitch.dialog import SipCall

ReinviteDone = Callable[[int, Sdp | None], None]


class Reinvite:
    """The re-INVITEs of one call. `pending` while one is under way."""

    def __init__(
        self, call: SipCall, on_done: Callable[[int, Sdp | None, ReinviteDone | None], None]
    ) -> None:
        self._call = call
        self._on_done = on_done
        self._next: tuple[bytes, ReinviteDone | None] | None = None
        self._sent: tuple[bytes, ReinviteDone | None] = (b"", None)
        self._accepted_cseq = 0
        self.pending = False

    def offer(self, local_sdp: bytes, done: ReinviteDone | None) -> None:
        """Send this offer as soon as no other is under way; it replaces one that waits."""
        self._next = (local_sdp, done)
        self.proceed()

    def proceed(self) -> None:
        """Send what waits, if nothing is in its way any more."""
        call = self._call
        if self._next is None or self.pending or call.negotiating or not call.established:
            return
        self._sent, self._next = self._next, None
        self.pending = True
        request = call.path.request(
            "INVITE",
            fields=[("Contact", f"<{call.endpoint.contact}>")],
            content_type=SDP_TYPE,
            body=self._sent[0],
        )
        call.endpoint.layer.request(request, call.path.destination, self._receive, self._refused)

    def _receive(self, response: SipMessage, source: SourceAddress) -> None:
        if response.status >= 300:
            self._refused(response.status)
        elif response.status >= 200:
            self._send_ack(response.cseq[0])
            if response.cseq[0] > self._accepted_cseq:  # else the 200 was repeated
                self._accepted(response)

    def _accepted(self, response: SipMessage) -> None:
        self._accepted_cseq = response.cseq[0]
        self._call.path.retarget(response)
        self.pending = False
        self._on_done(response.status, read_sdp(response), self._sent[1])
        self.proceed()

    def _send_ack(self, cseq: int) -> None:
        path = self._call.path
        ack = path.request("ACK", cseq=cseq)
        self._call.endpoint.layer.send(ack.to_bytes(), path.destination)

    def _refused(self, status: int) -> None:
        if status == 491:
            self._call.endpoint.timers.after(self._glare_delay(), self._again)
            return
        self.pending = False
        self._on_done(status, None, self._sent[1])
        if status in (408, 481, 503):
            self._call.lose(cause_of_status(status))
        else:
            self.proceed()

    def _glare_delay(self) -> float:
        """Seconds to wait after a 491: whoever made the Call-ID waits longer (section 14.1)."""
        if self._call.inbound:
            return random.uniform(0.01, 2.0)
        return random.uniform(2.1, 4.0)

    def _again(self) -> None:
        self.pending = False
        if self._next is None:  # else a newer offer waits
            self._next = self._sent
        self.proceed()
