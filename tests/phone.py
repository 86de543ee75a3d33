"""Telephones that do what a test says, when it says so, and keep what they hear.

SIPp plays a scenario by the clock; these wait for the test: `citizen.hears("menu_main")`, then
`citizen.press("1")`. SIP over UDP (RFC 3261), G.711 A-law, keys by INFO or RFC 4733, digest
registration (RFC 2617). One thread for each phone. Nothing of ours is used but the tones.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import select
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from listening import AGENT, CITIZEN, LINEAR, Listener, tone_alaw

HOST = "127.0.0.1"
FRAME = 160
FRAME_SECONDS = 0.02
TELEPHONE_EVENT = 101
KEY_FRAMES = 8  # 160 ms
RETRANSMIT = 0.5
Address = tuple[str, int]


@dataclass
class Message:
    """A SIP message as bytes of headers and body."""

    start: str
    headers: list[tuple[str, str]]
    body: str

    @classmethod
    def parse(cls, raw: bytes) -> Message:
        head, _, body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = [(name.strip(), value.strip()) for name, _, value in
                   (line.partition(":") for line in lines[1:])]  # fmt: skip
        return cls(lines[0], headers, body)

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name]

    def get(self, name: str) -> str:
        found = self.all(name)
        return found[0] if found else ""

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.start.split(" ", 1)[0] if not self.status else self.get("cseq").split()[-1]

    def tag(self, name: str) -> str:
        found = re.search(r";tag=([^;>\s]+)", self.get(name))
        return found[1] if found else ""


@dataclass
class Leg:
    """One call of a phone. Times are of `time.monotonic`."""

    phone: Phone
    call_id: str
    local: bytes  # From of our requests, with tag
    remote: bytes  # To of our requests, with the tag once known
    target: str  # request URI of our requests
    peer: Address
    media: socket.socket
    state: Literal["calling", "ringing", "up", "ended"] = "calling"
    status: int = 0  # of the INVITE
    times: dict[str, float] = field(default_factory=dict)
    heard: Listener = field(default_factory=Listener)
    invite: Message | None = None  # what we were asked, when we are called
    branch: str = ""  # of our INVITE
    tone: bytes = b""  # what is said, when it isn't what the phone always says
    ended_by: str = ""  # bye, cancel, us, refused
    cseq: int = 1
    _remote_media: Address | None = None
    _next_frame: float = 0.0
    _sequence: int = field(default_factory=lambda: random.randrange(1000))
    _stamp: int = field(default_factory=lambda: random.randrange(100_000))
    _place: int = 0
    _frames_sent: int = 0
    _keys: list[tuple[int, int]] = field(default_factory=list)  # event, frame of the key
    _last_heard: float = 0.0
    _answer: bytes = b""

    @property
    def media_port(self) -> int:
        return int(self.media.getsockname()[1])

    def at(self, what: str) -> None:
        self.times.setdefault(what, time.monotonic())

    def hears(
        self, tone: str, seconds: float = 15.0, *, times: int = 1, length: float = 0.1
    ) -> None:
        """Wait until the tone was heard for `length` seconds, in its `times`-th run."""

        def heard() -> bool:
            runs = [run for name, run in self.heard.story() if name == tone]
            return len(runs) > times or (len(runs) == times and runs[-1] >= length)

        self._until(heard, seconds, f"hears {tone}")

    def speaks(self, seconds: float) -> None:
        """Wait until so much more was said."""
        goal = self._frames_sent + round(seconds / FRAME_SECONDS)
        self._until(lambda: self._frames_sent >= goal, seconds + 10, f"speaks for {seconds} s")

    def is_up(self, seconds: float = 10.0) -> None:
        self._until(lambda: self.state == "up", seconds, "is answered")

    def is_over(self, seconds: float = 20.0) -> None:
        self._until(lambda: self.state == "ended", seconds, "ends")

    def _until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (
                f"{self.phone.name}: not within {seconds:g} s: {what}; "
                f"{self.state} {self.status} {self.ended_by}, heard {self.heard.story()}"
            )
            assert self.state != "ended" or condition(), (
                f"{self.phone.name}: the call ended ({self.status} {self.ended_by}), and not: "
                f"{what}; heard {self.heard.story()}"
            )
            time.sleep(0.005)

    # --- what people do ---------------------------------------------------------------------

    def press(self, keys: str, how: Literal["info", "rfc4733"] = "info") -> None:
        for key in keys:
            if how == "info":
                body = f"Signal={key}\r\nDuration=160\r\n"
                self.request("INFO", body, "application/dtmf-relay")
            else:
                with self.phone.lock:
                    event = "0123456789*#".index(key)
                    self._keys += [(event, frame) for frame in range(KEY_FRAMES + 3)]

    def hang_up(self) -> None:
        with self.phone.lock:
            if self.state == "up":
                self.request("BYE")
            elif self.invite is not None and self.state == "ringing":
                self._answer = self.phone.reply(self, self.invite, "486 Busy Here", self.peer)
            elif self.state in ("calling", "ringing"):
                self.phone.cancel(self)
            self.end("us")

    def request(self, method: str, body: str = "", kind: str = "") -> None:
        with self.phone.lock:
            self.cseq += 1
            self.phone.send_request(self, method, self.cseq, body, kind)

    def end(self, by: str) -> None:
        if self.state != "ended":
            self.state, self.ended_by = "ended", by
            self.at("ended")

    # --- sound ------------------------------------------------------------------------------

    def talk_to(self, sdp: str) -> None:
        host = re.search(r"c=IN IP4 (\S+)", sdp)
        port = re.search(r"m=audio (\d+)", sdp)
        if host and port:
            self._remote_media = (host[1], int(port[1]))
            self._next_frame = self._next_frame or time.monotonic()

    def speak(self, now: float, tone: bytes) -> None:
        """Send the frames that are due."""
        if self._remote_media is None or self.state != "up" or not tone:
            return
        if now - self._next_frame > 1.0:
            self._next_frame = now
        while self._next_frame <= now:
            self._next_frame += FRAME_SECONDS
            self._frames_sent += 1
            self._stamp = (self._stamp + FRAME) & 0xFFFFFFFF
            if self._keys:
                self._send_key()
                continue
            payload = tone[self._place : self._place + FRAME]
            self._place = (self._place + FRAME) % len(tone)
            self._send(8, self._stamp, payload)

    def _send_key(self) -> None:
        event, frame = self._keys.pop(0)
        end = frame >= KEY_FRAMES
        began = (self._stamp - frame * FRAME) & 0xFFFFFFFF
        duration = min(frame + 1, KEY_FRAMES) * FRAME
        payload = struct.pack("!BBH", event, (0x80 if end else 0) | 10, duration)
        self._send(TELEPHONE_EVENT, began, payload, marker=frame == 0)

    def _send(self, kind: int, stamp: int, payload: bytes, *, marker: bool = False) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        ssrc = hash(self.call_id) & 0xFFFFFFFF
        head = struct.pack(
            "!BBHII", 0x80, kind | (0x80 if marker else 0), self._sequence, stamp, ssrc
        )
        with contextlib.suppress(OSError):
            self.media.sendto(head + payload, self._remote_media or self.peer)

    def listen(self) -> None:
        while True:
            try:
                packet = self.media.recv(2048)
            except OSError:
                return
            if len(packet) < 13 or packet[1] & 0x7F != 8:
                continue
            now = time.monotonic()
            pause = now - self._last_heard - FRAME_SECONDS
            if self._last_heard and pause > 0.2:
                self.heard.take([0] * (int(pause / FRAME_SECONDS) * FRAME))
            self._last_heard = now
            self.at("media")
            self.heard.take(LINEAR[code] for code in packet[12:])


class Phone:
    """A SIP user agent with one UDP socket; its thread ends with `close`."""

    def __init__(self, name: str, speech: int) -> None:
        self.name = name
        self.lock = threading.RLock()
        self.legs: list[Leg] = []
        self.log: list[str] = []  # start lines, "<" received and ">" sent
        self._tone = tone_alaw(speech) if speech else b""
        self._sip = _udp()
        self._pending: dict[str, tuple[float, bytes, Address]] = {}  # branch -> due, message
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self.answers_cancelled = False  # the answer and CANCEL crossed on the wire
        self._open = True
        self._thread = threading.Thread(target=self._run, name=f"phone {name}", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._sip.getsockname()[1])

    def close(self) -> None:
        """Hang up what is up, then vanish."""
        for leg in list(self.legs):
            if leg.state != "ended" and self._open:
                leg.hang_up()
        self.vanish()

    def vanish(self) -> None:
        """Like a phone that lost its network: nobody is told."""
        self._open = False
        self._thread.join(5)
        self._sip.close()
        for leg in self.legs:
            leg.media.close()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        with self.lock:
            self._timers.append((time.monotonic() + seconds, act))

    # --- the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        while self._open:
            with self.lock:
                sockets = {leg.media: leg for leg in self.legs}
            ready, _, _ = select.select([self._sip, *sockets], [], [], 0.01)
            with self.lock:
                if self._sip in ready:
                    self._receive()
                for media in ready:
                    if media in sockets:
                        sockets[media].listen()
                now = time.monotonic()
                for leg in self.legs:
                    leg.speak(now, leg.tone or self._tone)
                for branch, (due, raw, peer) in list(self._pending.items()):
                    if due <= now:
                        self._pending[branch] = (now + 2 * RETRANSMIT, raw, peer)
                        self._send(raw, peer)
                due_now = [timer for timer in self._timers if timer[0] <= now]
                self._timers = [timer for timer in self._timers if timer[0] > now]
                for _, act in due_now:
                    act()

    def _receive(self) -> None:
        while True:
            try:
                raw, peer = self._sip.recvfrom(65535)
            except OSError:
                return
            if len(raw) < 20:
                continue  # keep-alive
            message = Message.parse(raw)
            self.log.append(f"< {message.start}")
            if message.status:
                self._response(message)
            else:
                self._request(message, peer)

    # --- sending ----------------------------------------------------------------------------

    def _send(self, raw: bytes, peer: Address) -> None:
        self.log.append("> " + raw.split(b"\r\n", 1)[0].decode("utf-8", "replace"))
        with contextlib.suppress(OSError):
            self._sip.sendto(raw, peer)

    def send_request(
        self,
        leg: Leg,
        method: str,
        cseq: int,
        body: str = "",
        kind: str = "",
        *,
        branch: str = "",
        extra: bytes = b"",
    ) -> None:
        branch = branch or f"z9hG4bK{uuid.uuid4().hex}"
        head = [
            f"{method} {leg.target} SIP/2.0".encode(),
            f"Via: SIP/2.0/UDP {HOST}:{self.port};branch={branch}".encode(),
            b"Max-Forwards: 70",
            b"From: " + leg.local,
            b"To: " + leg.remote,
            f"Call-ID: {leg.call_id}".encode(),
            f"CSeq: {cseq} {method}".encode(),
            f"Contact: <sip:phone@{HOST}:{self.port}>".encode(),
        ]
        if kind:
            head.append(f"Content-Type: {kind}".encode())
        if extra:
            head.append(extra)
        head.append(f"Content-Length: {len(body.encode())}".encode())
        raw = b"\r\n".join(head) + b"\r\n\r\n" + body.encode()
        if method != "ACK":
            self._pending[branch] = (time.monotonic() + RETRANSMIT, raw, leg.peer)
        self._send(raw, leg.peer)

    def reply(
        self, leg: Leg | None, asked: Message, status: str, peer: Address, sdp: str = ""
    ) -> bytes:
        to = asked.get("to")
        if ";tag=" not in to and leg is not None and not status.startswith("100"):
            to += f";tag={leg.call_id[:8]}x"
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {via}" for via in asked.all("via")]
        lines += [f"From: {asked.get('from')}", f"To: {to}", f"Call-ID: {asked.get('call-id')}"]
        lines += [f"CSeq: {asked.get('cseq')}", f"Contact: <sip:phone@{HOST}:{self.port}>"]
        if sdp:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(sdp)}")
        raw = ("\r\n".join(lines) + "\r\n\r\n" + sdp).encode()
        self._send(raw, peer)
        return raw

    def sdp(self, leg: Leg) -> str:
        lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0"]
        lines += [f"m=audio {leg.media_port} RTP/AVP 8 {TELEPHONE_EVENT}", "a=rtpmap:8 PCMA/8000"]
        lines += [
            f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
        ]
        return "\r\n".join(lines) + "\r\n"

    # --- what comes in ----------------------------------------------------------------------

    def _leg(self, message: Message) -> Leg | None:
        call_id = message.get("call-id")
        return next((leg for leg in self.legs if leg.call_id == call_id), None)

    def _response(self, answer: Message) -> None:
        found = re.search(r"branch=([^;,\s]+)", answer.get("via"))
        branch = found[1] if found else ""
        pending = self._pending.pop(branch, None)
        leg = self._leg(answer)
        if leg is None:
            return
        if answer.method != "INVITE":
            self.answered(leg, answer)
            return
        if answer.status < 200:
            if answer.status >= 180:
                leg.at("ringing")
                if leg.state == "calling":
                    leg.state = "ringing"
            return
        if ";tag=" not in leg.remote.decode("utf-8", "replace"):
            leg.remote = answer.get("to").encode()
        leg.status = answer.status
        if answer.status < 300:
            contact = re.search(r"<?(sip:[^>;\s]+)", answer.get("contact"))
            leg.target = contact[1] if contact else leg.target
            self.send_request(leg, "ACK", 1)
            if leg.state in ("calling", "ringing"):
                leg.state = "up"
                leg.at("answered")
                leg.talk_to(answer.body)
            elif pending and leg.ended_by == "us":
                leg.request("BYE")  # answered while we gave up
        else:
            self.send_request(leg, "ACK", 1, branch=branch)
            leg.end("refused")

    def answered(self, leg: Leg, answer: Message) -> None:
        """A response to something other than INVITE."""

    def _request(self, asked: Message, peer: Address) -> None:
        leg = self._leg(asked)
        match asked.method:
            case "INVITE" if leg is None:
                self.invited(asked, peer)
            case "INVITE" if leg is not None:
                if asked.tag("to"):  # within the call: the same sound as before
                    self.reply(leg, asked, "200 OK", peer, self.sdp(leg))
                elif leg._answer:
                    self._send(leg._answer, peer)
            case "ACK":
                if leg is not None:
                    leg._answer = b""
            case "CANCEL":
                self.reply(leg, asked, "200 OK", peer)
                if leg is not None and leg.state == "ringing" and leg.invite is not None:
                    leg.at("cancel")
                    if self.answers_cancelled:
                        self.answer(leg)
                        return
                    leg._answer = self.reply(leg, leg.invite, "487 Request Terminated", peer)
                    leg.end("cancel")
            case "BYE":
                self.reply(leg, asked, "200 OK", peer)
                if leg is not None:
                    leg.at("bye")
                    leg.end("bye")
            case _:
                self.reply(leg, asked, "200 OK", peer)

    def answer(self, leg: Leg) -> None:
        """Pick up."""

    def invited(self, asked: Message, peer: Address) -> None:
        self.reply(None, asked, "480 Temporarily Unavailable", peer)

    def cancel(self, leg: Leg) -> None:
        """Give up before the answer: CANCEL has the INVITE's branch."""
        self.send_request(leg, "CANCEL", 1, branch=leg.branch)
        self._pending.pop(leg.branch, None)


