"""SIP transactions over UDP: RFC 3261 section 17 with RFC 6026's Accepted state.

They retransmit what we send until it is answered and absorb what others retransmit. Nothing here
blocks or reads a clock of its own: packets leave through `send`, time comes from a `TimerQueue`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum

from labswitch.message import SipMessage
from labswitch.response import reply_to
from labswitch.timers import Timer, TimerQueue

logger = logging.getLogger(__name__)

T1 = 0.5  # seconds; section 17.1.1.1
T2 = 4.0
T4 = 5.0
TIMEOUT = 64 * T1  # timers B, D, F, H, J, L and M over UDP
MAX_SERVER_TRANSACTIONS = 20_000
MAGIC_COOKIE = "z9hG4bK"

SourceAddress = tuple[str, int]
SendPacket = Callable[[bytes, SourceAddress], None]


class State(Enum):
    """A transaction's state; TRYING is also an INVITE client's Calling."""

    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    ACCEPTED = "accepted"  # an INVITE that got a 2xx: the dialog retransmits, we absorb
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class _Transaction:
    def __init__(self, layer: TransactionLayer) -> None:
        self.layer = layer
        self.state = State.TRYING
        self._retransmit: Timer | None = None
        self._deadline: Timer | None = None
        self._interval = T1

    def _set_retransmit(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._retransmit is not None:
            self._retransmit.cancel()
        self._retransmit = self.layer.timers.after(seconds, callback)

    def _set_deadline(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.layer.timers.after(seconds, callback)

    def _stop_retransmitting(self) -> None:
        if self._retransmit is not None:
            self._retransmit.cancel()
            self._retransmit = None

    def _terminate(self) -> None:
        self._stop_retransmitting()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self.state = State.TERMINATED
        self.layer.forget(self)


class ServerTransaction(_Transaction):
    """A request from the network and our answers to it.

    `on_cancel`, set by an INVITE's owner, is called with the CANCEL while no final answer was sent.
    """

    def __init__(
        self,
        layer: TransactionLayer,
        key: tuple[str, ...],
        request: SipMessage,
        source: SourceAddress,
    ) -> None:
        super().__init__(layer)
        self.key = key
        self.request = request
        self.source = source
        self.is_invite = request.method == "INVITE"
        self.on_cancel: Callable[[SipMessage], None] | None = None
        self._last = b""
        if self.is_invite:
            self.state = State.PROCEEDING

    @property
    def answered(self) -> bool:
        """Whether a final answer was sent."""
        return self.state not in (State.TRYING, State.PROCEEDING)

    def reply(
        self,
        status: int,
        phrase: str | None = None,
        *,
        to_tag: str = "",
        fields: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> bytes:
        """Send a response and return it; once a final one was sent, nothing more is."""
        response = reply_to(
            self.request,
            status,
            phrase,
            source=self.source,
            to_tag=to_tag or (self.layer.own_tag if status > 100 else ""),
            fields=fields,
            body=body,
        )
        packet = response.to_bytes()
        if self.answered:
            return packet
        self._last = packet
        self.layer.send(packet, self.source)
        if status < 200:
            self.state = State.PROCEEDING
        elif not self.is_invite:
            self.state = State.COMPLETED
            self._set_deadline(TIMEOUT, self._terminate)  # timer J
        elif status < 300:
            self.state = State.ACCEPTED
            self._set_deadline(TIMEOUT, self._terminate)  # timer L
        else:
            self.state = State.COMPLETED
            self._set_retransmit(T1, self._repeat_refusal)  # timer G
            self._set_deadline(TIMEOUT, self._terminate)  # timer H
        return packet

    def receive_again(self) -> None:
        """The request was retransmitted: repeat the last answer unless the dialog does."""
        if self._last and self.state in (State.PROCEEDING, State.COMPLETED):
            self.layer.send(self._last, self.source)

    def receive_ack(self) -> bool:
        """An ACK with this INVITE's branch; False when it belongs to a 2xx, so to the dialog."""
        if self.state is State.COMPLETED:
            self._stop_retransmitting()
            self.state = State.CONFIRMED
            self._set_deadline(T4, self._terminate)  # timer I
            return True
        return self.state is State.CONFIRMED

    def _repeat_refusal(self) -> None:
        self.layer.send(self._last, self.source)
        self._interval = min(2 * self._interval, T2)
        self._set_retransmit(self._interval, self._repeat_refusal)


