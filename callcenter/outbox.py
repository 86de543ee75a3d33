"""What is to be told to people: written with its reason, sent at most once, kept until it is over.

    put() in the reason's own transaction ─▶ waiting ─claim─▶ sending ─▶ sent
                                               ▲ not now        ├─▶ waiting   it surely did not go
                                               │                ├─▶ unknown   nobody knows
                                               └── send_again ──┴─▶ dead      it never will

*At most once.* A message is marked as being sent, and that is committed, before the first byte goes
out. When the sender dies, or the far side breaks off after it may have taken the message, nobody
knows whether it went: the message becomes `unknown` and is left for a person, never sent again by
itself. A notice that is missing is seen in the list; one that came twice at night is a complaint.
Only a gateway that promises to know our ids again (`idempotent: true`) is asked once more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from callcenter.outreach_models import OutboxMessage

LEASE = dt.timedelta(minutes=2)  # longer than any adapter may take
ATTEMPTS = 8
BACKOFF = tuple(dt.timedelta(seconds=s) for s in (10, 60, 300, 900, 3600))


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    VOICE = "voice"


class State(StrEnum):
    WAITING = "waiting"  # to be sent, at the earliest at `not_before`
    SENDING = "sending"  # somebody has claimed it and may have sent it
    SENT = "sent"  # the far side has taken it
    UNKNOWN = "unknown"  # it may have gone; a person decides
    DEAD = "dead"  # given up, or refused for good
    EXPIRED = "expired"  # too late to be of use
    CANCELLED = "cancelled"  # a person did not want it sent


DEAD_LETTERS = (State.UNKNOWN, State.DEAD, State.EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What to send. `key` names the reason: the same reason is told once."""

    key: str
    channel: Channel
    address: str  # mail address or telephone number
    kind: str  # notice.warning, follow_up.link …
    subject: str = ""
    body: str = ""
    secret: str | None = None  # replaces {secret} in the body, and is forgotten afterwards
    prompts: tuple[str, ...] = ()  # for voice
    order_number: str | None = None
    expires_at: dt.datetime | None = None


class NotOpen(Exception):
    """The message isn't in a state in which this can be done: somebody else was faster."""


def put(session: Session, messages: Iterable[Message], now: dt.datetime) -> int:
    """Add messages within the caller's transaction; how many were new."""
    rows = [_row(message, now) for message in messages]
    if not rows:
        return 0
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    new = 0
    for row in rows:
        statement = dialect.insert(OutboxMessage).values(**row)
        statement = statement.on_conflict_do_nothing(index_elements=["key"])
        new += session.scalar(statement.returning(OutboxMessage.id)) is not None
    return new


def _row(message: Message, now: dt.datetime) -> dict[str, Any]:
    return {
        "key": message.key[:160],
        "channel": message.channel.value,
        "address": message.address[:255],
        "subject": message.subject[:200],
        "body": message.body,
        "secret": message.secret,
        "prompts": list(message.prompts),
        "order_number": message.order_number,
        "kind": message.kind[:48],
        "state": State.WAITING.value,
        "attempts": 0,
        "not_before": now,
        "expires_at": message.expires_at,
        "error": "",
        "created_at": now,
    }


