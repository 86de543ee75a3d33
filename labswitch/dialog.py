"""One call's signalling: an INVITE dialog of either direction, from its first packet to its last.

`SipCall` is what both directions share: the conversation and its end. `inbound.InboundCall` and
`outbound.OutboundCall` add how a call begins. Nothing here blocks; the application's callbacks run
on the call's own worker, in order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from labswitch.address import Address, AddressError, parse_uri
from labswitch.callstate import TRANSITIONS, CallState
from labswitch.causes import CAUSE_NUMBERS, cause_of_reason, cause_of_status, reason_header
from labswitch.dialogpath import AnswerRepeater, DialogPath, extra_fields
from labswitch.message import SipMessage
from labswitch.reinvite import Reinvite, ReinviteDone
from labswitch.sdp import SDP_TYPE, Sdp, SdpError, read_sdp
from labswitch.timers import TimerQueue
from labswitch.transaction import ServerTransaction, TransactionLayer
from labswitch.worker import Worker

logger = logging.getLogger(__name__)


class CallHandler(Protocol):
    """What an application is told about one call, in order and on the call's own greenlet.

    A callback may wait, but the call's later ones wait for it. `sdp` is None when a message had
    none or it couldn't be read.
    """

    def on_provisional(self, call: SipCall, status: int, sdp: Sdp | None) -> None:
        """An outbound call got a 180, 183 or another 1xx but 100."""

    def on_answered(self, call: SipCall, sdp: Sdp | None) -> None:
        """An outbound call was answered; `sdp` is the early one when the 200 had none."""

    def on_acked(self, call: SipCall) -> None:
        """The ACK of an inbound call's (or re-INVITE's) 200 has come."""

    def on_reinvite(self, call: SipCall, sdp: Sdp | None) -> bytes:
        """The far end changes the session; returns our SDP. SdpError refuses it with 488."""

    def on_info(self, call: SipCall, content_type: str, body: bytes) -> None:
        """An INFO came (it was answered with 200), for instance application/dtmf-relay."""

    def on_ended(self, call: SipCall, cause: str, status: int | None, by_remote: bool) -> None:
        """The call is over: exactly once, and nothing comes after it.

        `status` is the final SIP status of a call that was never answered, else None.
        """


class Endpoint(Protocol):
    """What a call needs from the user agent that it belongs to."""

    name: str
    layer: TransactionLayer
    timers: TimerQueue
    user_agent: str

    @property
    def contact(self) -> str:
        """The URI at which the far end reaches us."""

    def forget(self, call: SipCall) -> None:
        """The call's last packet has been dealt with."""


