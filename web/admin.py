"""Blocked numbers, users and the audit log."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response

from callcenter import config_export
from callcenter.models import BlockedNumber
from callcenter.privacy import clean_text, mask
from web import paging, words
from web.audit import ACTIONS, Action, record
from web.auth import signed_in
from web.calls import cursor_argument
from web.localtime import day_start, now, today
from web.storage import db, saving, settings
from workorder.models import AuditEntry

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

NUMBER = re.compile(r"\+?\d{3,20}", re.ASCII)
PAGE_SIZE = 100


@blueprint.get("/blocked")
def blocked() -> str:
    return _blocked_page({}, {})


@blueprint.post("/blocked")
def block() -> Any:
    form = {name: request.form.get(name, "").strip() for name in ("number", "reason", "until")}
    number = re.sub(r"[\s()-]", "", form["number"])
    reason = clean_text(form["reason"], 200)
    until, problems = _end_of(form["until"])
    if not NUMBER.fullmatch(number):
        problems["number"] = _("请输入 3 至 20 位电话号码，只含数字，可以 + 开头。")
    if not reason:
        problems["reason"] = _("请写明拦截原因，便于复核。")
    if db().get(BlockedNumber, number):
        problems["number"] = _("该号码已在名单中。")
    if problems:
        return _blocked_page(form, problems), 422
    user = signed_in()
    with saving() as session:
        session.add(
            BlockedNumber(
                number=number,
                reason=reason,
                blocked_by=user.username,
                created_at=now(),
                until=until,
            )
        )
        record(session, Action.NUMBER_BLOCKED, mask(number), user, reason=reason)
    _tell_controller()
    flash(_("号码 %(number)s 已拦截。", number=number), "good")
    return redirect(url_for("admin.blocked"))


@blueprint.post("/blocked/<number>/remove")
def unblock(number: str) -> Response:
    with saving() as session:
        found = session.get(BlockedNumber, number)
        if found is None:
            abort(404)
        session.delete(found)
        record(session, Action.NUMBER_UNBLOCKED, mask(number), signed_in())
    _tell_controller()
    flash(_("号码 %(number)s 已解除拦截。", number=number), "good")
    return redirect(url_for("admin.blocked"))


@blueprint.get("/audit")
def audit() -> str:
    after = cursor_argument()
    action, username = request.args.get("action", ""), request.args.get("username", "").strip()
    statement = select(AuditEntry)
    if action:
        statement = statement.where(AuditEntry.action == action)
    if username:
        statement = statement.where(AuditEntry.username == username)
    if after:
        key = int(after.key) if after.key.isdigit() and len(after.key) < 19 else 0
        statement = statement.where(paging.older_than(AuditEntry.at, AuditEntry.id, after.at, key))
    entries = list(
        db().scalars(
            statement.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(PAGE_SIZE + 1)
        )
    )
    more = len(entries) > PAGE_SIZE
    entries = entries[:PAGE_SIZE]
    last = entries[-1] if more else None
    return render_template(
        "audit.html",
        entries=entries,
        actions=ACTIONS,
        action=action,
        username=username,
        next_cursor=paging.encode(paging.Position(last.at, str(last.id))) if last else None,
        newest=after is None,
    )


def _tell_controller() -> None:
    """The controller turns callers away by a file, so that no call waits for the database."""
    config_export.export(db(), settings().data_dir)


def _blocked_page(form: dict[str, str], problems: dict[str, str]) -> str:
    return render_template(
        "blocked.html",
        numbers=list(db().scalars(select(BlockedNumber).order_by(BlockedNumber.created_at.desc()))),
        form=form,
        problems=problems,
        at=now(),
        words=words,
    )


def _end_of(text: str) -> tuple[dt.datetime | None, dict[str, str]]:
    """The end of the last day on which a number is blocked; nothing means until it is removed."""
    if not text:
        return None, {}
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None, {"until": _("请输入日期，例如 2026-03-31。")}
    if not today() <= day < dt.date(9000, 1, 1):
        return None, {"until": _("截止日期不能早于今天。")}
    return day_start(day + dt.timedelta(days=1)), {}
