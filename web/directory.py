"""The dispatch directory: which unit handles what, edited as a table."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from callcenter.privacy import clean_text
from web import sheets
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import now
from web.storage import db, saving
from web.units import Overtaken, unit_choices, unit_names
from workorder.categories import Category
from workorder.models import DispatchRule, Unit

blueprint = Blueprint("directory", __name__, url_prefix="/directory")

COLUMNS = ("category", "topic", "district", "unit", "co_units", "note", "active")
NEEDED = ("unit",)


@blueprint.get("")
def index() -> str:
    return _page({}, "", {})


@blueprint.post("")
def save() -> Any:
    """One line: new without an id, else a change of that line."""
    form = _typed(request.form)
    line, version = request.form.get("id", ""), request.form.get("version", "")
    problems = check(db(), form)
    if problems:
        return _page(problems, line, form), 422
    try:
        with saving() as session:
            rule = session.get(DispatchRule, int(line)) if line.isdecimal() else None
            if line and rule is None:
                abort(404)
            if rule is not None and str(rule.version) != version:
                raise Overtaken
            put(session, rule or DispatchRule(), form)
            record(session, Action.DIRECTORY_CHANGED, line or "new", signed_in(), values=form)
    except (StaleDataError, Overtaken):
        told = {"unit": _("别人刚刚改过这一行，请看过最新内容再改。")}
        return _page(told, line, form), 409
    flash(_("派单目录已保存。"), "good")
    return redirect(url_for("directory.index"))


@blueprint.post("/<int:rule_id>/remove")
def remove(rule_id: int) -> Any:
    with saving() as session:
        rule = session.get(DispatchRule, rule_id) or abort(404)
        record(session, Action.DIRECTORY_CHANGED, str(rule_id), signed_in(), removed=row_of(rule))
        session.delete(rule)
    flash(_("这一行已删除。"), "good")
    return redirect(url_for("directory.index"))


@blueprint.get("/export")
def export() -> Response:
    rows = [row_of(rule) for rule in rules(db())]
    with saving() as session:
        record(session, Action.EXPORTED, "directory", signed_in(), rows=len(rows))
    return sheets.answer(request.args.get("as", "xlsx"), "directory", COLUMNS, rows)


@blueprint.post("/import")
def import_() -> Any:
    """The whole directory anew: what isn't in the file is gone."""
    try:
        rows = sheets.read(request.files.get("file"), COLUMNS, NEEDED)
    except sheets.BadSheet as error:
        flash(str(error), "bad")
        return redirect(url_for("directory.index"))
    for place, row in enumerate(rows, 2):
        found = check(db(), _typed(row))
        if found:
            why = next(iter(found.values()))
            flash(_("第 %(line)s 行：%(why)s 没有导入任何一行。", line=place, why=why), "bad")
            return redirect(url_for("directory.index"))
    with saving() as session:
        before = 0
        for rule in rules(session):
            session.delete(rule)
            before += 1
        for row in rows:
            put(session, DispatchRule(), _typed(row))
        told = {"before": before, "rows": len(rows)}
        record(session, Action.DIRECTORY_CHANGED, "import", signed_in(), **told)
    flash(_("派单目录已换成文件中的 %(n)s 行。", n=len(rows)), "good")
    return redirect(url_for("directory.index"))


# --- parts ---------------------------------------------------------------------------------------


def rules(session: Session) -> list[DispatchRule]:
    order = (DispatchRule.topic, DispatchRule.district, DispatchRule.category, DispatchRule.id)
    return list(session.scalars(select(DispatchRule).order_by(*order)))


def row_of(rule: DispatchRule) -> dict[str, str]:
    return {
        "category": rule.category or "",
        "topic": rule.topic or "",
        "district": rule.district or "",
        "unit": rule.unit,
        "co_units": " ".join(str(each) for each in rule.co_units),
        "note": rule.note,
        "active": "yes" if rule.active else "no",
    }


def _typed(form: Any) -> dict[str, str]:
    typed = {name: clean_text(form.get(name, "") or "", 200) for name in COLUMNS}
    return {**typed, "co_units": " ".join(typed["co_units"].replace(",", " ").split())}


def check(session: Session, form: dict[str, str]) -> dict[str, str]:
    """Field → what is wrong, in words."""
    found: dict[str, str] = {}
    if form["category"] and form["category"] not in list(Category):
        names = " ".join(Category)
        found["category"] = _(
            "没有类别“%(name)s”。可以填：%(all)s。", name=form["category"], all=names
        )
    if not form["unit"]:
        found["unit"] = _("请选择承办单位。")
    codes = {"unit": [form["unit"]] if form["unit"] else [], "co_units": form["co_units"].split()}
    for name, wanted in codes.items():
        known = set(session.scalars(select(Unit.code).where(Unit.code.in_(wanted), Unit.active)))
        unknown = [code for code in wanted if code not in known]
        if unknown:
            found[name] = _("没有这个单位，或已停用：%(codes)s。", codes=", ".join(unknown))
    if len(form["topic"]) > 64 or len(form["district"]) > 32:
        found["topic"] = _("事项最多 64 个字，区县最多 32 个字。")
    return found


def put(session: Session, rule: DispatchRule, form: dict[str, str]) -> None:
    rule.category = form["category"] or None
    rule.topic = form["topic"] or None
    rule.district = form["district"] or None
    rule.unit = form["unit"]
    rule.co_units = form["co_units"].split()
    rule.note = form["note"]
    rule.active = form["active"] not in ("no", "0", "false", "否")
    rule.changed_by, rule.changed_at = signed_in().username, now()
    session.add(rule)


def _page(problems: dict[str, str], line: str, form: dict[str, str]) -> str:
    return render_template(
        "directory.html",
        rules=rules(db()),
        problems=problems,
        line=line,
        form=form,
        units=unit_names(db()),
        unit_choices=unit_choices(db()),
    )