class SipCall:
    """One call. Its methods never block or raise for what the far end did: what comes too late
    for a call that has ended meanwhile does nothing.

    `source` is where the far end's packets come from; `headers` those of the INVITE that began the
    call, by their usual names; `authenticated_user` who proved a password for it.
    """

    inbound: bool

    def __init__(
        self, endpoint: Endpoint, path: DialogPath, state: CallState, invite: SipMessage
    ) -> None:
        self.endpoint = endpoint
        self.path = path
        self.state = state
        self.profile = endpoint.name
        self.call_id = path.call_id
        self.source = path.destination
        self.headers = invite.header_map()
        self.authenticated_user: str | None = None
        self.remote_sdp: Sdp | None = None
        self.handler: CallHandler | None = None
        self._read_parties(invite.from_, invite.uri)
        self._worker = Worker(f"{endpoint.name} call")
        self._over = False
        self._repeater: AnswerRepeater | None = None
        self._awaiting: ServerTransaction | None = None  # a re-INVITE without its final answer
        self._reinvite: Reinvite | None = None
        self._owed_bye: list[tuple[str, str]] | None = None

    # -- what the application does ---------------------------------------------------------

    def ring(self) -> None:
        """Answer 180; inbound calls only."""

    def progress(self, local_sdp: bytes) -> None:
        """Answer 183 with early media; inbound calls only."""

    def answer(self, local_sdp: bytes) -> None:
        """Answer 200, again and again until its ACK comes; inbound calls only."""

    def reject(
        self, status: int, reason: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Refuse an inbound call with a final status (300–699); answered calls are hung up."""
        self.hangup(cause_of_status(status), headers)

    def hangup(self, cause: str = "NORMAL_CLEARING", headers: dict[str, str] | None = None) -> None:
        """End the call as its state asks: CANCEL, BYE or a refusal, with Reason (RFC 3326)."""
        if cause not in CAUSE_NUMBERS:
            cause = "NORMAL_CLEARING"
        fields = [("Reason", reason_header(cause)), *extra_fields(headers)]
        if self.state in (CallState.UP, CallState.ANSWERED):
            acked = self.state is CallState.UP
            self._end(cause, None, by_remote=False)
            if acked:
                self._send_bye(fields)
            else:
                self._owed_bye = fields  # a BYE may not overtake the ACK (section 15)
        else:
            self._give_up(cause, fields)

    def reinvite(self, local_sdp: bytes, done: ReinviteDone | None = None) -> None:
        """Offer a changed session (hold, resume). The last of several waiting ones counts.

        `done` is told the final status and the far end's SDP, on the call's worker.
        """
        if self.state is not CallState.UP:
            return
        if self._reinvite is None:
            self._reinvite = Reinvite(self, self._reinvite_done)
        self._reinvite.offer(local_sdp, done)

    def send_info(self, content_type: str, body: bytes) -> None:
        """Send an INFO request, for instance application/dtmf-relay."""
        if self.state is not CallState.UP:
            return
        request = self.path.request("INFO", content_type=content_type, body=body)
        self.endpoint.layer.request(
            request,
            self.path.destination,
            lambda response, _: self.check_dialog(response.status),
            lambda _: None,
        )

    # -- what the network does -------------------------------------------------------------

    def receive(self, transaction: ServerTransaction) -> None:
        """A request inside the dialog, but no ACK or CANCEL."""
        request = transaction.request
        if request.cseq[0] < self.path.remote_cseq:
            transaction.reply(500, "CSeq Out Of Order")
            return
        self.path.remote_cseq = request.cseq[0]
        if request.method == "BYE":
            self._receive_bye(transaction)
        elif self._over:
            transaction.reply(481)
        elif request.method == "INVITE":
            self._receive_reinvite(transaction)
        else:
            transaction.reply(200)
            if request.method == "INFO":
                self.emit("on_info", request.content_type, request.body)

    def receive_ack(self, ack: SipMessage) -> None:
        """The ACK of a 2xx answer; a second one changes nothing."""
        if self._repeater is None or self._repeater.cseq != ack.cseq[0]:
            return
        self._repeater.stop()
        self._repeater = None
        if self._over:
            self._pay_bye()
            return
        if ack.body:
            # The answer to an offer of ours that went out in the 200 (section 13.2.1).
            self.remote_sdp = read_sdp(ack) or self.remote_sdp
        if self.state is CallState.ANSWERED:
            self._move(CallState.UP)
        self.emit("on_acked")
        if self._reinvite is not None:
            self._reinvite.proceed()

    @property
    def established(self) -> bool:
        """Whether both sides have agreed on the call and neither has ended it."""
        return self.state is CallState.UP

    @property
    def negotiating(self) -> bool:
        """Whether a re-INVITE of the far end's is under way, so that ours must wait."""
        return self._awaiting is not None or self._repeater is not None

    def check_dialog(self, status: int) -> None:
        """Give the call up when the far end says that it knows nothing of it (12.2.1.2)."""
        if status == 481 and not self._over:
            self.lose(cause_of_status(status))

    def lose(self, cause: str) -> None:
        """End an answered call that the far end has stopped talking about."""
        if not self._over:
            self._end(cause, None, by_remote=False)
            self._send_bye([("Reason", reason_header(cause))])

    def emit(self, callback: str, *args: object) -> None:
        """Tell the handler, on the call's worker."""
        self._worker.submit(self._call_handler, callback, args)

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job on the call's worker."""
        self._worker.submit(job)

    # -- the inside ------------------------------------------------------------------------

    def _read_parties(self, caller: Address, request_uri: str) -> None:
        self.from_name = caller.display
        try:
            uri = parse_uri(caller.uri)
            self.from_user, self.from_host = uri.user, uri.host
        except AddressError:  # a tel: URI, for instance
            self.from_user, self.from_host = caller.uri.partition(":")[2].partition(";")[0], ""
        uri = parse_uri(request_uri)
        self.to_user, self.to_host = uri.user, uri.host

    def _move(self, state: CallState) -> bool:
        if state not in TRANSITIONS[self.state]:
            logger.debug("call %s: no step from %s to %s", self.call_id, self.state, state)
            return False
        self.state = state
        return True

    def _give_up(self, cause: str, fields: list[tuple[str, str]]) -> None:
        """Hang up a call that wasn't answered."""
        raise NotImplementedError

    def _end(self, cause: str, status: int | None, *, by_remote: bool) -> None:
        """Tell the application, once."""
        if self.state is not CallState.CANCELLING:
            self._move(CallState.ENDED)
        if not self._over:
            self._over = True
            self._stop_negotiating()
            self.emit("on_ended", cause, status, by_remote)

    def _stop_negotiating(self) -> None:
        if self._awaiting is not None:
            self._awaiting.reply(487)
            self._awaiting = None

    def _call_handler(self, callback: str, args: tuple[object, ...]) -> None:
        if self.handler is not None:
            getattr(self.handler, callback)(self, *args)

    def _receive_bye(self, transaction: ServerTransaction) -> None:
        transaction.reply(200)
        cause = cause_of_reason(transaction.request.get("Reason")) or "NORMAL_CLEARING"
        self._end(cause, None, by_remote=True)
        self._owed_bye = None
        if self._repeater is not None:
            self._repeater.stop()
        self.endpoint.forget(self)

    def _receive_reinvite(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        if self._reinvite is not None and self._reinvite.pending:
            transaction.reply(491)
        elif self.state is not CallState.UP or self.negotiating:
            transaction.reply(500, fields=[("Retry-After", "2")])
        elif request.body and request.content_type != SDP_TYPE:
            transaction.reply(415, fields=[("Accept", SDP_TYPE)])
        else:
            sdp = read_sdp(request)
            if request.body and sdp is None:
                transaction.reply(400, "Bad Session Description")
                return
            transaction.reply(100)
            transaction.on_cancel = lambda _: self._stop_negotiating()
            self._awaiting = transaction
            self.path.retarget(request)
            self.source = self.path.destination = transaction.source
            self._worker.submit(self._answer_reinvite, transaction, sdp)

    def _answer_reinvite(self, transaction: ServerTransaction, sdp: Sdp | None) -> None:
        if self.handler is None or transaction.answered:
            return
        status, body = 200, b""
        previous, self.remote_sdp = self.remote_sdp, sdp or self.remote_sdp
        try:
            body = self.handler.on_reinvite(self, sdp)
        except SdpError:
            status = 488
        except Exception:
            logger.exception("call %s: a re-INVITE's handler failed", self.call_id)
            status = 500
        if transaction.answered:
            return
        self._awaiting = None
        if status == 200:
            self.send_answer(transaction, body)
        else:
            self.remote_sdp = previous
            transaction.reply(status, to_tag=self.path.local_tag)

    def send_answer(self, transaction: ServerTransaction, local_sdp: bytes) -> None:
        """Send an INVITE's 200 and see to it that it arrives."""
        packet = transaction.reply(
            200,
            to_tag=self.path.local_tag,
            fields=[*self.dialog_fields(transaction.request), ("Content-Type", SDP_TYPE)],
            body=local_sdp,
        )
        self._repeater = AnswerRepeater(
            self.endpoint.timers,
            lambda: self.endpoint.layer.send(packet, transaction.source),
            self._ack_never_came,
            cseq=transaction.request.cseq[0],
        )

    def dialog_fields(self, request: SipMessage) -> list[tuple[str, str]]:
        """The headers of an answer that opens or refreshes the dialog (section 12.1.1)."""
        routes = [("Record-Route", route) for route in request.values("Record-Route")]
        return [
            *routes,
            ("Contact", f"<{self.endpoint.contact}>"),
            ("User-Agent", self.endpoint.user_agent),
        ]

    def _ack_never_came(self) -> None:
        self._repeater = None
        if self._over:
            self._pay_bye()
        else:
            self.lose("RECOVERY_ON_TIMER_EXPIRE")

    def _pay_bye(self) -> None:
        if self._owed_bye is not None:
            fields, self._owed_bye = self._owed_bye, None
            self._send_bye(fields)

    def _send_bye(self, fields: list[tuple[str, str]]) -> None:
        if self._repeater is not None:
            self._repeater.stop()
        request = self.path.request("BYE", fields=fields)
        self.endpoint.layer.request(
            request,
            self.path.destination,
            lambda response, _: self.endpoint.forget(self) if response.status >= 200 else None,
            lambda _: self.endpoint.forget(self),
        )

    def _reinvite_done(self, status: int, sdp: Sdp | None, done: ReinviteDone | None) -> None:
        if sdp is not None:
            self.remote_sdp = sdp
        if done is not None and not self._over:
            self._worker.submit(done, status, sdp)