class ClientTransaction(_Transaction):
    """A request of ours, until it is answered.

    `on_response` is told every response of an INVITE but repeated refusals, and for other methods
    provisional ones and the first final one. `on_failure` is told 408 when nobody answers and 503
    when the network says that nobody is there; it is the last call then.
    """

    def __init__(
        self,
        layer: TransactionLayer,
        request: SipMessage,
        destination: SourceAddress,
        on_response: Callable[[SipMessage, SourceAddress], None],
        on_failure: Callable[[int], None],
    ) -> None:
        super().__init__(layer)
        self.request = request
        self.destination = destination
        self.is_invite = request.method == "INVITE"
        self.key = (request.via.branch, request.method)
        self._on_response = on_response
        self._on_failure = on_failure
        self._packet = request.to_bytes()
        self._ack = b""
        self._cancel_fields: list[tuple[str, str]] | None = None
        self._cancel_sent = False

    def start(self) -> None:
        """Send the request."""
        self._set_retransmit(T1, self._repeat_request)  # timer A or E
        self._set_deadline(TIMEOUT, lambda: self.fail(408))  # timer B or F
        self.layer.send(self._packet, self.destination)

    def cancel(self, fields: list[tuple[str, str]]) -> None:
        """Cancel an INVITE: at once, or as soon as a provisional response allows (section 9.1)."""
        if self._cancel_fields is None:
            self._cancel_fields = fields
            self._send_cancel()

    def receive(self, response: SipMessage, source: SourceAddress) -> None:
        """A response with this transaction's branch."""
        if self.state in (State.TRYING, State.PROCEEDING):
            self._receive_first(response, source)
        elif self.state is State.COMPLETED and self.is_invite and response.status >= 300:
            self.layer.send(self._ack, self.destination)
        elif self.state is State.ACCEPTED and 200 <= response.status < 300:
            self._on_response(response, source)

    def fail(self, status: int) -> None:
        """Nobody answered (408) or can be reached (503)."""
        if self.state in (State.TRYING, State.PROCEEDING):
            self._terminate()
            self._on_failure(status)

    def _receive_first(self, response: SipMessage, source: SourceAddress) -> None:
        status = response.status
        if status < 200:
            self._receive_provisional()
        else:
            self._stop_retransmitting()
            if not self.is_invite:
                self.state = State.COMPLETED
                self._set_deadline(T4, self._terminate)  # timer K
            elif status < 300:
                self.state = State.ACCEPTED
                self._set_deadline(TIMEOUT, self._terminate)  # timer M
            else:
                self.state = State.COMPLETED
                self._set_deadline(TIMEOUT, self._terminate)  # timer D
                self._ack = self._related("ACK", to=response.get("To")).to_bytes()
                self.layer.send(self._ack, self.destination)
        self._on_response(response, source)

    def _receive_provisional(self) -> None:
        first = self.state is State.TRYING
        self.state = State.PROCEEDING
        if not self.is_invite:
            self._interval = T2
        elif first:
            self._stop_retransmitting()
            if self._deadline is not None:
                self._deadline.cancel()
            self._send_cancel()

    def _send_cancel(self) -> None:
        if self._cancel_fields is None or self._cancel_sent or self.state is not State.PROCEEDING:
            return
        self._cancel_sent = True
        # An INVITE whose CANCEL isn't followed by a final answer is given up (section 9.1).
        self._set_deadline(TIMEOUT, lambda: self.fail(408))
        request = self._related("CANCEL", to=self.request.get("To"))
        request.fields += self._cancel_fields
        self.layer.request(request, self.destination, lambda *_: None, lambda _: None)

    def _related(self, method: str, *, to: str) -> SipMessage:
        """An ACK or CANCEL of this INVITE (sections 17.1.1.3 and 9.1)."""
        copied = [("Via", self.request.get("Via")), ("Max-Forwards", "70")]
        copied += [field for field in self.request.fields if field[0] == "Route"]
        copied += [
            ("From", self.request.get("From")),
            ("To", to),
            ("Call-ID", self.request.call_id),
            ("CSeq", f"{self.request.cseq[0]} {method}"),
        ]
        return SipMessage(method=method, uri=self.request.uri, fields=copied)

    def _repeat_request(self) -> None:
        self.layer.send(self._packet, self.destination)
        self._interval *= 2
        if not self.is_invite:
            self._interval = min(self._interval, T2)
        self._set_retransmit(self._interval, self._repeat_request)