class Citizen(Phone):
    """Calls the hotline."""

    def __init__(self, trunk: Address, caller: str, speech: int = CITIZEN) -> None:
        super().__init__(f"citizen {caller}", speech)
        self.trunk = trunk
        self.caller = caller

    def dial(self, dialed: str, *, name: bytes = b"", extra: bytes = b"") -> Leg:
        """Call; `name` is what stands before <sip:…> in From, quotes included, `extra` a header."""
        call_id = uuid.uuid4().hex
        leg = Leg(
            self,
            call_id,
            local=name + f" <sip:{self.caller}@{HOST}:{self.port}>;tag={call_id[:10]}".encode(),
            remote=f"<sip:{dialed}@{self.trunk[0]}:{self.trunk[1]}>".encode(),
            target=f"sip:{dialed}@{self.trunk[0]}:{self.trunk[1]}",
            peer=self.trunk,
            media=_udp(),
            branch=f"z9hG4bK{call_id}",
        )
        with self.lock:
            self.legs.append(leg)
            leg.at("invite")
            self.send_request(
                leg, "INVITE", 1, self.sdp(leg), "application/sdp", branch=leg.branch, extra=extra
            )
        return leg


class AgentPhone(Phone):
    """An agent's softphone: registers, rings, and answers after `ring` seconds or when told."""

    def __init__(
        self,
        registrar: Address,
        number: str,
        password: str,
        domain: str,
        *,
        ring: float | None = 0.05,
        speech: int = AGENT,
    ) -> None:
        """With `ring` None it rings until `answer` (or until the switch stops it)."""
        self.ring = ring
        self.refusal = ""  # a SIP status and reason with which it refuses every call
        super().__init__(f"agent {number}", speech)
        self.registrar, self.number, self.password, self.domain = (
            registrar,
            number,
            password,
            domain,
        )
        self.registrations: list[int] = []
        self._register_leg = Leg(
            self,
            uuid.uuid4().hex,
            local=f"<sip:{number}@{domain}>;tag={number}r".encode(),
            remote=f"<sip:{number}@{domain}>".encode(),
            target=f"sip:{domain}",
            peer=registrar,
            media=_udp(),
            state="ended",
        )
        self.legs.append(self._register_leg)

    @property
    def calls(self) -> list[Leg]:
        return self.legs[1:]

    def register(self, expires: int = 3600, seconds: float = 10.0) -> None:
        """Register, or with `expires` 0 leave; AssertionError when it fails."""
        self.registrations.clear()
        self._expires = expires
        self._send_register()
        deadline = time.monotonic() + seconds
        while not self.registrations:
            assert time.monotonic() < deadline, f"{self.name}: no answer to REGISTER\n{self.log}"
            time.sleep(0.01)
        assert self.registrations[0] == 200, f"{self.name}: REGISTER got {self.registrations}"

    def _send_register(self, authorization: bytes = b"") -> None:
        leg = self._register_leg
        with self.lock:
            leg.cseq += 1
            extra = f"Expires: {self._expires}".encode()
            if authorization:
                extra += b"\r\n" + authorization
            self.send_request(leg, "REGISTER", leg.cseq, extra=extra)

    def answered(self, leg: Leg, answer: Message) -> None:
        if leg is not self._register_leg:
            return
        challenge = answer.get("www-authenticate")
        if answer.status == 401 and not answer.get("x-tried") and leg.status != 401:
            leg.status = 401
            self._send_register(self._digest(challenge))
            return
        leg.status = 0
        self.registrations.append(answer.status)

    def _digest(self, challenge: str) -> bytes:
        told = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        uri, cnonce = self._register_leg.target, uuid.uuid4().hex[:8]
        a1 = _md5(f"{self.number}:{told['realm']}:{self.password}")
        a2 = _md5(f"REGISTER:{uri}")
        response = _md5(f"{a1}:{told['nonce']}:00000001:{cnonce}:auth:{a2}")
        return (
            f'Authorization: Digest username="{self.number}", realm="{told["realm"]}", '
            f'nonce="{told["nonce"]}", uri="{uri}", response="{response}", algorithm=MD5, '
            f'cnonce="{cnonce}", qop=auth, nc=00000001'
        ).encode()

    def invited(self, asked: Message, peer: Address) -> None:
        contact = re.search(r"<?(sip:[^>\s]+)", asked.get("contact"))
        call_id = asked.get("call-id")
        leg = Leg(
            self,
            call_id,
            local=f"{asked.get('to')};tag={call_id[:8]}x".encode(),
            remote=asked.get("from").encode(),
            target=contact[1] if contact else "",
            peer=peer,
            media=_udp(),
            state="ringing",
            invite=asked,
        )
        self.legs.append(leg)
        leg.at("invite")
        self.reply(leg, asked, "100 Trying", peer)
        if self.refusal:
            leg._answer = self.reply(leg, asked, self.refusal, peer)
            leg.end("us")
            return
        leg._answer = self.reply(leg, asked, "180 Ringing", peer)
        if self.ring is not None:
            self.later(self.ring, lambda: self.answer(leg))

    def answer(self, leg: Leg) -> None:
        with self.lock:
            if leg.state != "ringing" or leg.invite is None:
                return
            leg.talk_to(leg.invite.body)
            leg.state = "up"
            leg.at("answered")
            leg._answer = self.reply(leg, leg.invite, "200 OK", leg.peer, self.sdp(leg))

    def rings(self, seconds: float = 10.0, *, times: int = 1) -> Leg:
        """Wait for the `times`-th call to this phone."""
        deadline = time.monotonic() + seconds
        while len(self.calls) < times:
            assert time.monotonic() < deadline, f"{self.name}: no call within {seconds:g} s"
            time.sleep(0.005)
        return self.calls[times - 1]


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((HOST, 0))
    made.setblocking(False)
    return made


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
