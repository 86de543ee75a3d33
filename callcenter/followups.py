"""Following up: every resolved order is asked about once, by our own call or by a link in an SMS.

This is the database's side, in the projector's process. An attempt is written down before the wish
to call reaches the controller, and what came of it is read from the journal's rows; so a controller
or projector may be killed at any moment, and looking twice changes nothing.

    waiting ─▶ dialing ─▶ done      content: the order is archived
       ▲          ├─────▶ waiting   nobody was reached; another time
       │          └─────▶ person    dissatisfied, wants a person, or not reached at all
       └ answers by the link are taken in any of them
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter import order_steps, outbox
from callcenter.call_wish import CallWish, Purpose, WishBook
from callcenter.database import reading, writing
from callcenter.events import Kind
from callcenter.models import Call, FollowUp, JournalEvent
from callcenter.outreach import FollowUpRules
from workorder.follow_up import MOVES, Answers, Decision, Reason, Result, State, judge
from workorder.models import Order
from workorder.refusals import Conflict, Refused
from workorder.roles import Actor
from workorder.states import State as OrderState
from workorder.worktime import CHINA

logger = logging.getLogger(__name__)

BATCH = 200
SETTLE = dt.timedelta(seconds=3)  # after a call's end, for the last of its events to come in
LOST_SETTLE = dt.timedelta(seconds=20)  # the switch's own record may still tell of a call
DROP_EVERY = dt.timedelta(seconds=20)
NEVER_DIALED = dt.timedelta(minutes=10)
LINK_TEXT = (
    "【12345】您反映的工单{number}已办结，请点击评价：{{secret}}（{days}天内有效，仅可使用一次）"
)

# Causes that are ours and not the citizen's: the attempt isn't counted.
OURS = frozenset({"SWITCH_GONE", "NO_TRUNK", "TOO_LATE"})


class NotOpen(Exception):
    """It is decided already, or the link was used or is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What this installation can do."""

    gateway: bool  # a carrier is set
    numbers: str  # what may be dialed, a regular expression
    public_url: str  # where citizens reach the public pages; "": no links
    sms: bool


class FollowUps:
    """Looks after all of them; for one thread."""

    def __init__(self, engine: sa.Engine, rules: FollowUpRules, ways: Ways, book: WishBook) -> None:
        self._engine = engine
        self._rules = rules
        self._ways = ways
        self._numbers = re.compile(ways.numbers)
        self._book = book
        self._next_drop = dt.datetime.min.replace(tzinfo=dt.UTC)

    def poll(self, now: dt.datetime) -> int:
        """Do what is due; how many orders it was done for. Raise SQLAlchemyError, OSError."""
        done = self._begin(now) + self._finish(now)
        if now >= self._next_drop:
            done += self._drop(now)
            self._next_drop = now + DROP_EVERY
        return done + self._dial(now)

    # --- beginning ----------------------------------------------------------------------------

    def _begin(self, now: dt.datetime) -> int:
        """A follow-up for each order that waits for one and has none in this round."""
        with reading(self._engine) as session:
            if not order_steps.waiting_for_follow_up(session, 1):
                return 0
        with writing(self._engine) as session:
            orders = order_steps.waiting_for_follow_up(session, BATCH)
            for order in orders:
                self._open(session, order, now)
        return len(orders)

    def _open(self, session: Session, order: Order, now: dt.datetime) -> None:
        call = session.get(Call, order.call_id) if order.call_id else None
        asked = FollowUp(
            order_id=order.id,
            order_number=order.number,
            round=order.redo_count,
            state=State.WAITING.value,
            number=order.citizen_number,
            dialed=call.dialed if call is not None else "",
            not_before=now,
            created_at=now,
        )
        session.add(asked)
        if order_steps.only_by_person(session, order):
            _to_person(asked, Reason.SUPERVISED)
            return
        linked = self._send_link(session, asked, now)
        if not self._can_call(asked.number):
            if linked:
                asked.not_before = now + dt.timedelta(days=self._rules.link_days)
            else:
                _to_person(asked, Reason.NO_WAY)

    def _can_call(self, number: str) -> bool:
        wanted = self._rules.voice and self._ways.gateway
        return wanted and self._numbers.fullmatch(number) is not None

    def _send_link(self, session: Session, asked: FollowUp, now: dt.datetime) -> bool:
        """Put a link to the public page into the outbox, in this transaction."""
        able = self._rules.link and self._ways.sms and self._ways.public_url
        if not able or not self._numbers.fullmatch(asked.number):
            return False
        code = secrets.token_urlsafe(16)
        asked.code_hash = hash_code(code)
        asked.code_expires_at = now + dt.timedelta(days=self._rules.link_days)
        message = outbox.Message(
            key=f"follow_up:{asked.order_number}:{asked.round}:link",
            channel=outbox.Channel.SMS,
            address=asked.number,
            kind="follow_up.link",
            body=LINK_TEXT.format(number=asked.order_number, days=f"{self._rules.link_days:g}"),
            secret=f"{self._ways.public_url.rstrip('/')}/f/{code}",
            order_number=asked.order_number,
            expires_at=asked.code_expires_at,
        )
        outbox.put(session, [message], now)
        return True

    def _drop(self, now: dt.datetime) -> int:
        """Nothing is left to ask where somebody else has taken the order on."""
        with writing(self._engine) as session:
            query = (
                sa.select(FollowUp)
                .join(Order, Order.id == FollowUp.order_id)
                .where(FollowUp.state.in_((State.WAITING, State.PERSON)))
                .where(
                    Order.state.not_in(order_steps.OPEN)
                    | (Order.redo_count > FollowUp.round)
                    | ((FollowUp.state == State.WAITING) & (Order.state != OrderState.REVIEWED))
                )
            )
            gone = list(session.scalars(query.limit(BATCH)))
            for each in gone:
                _went_on(each, now)
        return len(gone)

    # --- calling ------------------------------------------------------------------------------

    def _dial(self, now: dt.datetime) -> int:
        """Wishes to call for those that are due, as many as hours and limits allow."""
        closes = self._rules.hours.closes_at(now.astimezone(CHINA))
        with reading(self._engine) as session:
            if session.scalar(_waiting(now).limit(1)) is None:
                return 0
        with writing(self._engine) as session:
            self._unanswered_links(session, now)
            asked = [] if closes is None else self._due(session, now)
            for each in asked:
                each.state = _moved(each, State.DIALING)
                each.attempts += 1
                each.call_id, each.dialed_at = str(uuid.uuid4()), now
            wishes = [_wish(each, closes) for each in asked if closes is not None]
        for wish in wishes:  # committed: a wish that nobody hears of is found by `_finish`
            self._book.save(wish)
        return len(wishes)

    def _due(self, session: Session, now: dt.datetime) -> list[FollowUp]:
        if not self._rules.voice or not self._ways.gateway:
            return []
        hour = now - dt.timedelta(hours=1)
        count = sa.select(sa.func.count()).select_from(FollowUp)
        lately = session.scalar(count.where(FollowUp.dialed_at > hour)) or 0
        now_dialing = session.scalar(count.where(FollowUp.state == State.DIALING)) or 0
        room = min(self._rules.per_hour - lately, self._rules.at_once - now_dialing, BATCH)
        if room <= 0:
            return []
        query = _waiting(now).join(Order, Order.id == FollowUp.order_id)
        query = query.where(Order.state == OrderState.REVIEWED).limit(room)
        query = query.with_for_update(skip_locked=True, of=FollowUp)
        return [each for each in session.scalars(query) if self._can_call(each.number)]

    def _unanswered_links(self, session: Session, now: dt.datetime) -> None:
        """Citizens who can't be called and did not use the link in time are left to people."""
        for each in session.scalars(_waiting(now).limit(BATCH)):
            if not self._can_call(each.number):
                _to_person(each, Reason.NOT_REACHED)

    # --- what came of it ----------------------------------------------------------------------

    def _finish(self, now: dt.datetime) -> int:
        with reading(self._engine) as session:
            open_now = list(
                session.scalars(sa.select(FollowUp.id).where(FollowUp.state == State.DIALING))
            )
        done = 0
        for follow_up in open_now:
            try:
                done += self._look_at(follow_up, now)
            except Conflict as error:  # somebody works on the order right now: next time
                logger.info("follow-up %d waits: %s", follow_up, error)
            except Refused as error:  # the others go on
                logger.error("follow-up %d is left to a person: %s", follow_up, error)
                with writing(self._engine) as session:
                    _to_person(session.get_one(FollowUp, follow_up), Reason.HELD)
        return done

    def _look_at(self, follow_up: int, now: dt.datetime) -> bool:
        with writing(self._engine) as session:
            asked = session.get_one(FollowUp, follow_up, with_for_update=True)
            if asked.state != State.DIALING or not asked.call_id:
                return False
            return self._look(session, asked, asked.call_id, now)

    def _look(self, session: Session, asked: FollowUp, call_id: str, now: dt.datetime) -> bool:
        call = session.get(Call, call_id)
        if call is not None:
            if call.ended_at is None or call.ended_at > now - SETTLE:
                return False
            self._call_is_over(session, asked, call_id, now)
            return True
        failed = session.scalar(
            sa.select(JournalEvent).where(
                JournalEvent.id == f"{call_id}:{Kind.OUTBOUND_FAILED.value}"
            )
        )
        if failed is not None:
            cause = str(failed.data.get("cause", ""))
            at = dt.datetime.fromtimestamp(failed.at, dt.UTC)
            if cause == "LOST" and at > now - LOST_SETTLE:
                return False
            self._not_reached(asked, cause, now)
            return True
        if (asked.dialed_at or now) < now - NEVER_DIALED and self._book.read(call_id) is None:
            self._not_reached(asked, "TOO_LATE", now)
            return True
        return False

    def _call_is_over(
        self, session: Session, asked: FollowUp, call_id: str, now: dt.datetime
    ) -> None:
        answers, wants_person = heard(session, call_id)
        if answers.empty and not wants_person:
            self._not_reached(asked, "NO_KEY", now)
            return
        record(session, asked, answers, "voice", self._rules, now, wants_person=wants_person)

    def _not_reached(self, asked: FollowUp, cause: str, now: dt.datetime) -> None:
        asked.problem = cause[:64]
        if cause in OURS:
            asked.attempts -= 1
        if asked.attempts >= self._rules.attempts:
            _to_person(asked, Reason.NOT_REACHED)
            return
        asked.state = _moved(asked, State.WAITING)
        asked.not_before = now + dt.timedelta(minutes=self._rules.retry_minutes)


