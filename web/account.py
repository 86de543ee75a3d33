"""One's own account: the password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as flask_session
from flask_babel import gettext as _

from web import passwords
from web.audit import Action, record
from web.auth import signed_in
from web.storage import saving
from workorder.models import User

blueprint = Blueprint("account", __name__)


@blueprint.route("/account", methods=["GET", "POST"])
def account() -> Any:
    if request.method == "GET":
        return render_template("account.html", problems={})
    problems = _problems()
    if problems:
        return render_template("account.html", problems=problems), 422
    password_hash = passwords.hash_password(request.form["new"])
    with saving() as session:
        user = session.get_one(User, signed_in().id)
        user.password_hash = password_hash
        user.session_epoch += 1
        record(session, Action.PASSWORD_CHANGED, user.username, user)
        epoch = user.session_epoch
    flask_session["epoch"] = epoch  # this session goes on, all others end
    flash(_("密码已修改，您在其他设备上的登录已全部退出。"), "good")
    return redirect(url_for("account.account"))


def _problems() -> dict[str, str]:
    old, new = request.form.get("old", ""), request.form.get("new", "")
    found = {}
    if not passwords.matches(signed_in().password_hash, old):
        found["old"] = _("当前密码不正确。")
    if not passwords.MIN_LENGTH <= len(new) <= passwords.MAX_LENGTH:
        found["new"] = _("新密码至少 %(n)s 个字符。", n=passwords.MIN_LENGTH)
    elif new != request.form.get("again", ""):
        found["again"] = _("两次输入的新密码不一致。")
    elif new == old:
        found["new"] = _("新密码不能与当前密码相同。")
    return found
