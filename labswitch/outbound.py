"""A call to the network: INVITE as a client (RFC 3261 sections 13.2 and 9.1)."""

from __future__ import annotations

from labswitch.causes import cause_of_reason, cause_of_status, reason_header
from labswitch.dialog import CallState, Endpoint, SipCall
from labswitch.dialogpath import DialogPath
from labswitch.message import SipMessage
from labswitch.sdp import read_sdp
from labswitch.transaction import ClientTransaction, SourceAddress


class OutboundCall(SipCall):
    """A call that we make.

    It stays known to its endpoint until the far end has confirmed its end: a 200 that crosses our
    CANCEL is acknowledged and hung up.
    """

    inbound = False

    def __init__(self, endpoint: Endpoint, path: DialogPath, invite: SipMessage) -> None:
        super().__init__(endpoint, path, CallState.CALLING, invite)
        self._invite = invite
        self._transaction: ClientTransaction | None = None
        self._confirmed_tag: str | None = None

    def begin(self) -> None:
        """Send the INVITE."""
        self._transaction = self.endpoint.layer.request(
            self._invite, self.path.destination, self._receive_response, self._failed
        )

    def _give_up(self, cause: str, fields: list[tuple[str, str]]) -> None:
        if self._transaction is None or not self._move(CallState.CANCELLING):
            return
        self._end(cause, 487, by_remote=False)
        self._transaction.cancel(fields)

    def _receive_response(self, response: SipMessage, source: SourceAddress) -> None:
        if response.status >= 300:
            self._refused(response)
        elif response.status >= 200:
            self._accepted(response, source)
        elif response.status > 100 and not self._over:
            self._progress(response)

    def _progress(self, response: SipMessage) -> None:
        sdp = read_sdp(response)
        if sdp is not None:
            self.remote_sdp = sdp
        if sdp is not None and self.state is not CallState.EARLY:
            self._move(CallState.EARLY)
        elif response.status == 180 and self.state is CallState.CALLING:
            self._move(CallState.RINGING)
        self.emit("on_provisional", response.status, sdp)

    def _accepted(self, response: SipMessage, source: SourceAddress) -> None:
        tag = response.to.tag
        if self._confirmed_tag is None:
            self._confirmed_tag = tag
            self.path = self.path.confirmed_by(response, source)
            self._acknowledge(self.path)
            self._established(response)
        elif tag == self._confirmed_tag:
            self._acknowledge(self.path)  # our ACK was lost
        else:
            # A proxy forked the INVITE and a second phone answered (section 13.2.2.4).
            other = self.path.confirmed_by(response, source)
            self._acknowledge(other)
            fields = [("Reason", reason_header("LOSE_RACE"))]
            bye = other.request("BYE", fields=fields)
            self.endpoint.layer.request(bye, source, lambda *_: None, lambda _: None)

    def _established(self, response: SipMessage) -> None:
        sdp = read_sdp(response)
        if self._over:
            self._move(CallState.ENDED)
            self._send_bye([("Reason", reason_header("ORIGINATOR_CANCEL"))])
            return
        self._move(CallState.UP)
        self.source = self.path.destination
        if response.body and sdp is None:
            self.lose("INCOMPATIBLE_DESTINATION")
            return
        self.remote_sdp = sdp or self.remote_sdp
        self.emit("on_answered", self.remote_sdp)

    def _acknowledge(self, path: DialogPath) -> None:
        ack = path.request("ACK", cseq=self._invite.cseq[0])
        self.endpoint.layer.send(ack.to_bytes(), path.destination)

    def _refused(self, response: SipMessage) -> None:
        if response.status < 400:
            # As FreeSWITCH with outbound_redirect_fatal: a phone can't send a citizen elsewhere.
            cause = "REQUESTED_CHAN_UNAVAIL"
        else:
            reason = cause_of_reason(response.get("Reason"))
            cause = reason or cause_of_status(response.status)
        self._finish(cause, response.status, by_remote=True)

    def _failed(self, status: int) -> None:
        self._finish(cause_of_status(status), status, by_remote=False)

    def _finish(self, cause: str, status: int, *, by_remote: bool) -> None:
        if self._over:
            self._move(CallState.ENDED)
        else:
            self._end(cause, status, by_remote=by_remote)
        self.endpoint.forget(self)