def _waiting(now: dt.datetime) -> sa.Select[FollowUp]:
    """Those whose next attempt is due, the longest due first."""
    query = sa.select(FollowUp).where(FollowUp.state == State.WAITING, FollowUp.not_before <= now)
    return query.order_by(FollowUp.not_before, FollowUp.id)


def heard(session: Session, call_id: str) -> tuple[Answers, bool]:
    """What the citizen answered in a call, and whether a person was asked for."""
    query = sa.select(JournalEvent.kind, JournalEvent.data).where(JournalEvent.call_id == call_id)
    given: dict[str, int] = {}
    wants_person = False
    for kind, data in session.execute(query.order_by(JournalEvent.at, JournalEvent.seq)):
        if kind == Kind.FOLLOW_UP_ANSWER and isinstance(data.get("answer"), int):
            given[str(data.get("question"))] = data["answer"]
        wants_person = wants_person or kind == Kind.FOLLOW_UP_PERSON
    return Answers.of_keys(given), wants_person


def record(
    session: Session,
    asked: FollowUp,
    answers: Answers,
    way: str,
    rules: FollowUpRules,
    now: dt.datetime,
    *,
    wants_person: bool = False,
) -> None:
    """Keep what the citizen said; the content are archived, the others are left to people."""
    reason = judge(answers, wants_person=wants_person, satisfied_up_to=rules.satisfied_up_to)
    asked.answers, asked.way, asked.answered_at = answers.as_data(), way, now
    asked.code_hash = None
    order = order_steps.answered(session, asked, answers, now)
    if order.state not in order_steps.OPEN:
        _went_on(asked, now)
        return
    if order.state == OrderState.REVIEWED:  # so its policy wants
        reason = reason or Reason.SUPERVISED
    if reason is None:
        try:
            order_steps.archive(session, asked, now)
        except Refused:  # a notice or a written result is open
            reason = Reason.HELD
    if reason is None:
        asked.state, asked.result = _moved(asked, State.DONE), Result.SATISFIED.value
        asked.decided_by, asked.decided_at = "system", now
        return
    if reason in (Reason.DISSATISFIED, Reason.UNTRUE, Reason.UNSOLVED):
        asked.result = Result.DISSATISFIED.value
    if asked.state != State.PERSON:
        _to_person(asked, reason)
    asked.reason = reason.value


