"""Users, for the administrator: roles, locks and new passwords."""

from __future__ import annotations

import secrets
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from web import passwords
from web.admin import blueprint
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import now
from web.rights import Role
from web.storage import db, saving
from workorder.models import User


@blueprint.get("/users")
def users() -> str:
    return _page()


def _page(renewed: tuple[str, str] | None = None) -> str:
    """`renewed`: a user's name and new password, shown this once and kept nowhere."""
    found = list(db().scalars(select(User).order_by(User.username)))
    return render_template("users.html", users=found, at=now(), renewed=renewed)


@blueprint.post("/users/<int:user_id>")
def change_user(user_id: int) -> Any:
    """Do one of: role, activate, deactivate, unlock, password. Each but unlock ends sessions."""
    if user_id == signed_in().id:
        abort(400)  # nobody locks herself out by mistake
    action = request.form.get("action", "")
    new_password = secrets.token_urlsafe(12) if action == "password" else None
    password_hash = passwords.hash_password(new_password) if new_password else None
    with saving() as session:
        user = session.get(User, user_id) or abort(404)
        _change(user, action, password_hash)
        record(session, Action.USER_CHANGED, user.username, signed_in(), change=action)
        username = user.username
    if new_password:
        return _page((username, new_password))
    flash(_("用户 %(name)s 已修改。", name=username), "good")
    return redirect(url_for("admin.users"))


def _change(user: User, action: str, password_hash: str | None) -> None:
    if action == "unlock":
        user.failed_logins, user.locked_until = 0, None
        return
    if action == "role":
        user.role = _role()
    elif action in ("activate", "deactivate"):
        user.active = action == "activate"
    elif password_hash:
        user.password_hash, user.failed_logins, user.locked_until = password_hash, 0, None
    else:
        abort(400)
    user.session_epoch += 1


def _role() -> Any:
    role = request.form.get("role", "")
    return role if role in list(Role) else abort(400)
