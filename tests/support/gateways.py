"""A mail server, a mailbox and an SMS gateway for tests, which can be told to misbehave."""

from __future__ import annotations

import json
import shlex
import socket
import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """Keeps what it takes. `answer` is its reply to DATA; `hang_up` breaks off instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.answer = "250 OK"
        self.recipient_answer = "250 OK"
        self.hang_up = False
        self.port = _free_port()
        self._controller: Controller | None = None
        self.start()

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def close(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            self.recipients.append(list(envelope.rcpt_tos))
        if self.hang_up:
            assert server.transport is not None
            server.transport.abort()
        return self.answer


@dataclass
class SmsServer:
    """Keeps the requests that it gets; `status`, `body` and `cut` say how it answers."""

    status: int = 200
    body: str = '{"id": "gw-1"}'
    cut: bool = False  # take the request and break the connection
    requests: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append(
                    {"path": self.path, "headers": dict(self.headers), "raw": raw}
                )
                if server.cut:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(server.status)
                self.end_headers()
                self.wfile.write(server.body.encode())

            do_GET = do_POST

            def log_message(self, *_args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(each["raw"]) for each in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ImapServer:
    """A small IMAP4rev1 server over a real socket: what `callcenter.mailbox` says, and no more.

    `folders` holds the mails by folder; `fail` names a command that is answered with NO, `cut` one
    at which the connection breaks, before or after it was done (`cut_after`).
    """

    def __init__(self, password: str = "geheim") -> None:
        self.password = password
        self.folders: dict[str, dict[int, tuple[bytes, set[str]]]] = {"INBOX": {}}
        self.uidplus = True
        self.fail = ""
        self.cut = ""
        self.cut_after = False
        self.commands: list[str] = []
        self._next = 1
        self._lock = threading.Lock()
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server._serve(self.rfile, self.wfile)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def put(self, mail: bytes, folder: str = "INBOX") -> None:
        with self._lock:
            self.folders.setdefault(folder, {})[self._next] = (mail, set())
            self._next += 1

    def held(self, folder: str) -> list[bytes]:
        return [mail for mail, _flags in self.folders.get(folder, {}).values()]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    # --- the conversation ---

    def _serve(self, lines: Any, out: Any) -> None:
        selected: list[str] = []
        out.write(b"* OK ready\r\n")
        for raw in lines:
            tag, _space, rest = raw.decode().strip().partition(" ")
            words = shlex.split(rest.replace("\\", "\\\\"))
            name = " ".join(words[:2]).upper() if words[0].upper() == "UID" else words[0].upper()
            self.commands.append(name)
            if name == self.cut and not self.cut_after:
                return
            untagged, status = self._answer(name, words, selected)
            if name == self.cut:
                return
            out.write(b"".join(untagged) + f"{tag} {status} done\r\n".encode())
            if name == "LOGOUT":
                return

    def _answer(self, name: str, words: list[str], selected: list[str]) -> tuple[list[bytes], str]:
        if name == self.fail:
            return [], "NO"
        with self._lock:
            if name == "CAPABILITY":
                more = b" UIDPLUS" if self.uidplus else b""
                return [b"* CAPABILITY IMAP4rev1" + more + b"\r\n"], "OK"
            if name == "LOGIN":
                return [], "OK" if words[2] == self.password else "NO"
            if name == "CREATE":
                known = words[1] in self.folders
                self.folders.setdefault(words[1], {})
                return [], "NO" if known else "OK"
            if name == "SELECT":
                selected[:] = [words[1]]
                return [f"* {len(self.folders[words[1]])} EXISTS\r\n".encode()], "OK"
            if name == "LOGOUT":
                return [b"* BYE\r\n"], "OK"
            return self._on_mails(name, words, self.folders[selected[0]])

    def _on_mails(
        self, name: str, words: list[str], mails: dict[int, tuple[bytes, set[str]]]
    ) -> tuple[list[bytes], str]:
        if name == "UID SEARCH":
            found = [str(uid) for uid, (_mail, flags) in mails.items() if "\\Deleted" not in flags]
            return [f"* SEARCH {' '.join(found)}\r\n".encode()], "OK"
        if name == "UID EXPUNGE" or name == "EXPUNGE":
            for uid in [uid for uid, (_mail, flags) in mails.items() if "\\Deleted" in flags]:
                del mails[uid]
            return [], "OK"
        uid = int(words[2])
        mail, flags = mails[uid]
        if name == "UID FETCH" and "SIZE" in words[3]:
            return [f"* 1 FETCH (UID {uid} RFC822.SIZE {len(mail)})\r\n".encode()], "OK"
        if name == "UID FETCH":
            head = f"* 1 FETCH (UID {uid} BODY[] {{{len(mail)}}}\r\n".encode()
            return [head, mail, b")\r\n"], "OK"
        if name == "UID COPY":
            if words[3] not in self.folders:
                return [], "NO"
            self.folders[words[3]][self._next] = (mail, set())
            self._next += 1
            return [], "OK"
        if name == "UID STORE":
            flags.add("\\Deleted")
            return [], "OK"
        return [], "BAD"
