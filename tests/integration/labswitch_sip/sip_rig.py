"""A user agent on a real socket, with phones that say exactly what a test wants."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent
from gevent import socket

from labswitch.address import parse_parameters
from labswitch.digest import a1_hash, digest_response
from labswitch.message import Malformed, SipMessage, parse_message
from labswitch.registrar import Registrar
from labswitch.sdp import build_sdp
from labswitch.useragent import UserAgent

HOST = "127.0.0.1"
REALM = "callcenter.local"
PASSWORD = "secret"
USERS = {user: a1_hash(user, REALM, PASSWORD) for user in ("1001", "1002")}
LOCAL = build_sdp(HOST, 16384)
OFFER = build_sdp(HOST, 40000)
HOLD = build_sdp(HOST, 40000, direction="sendonly")
PATIENCE = 5.0  # seconds


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Let other greenlets run until the condition holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        gevent.sleep(0.005)


class Desk:
    """An application: answers every call as `answering` says, and writes down what it hears."""

    def __init__(self) -> None:
        self.calls = []
        self.told = []
        self.answering: Callable[[object], None] = lambda call: call.answer(LOCAL)

    def accept(self, call):
        self.calls.append(call)
        self.answering(call)
        return self

    def words(self) -> list[str]:
        return [word for word, *_ in self.told]

    def ended(self) -> list[tuple[str, int | None, bool]]:
        return [tuple(rest) for word, *rest in self.told if word == "ended"]

    def on_provisional(self, call, status, sdp):
        self.told.append(("provisional", status))

    def on_answered(self, call, sdp):
        self.told.append(("answered",))

    def on_acked(self, call):
        self.told.append(("acked",))

    def on_reinvite(self, call, sdp):
        self.told.append(("reinvite", sdp and sdp.direction))
        return LOCAL

    def on_info(self, call, content_type, body):
        self.told.append(("info", content_type, body))

    def on_ended(self, call, cause, status, by_remote):
        self.told.append(("ended", cause, status, by_remote))


class Phone:
    """A UDP socket that speaks SIP one message at a time."""

    _numbers = itertools.count(1)

    def __init__(self, agent: UserAgent, user: str = "1001") -> None:
        self.user = user
        self.agent = agent
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        self.call_id = f"call-{next(self._numbers)}-{self.port}"
        self.cseq = 0
        self.to_tag = ""

    def close(self) -> None:
        self.socket.close()

    def request(self, method, *, fields=(), body=b"", branch="", cseq=None, to=None, contact=None):
        """Send a request and return it."""
        if cseq is None:
            self.cseq += method != "ACK"
            cseq = self.cseq
        branch = branch or f"z9hG4bK-{self.port}-{next(self._numbers)}"
        to = to or f"<sip:{'12345' if method != 'REGISTER' else self.user}@{REALM}>"
        if self.to_tag:
            to += f";tag={self.to_tag}"
        contact = contact or f"<sip:{self.user}@{HOST}:{self.port}>"
        built = [
            ("Via", f"SIP/2.0/UDP {HOST}:{self.port};branch={branch};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.user}@{REALM}>;tag=phone"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", contact),
            *fields,
        ]
        if body and not any(name == "Content-Type" for name, _ in fields):
            built.append(("Content-Type", "application/sdp"))
        message = SipMessage(method=method, uri=f"sip:12345@{HOST}", fields=built, body=body)
        self.send(message.to_bytes())
        return message

    def send(self, packet: bytes) -> None:
        self.socket.sendto(packet, (HOST, self.agent.port))

    def receive(self) -> SipMessage:
        packet = self.socket.recvfrom(65535)[0]
        try:
            return parse_message(packet)
        except Malformed:
            # An answer must repeat what was wrong in its request; its status can be read.
            return SipMessage(status=int(packet[8:11]), fields=[("To", "sip:x"), ("CSeq", "0 X")])

    def expect(self, wanted: int | str) -> SipMessage:
        """The next message with that status or method; others before it are passed over."""
        with gevent.Timeout(PATIENCE, AssertionError(f"no {wanted}")):
            while True:
                message = self.receive()
                if wanted in (message.status, message.method):
                    if message.status and message.to.tag and message.status != 401:
                        self.to_tag = message.to.tag
                    return message

    def silent(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        self.socket.settimeout(seconds)
        try:
            self.receive()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def reply(self, request, status, *, body=b"", tag="phone"):
        to = request.get("To") + ("" if request.to.tag else f";tag={tag}")
        fields = [("Via", via) for via in request.values("Via")]
        fields += [
            ("From", request.get("From")),
            ("To", to),
            ("Call-ID", request.call_id),
            ("CSeq", request.get("CSeq")),
            ("Contact", f"<sip:{self.user}@{HOST}:{self.port}>"),
        ]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        self.send(SipMessage(status=status, phrase="x", fields=fields, body=body).to_bytes())

    def credentials(self, challenge: SipMessage, method: str, password: str, qop: bool = True):
        header = "Proxy-Authenticate" if challenge.status == 407 else "WWW-Authenticate"
        asked = parse_parameters(challenge.get(header).partition(" ")[2], ",")
        given = {"username": self.user, "realm": asked["realm"], "nonce": asked["nonce"]}
        given["uri"] = f"sip:12345@{HOST}"
        if qop:
            given |= {"qop": "auth", "nc": "00000001", "cnonce": "c"}
        response = digest_response(a1_hash(self.user, REALM, password), method, given)
        text = ", ".join(f'{k}="{v}"' for k, v in {**given, "response": response}.items())
        name = "Proxy-Authorization" if challenge.status == 407 else "Authorization"
        return (name, f"Digest {text}")

    def register(self, password=PASSWORD, expires="60", qop=True, **more) -> SipMessage:
        """Register with digest; the final answer."""
        self.request("REGISTER", **more)
        challenge = self.expect(401)
        fields = [self.credentials(challenge, "REGISTER", password, qop), ("Expires", expires)]
        self.request("REGISTER", fields=fields, **more)
        return self.receive()

    def dial(self, body: bytes = OFFER) -> SipMessage:
        """Call, and acknowledge the answer."""
        invite = self.request("INVITE", body=body)
        self.expect(200)
        self.request("ACK", cseq=invite.cseq[0])
        return invite


class Rig:
    """A profile and its application."""

    def __init__(self, *, challenge: bool = False, trusted: bool = True) -> None:
        self.desk = Desk()
        self.changes: list[tuple[str, int]] = []
        self.registrar = Registrar(
            USERS.get,
            realm=REALM,
            on_change=lambda user, contacts: self.changes.append((user, len(contacts))),
            clock=time.time,
        )
        self.agent = UserAgent(
            "lab",
            HOST,
            0,
            accept=self.desk.accept,
            registrar=self.registrar if challenge else None,
            challenge=challenge,
            trusted=lambda ip: trusted,
            realm=REALM,
            user_agent="labswitch",
        )
        self.phones: list[Phone] = []
        self.agent.start()

    def phone(self, user: str = "1001") -> Phone:
        phone = Phone(self.agent, user)
        self.phones.append(phone)
        return phone

    def invite(self, phone: Phone, **more):
        """Call the phone."""
        return self.agent.invite(
            f"sip:{phone.user}@{HOST}:{phone.port}",
            (HOST, phone.port),
            from_user="13812345678",
            from_name="Li",
            sdp=LOCAL,
            handler=self.desk,
            **more,
        )

    def close(self) -> None:
        self.agent.stop()
        for phone in self.phones:
            phone.close()


@contextmanager
def rig(**settings: bool) -> Iterator[Rig]:
    """A rig that is taken down afterwards."""
    made = Rig(**settings)
    try:
        yield made
    finally:
        made.close()
