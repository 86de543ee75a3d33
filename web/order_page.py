"""The page of one order: its whole story, its clocks, and what may be done with it now."""

from __future__ import annotations

import secrets
from typing import Any

from flask import render_template
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from callcenter.models import Call, Recording
from web import attachments, step_forms
from web.auth import signed_in
from web.intake import context as intake_context
from web.localtime import now
from web.order_form import Draft, editable
from web.order_story import story
from web.rights import WRITES_ORDERS, Role
from web.scope import visible_calls, visible_orders
from web.storage import db
from web.units import UnitChoice, unit_choices, unit_names
from workorder import directory, lifecycle
from workorder.clocks import Account
from workorder.models import Order, OrderSupervision, OrderUnit, PolicyVersion, User
from workorder.roles import Actor
from workorder.states import Step
from workorder.units import units_below

Wrong = tuple[Step, MultiDict[str, str], dict[str, str]]
IN_THE_FORM = frozenset({Step.ACCEPT, Step.ANSWER, Step.DECLINE})  # buttons of the intake form
BY_THE_SYSTEM = frozenset({Step.DRAFTED, Step.EDITED, Step.ATTACHED, Step.REPEATED})


def page(
    order: Order,
    intake: dict[str, Any] | None = None,
    *,
    wrong: Wrong | None = None,
    refused: str = "",
) -> str:
    """The page; `wrong` brings back a step's form with what was typed and what is wrong."""
    user = signed_in()
    writes = editable(order) and user.role in WRITES_ORDERS
    if writes and intake is None:
        intake = intake_context(order, Draft.of(order), order.version)
    choices = _unit_choices(user)
    nowhere = user.role == Role.UNIT and {each.code for each in choices} <= {order.unit}
    steps = _steps(order, user, wrong, drafted=writes, nowhere=nowhere)
    lines = story(db(), order)
    return render_template(
        "order.html",
        **(intake or {"problems": wrong[2] if wrong else {}}),
        **({} if intake else {"order": order}),
        editable=writes,
        steps=[form for form in steps if not form.why_not],
        not_now=[form for form in steps if form.why_not],
        refused=refused,
        once=secrets.token_hex(16),
        lines=lines,
        clocks=clocks(order),
        at=now(),
        parts=_parts(order),
        supervisions=_supervisions(order),
        linked=_linked(order, user),
        calls=_calls(order, user),
        recordings=_recordings(order, user),
        files=attachments.of_order(order),
        attaches=order.closed_at is None,
        accepted_files=attachments.SHOWN,
        policy=db().get(PolicyVersion, order.policy_id) if order.policy_id else None,
        proposal=_proposal(order, steps),
        units=unit_names(db()),
        unit_choices=choices if steps else [],
    )


def _unit_choices(user: User) -> list[UnitChoice]:
    """Whom an order can be sent to by this person: a unit hands it down, to nobody else."""
    every = unit_choices(db())
    if user.role != Role.UNIT:
        return every
    below = set(units_below(db(), user.unit)) if user.unit else set()
    return [each for each in every if each.code in below]


def _steps(
    order: Order, user: User, wrong: Wrong | None, *, drafted: bool, nowhere: bool
) -> list[step_forms.StepForm]:
    """`nowhere`: there is no unit that this one could hand the order down to."""
    left_out = BY_THE_SYSTEM | (IN_THE_FORM if drafted else frozenset())
    left_out |= {Step.HAND_DOWN} if nowhere else frozenset()
    choices = lifecycle.choices(db(), order, Actor.of(user), now())
    found = step_forms.forms([each for each in choices if each.step not in left_out])
    if wrong is None:
        return found
    step, typed, problems = wrong
    return [
        step_forms.StepForm(form.step, form.fields, form.why_not, form.first, typed, problems)
        if form.step is step
        else form
        for form in found
    ]


def clocks(order: Order) -> list[Account]:
    """The order's clocks with how each deadline was reckoned; the running ones first."""
    found = lifecycle.explain(db(), order)
    return sorted(found, key=lambda each: (not each.runs, -each.started_at.timestamp()))


def _proposal(order: Order, steps: list[step_forms.StepForm]) -> directory.Proposal | None:
    wanted = {Step.DISPATCH, Step.DETERMINE}
    if any(form.step in wanted and not form.why_not for form in steps):
        return directory.propose(db(), order)
    return None


def _parts(order: Order) -> list[OrderUnit]:
    found = select(OrderUnit).where(OrderUnit.order_id == order.id).order_by(OrderUnit.place)
    return list(db().scalars(found))


def _supervisions(order: Order) -> list[OrderSupervision]:
    found = select(OrderSupervision).where(OrderSupervision.order_id == order.id)
    return list(db().scalars(found.order_by(OrderSupervision.serial)))


def _linked(order: Order, user: User) -> list[Order]:
    """The order that this one repeats, and those that repeat it; newest first, at most 20."""
    same = [Order.repeat_of == order.id, Order.id == order.repeat_of]
    if order.repeat_of is not None:
        same.append(Order.repeat_of == order.repeat_of)
    found: dict[int, Order] = {}
    for condition in same:
        rows = select(Order).where(condition, Order.id != order.id, visible_orders(user))
        for each in db().scalars(rows.order_by(Order.id.desc()).limit(20)):
            found[each.id] = each
    return sorted(found.values(), key=lambda each: -each.id)[:20]


def _calls(order: Order, user: User) -> list[Call]:
    """The call that it came from, and those that belong to it since."""
    found = select(Call).where(visible_calls(user), Call.order_number == order.number)
    calls = list(db().scalars(found.order_by(Call.arrived_at.desc()).limit(20)))
    first = db().get(Call, order.call_id) if order.call_id else None
    if first is not None and first.id not in {call.id for call in calls}:
        mine = select(Call).where(Call.id == first.id, visible_calls(user))
        calls += db().scalars(mine)
    return calls


def _recordings(order: Order, user: User) -> set[str]:
    """Ids of its calls that were recorded; heard on the call's page, where it is written down."""
    ids = [call.id for call in _calls(order, user)]
    return set(db().scalars(select(Recording.call_id).where(Recording.call_id.in_(ids))))
