"""A SIP profile: one UDP socket, its transactions, its calls (RFC 3261 section 8)."""

from __future__ import annotations

import logging
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from labswitch.address import AddressError, escape_user, format_address, parse_uri
from labswitch.datagram import DatagramSocket
from labswitch.dialog import CallHandler, SipCall
from labswitch.dialogpath import DialogPath, extra_fields, new_tag
from labswitch.digest import DigestAuthenticator, Verdict
from labswitch.inbound import InboundCall
from labswitch.message import Malformed, SipMessage, parse_message
from labswitch.outbound import OutboundCall
from labswitch.registrar import Registrar
from labswitch.response import reply_to
from labswitch.sdp import SDP_TYPE, SdpError, parse_sdp
from labswitch.timers import TimerQueue
from labswitch.transaction import ServerTransaction, SourceAddress, TransactionLayer
from labswitch.worker import Worker

logger = logging.getLogger(__name__)

ALLOWED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO")
KNOWN = frozenset({"UPDATE", "PRACK", "MESSAGE", "SUBSCRIBE", "NOTIFY", "REFER", "PUBLISH"})
SWEEP_SECONDS = 1.0


class UserAgent:
    """One profile.

    `accept` is given each new call, on the call's own greenlet, and returns its handler; it may
    also refuse the call. It should return soon: the call's events wait for it. With `challenge`,
    REGISTER and INVITE need digest credentials of the `registrar`'s users; else calls are taken
    from addresses that `trusted` accepts, others get 403. `advertised` is the host that we write
    into Via and Contact when `host` isn't what others can reach.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        accept: Callable[[SipCall], CallHandler],
        registrar: Registrar | None,
        challenge: bool,
        trusted: Callable[[str], bool],
        realm: str,
        user_agent: str,
        advertised: str = "",
    ) -> None:
        if challenge and registrar is None:
            raise ValueError("a profile that challenges needs a registrar for its users")
        self.name = name
        self.host = advertised or host
        self.user_agent = user_agent
        self.realm = realm
        self.timers = TimerQueue(time.monotonic)
        self._accept = accept
        self._registrar = registrar
        self._authenticator: DigestAuthenticator | None = None
        if challenge and registrar is not None:
            self._authenticator = registrar.authenticator
        self._trusted = trusted
        self._calls: dict[tuple[str, str], SipCall] = {}
        self._begun: dict[tuple[str, str, int], SipCall] = {}
        self._registrations = Worker(f"{name} registrar")
        self._running = False
        self._wake = Event()
        self._greenlet: Any = None
        self._socket = DatagramSocket(
            host, port, on_packet=self._receive, on_unreachable=self._unreachable
        )
        self.layer = TransactionLayer(
            self._socket.send,
            self.timers,
            own_tag=new_tag(),
            on_request=self._on_request,
            on_ack=self._on_ack,
        )
        self._allow = ", ".join((*ALLOWED, "REGISTER") if registrar else ALLOWED)

    # -- life ------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The UDP port that it is bound to."""
        return self._socket.port

    @property
    def contact(self) -> str:
        """The URI at which this profile is reached."""
        return f"sip:{self.name}@{self.host}:{self.port}"

    @property
    def calls(self) -> list[SipCall]:
        """Calls whose dialogs aren't done with."""
        return list(self._calls.values())

    def start(self) -> None:
        """Bind the socket and serve; raises OSError when the port is taken."""
        self._socket.start()
        self._running = True
        self.timers.on_earlier = self._wake.set
        self._greenlet = gevent.spawn(self._run_timers)
        if self._registrar is not None:
            self.timers.after(SWEEP_SECONDS, self._sweep)

    def stop(self) -> None:
        """Hang up all calls, once and without waiting for answers, and close."""
        self._running = False
        for call in self.calls:
            call.hangup("SYSTEM_SHUTDOWN")
        if self._greenlet is not None:
            self._greenlet.kill()
        self._socket.stop()

    def invite(
        self,
        request_uri: str,
        destination: SourceAddress,
        *,
        from_user: str,
        from_name: str,
        sdp: bytes,
        handler: CallHandler,
        to_user: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SipCall:
        """Call `request_uri` at `destination`, an IP address and port.

        `to_user` is the To header's user when it isn't the URI's. Raises AddressError, a
        ValueError, for a request URI or an address that isn't one; names aren't looked up.
        """
        try:
            socket.inet_pton(socket.AF_INET, destination[0])
        except OSError:
            raise AddressError("a destination that isn't an IPv4 address") from None
        if not request_uri.isprintable() or " " in request_uri or ">" in request_uri:
            raise AddressError("a request URI with forbidden characters")
        target = parse_uri(request_uri)
        to_uri = request_uri.partition(";")[0]
        if to_user is not None:
            to_uri = f"sip:{escape_user(to_user)}@{target.host}"
        path = DialogPath(
            call_id=secrets.token_hex(16),
            local=format_address(from_name, f"sip:{escape_user(from_user)}@{self.host}"),
            remote=format_address("", to_uri),
            local_tag=new_tag(),
            remote_tag="",
            target=request_uri,
            destination=destination,
            sent_by=self._sent_by,
            user_agent=self.user_agent,
        )
        fields = [("Contact", f"<{self.contact}>"), ("Allow", self._allow), *extra_fields(headers)]
        invite = path.request("INVITE", fields=fields, content_type=SDP_TYPE, body=sdp)
        call = OutboundCall(self, path, invite)
        call.handler = handler
        self._calls[path.call_id, path.local_tag] = call
        call.begin()
        return call

    def forget(self, call: SipCall) -> None:
        """A call's last packet has been dealt with."""
        self._calls.pop((call.path.call_id, call.path.local_tag), None)
        if isinstance(call, InboundCall):
            self._begun.pop(call.invite_key, None)

    # -- packets ---------------------------------------------------------------------------

    def _receive(self, packet: bytes, source: SourceAddress) -> None:
        if not packet.strip(b"\r\n\0 "):
            return  # a keep-alive (RFC 5626 section 4.4.1), or nothing at all
        try:
            message = parse_message(packet)
        except Malformed as error:
            logger.debug("%s: bad packet from %s:%s: %s", self.name, *source, error)
            if error.message is not None:
                answer = reply_to(
                    error.message, error.status, error.reason, source=source, to_tag=new_tag()
                )
                self._socket.send(answer.to_bytes(), source)
            return
        self.layer.receive(message, source)

    def _unreachable(self, destination: SourceAddress) -> None:
        self.layer.unreachable(destination)

    def _on_ack(self, ack: SipMessage, source: SourceAddress) -> None:
        call = self._find_call(ack)
        if call is not None:
            call.receive_ack(ack)

    def _on_request(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        method = request.method
        if method in KNOWN or (method == "REGISTER" and self._registrar is None):
            transaction.reply(405, fields=[("Allow", self._allow)])
        elif method not in ALLOWED and method != "REGISTER":
            transaction.reply(501, fields=[("Allow", self._allow)])
        elif request.get("Require"):
            unsupported = ("Unsupported", request.get("Require"))
            transaction.reply(420, fields=[unsupported])
        elif method == "REGISTER":
            self._registrations.submit(self._register, transaction)
        elif request.to.tag:
            self._in_dialog(transaction)
        elif method == "INVITE":
            self._on_invite(transaction)
        elif method == "OPTIONS":
            accepted = ("Accept", SDP_TYPE)
            transaction.reply(200, fields=[accepted, *self._own_fields()])
        else:
            transaction.reply(481)

    def _in_dialog(self, transaction: ServerTransaction) -> None:
        call = self._find_call(transaction.request)
        if call is None:
            transaction.reply(481)
        else:
            call.receive(transaction)

    def _find_call(self, request: SipMessage) -> SipCall | None:
        call = self._calls.get((request.call_id, request.to.tag))
        if call is None or call.path.remote_tag != request.from_.tag:
            return None
        return call

    def _register(self, transaction: ServerTransaction) -> None:
        if self._registrar is not None:
            answer = self._registrar.handle(transaction.request, transaction.source)
            fields = [*answer.fields, *self._own_fields()]
            transaction.reply(answer.status, answer.phrase, fields=fields)

    # -- new calls -------------------------------------------------------------------------

    def _on_invite(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        user = None
        if self._refuse_unusable(transaction):
            return
        if self._authenticator is not None:
            user = self._authenticate(self._authenticator, transaction)
            if user is None:
                return
        elif not self._trusted(transaction.source[0]):
            logger.warning("%s: a call from %s is refused", self.name, transaction.source[0])
            transaction.reply(403)
            return
        try:
            path = DialogPath.of_request(
                request, transaction.source, self._sent_by, self.user_agent
            )
        except AddressError:
            transaction.reply(400, "Bad Contact Header")
            return
        call = InboundCall(self, path, transaction)
        if call.invite_key in self._begun:
            transaction.reply(482)
            return
        transaction.reply(100)
        call.authenticated_user = user
        self._calls[path.call_id, path.local_tag] = call
        self._begun[call.invite_key] = call
        call.begin(self._accept)

    def _refuse_unusable(self, transaction: ServerTransaction) -> bool:
        """Answer an INVITE that can't become a call; False when it can."""
        request = transaction.request
        scheme = request.uri.partition(":")[0].lower()
        if not self._running:
            transaction.reply(503)
        elif scheme not in ("sip", "sips"):
            transaction.reply(416)
        elif not _readable_uri(request.uri):
            transaction.reply(400, "Bad Request URI")
        elif not _readable_caller(request.from_.uri):
            transaction.reply(400, "Bad From Header")
        elif not request.values("Contact"):
            transaction.reply(400, "Missing Contact Header")
        elif request.body and request.content_type != SDP_TYPE:
            transaction.reply(415, fields=[("Accept", SDP_TYPE)])
        elif request.body and not _readable_sdp(request.body):
            transaction.reply(400, "Bad Session Description")
        return transaction.answered

    def _authenticate(
        self, authenticator: DigestAuthenticator, transaction: ServerTransaction
    ) -> str | None:
        """The caller's proven name, else None and the INVITE is answered: 407, as mod_sofia."""
        request = transaction.request
        authorization = request.get("Proxy-Authorization") or request.get("Authorization")
        credentials = authenticator.check("INVITE", authorization)
        if credentials.verdict is Verdict.ACCEPTED:
            return credentials.user
        if credentials.verdict is Verdict.FORBIDDEN:
            logger.warning("%s: a call from %s:%s is refused", self.name, *transaction.source)
            transaction.reply(403)
        else:
            stale = credentials.verdict is Verdict.STALE
            challenge = authenticator.challenge(stale=stale)
            transaction.reply(407, fields=[("Proxy-Authenticate", challenge)])
        return None

    # -- the inside ------------------------------------------------------------------------

    @property
    def _sent_by(self) -> str:
        return f"{self.host}:{self.port}"

    def _own_fields(self) -> list[tuple[str, str]]:
        return [("Allow", self._allow), ("User-Agent", self.user_agent)]

    def _sweep(self) -> None:
        if self._registrar is not None and self._running:
            self._registrations.submit(self._registrar.sweep)
            self.timers.after(SWEEP_SECONDS, self._sweep)

    def _run_timers(self) -> None:
        while True:
            self._wake.clear()
            self._wake.wait(self.timers.seconds_to_next())
            self.timers.run_due()


def _readable_uri(text: str) -> bool:
    try:
        parse_uri(text)
    except AddressError:
        return False
    return True


def _readable_caller(text: str) -> bool:
    """A From may also be a tel: URI, which isn't read any further."""
    return not text.lower().startswith(("sip:", "sips:")) or _readable_uri(text)


def _readable_sdp(body: bytes) -> bool:
    try:
        parse_sdp(body)
    except SdpError:
        return False
    return True
