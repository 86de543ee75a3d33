"""What waits for somebody: the dispatcher's board, a unit's inbox, supervision, follow-ups.

Each list holds open orders only, the most urgent first; none of them grows with the archive.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, abort, g, render_template, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from web.auth import signed_in
from web.localtime import now
from web.order_list import count
from web.rights import Role
from web.scope import visible_orders
from web.storage import db
from web.units import unit_choices, unit_names
from workorder import directory, policies
from workorder.models import (
    DispatchRule,
    Order,
    OrderEvent,
    OrderSupervision,
    OrderUnit,
    Unit,
    User,
)
from workorder.quota import Quota, quota
from workorder.states import State, Step
from workorder.transitions import TRANSITIONS
from workorder.units import units_below

blueprint = Blueprint("worklists", __name__)

ROWS = 50  # of one list; the rest shows when these are done
# Steps that need nothing said: one press in the list.
ONE_CLICK = (Step.ACKNOWLEDGE, Step.CO_ACKNOWLEDGE, Step.REVIEW, Step.GRANT_EXTENSION)
FAR = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
HANDLED = (State.DISPATCHED, State.ACKNOWLEDGED, State.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of a page. `where` gives its condition for the person who looks."""

    name: str
    title: LazyString
    empty: LazyString
    where: Callable[[User], ColumnElement[bool]]
    steps: tuple[Step, ...] = ()  # what is done from the list


def _state(*states: State) -> Callable[[User], ColumnElement[bool]]:
    return lambda _user: Order.state.in_([str(state) for state in states])


def _mine(*states: str, part: str = "") -> Callable[[User], ColumnElement[bool]]:
    """Orders in which the person's unit, or one below it, has a part in one of these states."""

    def where(user: User) -> ColumnElement[bool]:
        parts = select(OrderUnit.order_id).where(
            OrderUnit.unit.in_(_codes(user)),
            OrderUnit.active.is_(True),
            OrderUnit.state.in_(states),
            *([OrderUnit.part == part] if part else []),
        )
        return and_(Order.state.in_([str(state) for state in HANDLED]), Order.id.in_(parts))

    return where


def _codes(user: User) -> list[str]:
    """The person's unit and those below it; read once per request."""
    if "codes" not in g:
        g.codes = units_below(db(), user.unit) if user.unit else []
    return cast(list[str], g.codes)


def _overdue(user: User) -> ColumnElement[bool]:
    return and_(_mine("assigned", "acknowledged")(user), Order.due_at < now())


def _supervised(_user: User, codes: list[str] | None = None) -> ColumnElement[bool]:
    """Orders with a notice that waits for its reply: of any unit, or of these."""
    waiting = select(OrderSupervision.order_id).where(OrderSupervision.closed_at.is_(None))
    if codes is not None:
        waiting = waiting.where(OrderSupervision.unit.in_(codes))
    return Order.id.in_(waiting)


BOARD = (
    Tab("to_dispatch", _l("待派单"), _l("没有待派的工单。"), _state(State.ACCEPTED),
        (Step.DISPATCH,)),
    Tab("returned", _l("退单"), _l("没有退回的工单。"), _state(State.RETURNED),
        (Step.DISPATCH, Step.REJECT_RETURN, Step.REFER_JOINT)),
    Tab("extension", _l("延期申请"), _l("没有待批的延期申请。"),
        lambda _user: Order.extension_state == "asked",
        (Step.GRANT_EXTENSION, Step.REFUSE_EXTENSION)),
    Tab("joint", _l("联合审定"), _l("没有待审定的工单。"), _state(State.JOINT), (Step.DETERMINE,)),
    Tab("review", _l("待复核"), _l("没有待复核的工单。"), _state(State.RESOLVED),
        (Step.REVIEW, Step.REDO)),
    Tab("handled", _l("办理中"), _l("没有正在办理的工单。"), _state(*HANDLED)),
)  # fmt: skip

INBOX = (
    Tab("new", _l("待签收"), _l("没有待签收的工单。"), _mine("assigned"),
        (Step.ACKNOWLEDGE, Step.CO_ACKNOWLEDGE)),
    Tab("working", _l("办理中"), _l("没有正在办理的工单。"), _mine("acknowledged", part="lead")),
    Tab("co", _l("协办"), _l("没有协办的工单。"), _mine("assigned", "acknowledged", part="co")),
    Tab("overdue", _l("已超期"), _l("没有超期的工单。"), _overdue),
    Tab("supervised", _l("督办"), _l("没有待答复的督办。"),
        lambda user: _supervised(user, _codes(user))),
)  # fmt: skip

SUPERVISION = (
    Tab("open", _l("督办中"), _l("没有未答复的督办通知。"), _supervised, ()),
    Tab("red", _l("超期未督办"), _l("没有超期的工单。"),
        lambda _user: and_(Order.due_at < now(), Order.supervised.is_(False),
                           Order.state.in_([str(state) for state in HANDLED])),
        (Step.SUPERVISE,)),
    Tab("repeated", _l("重复三次以上"), _l("没有重复三次以上的工单。"),
        lambda _user: and_(Order.repeat_count >= 2, Order.due_at.is_not(None)), (Step.SUPERVISE,)),
)  # fmt: skip


