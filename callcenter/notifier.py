"""The one notifier: takes messages out of the outbox and sends them, in a thread of its own.

Each message is claimed in a transaction of its own before it is sent, so any number of notifiers
may run. What became of it is written afterwards; see `callcenter.outbox` for what is done when
nobody knows.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import uuid
from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter import outbox
from callcenter.adapters import Adapter, Letter, Refused, Unknown
from callcenter.call_wish import CallWish, Purpose, WishBook
from callcenter.database import reading, writing
from callcenter.events import Kind
from callcenter.models import Call, JournalEvent, OutboxMessage
from callcenter.outbox import Channel, State
from callcenter.outreach import VoiceNotices
from workorder.worktime import CHINA

logger = logging.getLogger(__name__)

BURST = 50  # messages between two looks at other things
SETTLE = dt.timedelta(seconds=3)  # after a call's end, for the last of its events to come in
Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Notifier:
    """Sends; `poll` does what is due now, and is the whole of it for tests."""

    def __init__(
        self,
        engine: sa.Engine,
        adapters: Mapping[Channel, Adapter],
        voice: VoiceCalls | None = None,
        *,
        clock: Clock = utc_now,
    ) -> None:
        """A channel without an adapter isn't claimed: its messages wait for one."""
        self._engine = engine
        self._adapters = dict(adapters)
        self._voice = voice
        self._clock = clock
        self._worker = f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._idempotent = [name for name, adapter in adapters.items() if adapter.idempotent]

    def poll(self) -> int:
        """Send what is due; how many. Raise SQLAlchemyError when the database is away."""
        self._tidy()
        done = 0
        while done < BURST and self._send_one():
            done += 1
        return done + (self._voice.poll(self._clock()) if self._voice else 0)

    def _tidy(self) -> None:
        now = self._clock()
        with reading(self._engine) as session:
            late = sa.select(OutboxMessage.id).where(
                ((OutboxMessage.state == State.WAITING) & (OutboxMessage.expires_at <= now))
                | ((OutboxMessage.state == State.SENDING) & (OutboxMessage.lease_until <= now))
            )
            if session.scalar(late.limit(1)) is None:
                return
        with writing(self._engine) as session:
            if found := outbox.expire(session, now):
                logger.warning("%d messages were too late to be of use", found)
            if found := outbox.abandon(session, self._idempotent, now):
                logger.error("%d messages: their sender died while sending", found)

    def _send_one(self) -> bool:
        if not _waits(self._engine, list(self._adapters), self._clock()):
            return False  # without asking for the right to write
        with writing(self._engine) as session:
            claimed = outbox.claim(session, self._worker, list(self._adapters), self._clock())
            if claimed is None:
                return False
            message_id, channel = claimed.id, Channel(claimed.channel)
            letter = _letter(claimed)
        # Committed: whatever happens from here on, it is not sent a second time by itself.
        try:
            reference = self._adapters[channel].send(letter)
        except Refused as error:
            logger.warning("message %d (%s) did not go: %s", message_id, channel, error)
            self._tell(outbox.failed, message_id, str(error), final=error.final)
        except Unknown as error:
            logger.error("message %d (%s) may have gone: %s", message_id, channel, error)
            if channel in self._idempotent:
                self._tell(outbox.failed, message_id, str(error), final=False)
            else:
                self._tell(outbox.unknown, message_id, str(error))
        except Exception as error:
            logger.exception("message %d (%s)", message_id, channel)
            self._tell(outbox.unknown, message_id, f"{type(error).__name__}: {error}")
        else:
            with writing(self._engine) as session:
                outbox.sent(session, message_id, self._clock(), reference)
        return True

    def _tell(self, what: Callable[..., None], message_id: int, why: str, **more: bool) -> None:
        with writing(self._engine) as session:
            what(session, message_id, why, self._clock(), **more)


def _waits(engine: sa.Engine, channels: list[Channel], now: dt.datetime) -> bool:
    with reading(engine) as session:
        query = sa.select(OutboxMessage.id).where(
            OutboxMessage.state == State.WAITING,
            OutboxMessage.not_before <= now,
            OutboxMessage.channel.in_(channels),
        )
        return session.scalar(query.limit(1)) is not None


def _letter(message: OutboxMessage) -> Letter:
    body = message.body
    if message.secret is not None:
        body = body.replace("{secret}", message.secret)
    return Letter(message.key, message.address, message.subject, body)


class VoiceCalls:
    """Voice messages: calls made by the controller; what came of them is in the journal."""

    def __init__(self, engine: sa.Engine, book: WishBook, config: VoiceNotices) -> None:
        self._engine = engine
        self._book = book
        self._config = config

    def poll(self, now: dt.datetime) -> int:
        return self._hear(now) + self._hand_over(now)

    def _hand_over(self, now: dt.datetime) -> int:
        closes = self._config.hours.closes_at(now.astimezone(CHINA))
        done = 0
        while closes is not None and done < BURST and _waits(self._engine, [Channel.VOICE], now):
            with writing(self._engine) as session:
                claimed = outbox.claim(session, "controller", [Channel.VOICE], now)
                if claimed is None:
                    return done
                limit = now + dt.timedelta(seconds=self._config.answer_seconds)
                wish = CallWish(
                    id=str(uuid.uuid4()),
                    purpose=Purpose.NOTICE.value,
                    number=claimed.address,
                    order=claimed.order_number or "",
                    prompts="+".join(map(str, claimed.prompts)),
                    not_after=min(closes, limit - dt.timedelta(seconds=60)).timestamp(),
                )
                outbox.hand_over(session, claimed.id, wish.id, limit)
            self._book.save(wish)
            done += 1
        return done

    def _hear(self, now: dt.datetime) -> int:
        with reading(self._engine) as session:
            query = sa.select(OutboxMessage.id, OutboxMessage.reference).where(
                OutboxMessage.state == State.SENDING, OutboxMessage.channel == Channel.VOICE
            )
            asked = [(message, str(call)) for message, call in session.execute(query) if call]
        done = 0
        for message, call in asked:
            with writing(self._engine) as session:
                done += self._look(session, message, call, now)
        return done

    def _look(self, session: Session, message: int, call_id: str, now: dt.datetime) -> bool:
        query = sa.select(JournalEvent.kind).where(JournalEvent.call_id == call_id)
        if Kind.NOTICE_HEARD in session.scalars(query).all():
            outbox.sent(session, message, now)
            return True
        call = session.get(Call, call_id)
        if call is not None:
            if call.ended_at is None or call.ended_at > now - SETTLE:
                return False
            outbox.failed(session, message, "nobody pressed 1", now, final=False)
            return True
        told = f"{call_id}:{Kind.OUTBOUND_FAILED.value}"
        failed = session.scalar(sa.select(JournalEvent).where(JournalEvent.id == told))
        if failed is None or failed.data.get("cause") == "LOST":
            return False  # a call that was lost may have been heard: its lease ends as unknown
        cause = str(failed.data.get("cause", ""))
        outbox.failed(session, message, cause, now, final=cause == "NUMBER_NOT_ALLOWED")
        return True
