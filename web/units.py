"""The tree of handling units: names for other pages, and the page where it is edited as a table."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from callcenter.privacy import clean_text
from web import sheets
from web.audit import Action, record
from web.auth import signed_in
from web.storage import db, saving
from workorder.models import DispatchRule, Unit
from workorder.models.units import TIERS

blueprint = Blueprint("units", __name__, url_prefix="/units")

CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
KINDS = ("bureau", "district", "street", "community", "utility", "hotline")
TEXTS = {
    "name": 64,
    "contact_name": 64,
    "contact_phone": 32,
    "contact_email": 128,
    "leader_name": 64,
    "leader_phone": 32,
    "leader_email": 128,
}
COLUMNS = ("code", "name", "parent", "kind", *tuple(TEXTS)[1:], "active")


class UnitChoice(NamedTuple):
    code: str
    name: str
    depth: int  # 0 for the top


# --- for other pages -----------------------------------------------------------------------------


def unit_names(session: Session) -> dict[str, str]:
    """Code → name, of all units there are or were; read once per request."""
    if "unit_names" not in g:
        rows = session.execute(select(Unit.code, Unit.name).order_by(Unit.path))
        g.unit_names = {row.code: row.name for row in rows}
    return cast(dict[str, str], g.unit_names)


def unit_choices(session: Session) -> list[UnitChoice]:
    """Active units as a tree, for lists to choose from."""
    if "unit_choices" not in g:
        rows = session.execute(
            select(Unit.code, Unit.name, Unit.tier).where(Unit.active).order_by(Unit.path)
        )
        g.unit_choices = [UnitChoice(row.code, row.name, row.tier - 1) for row in rows]
    return cast(list[UnitChoice], g.unit_choices)


def districts(session: Session) -> list[str]:
    """The districts that orders are told apart by: those of the directory and of the tree."""
    if "districts" not in g:
        named = session.scalars(
            select(DispatchRule.district).where(DispatchRule.district.is_not(None)).distinct()
        )
        units = session.scalars(select(Unit.name).where(Unit.kind == "district", Unit.active))
        g.districts = sorted({each for each in [*named, *units] if each})
    return cast(list[str], g.districts)


# --- the page ------------------------------------------------------------------------------------


@blueprint.get("")
def index() -> str:
    return _page({}, "")


@blueprint.post("")
def save() -> Any:
    """One line of the table: a new unit, or a change of one."""
    form = {name: clean_text(request.form.get(name, ""), 200) for name in COLUMNS}
    version = request.form.get("version", "")
    problems = check(db(), form, new=not version)
    if problems:
        return _page(problems, form["code"], form), 422
    try:
        with saving() as session:
            put(session, form, version=int(version) if version.isdecimal() else None)
            record(session, Action.UNIT_CHANGED, form["code"], signed_in(), values=form)
    except (StaleDataError, Overtaken):
        told = {"code": _("别人刚刚改过这个单位，请看过最新内容再改。")}
        return _page(told, form["code"], form), 409
    flash(_("单位“%(name)s”已保存。", name=form["name"]), "good")
    return redirect(url_for("units.index"))


@blueprint.get("/export")
def export() -> Response:
    rows = [row_of(unit) for unit in all_units(db())]
    with saving() as session:
        record(session, Action.EXPORTED, "units", signed_in(), rows=len(rows))
    return sheets.answer(request.args.get("as", "xlsx"), "units", COLUMNS, rows)


@blueprint.post("/import")
def import_() -> Any:
    """The table as a file: units in it are made or changed, others stay as they are."""
    try:
        rows = sheets.read(request.files.get("file"), COLUMNS, needed=("code", "name"))
    except sheets.BadSheet as error:
        flash(str(error), "bad")
        return redirect(url_for("units.index"))
    with saving() as session:
        for place, row in enumerate(rows, 2):
            form = {name: clean_text(row.get(name, ""), 200) for name in COLUMNS}
            found = check(session, form, new=session.get(Unit, form["code"]) is None)
            if found:
                session.rollback()
                why = next(iter(found.values()))
                flash(_("第 %(line)s 行：%(why)s 没有导入任何一行。", line=place, why=why), "bad")
                return redirect(url_for("units.index"))
            put(session, form)
        record(session, Action.UNIT_CHANGED, "import", signed_in(), rows=len(rows))
    flash(_("已导入 %(n)s 行。", n=len(rows)), "good")
    return redirect(url_for("units.index"))


# --- parts ---------------------------------------------------------------------------------------


class Overtaken(Exception):
    """Somebody else changed the line since it was read."""


def all_units(session: Session) -> list[Unit]:
    return list(session.scalars(select(Unit).order_by(Unit.path)))


def row_of(unit: Unit) -> dict[str, str]:
    values = {name: str(getattr(unit, name) or "") for name in COLUMNS}
    return {**values, "active": "yes" if unit.active else "no"}


def check(session: Session, form: dict[str, str], *, new: bool) -> dict[str, str]:
    """Field → what is wrong, in words."""
    found: dict[str, str] = {}
    code, parent = form["code"], form["parent"]
    if not CODE.fullmatch(code):
        found["code"] = _("代码用小写字母、数字、- 和 _，最多 32 位，例如 water。")
    elif new and session.get(Unit, code) is not None:
        found["code"] = _("代码“%(code)s”已经有了。", code=code)
    if not form["name"]:
        found["name"] = _("请填写单位名称。")
    same = session.scalar(select(Unit.code).where(Unit.name == form["name"], Unit.code != code))
    if same is not None:
        found["name"] = _("名称“%(name)s”已经有了，代码是 %(code)s。", name=form["name"], code=same)
    for name, limit in TEXTS.items():
        if len(form[name]) > limit:
            found[name] = _("最多 %(n)s 个字，请缩短。", n=limit)
    if form["kind"] and form["kind"] not in KINDS:
        found["kind"] = _("类型只能是：%(kinds)s。", kinds=" ".join(KINDS))
    if parent:
        above = session.get(Unit, parent)
        if above is None:
            found["parent"] = _("没有代码为“%(code)s”的上级单位。", code=parent)
        elif above.code == code or f"/{code}/" in f"/{above.path}":
            found["parent"] = _("一个单位不能隶属于自己或自己的下级。")
        elif above.tier + _depth_below(session, code) > TIERS:
            found["parent"] = _("单位最多 %(n)s 级。", n=TIERS)
    return found


def _depth_below(session: Session, code: str) -> int:
    """Tiers that the unit and those below it take up."""
    unit = session.get(Unit, code)
    if unit is None:
        return 1
    tiers = session.scalars(
        select(Unit.tier).where(Unit.path.startswith(unit.path, autoescape=True))
    )
    return max(tiers, default=unit.tier) - unit.tier + 1


def put(session: Session, form: dict[str, str], version: int | None = None) -> None:
    """Make or change the unit; those below it move with it. Raise Overtaken."""
    unit = session.get(Unit, form["code"])
    if version is not None and (unit is None or unit.version != version):
        raise Overtaken
    above = session.get(Unit, form["parent"]) if form["parent"] else None
    path = f"{above.path if above else ''}{form['code']}/"
    tier = above.tier + 1 if above else 1
    if unit is None:
        unit = Unit(code=form["code"], tier=tier, path=path)
        session.add(unit)
    elif unit.path != path:
        _move(session, unit, path, tier)
    unit.parent = form["parent"] or None
    unit.kind = form["kind"] or "bureau"
    unit.active = form["active"] not in ("no", "0", "false", "否")
    for name in TEXTS:
        setattr(unit, name, form[name])
    session.flush()


def _move(session: Session, unit: Unit, path: str, tier: int) -> None:
    below = select(Unit).where(Unit.path.startswith(unit.path, autoescape=True))
    old, deeper = unit.path, tier - unit.tier
    for each in session.scalars(below).all():
        each.path = path + each.path[len(old) :]
        each.tier += deeper


def _page(problems: dict[str, str], code: str, form: dict[str, str] | None = None) -> str:
    units = all_units(db())
    return render_template(
        "units.html", units=units, problems=problems, code=code, form=form or {}, kinds=KINDS
    )
