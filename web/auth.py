"""Logging in and out, the lock-out, and the gate in front of every endpoint."""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Any, cast

from flask import (
    Blueprint,
    Flask,
    abort,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as flask_session
from flask_babel import gettext as _
from sqlalchemy import case, or_, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from web import i18n, passwords
from web.audit import Action, record
from web.localtime import now
from web.rights import ENDPOINTS, Door, Role, may
from web.security import STATIC_ENDPOINTS, safe_next
from web.storage import db, saving, settings
from workorder.models import User

blueprint = Blueprint("auth", __name__)

ALLOWED_FAILURES = 5
LOCKED_FOR = dt.timedelta(minutes=15)


def init_app(app: Flask) -> None:
    app.before_request(guard)
    app.register_blueprint(blueprint)
    app.jinja_env.globals["may"] = lambda endpoint: (
        g.user is not None and may(Role(g.user.role), endpoint)
    )


# --- the gate ------------------------------------------------------------------------------------


def guard() -> Response | tuple[str, int, dict[str, str]] | None:
    """Let a request through when `web.rights` says so."""
    g.user = None
    if request.endpoint is None:
        g.user = current_user()  # for the "not found" page's menu
        return None
    access = ENDPOINTS.get(request.endpoint)
    if access is Door.TOKEN:
        return None if has_token() else abort(401)
    if access is Door.CHANNEL or request.endpoint in STATIC_ENDPOINTS:
        return None
    g.user = current_user()
    if access is Door.PUBLIC:
        return None
    if g.user is None:
        return ask_to_log_in()
    if not may(Role(g.user.role), request.endpoint):
        abort(403)
    return None


def current_user() -> User | None:
    """Who the session belongs to, if it still holds (active, same session epoch)."""
    user_id, epoch = flask_session.get("user"), flask_session.get("epoch")
    if not isinstance(user_id, int):
        return None
    return valid_user(db(), user_id, epoch)


def valid_user(database: Session, user_id: int, epoch: object) -> User | None:
    user = database.get(User, user_id)
    if (
        user is None
        or not user.active
        or user.session_epoch != epoch
        or user.role not in list(Role)
    ):
        return None
    return user


def signed_in() -> User:
    """The logged-in user, behind the gate."""
    return cast(User, g.user)


def has_token() -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    expected = settings().api_token
    return scheme.lower() == "bearer" and hmac.compare_digest(
        token.strip().encode(), expected.encode()
    )


def ask_to_log_in() -> Response | tuple[str, int, dict[str, str]]:
    if request.headers.get("HX-Request"):  # a fragment: the whole page has to go
        return "", 401, {"HX-Redirect": url_for("auth.login")}
    if request.method != "GET" or "text/html" not in request.headers.get("Accept", "text/html"):
        abort(401)
    target = request.full_path.rstrip("?")
    return redirect(url_for("auth.login", next=target if target != "/" else None))


# --- logging in and out --------------------------------------------------------------------------


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Any:
    target = safe_next(request.values.get("next"))
    if request.method == "GET":
        return redirect(target or url_for("home.home")) if g.user else login_page(target)
    username = request.form.get("username", "").strip()[:64]
    user_id = authenticate(username, request.form.get("password", ""))
    user = db().get(User, user_id) if user_id is not None else None
    if user is None:
        return login_page(target, username, failed=True), 401
    start_session(user)
    return redirect(target or url_for("home.home"))


def login_page(target: str | None, username: str = "", failed: bool = False) -> str:
    # One sentence for a wrong name, a wrong password and a locked account: it tells a guesser
    # nothing, and tells an honest user everything.
    error = (
        _(
            "用户名或密码不正确。连续输错 %(n)s 次，账号将锁定 %(minutes)s 分钟。",
            n=ALLOWED_FAILURES,
            minutes=int(LOCKED_FOR.total_seconds() // 60),
        )
        if failed
        else None
    )
    return render_template("login.html", next=target, username=username, error=error)


def start_session(user: User) -> None:
    chosen = flask_session.get("language")
    flask_session.clear()
    flask_session.permanent = True
    flask_session["user"], flask_session["epoch"] = user.id, user.session_epoch
    if chosen:
        flask_session["language"] = chosen


def authenticate(username: str, password: str) -> int | None:
    """The user's id, if name and password are right and the account is open.

    An attempt is counted before the password is looked at, in one statement: a hundred guesses
    at the same moment get no further than five. The password is checked outside any transaction.
    """
    with saving() as session:
        user = session.scalar(select(User).where(User.username == username))
        known = user is not None and user.active
        may_try = user is not None and known and _count_attempt(session, user.id)
        user_id, password_hash = (user.id, user.password_hash) if user else (None, None)
    right = passwords.matches(password_hash if known else None, password)
    if user_id is not None:
        renewed = (
            passwords.hash_password(password)
            if right and may_try and password_hash and passwords.is_outdated(password_hash)
            else None
        )
        with saving() as session:
            _note_attempt(session, user_id, right and may_try, renewed)
    return user_id if right and may_try else None


def _count_attempt(session: Session, user_id: int) -> bool:
    """Count one more attempt; False when the account is locked."""
    at = now()
    lock_is_over = User.locked_until <= at
    attempts = case((lock_is_over, 1), else_=User.failed_logins + 1)
    counted = session.execute(
        update(User)
        .where(User.id == user_id, or_(User.locked_until.is_(None), lock_is_over))
        .values(
            failed_logins=attempts,
            locked_until=case((attempts >= ALLOWED_FAILURES, at + LOCKED_FOR), else_=None),
        )
        .execution_options(synchronize_session=False)
    )
    return bool(cast(Any, counted).rowcount)


def _note_attempt(session: Session, user_id: int, let_in: bool, renewed: str | None) -> None:
    user = session.get_one(User, user_id, populate_existing=True)
    if not let_in:
        locked = user.locked_until is not None and user.locked_until > now()
        record(session, Action.LOCKED_OUT if locked else Action.LOGIN_REFUSED, user.username, user)
        return
    user.failed_logins, user.locked_until = 0, None
    user.password_hash = renewed or user.password_hash
    record(session, Action.LOGIN, user.username, user)


@blueprint.post("/logout")
def logout() -> Response:
    """End every session of this user: the cookie alone can't be called back."""
    with saving() as session:
        user = session.get_one(User, signed_in().id)
        user.session_epoch += 1
        record(session, Action.LOGOUT, user.username, user)
    flask_session.clear()
    return redirect(url_for("auth.login"))


@blueprint.post("/language")
def language() -> Response:
    chosen = request.form.get("language", "")
    if chosen not in i18n.LANGUAGES:
        abort(400)
    flask_session["language"] = chosen
    if g.user is not None:
        with saving() as session:
            session.get_one(User, g.user.id).locale = chosen
    return redirect(safe_next(request.form.get("next")) or url_for("home.home"))
