"""What follow-up does to an order, as steps of its lifecycle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter.models import FollowUp
from workorder import lifecycle
from workorder.follow_up import Answers
from workorder.models import Order
from workorder.policy import ByPerson
from workorder.roles import SYSTEM, Actor
from workorder.states import State, Step

OPEN = (State.REVIEWED.value, State.FOLLOWED_UP.value)  # where a follow-up can change something


def waiting_for_follow_up(session: Session, limit: int) -> list[Order]:
    """Orders that wait for follow-up and have none in this round, oldest first."""
    known = sa.select(FollowUp.id).where(
        FollowUp.order_number == Order.number, FollowUp.round == Order.redo_count
    )
    query = sa.select(Order).where(Order.state == State.REVIEWED.value, ~known.exists())
    return list(session.scalars(query.order_by(Order.id).limit(limit)))


def only_by_person(session: Session, order: Order) -> bool:
    """Whether the order's policy lets people alone ask, as it was supervised."""
    policy = lifecycle.rules_of(session, order).policy
    return order.supervision_count > 0 and ByPerson.SUPERVISED in policy.follow_up.by_person_when


def order_of(session: Session, asked: FollowUp) -> Order:
    return session.get_one(Order, asked.order_id)


def answered(
    session: Session,
    asked: FollowUp,
    answers: Answers,
    at: dt.datetime,
    actor: Actor = SYSTEM,
    reason: str = "",
    unsatisfied_with: Sequence[str] = (),
) -> Order:
    """Note what the citizen said. Where the policy wants a person to ask again, the order stays
    in `reviewed`; else it is `followed_up`."""
    order = order_of(session, asked)
    if order.state == State.REVIEWED.value:
        data: dict[str, Any] = {
            "way": asked.way or "person",
            "reached": not answers.empty,
            "true": answers.true,
            "solved": answers.solved,
            "satisfaction": answers.satisfied,
            "comment": asked.comment,
            "unsatisfied_with": list(unsatisfied_with),
        }
        lifecycle.take(
            session,
            order,
            Step.FOLLOW_UP,
            actor=actor,
            at=at,
            reason=reason,
            data={name: value for name, value in data.items() if value not in (None, "", [])},
            key=f"follow_up:{asked.id}:{asked.way or 'person'}",
        )
    return order


def archive(
    session: Session, asked: FollowUp, at: dt.datetime, actor: Actor = SYSTEM, reason: str = ""
) -> None:
    _end(session, asked, Step.ARCHIVE, at, actor, reason)


def redo(
    session: Session, asked: FollowUp, at: dt.datetime, actor: Actor = SYSTEM, reason: str = ""
) -> None:
    _end(session, asked, Step.REDO, at, actor, reason)


def _end(
    session: Session, asked: FollowUp, step: Step, at: dt.datetime, actor: Actor, reason: str
) -> None:
    lifecycle.take(
        session,
        order_of(session, asked),
        step,
        actor=actor,
        at=at,
        reason=reason,
        key=f"follow_up:{asked.id}:{step.value}",
    )
