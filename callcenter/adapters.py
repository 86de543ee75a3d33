"""The ways out: e-mail by SMTP, SMS by an HTTP gateway. Each tells what became of a message.

An adapter returns the far side's reference, or raises `Refused` (it surely didn't go), or
`Unknown` (it may have gone). The line between the two is where the first byte of the message
itself was sent.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import json
import re
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import quote

import requests

from callcenter.outreach import SmsGateway, Smtp

ANSWER_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as an adapter sees it."""

    id: str  # stays the same in every attempt
    address: str
    subject: str
    body: str


class Refused(Exception):
    """It did not go. `final`: trying again is of no use."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class Unknown(Exception):
    """It may have gone; nobody can tell."""


class Adapter(Protocol):
    idempotent: bool

    def send(self, letter: Letter) -> str: ...


class SmtpAdapter:
    """One connection per message: notices are few, and a fresh one has no state to be wrong."""

    idempotent = False

    def __init__(self, config: Smtp, password: str) -> None:
        self._config = config
        self._password = password

    def send(self, letter: Letter) -> str:
        message = self._written(letter)
        try:
            server = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            raise Refused(_why(error)) from error
        with server:
            return self._handed_over(server, message, letter)

    def _connected(self) -> smtplib.SMTP:
        config, context = self._config, ssl.create_default_context()
        if config.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                config.host, config.port, timeout=config.seconds, context=context
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=config.seconds)
        try:
            if config.security == "starttls":
                server.starttls(context=context)
            if config.username:
                server.login(config.username, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _handed_over(self, server: smtplib.SMTP, message: EmailMessage, letter: Letter) -> str:
        try:
            server.send_message(message)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as error:
            raise Refused(_why(error), final=_permanent(error)) from error
        except smtplib.SMTPResponseException as error:  # it answered, and did not take it
            raise Refused(_why(error), final=error.smtp_code >= 500) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unknown(_why(error)) from error
        return str(message["Message-ID"])

    def _written(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        try:
            message["To"] = Address(addr_spec=letter.address)
            message["Subject"] = " ".join(letter.subject.split())
        except (MessageError, ValueError, IndexError, AttributeError) as error:
            raise Refused(f"not a mail address: {error}", final=True) from error
        message["From"] = self._config.sender
        message["Date"] = email.utils.formatdate()
        domain = self._config.sender.rpartition("@")[2]
        message["Message-ID"] = f"<{hashlib.sha256(letter.id.encode()).hexdigest()[:32]}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(letter.body)
        return message


def _permanent(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPSenderRefused) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return error.smtp_code >= 500


class SmsAdapter:
    """One request for each message, as the gateway's description says."""

    def __init__(self, config: SmsGateway, secret: str) -> None:
        self._config = config
        self._secret = secret
        self.idempotent = config.idempotent

    def send(self, letter: Letter, timestamp: int = 0) -> str:
        if not re.fullmatch(r"\+?[0-9]{3,20}", letter.address):
            raise Refused("not a telephone number", final=True)
        request = self._request(letter, timestamp)
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.send(
                    request, timeout=(5.0, self._config.seconds), allow_redirects=False, stream=True
                )
                text = answer.raw.read(ANSWER_BYTES, decode_content=True).decode("utf-8", "replace")
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise Refused(_why(error)) from error
        except requests.ConnectionError as error:
            raise (Refused if _never_connected(error) else Unknown)(_why(error)) from error
        except (requests.RequestException, OSError) as error:
            raise Unknown(_why(error)) from error
        return self._judged(answer.status_code, text)

    def _judged(self, status: int, text: str) -> str:
        if status in (408, 502, 503, 504):
            # A proxy's words: the gateway behind it may have taken the message.
            raise Unknown(f"{status}") if status != 503 else Refused(f"{status}")
        if not 200 <= status < 300:
            raise Refused(f"{status} {text[:200]}", final=400 <= status < 500 and status != 429)
        if self._config.accepted and not re.search(self._config.accepted, text):
            raise Refused(f"{status} {text[:200]}", final=True)
        return _reference(text)

    def _request(self, letter: Letter, timestamp: int) -> requests.PreparedRequest:
        values = {
            "number": letter.address,
            "text": letter.body,
            "id": letter.id,
            "timestamp": str(timestamp),
            "secret": self._secret,
        }
        config = self._config
        filled = {name: _fill(text, values) for name, text in config.template.items()}
        headers = {name: _header(_fill(text, values)) for name, text in config.headers.items()}
        url = _fill(config.url, {name: quote(value, safe="") for name, value in values.items()})
        request = requests.Request(config.method, url, headers=headers)
        if config.method == "GET":
            request.params = filled
        elif config.format == "json":
            request.data = json.dumps(filled, ensure_ascii=False).encode()
            request.headers = {**headers, "Content-Type": "application/json; charset=utf-8"}
        else:
            request.data = filled
        prepared = request.prepare()
        self._sign(prepared, values)
        return prepared

    def _sign(self, request: requests.PreparedRequest, values: Mapping[str, str]) -> None:
        signature = self._config.signature
        if signature is None:
            return
        body = request.body or b""
        text = body if isinstance(body, str) else body.decode("utf-8")
        told = _fill(signature.over, {**values, "body": text})
        mac = hmac.new(self._secret.encode(), told.encode(), hashlib.sha256)
        request.headers[signature.header] = mac.hexdigest()


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in, in one pass: a brace in a citizen's text stays a brace."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def _header(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether not a byte of the request can have reached anybody."""
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError") or isinstance(
        reason, ConnectionRefusedError | socket.gaierror
    )


def _reference(text: str) -> str:
    """The gateway's own id, where the answer is JSON that has one."""
    try:
        told = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(told, dict):
        return ""
    for name in ("id", "message_id", "messageId", "msgid", "sid"):
        if isinstance(told.get(name), str | int):
            return str(told[name])[:128]
    return ""


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]
