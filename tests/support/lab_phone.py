"""A small SIP phone on the loopback: enough of RFC 3261 and RTP to make tests' calls.

It answers by itself (or rings, or refuses), sends a quiet tone so that media flows, sends
RFC 4733 digits, and counts what it hears. It works the same against FreeSWITCH and the stand-in.
"""

from __future__ import annotations

import hashlib
import random
import re
import time
import uuid

import gevent
from gevent import socket
from gevent.event import Event
from gevent.queue import Empty, Queue

PCMA = 8
TELEPHONE_EVENT = 101


class Message:
    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode(errors="replace").split("\r\n")
        self.start = lines[0]
        self.headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers.append((name.strip().lower(), value.strip()))

    def get(self, name: str, default: str = "") -> str:
        return next((v for n, v in self.headers if n == name.lower()), default)

    def all(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n == name.lower()]

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return "" if self.status else self.start.split()[0]


class PhoneCall:
    """One call, placed (`outbound`) or received."""

    def __init__(self, phone: Phone, *, call_id: str, outbound: bool) -> None:
        self.phone = phone
        self.call_id = call_id
        self.outbound = outbound
        self.local_tag = uuid.uuid4().hex[:10]
        self.local = self.remote = self.target = ""
        self.route_address: tuple[str, int] = ("127.0.0.1", 0)
        self.cseq = random.randrange(1, 1000)
        self.invite: Message | None = None
        self.statuses: list[int] = []
        self.answered = Event()
        self.ended = Event()
        self.cancelled = Event()
        self.status = 0
        self.reason = ""
        self.received = 0
        self.heard: list[bytes] = []
        self.digits: list[str] = []
        self._last_digit: tuple[int, str] | None = None
        self.sdps: list[str] = []
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind(("127.0.0.1", 0))
        self.media_target: tuple[str, int] | None = None
        self.sequence = random.randrange(1000)
        self.timestamp = 0
        self.ssrc = random.randrange(1 << 32)
        self.paused = False
        self.greenlets = [gevent.spawn(self._hear)]

    # media

    def sdp(self, direction: str = "sendrecv") -> bytes:
        port = self.media.getsockname()[1]
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
            "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
            f"a={direction}\r\n"
        ).encode()

    def use_sdp(self, body: bytes) -> None:
        text = body.decode()
        port = re.search(r"m=audio (\d+)", text)
        if port:
            ip = re.search(r"c=IN IP4 (\S+)", text)
            self.sdps.append(text)
            first = self.media_target is None
            self.media_target = (ip.group(1) if ip else "127.0.0.1", int(port.group(1)))
            if first:
                self.greenlets.append(gevent.spawn(self._talk))

    def _packet(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        head = bytes([0x80, payload_type | (0x80 if marker else 0)])
        head += self.sequence.to_bytes(2, "big") + (self.timestamp & 0xFFFFFFFF).to_bytes(4, "big")
        assert self.media_target
        self.media.sendto(head + self.ssrc.to_bytes(4, "big") + payload, self.media_target)

    def _talk(self) -> None:
        due = time.monotonic()
        while not self.ended.is_set():
            if not self.paused:
                self._packet(PCMA, self.phone.speech)
            self.timestamp += 160
            due += 0.02
            gevent.sleep(max(0.0, due - time.monotonic()))

    def _hear(self) -> None:
        while True:
            data = self.media.recv(2048)
            if len(data) < 12:
                continue
            payload_type = data[1] & 0x7F
            if payload_type == TELEPHONE_EVENT:
                key = (int.from_bytes(data[4:8], "big"), "0123456789*#ABCD"[data[12] & 15])
                if key != self._last_digit:
                    self._last_digit = key
                    self.digits.append(key[1])
            else:
                self.received += 1
                self.heard.append(data[12:])
                del self.heard[:-50]

    def loudness(self) -> int:
        """How many of the last heard bytes aren't A-law silence (0x55/0xd5)."""
        return sum(1 for b in b"".join(self.heard) if b not in (0x55, 0xD5))

    def press(self, digits: str, milliseconds: int = 100) -> None:
        """Send RFC 4733 events, one after another."""
        for digit in digits:
            code = "0123456789*#ABCD".index(digit)
            self.paused = True
            start = self.timestamp
            steps = milliseconds // 20
            for step in range(1, steps + 3):
                duration = min(step, steps) * 160
                end = 0x80 if step >= steps else 0
                saved, self.timestamp = self.timestamp, start
                self._packet(
                    TELEPHONE_EVENT,
                    bytes([code, end | 10]) + duration.to_bytes(2, "big"),
                    marker=step == 1,
                )
                self.timestamp = saved
                gevent.sleep(0.02)
            self.paused = False
            gevent.sleep(0.06)

    # signalling

    def hangup(self) -> None:
        if self.ended.is_set():
            return
        if self.outbound and not self.answered.is_set():
            assert self.invite
            self.phone.send_raw(self.phone.request_like(self.invite, "CANCEL"), self.route_address)
            self.ended.wait(5)
            return
        if not self.outbound and not self.answered.is_set():
            self.refuse(480)
            return
        self.phone.send_in_dialog(self, "BYE")
        self.ended.set()

    def answer(self) -> None:
        assert self.invite
        self.phone.respond(self.invite, 200, "OK", call=self, body=self.sdp())
        self.answered.set()

    def refuse(self, status: int) -> None:
        assert self.invite
        self.phone.respond(self.invite, status, "Refused", call=self)
        self.ended.set()

    def info_digit(self, digit: str) -> None:
        self.phone.send_in_dialog(
            self,
            "INFO",
            body=f"Signal={digit}\r\nDuration=160\r\n".encode(),
            content_type="application/dtmf-relay",
        )

    def reinvite(self, direction: str) -> None:
        self.phone.send_in_dialog(
            self, "INVITE", body=self.sdp(direction), content_type="application/sdp"
        )

    def close(self) -> None:
        self.ended.set()
        gevent.killall(self.greenlets)
        self.media.close()


class Phone:
    """One phone. `mode` says what it does with a call: answer, ring, or refuse:<status>."""

    def __init__(
        self, user: str, server: tuple[str, int], *, password: str = "", mode: str = "answer"
    ) -> None:
        self.user, self.server, self.password, self.mode = user, server, password, mode
        self.domain = "callcenter.local"
        self.display = ""
        self.speech = bytes([0x34, 0xB4]) * 80
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.calls: dict[str, PhoneCall] = {}
        self.incoming: Queue[PhoneCall] = Queue()
        self._replies: dict[str, Queue[Message]] = {}
        self._listener = gevent.spawn(self._listen)

    def close(self) -> None:
        for call in self.calls.values():
            if call.answered.is_set():
                call.hangup()
            call.close()
        self._listener.kill()
        self.socket.close()

    # sending

    def send_raw(self, text: str | bytes, address: tuple[str, int]) -> None:
        self.socket.sendto(text.encode() if isinstance(text, str) else text, address)

    def _via(self) -> str:
        return f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{uuid.uuid4().hex};rport"

    def request_like(self, invite: Message, method: str) -> str:
        uri = invite.start.split()[1]
        number = invite.get("cseq").split()[0]
        return (
            f"{method} {uri} SIP/2.0\r\nVia: {invite.get('via')}\r\nMax-Forwards: 70\r\n"
            f"From: {invite.get('from')}\r\nTo: {invite.get('to')}\r\n"
            f"Call-ID: {invite.get('call-id')}\r\nCSeq: {number} {method}\r\n"
            "Content-Length: 0\r\n\r\n"
        )

    def _request(self, method: str, uri: str, headers: list[str], body: bytes = b"") -> bytes:
        lines = [f"{method} {uri} SIP/2.0", f"Via: {self._via()}", "Max-Forwards: 70", *headers]
        lines += [f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>", "User-Agent: lab-phone"]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def respond(
        self,
        request: Message,
        status: int,
        reason: str,
        *,
        call: PhoneCall | None = None,
        body: bytes = b"",
    ) -> None:
        lines = [f"SIP/2.0 {status} {reason}"]
        lines += [f"Via: {via}" for via in request.all("via")]
        lines += [f"Record-Route: {route}" for route in request.all("record-route")]
        to = request.get("to")
        if call and ";tag=" not in to:
            to += f";tag={call.local_tag}"
        lines += [f"From: {request.get('from')}", f"To: {to}"]
        lines += [f"Call-ID: {request.get('call-id')}", f"CSeq: {request.get('cseq')}"]
        lines += [f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        via = request.all("via")[0]
        port = re.search(r"SIP/2.0/UDP [^:;\s]+:(\d+)", via)
        address = ("127.0.0.1", int(port.group(1)) if port else 5060)
        self.send_raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body, address)

    def send_in_dialog(
        self, call: PhoneCall, method: str, *, body: bytes = b"", content_type: str = ""
    ) -> None:
        call.cseq += 1
        headers = [
            f"From: {call.local}",
            f"To: {call.remote}",
            f"Call-ID: {call.call_id}",
            f"CSeq: {call.cseq} {method}",
        ]
        if content_type:
            headers.append(f"Content-Type: {content_type}")
        self.send_raw(
            self._request(method, call.target or "sip:x", headers, body), call.route_address
        )

    # doing things

    def _authorization(self, challenge: str, method: str, uri: str) -> str:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        realm, nonce = fields["realm"], fields["nonce"]

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        ha1 = md5(f"{self.user}:{realm}:{self.password}")
        ha2 = md5(f"{method}:{uri}")
        cnonce = uuid.uuid4().hex[:8]
        response = md5(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
        return (
            f'Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001'
        )

    def register(self, expires: int = 300) -> int:
        """Register; returns the final status."""
        uri = f"sip:{self.domain}"
        call_id, tag = uuid.uuid4().hex, uuid.uuid4().hex[:8]
        replies: Queue[Message] = Queue()
        self._replies[call_id] = replies
        authorization: list[str] = []
        for cseq in (1, 2):
            headers = [
                f"From: <sip:{self.user}@{self.domain}>;tag={tag}",
                f"To: <sip:{self.user}@{self.domain}>",
                f"Call-ID: {call_id}",
                f"CSeq: {cseq} REGISTER",
                f"Expires: {expires}",
                *authorization,
            ]
            self.send_raw(self._request("REGISTER", uri, headers), self.server)
            reply = replies.get(timeout=5)
            while reply.status < 200:
                reply = replies.get(timeout=5)
            if reply.status != 401:
                return reply.status
            value = self._authorization(reply.get("www-authenticate"), "REGISTER", uri)
            authorization = [f"Authorization: {value}"]
        return reply.status

    def call(self, number: str, *, headers: dict[str, str] | None = None) -> PhoneCall:
        """Place a call and return at once; wait on `answered` or `ended`."""
        call = PhoneCall(self, call_id=uuid.uuid4().hex, outbound=True)
        self.calls[call.call_id] = call
        call.route_address = self.server
        call.target = f"sip:{number}@{self.server[0]}:{self.server[1]}"
        display = f'"{self.display}" ' if self.display else ""
        call.local = f"{display}<sip:{self.user}@127.0.0.1:{self.port}>;tag={call.local_tag}"
        call.remote = f"<{call.target}>"
        self._invite(call, [f"{n}: {v}" for n, v in (headers or {}).items()])
        return call

    def _invite(self, call: PhoneCall, extra: list[str]) -> None:
        call.cseq += 1
        headers = [
            f"From: {call.local}",
            f"To: {call.remote}",
            f"Call-ID: {call.call_id}",
            f"CSeq: {call.cseq} INVITE",
            "Content-Type: application/sdp",
            *extra,
        ]
        data = self._request("INVITE", call.target, headers, call.sdp())
        call.invite = Message(data)
        self.send_raw(data, self.server)

    def next_call(self, timeout: float = 5) -> PhoneCall:
        try:
            return self.incoming.get(timeout=timeout)
        except Empty:
            raise AssertionError(f"phone {self.user} wasn't called in {timeout} s") from None

    # receiving

    def _listen(self) -> None:
        while True:
            data, address = self.socket.recvfrom(65535)
            if data.strip():
                message = Message(data)
                (self._reply if message.status else self._request_came)(message, address)

    def _reply(self, message: Message, address: tuple[str, int]) -> None:
        call = self.calls.get(message.get("call-id"))
        if call is None:
            queue = self._replies.get(message.get("call-id"))
            if queue is not None:
                queue.put(message)
            return
        method = message.get("cseq").split()[1]
        if method != "INVITE":
            if method == "BYE":
                call.ended.set()
            return
        call.statuses.append(message.status)
        if message.body:
            call.use_sdp(message.body)
        if message.status < 200:
            return
        assert call.invite
        number = message.get("cseq").split()[0]
        if message.status < 300:
            contact = re.search(r"<([^>]+)>", message.get("contact"))
            call.target = contact.group(1) if contact else call.target
            call.remote = message.get("to")
        ack = (
            f"ACK {call.target} SIP/2.0\r\n"
            f"Via: {self._via() if message.status < 300 else call.invite.get('via')}\r\n"
            f"Max-Forwards: 70\r\nFrom: {call.local}\r\nTo: {message.get('to')}\r\n"
            f"Call-ID: {call.call_id}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n"
        )
        self.send_raw(ack, call.route_address)
        call.status = message.status
        if message.status < 300:
            call.answered.set()
        elif (
            message.status in (401, 407)
            and self.password
            and call.statuses.count(message.status) < 2
        ):
            name = "www-authenticate" if message.status == 401 else "proxy-authenticate"
            header = "Authorization" if message.status == 401 else "Proxy-Authorization"
            value = self._authorization(message.get(name), "INVITE", call.target)
            self._invite(call, [f"{header}: {value}"])
        elif not call.answered.is_set():
            call.reason = message.get("reason")
            call.ended.set()

    def _request_came(self, message: Message, address: tuple[str, int]) -> None:
        call = self.calls.get(message.get("call-id"))
        method = message.method
        if method == "INVITE" and call is None:
            self._invited(message, address)
        elif call is None:
            if method != "ACK":
                self.respond(message, 200 if method in ("OPTIONS", "NOTIFY") else 481, "x")
        elif method == "INVITE":
            if message.body:
                call.use_sdp(message.body)
            if call.answered.is_set():
                self.respond(message, 200, "OK", call=call, body=call.sdp())
        elif method == "BYE":
            self.respond(message, 200, "OK", call=call)
            call.reason = message.get("reason")
            call.ended.set()
        elif method == "CANCEL":
            self.respond(message, 200, "OK", call=call)
            call.reason = message.get("reason")
            call.cancelled.set()
            call.refuse(487)
        elif method != "ACK":
            self.respond(message, 200, "OK", call=call)

    def _invited(self, message: Message, address: tuple[str, int]) -> None:
        call = PhoneCall(self, call_id=message.get("call-id"), outbound=False)
        call.invite = message
        call.local = f"{message.get('to')};tag={call.local_tag}"
        call.remote = message.get("from")
        contact = re.search(r"<([^>]+)>", message.get("contact"))
        call.target = contact.group(1) if contact else ""
        call.route_address = address
        self.calls[call.call_id] = call
        if message.body:
            call.use_sdp(message.body)
        self.incoming.put(call)
        if self.mode.startswith("refuse:"):
            call.refuse(int(self.mode.partition(":")[2]))
            return
        if self.mode == "silent":
            return
        self.respond(message, 180, "Ringing", call=call)
        if self.mode == "answer":
            call.answer()
