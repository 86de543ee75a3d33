"""What the hotline told and asked people in the made-up city: follow-ups, receipts, notices."""

from __future__ import annotations

import datetime as dt
import random

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter import outbox
from callcenter.models import FollowUp, OutboxMessage
from callcenter.outbox import Channel, Message
from workorder.follow_up import Answers, Reason, Result
from workorder.models import Order
from workorder.states import State

ASKED = 60  # of the archived orders, the last ones
TOLD = 40  # orders whose citizens were told
FOR_PEOPLE: tuple[tuple[Reason, Answers, int, str, str], ...] = (
    (Reason.DISSATISFIED, Answers(True, False, 5), 1, "", "晚上又停了，没人来看。"),
    (Reason.NOT_REACHED, Answers(), 3, "NO_ANSWER", ""),
    (Reason.WANTS_PERSON, Answers(true=True), 1, "", ""),
    (Reason.UNTRUE, Answers(False, False, 4), 2, "", "答复说来过，其实没有。"),
)  # fmt: skip


def follow_ups(session: Session, chance: random.Random, now: dt.datetime) -> None:
    """Those that wait for a person, and those that are done."""
    waiting = session.scalars(
        sa.select(Order).where(Order.state == State.REVIEWED.value).order_by(Order.id)
    ).all()
    for place, order in enumerate(waiting):
        reason, answers, attempts, problem, comment = FOR_PEOPLE[place % len(FOR_PEOPLE)]
        since = min(order.updated_at, now)
        bad = answers.satisfied is not None
        session.add(
            FollowUp(
                order_id=order.id, order_number=order.number, round=order.redo_count,
                state="person", number=order.citizen_number, dialed="12345", attempts=attempts,
                problem=problem, comment=comment, reason=reason.value, way="voice" if bad else "",
                result=Result.DISSATISFIED.value if bad else "",
                answers={} if answers.empty else answers.as_data(),
                not_before=since, created_at=since, dialed_at=since,
            )
        )  # fmt: skip
    done = session.scalars(
        sa.select(Order)
        .where(Order.state == State.ARCHIVED.value, Order.satisfaction.is_not(None))
        .order_by(Order.closed_at.desc())
        .limit(ASKED)
    ).all()
    for order in reversed(done):
        closed, way = order.closed_at or now, chance.choice(("voice", "voice", "voice", "sms"))
        answers = Answers(true=True, solved=order.solved, satisfied=order.satisfaction)
        session.add(
            FollowUp(
                order_id=order.id, order_number=order.number, round=order.redo_count, state="done",
                number=order.citizen_number, dialed="12345", attempts=int(way == "voice"), way=way,
                result=Result.SATISFIED.value, answers=answers.as_data(), decided_by="system",
                not_before=closed, created_at=closed - dt.timedelta(hours=1), answered_at=closed,
                decided_at=closed,
            )
        )  # fmt: skip


def messages(session: Session, now: dt.datetime) -> None:
    """Receipts that went, and a few messages that somebody has to look at."""
    orders = session.scalars(
        sa.select(Order).where(Order.accepted_at.is_not(None)).order_by(Order.id.desc()).limit(TOLD)
    ).all()
    for place, order in enumerate(reversed(orders)):
        at = order.accepted_at or now
        text = f"【12345】您反映的诉求已收到，工单编号{order.number}，查询码{{secret}}。"
        kind = "receipt" if place % 8 else "notice.yellow"
        outbox.put(
            session,
            [Message(key=f"demo:{order.number}", channel=Channel.SMS, address=order.citizen_number,
                     kind=kind, body=text, order_number=order.number)],
            at,
        )  # fmt: skip
    if not orders:
        return
    # Nobody sends them: nothing of a made-up city may go out.
    session.execute(
        sa.update(OutboxMessage)
        .where(OutboxMessage.key.like("demo:%"))
        .values(state=outbox.State.SENT.value, attempts=1, ended_at=OutboxMessage.created_at)
    )
    for number, state, why in (
        (orders[0].number, outbox.State.UNKNOWN, "the connection broke after the message"),
        (orders[-1].number, outbox.State.DEAD, "refused: no such number"),
    ):
        session.execute(
            sa.update(OutboxMessage)
            .where(OutboxMessage.key == f"demo:{number}")
            .values(state=state.value, error=why)
        )