@blueprint.get("/dispatch")
def board() -> str:
    return _page("board", BOARD)


@blueprint.get("/inbox")
def inbox() -> str:
    return _page("inbox", INBOX)


@blueprint.get("/supervision")
def supervision() -> str:
    return _page("supervision", SUPERVISION)


def _page(page: str, tabs: tuple[Tab, ...]) -> str:
    user = signed_in()
    name = request.args.get("tab", tabs[0].name)
    tab = next((each for each in tabs if each.name == name), None) or abort(404)
    orders = _most_urgent(_statement(tab, user))
    shown = orders[:ROWS]
    return render_template(
        "worklist.html",
        page=page,
        endpoint=f"worklists.{page}",
        tabs=[(each, count(db(), _statement(each, user).with_only_columns(Order.id)))
              for each in tabs],
        tab=tab,
        orders=shown,
        more=len(orders) > ROWS,
        proposals=_proposals(db(), shown) if Step.DISPATCH in tab.steps else {},
        asked=_asked(db(), shown) if tab.name in ("returned", "extension", "joint") else {},
        units=unit_names(db()),
        unit_choices=unit_choices(db()) if Step.DISPATCH in tab.steps else [],
        steps=_steps(user, tab),
        unlike=_not_theirs(user, shown, tab),
        one_click=ONE_CLICK,
        once=secrets.token_hex(13),
        quota=_quota() if page == "supervision" else None,
    )  # fmt: skip


def _quota() -> Quota | None:
    """How many orders the policy in use wants supervised this month, where it says so."""
    return quota(db(), policies.policy_of(policies.current(db())), now())


def _most_urgent(statement: Select[Order]) -> list[Order]:
    """One more than is shown. Those without a deadline stand last.

    Ordered by an expression, so that no database is tempted to walk the deadlines of everything.
    """
    urgency = func.coalesce(Order.due_at, FAR)
    ids = (
        db()
        .scalars(statement.with_only_columns(Order.id).order_by(urgency, Order.id).limit(ROWS + 1))
        .all()
    )
    found = {order.id: order for order in db().scalars(select(Order).where(Order.id.in_(ids)))}
    return [found[each] for each in ids]


def _statement(tab: Tab, user: User) -> Select[Order]:
    if user.role == Role.UNIT:  # the tabs of the inbox say themselves whose orders they hold
        return select(Order).where(tab.where(user))
    return select(Order).where(visible_orders(user), tab.where(user))


def _proposals(session: Session, orders: list[Order]) -> dict[int, directory.Proposal]:
    """Order → where the directory sends it; the directory is read once for all of them."""
    active = select(Unit.code).where(Unit.active.is_(True))
    lines = session.scalars(
        select(DispatchRule).where(DispatchRule.active.is_(True), DispatchRule.unit.in_(active))
    ).all()
    found = {}
    for order in orders:
        if directory.joined_hotlines(order):
            proposal = directory.propose(session, order)
        else:
            proposal = directory.choose(lines, order.category, order.topic, order.district)
        if proposal is not None:
            found[order.id] = proposal
    return found


def _asked(session: Session, orders: list[Order]) -> dict[int, OrderEvent]:
    """The event by which each order came into this list: who asked what, and why."""
    kinds = [Step.RETURN, Step.ASK_EXTENSION, Step.REFER_JOINT]
    rows = session.scalars(
        select(OrderEvent)
        .where(OrderEvent.order_id.in_([order.id for order in orders]), OrderEvent.kind.in_(kinds))
        .order_by(OrderEvent.id)
    )
    return {event.order_id: event for event in rows}


def _not_theirs(user: User, orders: list[Order], tab: Tab) -> set[tuple[int, str]]:
    """(order, step) of acknowledging in a part that the person's units don't have."""
    of_part = {"lead": Step.ACKNOWLEDGE, "co": Step.CO_ACKNOWLEDGE}
    if not set(of_part.values()) & set(tab.steps):
        return set()
    waiting = db().execute(
        select(OrderUnit.order_id, OrderUnit.part).where(
            OrderUnit.order_id.in_([order.id for order in orders]),
            OrderUnit.unit.in_(_codes(user)),
            OrderUnit.active.is_(True),
            OrderUnit.state == "assigned",
        )
    )
    theirs = {(order_id, of_part[part]) for order_id, part in waiting}
    every = {(order.id, step) for order in orders for step in of_part.values()}
    return {(order_id, str(step)) for order_id, step in every - theirs}


def _steps(user: User, tab: Tab) -> list[Step]:
    """What the person may do from the list, as far as the role goes; the lifecycle decides."""
    return [step for step in tab.steps if user.role in TRANSITIONS[step].roles]