class TransactionLayer:
    """All transactions of one socket.

    `on_request` gets new requests with their transactions; `on_ack` the ACKs of 2xx answers, which
    have none. `own_tag` is the To tag of answers given outside any dialog.
    """

    def __init__(
        self,
        send: SendPacket,
        timers: TimerQueue,
        *,
        own_tag: str,
        on_request: Callable[[ServerTransaction], None],
        on_ack: Callable[[SipMessage, SourceAddress], None],
    ) -> None:
        self.send = send
        self.timers = timers
        self.own_tag = own_tag
        self._on_request = on_request
        self._on_ack = on_ack
        self._servers: dict[tuple[str, ...], ServerTransaction] = {}
        self._invites: dict[tuple[str, str, int], ServerTransaction] = {}
        self._clients: dict[tuple[str, str], ClientTransaction] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def request(
        self,
        request: SipMessage,
        destination: SourceAddress,
        on_response: Callable[[SipMessage, SourceAddress], None],
        on_failure: Callable[[int], None],
    ) -> ClientTransaction:
        """Send a request, whose branch must be new, and see to it that it is answered."""
        transaction = ClientTransaction(self, request, destination, on_response, on_failure)
        self._clients[transaction.key] = transaction
        transaction.start()
        return transaction

    def receive(self, message: SipMessage, source: SourceAddress) -> None:
        """Any message from the network."""
        if not message.is_request:
            client = self._clients.get((message.via.branch, message.cseq[1]))
            if client is not None:
                client.receive(message, source)
            return
        key = _server_key(message)
        transaction = self._servers.get(key)
        if message.method == "ACK":
            # Some callers give the ACK of a refusal a branch of its own.
            transaction = transaction or self._invites.get(_invite_key(message))
            if transaction is None or not transaction.receive_ack():
                self._on_ack(message, source)
        elif transaction is not None:
            transaction.receive_again()
        elif len(self._servers) >= MAX_SERVER_TRANSACTIONS:
            logger.warning("too many transactions: a %s is dropped", message.method)
        else:
            self._serve(ServerTransaction(self, key, message, source))

    def unreachable(self, destination: SourceAddress) -> None:
        """The network says that nothing listens there: give up what wasn't answered at all."""
        for transaction in list(self._clients.values()):
            if transaction.destination == destination and transaction.state is State.TRYING:
                transaction.fail(503)

    def forget(self, transaction: _Transaction) -> None:
        """A transaction has terminated."""
        if isinstance(transaction, ServerTransaction):
            self._servers.pop(transaction.key, None)
            if transaction.is_invite:
                self._invites.pop(_invite_key(transaction.request), None)
        elif isinstance(transaction, ClientTransaction):
            self._clients.pop(transaction.key, None)

    def _serve(self, transaction: ServerTransaction) -> None:
        self._servers[transaction.key] = transaction
        if transaction.is_invite:
            self._invites.setdefault(_invite_key(transaction.request), transaction)
        if transaction.request.method == "CANCEL":
            self._cancel(transaction)
        else:
            self._on_request(transaction)

    def _cancel(self, transaction: ServerTransaction) -> None:
        """Answer a CANCEL for the INVITE with the same branch (section 9.2)."""
        target = self._servers.get((*transaction.key[:-1], "INVITE"))
        if target is None:
            transaction.reply(481)
            return
        transaction.reply(200)
        if not target.answered and target.on_cancel is not None:
            target.on_cancel(transaction.request)


def _invite_key(request: SipMessage) -> tuple[str, str, int]:
    return (request.call_id, request.from_.tag, request.cseq[0])


def _server_key(request: SipMessage) -> tuple[str, ...]:
    """What retransmissions of a request share, its ACK and CANCEL but for the method (17.2.3)."""
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    if via.branch.startswith(MAGIC_COOKIE):
        return (via.branch, via.host, str(via.port), request.call_id, method)
    # An RFC 2543 client, whose branch says nothing.
    number = str(request.cseq[0])
    return (request.call_id, request.from_.tag, number, request.values("Via")[0], method)