def _to_person(asked: FollowUp, reason: Reason) -> None:
    asked.state, asked.reason = _moved(asked, State.PERSON), reason.value
    if reason is Reason.NOT_REACHED:
        asked.result = Result.NOT_REACHED.value


def _went_on(asked: FollowUp, now: dt.datetime) -> None:
    """Somebody else has taken the order on: there is nothing left to decide here."""
    asked.state, asked.code_hash = _moved(asked, State.DONE), None
    asked.problem, asked.decided_at = "the order went on", now


def _moved(asked: FollowUp, to: State) -> str:
    """The only way from one state to another; raise NotOpen for one that there is not."""
    if to not in MOVES[State(asked.state)]:
        raise NotOpen(f"follow-up of order {asked.order_number}: {asked.state} → {to}")
    return to.value


def _wish(asked: FollowUp, closes: dt.datetime) -> CallWish:
    return CallWish(
        id=str(asked.call_id),
        purpose=Purpose.FOLLOW_UP.value,
        number=asked.number,
        dialed=asked.dialed,
        order=asked.order_number,
        not_after=closes.timestamp(),
    )


# --- the link -----------------------------------------------------------------------------------


def hash_code(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def by_code(session: Session, code: str, now: dt.datetime) -> FollowUp:
    """The follow-up that a link leads to; raise NotOpen when it was used or is too old."""
    asked = session.scalar(
        sa.select(FollowUp).where(FollowUp.code_hash == hash_code(code)).with_for_update()
    )
    expires = asked.code_expires_at if asked is not None else None
    if asked is None or asked.state == State.DONE or expires is None or expires < now:
        raise NotOpen("there is no such link, or it was used, or it is too old")
    return asked


# --- what people do -----------------------------------------------------------------------------


def waiting_for_people(
    session: Session,
    conditions: Sequence[sa.ColumnElement[bool]] = (),
    after: int = 0,
    limit: int = 50,
) -> list[FollowUp]:
    """Those that somebody has to ask or to decide, oldest first, from an id on."""
    query = sa.select(FollowUp).where(
        FollowUp.state == State.PERSON, FollowUp.id > after, *conditions
    )
    return list(session.scalars(query.order_by(FollowUp.id).limit(limit)))


def of_order(session: Session, number: str) -> list[FollowUp]:
    """All rounds of an order, first to last."""
    query = sa.select(FollowUp).where(FollowUp.order_number == number)
    return list(session.scalars(query.order_by(FollowUp.round)))


def decide(
    session: Session,
    follow_up_id: int,
    decision: Decision | str,
    actor: Actor,
    reason: str,
    now: dt.datetime,
    answers: Answers | None = None,
    unsatisfied_with: Sequence[str] = (),
) -> FollowUp:
    """A person closes it: the order is done again, or archived.

    `answers` are what the citizen told that person; `unsatisfied_with` some of
    `workorder.needs.COUNTS`. Raise NotOpen when somebody else was faster,
    and `workorder.refusals.Refused` for a step that isn't legal now.
    """
    asked = session.get(FollowUp, follow_up_id, with_for_update=True)
    if asked is None or asked.state != State.PERSON:
        raise NotOpen("somebody else has decided already")
    if answers is not None and not answers.empty:
        asked.answers, asked.answered_at = answers.as_data(), now
    asked.way = "person"
    told = Answers(**asked.answers) if asked.answers else Answers()
    asked.state, asked.code_hash = _moved(asked, State.DONE), None
    asked.decided_by, asked.decided_at = actor.name[:64], now
    order_steps.answered(session, asked, told, now, actor, reason, unsatisfied_with)
    if Decision(decision) is Decision.REDO:
        asked.result = Result.DISSATISFIED.value
        order_steps.redo(session, asked, now, actor, reason)
    else:
        asked.result = asked.result or Result.SATISFIED.value
        order_steps.archive(session, asked, now, actor, reason)
    return asked
