"""Requests from other channels than the telephone: web form, e-mail, SMS, WeChat.

Each channel has a key of its own (made by `callcenter channel key NAME`, kept as a hash) and hands
in messages under its own ids. The same id again is the same message: the answer is the same order.
All that comes in is hostile: it is cleaned and cut here, whatever brought it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter import order_files
from callcenter.models import IntakeChannel, IntakeMessage
from callcenter.order_files import MOST_FILES
from callcenter.privacy import ANONYMOUS, clean_number, clean_text
from workorder import lifecycle
from workorder.models import Order
from workorder.roles import SYSTEM

CHANNELS = {"web": "网页", "email": "电子邮件", "sms": "短信", "wechat": "微信"}
TITLE, BODY, NAME, MESSAGE_ID = 200, 10_000, 64, 200  # characters


class Differs(Exception):
    """The channel used this id before, for something else."""


class Empty(Exception):
    """Nothing was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a citizen wrote, as it came."""

    message_id: str
    text: str
    number: str = ""  # telephone
    name: str = ""
    title: str = ""
    contact: str = ""  # how else to reach them: a mail address, an OpenID
    files: tuple[tuple[str, bytes], ...] = ()  # name and content, as they came


@dataclass(frozen=True, slots=True)
class Taken:
    order_number: str
    new: bool


# --- keys -------------------------------------------------------------------------------------


def make_key(session: Session, channel: str, now: dt.datetime) -> str:
    """A new key for a channel; the one before is void. It is told once and kept as a hash."""
    if channel not in CHANNELS:
        raise ValueError(f"there is no channel {channel}; there are: {', '.join(CHANNELS)}")
    key = f"cc-{channel}-{secrets.token_urlsafe(24)}"
    row = session.get(IntakeChannel, channel)
    if row is None:
        row = IntakeChannel(name=channel, created_at=now)
        session.add(row)
    row.key_hash, row.created_at, row.active = _hashed(key), now, True
    return key


def has_key(session: Session, channel: str, key: str) -> bool:
    """Whether `key` opens this channel; takes as long for any that doesn't."""
    row = session.get(IntakeChannel, channel) if channel in CHANNELS else None
    known = row.key_hash if row is not None and row.active else _hashed(secrets.token_hex())
    return hmac.compare_digest(known, _hashed(key))


def _hashed(key: str) -> str:
    # The key is random and long: nothing is gained by a slow hash.
    return hashlib.sha256(key.encode()).hexdigest()


# --- messages ---------------------------------------------------------------------------------


def take_in(
    session: Session, channel: str, asked: Request, now: dt.datetime, folder: Path | None = None
) -> Taken:
    """Make a draft order of it, once; raise Differs or Empty.

    Files that may be kept go below `folder`; how many may not stands in the order.
    Two that come at the same moment: the second waits for the first, or fails on the unique key
    and has to be tried again (IntegrityError).
    """
    told = _cleaned(asked)
    digest = _digest(told)
    known = session.scalar(
        sa.select(IntakeMessage).where(
            IntakeMessage.channel == channel, IntakeMessage.message_id == told.message_id
        )
    )
    if known is not None:
        if known.digest != digest:
            raise Differs(f"message {told.message_id} came before, with other words")
        return Taken(known.order_number, new=False)
    files = [each for each in asked.files[:MOST_FILES] if _fits(each[1])] if folder else []
    order = _order(session, channel, told, now, len(asked.files) - len(files))
    if folder is not None:
        for name, content in files:
            kept = order_files.keep(
                folder, content, name, order_id=order.id, by=f"intake:{channel}", at=now
            )
            session.add(kept)
    session.add(
        IntakeMessage(
            channel=channel,
            message_id=told.message_id,
            digest=digest,
            order_number=order.number,
            contact=told.contact,
            received_at=now,
        )
    )
    session.flush()
    return Taken(order.number, new=True)


def _digest(told: Request) -> str:
    """Of the words; what is kept of the files doesn't make it another message."""
    words = asdict(told)
    del words["files"]
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def _fits(content: bytes) -> bool:
    try:
        order_files.kind_of(content)
    except order_files.Unfit:
        return False
    return True


def _order(session: Session, channel: str, told: Request, now: dt.datetime, left_out: int) -> Order:
    body = told.text
    if left_out:
        body = f"{body}\n\n（另有 {left_out} 个附件未能保存，请查看原件）"
    if told.contact:
        body = f"{body}\n\n（{CHANNELS[channel]}：{told.contact}）"
    return lifecycle.new_order(
        session,
        channel=channel,
        citizen_number=told.number,
        citizen_name=told.name,
        title=told.title,
        body=body,
        at=now,
        actor=SYSTEM,
        key=f"intake:{channel}:{hashlib.sha256(told.message_id.encode()).hexdigest()[:32]}",
    )


def _cleaned(asked: Request) -> Request:
    """Without the files."""
    text = clean_lines(asked.text)[:BODY]
    title = clean_text(asked.title, TITLE) or clean_text(text.split("\n", 1)[0], 40)
    message_id = clean_text(asked.message_id, MESSAGE_ID)
    if not text or not message_id:
        raise Empty("a message has an id and a text")
    number = clean_number(asked.number)
    return Request(
        message_id=message_id,
        text=text,
        number="" if number == ANONYMOUS else number,
        name=clean_text(asked.name, NAME),
        title=title,
        contact=clean_text(asked.contact, 128),
    )


def clean_lines(text: str) -> str:
    """Printable text with its line ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(clean_text(line.replace("\t", " "), BODY) for line in lines).strip()
