"""An e-mail (RFC 5322) as a request: who wrote, what about, and the plain words of it."""

from __future__ import annotations

import email
import email.errors
import email.policy
import html
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import parseaddr

from callcenter.intake import Request

PARTS = 50  # of a message; more is a trick
HTML_SIZE = 500_000  # characters of HTML that are looked at


class NotMail(Exception):
    """It can't be read as a mail, or has no Message-ID."""


class Automatic(Exception):
    """Sent by a machine (RFC 3834): an answer to it may come back for ever."""


def read(raw: bytes) -> Request:
    """Raise NotMail or Automatic."""
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        return _request(message)
    except (email.errors.MessageError, ValueError, LookupError, AttributeError, KeyError) as error:
        raise NotMail(f"not a mail: {type(error).__name__}") from error
    except RecursionError as error:
        raise NotMail("not a mail: too deep") from error


def _request(message: EmailMessage) -> Request:
    if str(message.get("Auto-Submitted", "no")).strip().lower() != "no":
        raise Automatic("sent by a machine")
    message_id = str(message.get("Message-ID", "")).strip()
    if not message_id:
        raise NotMail("no Message-ID")
    name, address = parseaddr(str(message.get("From", "")))
    return Request(
        message_id=message_id,
        text=_words(message),
        name=name,
        title=str(message.get("Subject", "")),
        contact=address,
        files=tuple(_files(message)),
    )


def _words(message: EmailMessage) -> str:
    markup = ""
    for count, part in enumerate(message.walk()):
        if count >= PARTS:
            raise NotMail("too many parts")
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain":
            return str(part.get_content())
        if kind == "text/html" and not markup:
            markup = str(part.get_content())
    return _without_tags(markup)


def _files(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    """What hangs on it, and pictures that stand in it."""
    for count, part in enumerate(message.walk()):
        if count >= PARTS:
            raise NotMail("too many parts")
        if part.is_multipart():
            continue
        pictured = part.get_content_maintype() == "image"
        if pictured or part.get_content_disposition() == "attachment":
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield part.get_filename() or "", content


def _without_tags(markup: str) -> str:
    text = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>", " ", markup[:HTML_SIZE])
    text = re.sub(r"(?i)<(?:br|/p|/div|/tr)\b[^>]*>", "\n", text)
    return html.unescape(re.sub(r"<[^>]*>", "", text))
