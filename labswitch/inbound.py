"""A call from the network: INVITE as a server (RFC 3261 sections 13.3 and 9.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from labswitch.causes import cause_of_status, reason_header, status_of_cause
from labswitch.dialog import CallHandler, CallState, Endpoint, SipCall
from labswitch.dialogpath import DialogPath, extra_fields
from labswitch.message import SipMessage
from labswitch.sdp import SDP_TYPE, read_sdp
from labswitch.transaction import ServerTransaction

logger = logging.getLogger(__name__)

UNANSWERED = (CallState.INVITED, CallState.RINGING, CallState.EARLY)


class InboundCall(SipCall):
    """A call that someone made to us."""

    inbound = True

    def __init__(
        self, endpoint: Endpoint, path: DialogPath, transaction: ServerTransaction
    ) -> None:
        super().__init__(endpoint, path, CallState.INVITED, transaction.request)
        self._invite = transaction
        request = transaction.request
        # What the same INVITE that comes by another way shares (section 8.2.2.2).
        self.invite_key = (request.call_id, request.from_.tag, request.cseq[0])
        self.remote_sdp = read_sdp(request)
        transaction.on_cancel = self._cancelled

    def begin(self, accept: Callable[[SipCall], CallHandler]) -> None:
        """Ask the application for a handler, on the call's worker."""
        self._worker.submit(self._offer, accept)

    def ring(self) -> None:
        """Answer 180, unless early media flows already."""
        if self.state in (CallState.INVITED, CallState.RINGING):
            if self.state is CallState.INVITED:
                self._move(CallState.RINGING)
            self._reply(180)

    def progress(self, local_sdp: bytes) -> None:
        """Answer 183 with early media."""
        if self.state in UNANSWERED:
            if self.state is not CallState.EARLY:
                self._move(CallState.EARLY)
            self._reply(183, body=local_sdp)

    def answer(self, local_sdp: bytes) -> None:
        """Answer 200, again and again until its ACK comes."""
        if self.state in UNANSWERED:
            self._move(CallState.ANSWERED)
            self.send_answer(self._invite, local_sdp)

    def reject(
        self, status: int, reason: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Refuse the call with a final status (300–699); an answered call is hung up."""
        cause = cause_of_status(status)
        if self.state in UNANSWERED:
            fields = [("Reason", reason_header(cause)), *extra_fields(headers)]
            self._refuse(status, reason, cause, fields)
        else:
            self.hangup(cause, headers)

    def _offer(self, accept: Callable[[SipCall], CallHandler]) -> None:
        try:
            self.handler = accept(self)
        except Exception:
            logger.exception("call %s: it couldn't be accepted", self.call_id)
            self.reject(500)

    def _reply(self, status: int, body: bytes = b"") -> None:
        fields = self.dialog_fields(self._invite.request)
        if body:
            fields.append(("Content-Type", SDP_TYPE))
        self._invite.reply(status, to_tag=self.path.local_tag, fields=fields, body=body)

    def _give_up(self, cause: str, fields: list[tuple[str, str]]) -> None:
        if self.state in UNANSWERED:
            self._refuse(status_of_cause(cause), None, cause, fields)

    def _refuse(
        self, status: int, reason: str | None, cause: str, fields: list[tuple[str, str]]
    ) -> None:
        phrase = None
        if reason is not None:
            phrase = "".join(char if char.isprintable() else " " for char in reason)
        self._invite.reply(status, phrase, to_tag=self.path.local_tag, fields=fields)
        self._end(cause, status, by_remote=False)
        self.endpoint.forget(self)

    def _cancelled(self, cancel: SipMessage) -> None:
        self._end("ORIGINATOR_CANCEL", 487, by_remote=True)
        self.endpoint.forget(self)

    def _stop_negotiating(self) -> None:
        super()._stop_negotiating()
        # After a CANCEL, or a BYE that came before any final answer (section 15.1.2).
        if not self._invite.answered:
            self._invite.reply(487, to_tag=self.path.local_tag)