def claim(
    session: Session, worker: str, channels: Sequence[str], now: dt.datetime
) -> OutboxMessage | None:
    """Take the message that waits longest, and mark it as being sent. Commit before sending."""
    due = (
        sa.select(OutboxMessage.id)
        .where(
            OutboxMessage.state == State.WAITING,
            OutboxMessage.not_before <= now,
            OutboxMessage.channel.in_(channels),
        )
        .order_by(OutboxMessage.not_before, OutboxMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = session.scalar(due)
    if found is None:
        return None
    message = session.get_one(OutboxMessage, found)
    message.state, message.worker = State.SENDING.value, worker
    message.lease_until = now + LEASE
    message.attempts += 1
    session.flush()
    return message


def expire(session: Session, now: dt.datetime) -> int:
    """Put aside what is too late to be of use."""
    return _change(
        session,
        (OutboxMessage.state == State.WAITING, OutboxMessage.expires_at <= now),
        state=State.EXPIRED.value,
        ended_at=now,
        secret=None,
    )


def abandon(session: Session, idempotent: Sequence[str], now: dt.datetime) -> int:
    """Messages whose sender died: unknown; sent again where the far side knows our ids."""
    lost = (OutboxMessage.state == State.SENDING, OutboxMessage.lease_until <= now)
    again = _change(
        session,
        (*lost, OutboxMessage.channel.in_(idempotent)),
        state=State.WAITING.value,
        not_before=now,
        error="the sender died; this gateway knows our ids again",
    )
    why = "the sender died while sending: it may have gone"
    return again + _change(session, lost, state=State.UNKNOWN.value, error=why, ended_at=now)


def sent(session: Session, message_id: int, now: dt.datetime, reference: str = "") -> None:
    """The far side has taken it."""
    message = _mine(session, message_id)
    message.state, message.ended_at, message.error = State.SENT.value, now, ""
    message.reference = reference[:128] or message.reference
    message.secret = message.lease_until = None


def failed(session: Session, message_id: int, why: str, now: dt.datetime, *, final: bool) -> None:
    """It surely did not go; `final`: nor will it, however often it is tried."""
    message = _mine(session, message_id)
    message.error, message.lease_until = why[:2000], None
    if final or message.attempts >= ATTEMPTS:
        message.state, message.ended_at = State.DEAD.value, now
        return
    message.state = State.WAITING.value
    message.not_before = now + BACKOFF[min(message.attempts, len(BACKOFF)) - 1]


def unknown(session: Session, message_id: int, why: str, now: dt.datetime) -> None:
    """It may have gone."""
    message = _mine(session, message_id)
    message.state, message.error = State.UNKNOWN.value, why[:2000]
    message.lease_until, message.ended_at = None, now


def hand_over(session: Session, message_id: int, reference: str, until: dt.datetime) -> None:
    """Somebody else sends it and tells later; until `until` it counts as being sent."""
    message = _mine(session, message_id)
    message.reference, message.lease_until = reference[:128], until


def _mine(session: Session, message_id: int) -> OutboxMessage:
    message = session.get(OutboxMessage, message_id, with_for_update=True)
    if message is None or message.state != State.SENDING:
        raise NotOpen(f"message {message_id} isn't being sent")
    return message


# --- what people do ---------------------------------------------------------------------------


def send_again(session: Session, message_id: int, now: dt.datetime) -> OutboxMessage:
    """A person wants it sent once more; raise NotOpen."""
    message = _dead(session, message_id)
    message.state, message.not_before = State.WAITING.value, now
    message.attempts, message.ended_at, message.expires_at = 0, None, None
    return message


def give_up(session: Session, message_id: int, now: dt.datetime) -> OutboxMessage:
    """A person knows that it needn't be sent; raise NotOpen."""
    message = _dead(session, message_id)
    message.state, message.ended_at, message.secret = State.CANCELLED.value, now, None
    return message


def _dead(session: Session, message_id: int) -> OutboxMessage:
    message = session.get(OutboxMessage, message_id, with_for_update=True)
    if message is None or message.state not in DEAD_LETTERS:
        raise NotOpen(f"message {message_id} isn't a dead letter")
    return message


def of_order(session: Session, number: str) -> list[OutboxMessage]:
    """All that was or is to be told about an order, oldest first."""
    query = sa.select(OutboxMessage).where(OutboxMessage.order_number == number)
    return list(session.scalars(query.order_by(OutboxMessage.id)))


def listed(session: Session, states: Sequence[str], limit: int = 200) -> list[OutboxMessage]:
    """The newest messages in any of `states`."""
    query = sa.select(OutboxMessage).where(OutboxMessage.state.in_(states))
    return list(session.scalars(query.order_by(OutboxMessage.id.desc()).limit(limit)))


def counts(session: Session) -> dict[str, int]:
    """How many messages are in each state."""
    query = sa.select(OutboxMessage.state, sa.func.count()).group_by(OutboxMessage.state)
    return dict(list(session.execute(query)))


def _change(session: Session, conditions: Iterable[Any], **values: Any) -> int:
    statement = sa.update(OutboxMessage).where(*conditions).values(**values)
    done = session.execute(statement.execution_options(synchronize_session=False))
    return int(cast(Any, done).rowcount)
