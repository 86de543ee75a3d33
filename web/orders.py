"""The list of orders, its saved views, and the page of one order with its steps."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from callcenter import inquiry
from callcenter.privacy import clean_text
from web import order_page, paging, step_forms, step_words, words
from web.audit import Action, record
from web.auth import signed_in
from web.calls import cursor_argument
from web.live_orders import tell
from web.localtime import clock, now
from web.order_filter import OrderFilter
from web.order_list import find_orders
from web.scope import is_visible, listed, reveals_numbers, visible_order
from web.security import safe_next
from web.storage import db, saving, settings
from web.units import districts, unit_names
from workorder import lifecycle
from workorder.models import Order, SavedView
from workorder.refusals import Conflict, Refused
from workorder.roles import Actor
from workorder.states import Step

blueprint = Blueprint("orders", __name__, url_prefix="/orders")

MOST_VIEWS = 20


@blueprint.get("")
def index() -> str:
    return list_page(OrderFilter.from_args(request.args), "orders.index", archive=False)


@blueprint.get("/archive")
def archive() -> str:
    wanted = OrderFilter.from_args({**request.args.to_dict(), "state": "archived", "light": ""})
    return list_page(wanted, "orders.archive", archive=True)


def list_page(wanted: OrderFilter, endpoint: str, *, archive: bool) -> str:
    user, after = signed_in(), cursor_argument()
    filtered, scope = listed(user, wanted)
    found = find_orders(db(), filtered, scope, after, tails=reveals_numbers(user))
    args = wanted.to_args()
    if archive:
        args.pop("state", None)
    return render_template(
        "orders.html",
        orders=found.orders,
        wanted=wanted,
        args=args,
        endpoint=endpoint,
        archive=archive,
        newest=after is None,
        next_cursor=paging.encode(found.after) if found.after else None,
        looked_back_to=found.looked_back_to,
        views=views(user.username),
        units=unit_names(db()),
        districts=districts(db()),
    )


# --- saved views ---------------------------------------------------------------------------------


def views(username: str) -> list[SavedView]:
    mine = select(SavedView).where(SavedView.username == username).order_by(SavedView.name)
    return list(db().scalars(mine))


@blueprint.post("/views")
def save_view() -> Any:
    """Keep the filter that the page shows under a name."""
    username = signed_in().username
    name = clean_text(request.form.get("name", ""), 40)
    query = OrderFilter.from_args(request.form).to_args()
    if not name or not query:
        flash(_("请先设好条件，再给视图起一个名称。"), "bad")
        return redirect(_list(query))
    with saving() as session:
        mine = select(SavedView).where(SavedView.username == username)
        found = session.scalar(mine.where(SavedView.name == name))
        if found is None and len(session.scalars(mine).all()) >= MOST_VIEWS:
            flash(_("最多保存 %(n)s 个视图，请先删除不用的。", n=MOST_VIEWS), "bad")
            return redirect(_list(query))
        if found is None:
            session.add(SavedView(username=username, name=name, query=query))
        else:
            found.query = query
    flash(_("视图“%(name)s”已保存。", name=name), "good")
    return redirect(_list(query))


@blueprint.post("/views/<int:view_id>/remove")
def remove_view(view_id: int) -> Any:
    with saving() as session:
        found = session.get(SavedView, view_id)
        if found is None or found.username != signed_in().username:
            abort(404)
        session.delete(found)
    flash(_("视图已删除。"), "good")
    return redirect(url_for("orders.index"))


def _list(query: dict[str, str]) -> str:
    values: dict[str, Any] = dict(query)
    return url_for("orders.index", **values)


# --- one order -----------------------------------------------------------------------------------


@blueprint.get("/<number>")
def show(number: str) -> str:
    return order_page.page(visible_order(number))


@blueprint.post("/<number>/number")
def show_number(number: str) -> str:
    """The citizen's whole number, once; that it was looked at is kept."""
    order = visible_order(number)
    with saving() as session:
        record(session, Action.NUMBER_SHOWN, order.number, signed_in())
    return render_template("_number.html", shown=order.citizen_number)


@blueprint.post("/<number>/code")
def show_code(number: str) -> str:
    """The code with which the citizen asks how far it is, to be told; the look is kept."""
    order = visible_order(number)
    with saving() as session:
        record(session, Action.CODE_SHOWN, order.number, signed_in())
    shown = inquiry.code(settings().web_secret_key, order.number)
    return render_template("_number.html", shown=shown)


@blueprint.post("/<number>/steps/<name>")
def step(number: str, name: str) -> Any:
    """Take a step. Whoever was slower is told who was faster, and sees the order as it is now."""
    order = visible_order(number)
    user = signed_in()
    actor = Actor.of(user)
    if name not in list(Step):
        abort(404)
    wanted = Step(name)
    choice = next(
        (each for each in lifecycle.choices(db(), order, actor, now()) if each.step is wanted), None
    )
    fields = choice.fields if choice else ()
    problems = step_forms.problems(fields, request.form) if choice and choice.allowed else {}
    if problems:
        return order_page.page(order, wrong=(wanted, request.form, problems)), 422
    reason, data = step_forms.read(fields, request.form)
    back = safe_next(request.form.get("back")) or url_for("orders.show", number=number)
    try:
        with saving() as session:
            mine = session.get_one(Order, order.id)
            lifecycle.take(
                session, mine, wanted, actor=actor, at=now(), reason=reason, data=data,
                version=_version(), key=_key(number, wanted),
            )  # fmt: skip
    except Conflict as error:
        flash(_overtaken(order, wanted, error), "bad")
        return redirect(back)
    except Refused as error:
        if "back" in request.form:
            flash(_refused(order, wanted, error), "bad")
            return redirect(back)
        db().refresh(order)
        return order_page.page(order, refused=_refused(order, wanted, error)), 409
    tell(number)
    label = str(step_words.STEPS[wanted])
    flash(_("工单 %(number)s：%(step)s 已完成。", number=number, step=label), "good")
    if not is_visible(order.id):  # sent back, it isn't this unit's any more
        back = url_for("home.home")
    return redirect(back)


def _overtaken(order: Order, wanted: Step, error: Conflict) -> str:
    db().refresh(order)
    what = str(words.word(step_words.STEPS, error.kind))
    return _(
        "工单 %(number)s：您的“%(step)s”没有执行。%(who)s 刚刚（%(at)s）已办“%(what)s”，"
        "现在是“%(state)s”。请看过最新情况再决定。",
        number=order.number, step=str(step_words.STEPS[wanted]), who=error.by, what=what,
        at=clock(error.at or now()),
        state=str(words.word(words.ORDER_STATES, order.state)),
    )  # fmt: skip


def _refused(order: Order, wanted: Step, error: Refused) -> str:
    legal = _("、").join(str(step_words.STEPS[each]) for each in error.legal) or "–"
    return _(
        "工单 %(number)s 不能“%(step)s”：%(why)s 现在可以：%(legal)s。",
        number=order.number, step=str(step_words.STEPS[wanted]), legal=legal,
        why=step_forms.why_words(error),
    )  # fmt: skip


def _version() -> int | None:
    version = request.form.get("version", "")
    return int(version) if version.isdecimal() and len(version) < 10 else None


def _key(number: str, wanted: Step) -> str | None:
    """The same form sent twice (a double click, a reload) is one step."""
    once = request.form.get("once", "")
    return f"web:{number}:{wanted}:{once}" if once.isalnum() and len(once) == 32 else None
