"""Telling a citizen that the request is here: its number, and the code to ask for it.

What came in writing is confirmed as soon as it is stored, what was said on the telephone when
somebody accepts it. Each order is confirmed once: the outbox knows it by its number. Looking again
changes nothing, so this side remembers only how far it has looked, and a new start looks back.
"""

from __future__ import annotations

import datetime as dt
import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter import inquiry, outbox
from callcenter.database import reading, writing
from callcenter.models import IntakeMessage, OutboxMessage
from callcenter.outbox import Channel, Message
from callcenter.outreach import Receipts
from workorder.models import Order
from workorder.states import State

MOBILE = re.compile(r"1[3-9][0-9]{9}")
ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;]+")
KIND = "receipt"
KEY = "receipt:"  # and the order's number
WRITTEN = ("web", "email", "sms")  # WeChat's answer to the message itself says the same
SPOKEN = ("phone", "message", "callback")
BACK = dt.timedelta(hours=24)  # that a new start looks back
OVERLAP = dt.timedelta(minutes=2)  # transactions that were slower than others
A_DAY = 5  # receipts for one address: a forged sender shall not flood anybody
ENDED = (State.DECLINED.value, State.MERGED.value)


class Desk:
    """Confirms what came in since it looked last; for one thread."""

    def __init__(
        self,
        engine: sa.Engine,
        rules: Receipts,
        ways: frozenset[Channel],
        secret: str,
        public_url: str,
    ) -> None:
        """`ways` are those that are set up."""
        self._engine = engine
        self._rules = rules
        self._ways = ways
        self._secret = secret
        self._public_url = public_url.rstrip("/")
        self._looked: dt.datetime | None = None

    def poll(self, now: dt.datetime) -> int:
        """Put receipts into the outbox; how many. Raise SQLAlchemyError."""
        since = (self._looked - OVERLAP) if self._looked else now - BACK
        with reading(self._engine) as session:
            ids = self._fresh(session, since)
        done = 0
        if ids:
            with writing(self._engine) as session:
                for order in session.scalars(sa.select(Order).where(Order.id.in_(ids))):
                    message = self._message(session, order, now)
                    done += outbox.put(session, [message], now) if message else 0
        self._looked = now
        return done

    def _fresh(self, session: Session, since: dt.datetime) -> list[int]:
        """Ids of orders without a receipt that came in, or were accepted, since."""
        known = sa.select(OutboxMessage.id).where(OutboxMessage.key == KEY + Order.number)
        found: set[int] = set()
        for at, names in ((Order.created_at, WRITTEN), (Order.accepted_at, SPOKEN)):
            asked = [name for name in self._rules.channels if name in names]
            found |= set(
                session.scalars(
                    sa.select(Order.id).where(
                        at >= since,
                        Order.channel.in_(asked),
                        Order.state.not_in(ENDED),
                        ~known.exists(),
                    )
                )
            )
        return sorted(found)

    def _message(self, session: Session, order: Order, now: dt.datetime) -> Message | None:
        """The receipt; None when there is no way to this citizen, or enough went there today."""
        channel, address = self._way(session, order)
        if channel is None or self._many(session, address, now):
            return None
        subject, body = "", f"【12345】{self._text(order.number)}"
        if channel is Channel.EMAIL:
            subject = f"您反映的诉求已收到：工单 {order.number}"
            body = f"您好。\n\n{self._text(order.number)}\n\n此邮件由系统发出，请勿回复。\n"
        return Message(
            key=f"{KEY}{order.number}",
            channel=channel,
            address=address,
            kind=KIND,
            subject=subject,
            body=body,
            secret=inquiry.code(self._secret, order.number),
            order_number=order.number,
            expires_at=now + dt.timedelta(hours=self._rules.useful_hours),
        )

    def _way(self, session: Session, order: Order) -> tuple[Channel | None, str]:
        """By mail to whoever wrote a mail, by SMS to everybody else."""
        if order.channel == "email" and Channel.EMAIL in self._ways:
            contact = session.scalar(
                sa.select(IntakeMessage.contact).where(IntakeMessage.order_number == order.number)
            )
            if contact and ADDRESS.fullmatch(contact):
                return Channel.EMAIL, contact
        if Channel.SMS in self._ways and MOBILE.fullmatch(order.citizen_number):
            return Channel.SMS, order.citizen_number
        return None, ""

    def _many(self, session: Session, address: str, now: dt.datetime) -> bool:
        lately = sa.select(sa.func.count()).where(
            OutboxMessage.kind == KIND,
            OutboxMessage.address == address,
            OutboxMessage.created_at > now - dt.timedelta(days=1),
        )
        return (session.scalar(lately) or 0) >= A_DAY

    def _text(self, number: str) -> str:
        where = f"在 {self._public_url}/progress 或" if self._public_url else ""
        return (
            f"您反映的诉求已收到，工单编号{number}，查询码{{secret}}。"
            f"可{where}拨打12345查询办理进度。"
        )
