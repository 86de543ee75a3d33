"""A callback as WeChat sends it: signed with a token, XML in, XML out.

Official accounts platform, "message push", plain mode. The token follows from the installation's
secret, so that nothing has to be kept: `callcenter channel key wechat` tells it.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from callcenter.intake import Request

FRESH = 300.0  # seconds
SIZE = 64_000


class NotACallback(Exception):
    """It can't be read; one line that says why."""


def token(secret: str) -> str:
    """What stands as Token in the platform's settings: 3 to 32 letters and digits."""
    return hmac.new(secret.encode(), b"wechat callback", hashlib.sha256).hexdigest()[:32]


def is_signed(secret: str, query: Mapping[str, str], now: float | None = None) -> bool:
    """Whether the query's signature is right and fresh."""
    stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    now = time.time() if now is None else now
    if not stamp.isdecimal() or len(stamp) > 12 or abs(now - int(stamp)) > FRESH:
        return False
    told = "".join(sorted((token(secret), stamp, nonce))).encode()
    return hmac.compare_digest(
        hashlib.sha1(told, usedforsecurity=False).hexdigest().encode(),
        query.get("signature", "").encode(),
    )


def read(raw: bytes) -> tuple[Request, dict[str, str]] | None:
    """The request and the message's fields; None for what is no text (events, pictures).

    Entities are refused: nothing of ours needs them, and they can grow without end.
    """
    if len(raw) > SIZE or b"<!" in raw.replace(b"<![CDATA[", b""):
        raise NotACallback("too long, or with a document type")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotACallback("not XML") from error
    told = {child.tag: (child.text or "")[:20_000] for child in root if len(child) == 0}
    if told.get("MsgType") != "text":
        return None
    sender, message_id = told.get("FromUserName", ""), told.get("MsgId", "")
    if not sender or not message_id:
        raise NotACallback("FromUserName or MsgId is missing")
    asked = Request(message_id=message_id, text=told.get("Content", ""), contact=sender)
    return asked, told


def reply(told: Mapping[str, str], text: str, now: float | None = None) -> str:
    """A passive answer to the sender."""
    stamp = int(time.time() if now is None else now)
    return (
        f"<xml><ToUserName>{escape(told.get('FromUserName', ''))}</ToUserName>"
        f"<FromUserName>{escape(told.get('ToUserName', ''))}</FromUserName>"
        f"<CreateTime>{stamp}</CreateTime><MsgType>text</MsgType>"
        f"<Content>{escape(text)}</Content></xml>"
    )
