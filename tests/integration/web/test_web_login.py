"""Logging in: right and wrong passwords, the lock-out, sessions that end, forged forms."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest
from sqlalchemy import select
from web_kit import PASSWORD, client_for, log_in, post, token_of

from callcenter import database
from web import auth
from workorder.models import AuditEntry, User


def _user(engine, username="supervisor") -> User:
    with database.reading(engine) as session:
        return session.scalars(select(User).where(User.username == username)).one()


def _actions(engine) -> list[str]:
    with database.reading(engine) as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_given_right_password_when_logging_in_then_the_role_s_first_page_opens(app, people):
    for role, first in {"supervisor": "/live", "agent": "/desk", "auditor": "/calls"}.items():
        client = app.test_client()
        assert log_in(client, role).location == "/"
        assert client.get("/").location == first
        assert client.get(first).status_code == 200


def test_given_wrong_password_when_logging_in_then_nothing_tells_name_from_password(
    app, engine, people
):
    client = app.test_client()
    wrong = log_in(client, "supervisor", "wrong")
    unknown = log_in(client, "nobody-here", "wrong")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert _without_names(wrong.text) == _without_names(unknown.text)
    assert _actions(engine) == ["login_refused"]


def _without_names(page: str) -> str:
    page = page.replace("supervisor", "X").replace("nobody-here", "X")
    page = re.sub(r'csrf_token" value="[^"]+"|X-CSRFToken": "[^"]+"', "", page)
    return re.sub(r'server-time" content="[^"]+"', "", page)


def test_given_five_failures_when_the_password_is_right_then_the_account_is_still_locked(
    app, engine, people
):
    client = app.test_client()
    for _ in range(5):
        assert log_in(client, "supervisor", "wrong").status_code == 401
    assert log_in(client, "supervisor").status_code == 401
    until = _user(engine).locked_until
    assert until is not None
    left = until - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=14) < left <= dt.timedelta(minutes=15)
    assert _actions(engine)[-1] == "locked_out"
    assert log_in(client, "auditor").status_code == 302  # others aren't touched


def test_given_a_lock_that_is_over_when_logging_in_then_counting_starts_again(app, engine, people):
    with database.writing(engine) as session:
        user = session.scalars(select(User).where(User.username == "supervisor")).one()
        user.failed_logins, user.locked_until = 5, dt.datetime.now(dt.UTC)
    client = app.test_client()
    assert log_in(client, "supervisor", "wrong").status_code == 401
    assert _user(engine).failed_logins == 1
    assert log_in(client, "supervisor").status_code == 302
    assert (_user(engine).failed_logins, _user(engine).locked_until) == (0, None)


def test_given_four_failures_and_a_success_then_the_count_is_zero(app, engine, people):
    client = app.test_client()
    for _ in range(4):
        log_in(client, "supervisor", "wrong")
    assert log_in(client, "supervisor").status_code == 302
    assert _user(engine).failed_logins == 0


def test_unknown_names_take_as_long_as_known_ones(app, people):
    def seconds(username: str) -> float:
        client = app.test_client()
        token = token_of(client.get("/login"))
        form = {"csrf_token": token, "username": username, "password": "wrong"}
        best = 9.0
        for _ in range(3):
            start = time.perf_counter()
            client.post("/login", data=form)
            best = min(best, time.perf_counter() - start)
        return best

    known, unknown = seconds("supervisor"), seconds("nobody-here")
    # Without the check against a stranger's hash, unknown names answer ten times as fast.
    assert unknown > known / 2


def test_a_disabled_user_can_t_log_in_and_is_logged_out(app, engine, people):
    client = client_for(app, "supervisor")
    with database.writing(engine) as session:
        session.scalars(select(User).where(User.username == "supervisor")).one().active = False
    assert client.get("/live").status_code == 302
    assert log_in(app.test_client(), "supervisor").status_code == 401


def test_a_form_without_token_is_refused(app, people):
    client = client_for(app, "administrator")
    for path in ("/logout", "/admin/blocked", "/account", "/language", "/login"):
        assert client.post(path, data={"username": "x"}).status_code == 400, path


def test_logging_out_ends_the_session_everywhere(app, people):
    here, there = client_for(app, "supervisor"), client_for(app, "supervisor")
    assert post(here, "/logout").location == "/login"
    assert here.get("/live").location.startswith("/login")
    assert there.get("/live").location.startswith("/login")


def test_a_stolen_cookie_is_worth_nothing_after_log_out(app, people):
    client = client_for(app, "supervisor")
    name = app.config["SESSION_COOKIE_NAME"]
    stolen = client.get_cookie(name).value
    post(client, "/logout")
    thief = app.test_client()
    thief.set_cookie(name, stolen)
    assert thief.get("/live").status_code == 302


def test_a_new_password_ends_all_other_sessions(app, people):
    here, there = client_for(app, "supervisor"), client_for(app, "supervisor")
    changed = post(
        here, "/account", old=PASSWORD, new="an entirely new one", again="an entirely new one"
    )
    assert changed.status_code == 302
    assert here.get("/live").status_code == 200
    assert there.get("/live").status_code == 302
    assert log_in(app.test_client(), "supervisor").status_code == 401
    assert log_in(app.test_client(), "supervisor", "an entirely new one").status_code == 302


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"old": "wrong", "new": "long enough now", "again": "long enough now"}, "当前密码不正确"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "至少 10 个字符"),
        ({"old": PASSWORD, "new": "long enough now", "again": "long enough not"}, "不一致"),
        ({"old": PASSWORD, "new": PASSWORD, "again": PASSWORD}, "不能与当前密码相同"),
    ],
)
def test_a_bad_new_password_is_refused_in_words(app, people, form, said):
    answer = post(client_for(app, "supervisor"), "/account", **form)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_new_role_ends_the_session(app, engine, people):
    client = client_for(app, "dispatcher")
    admin = client_for(app, "administrator")
    number = _user(engine, "dispatcher").id
    post(admin, f"/admin/users/{number}", action="role", role="auditor")
    assert client.get("/orders").status_code == 302
    assert _user(engine, "dispatcher").role == "auditor"


def test_an_administrator_unlocks_and_gives_a_new_password_shown_once(app, engine, people):
    with database.writing(engine) as session:
        user = session.scalars(select(User).where(User.username == "unit")).one()
        user.failed_logins, user.locked_until = 5, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
        number = user.id
    admin = client_for(app, "administrator")
    post(admin, f"/admin/users/{number}", action="unlock")
    assert _user(engine, "unit").locked_until is None
    page = post(admin, f"/admin/users/{number}", action="password").text
    password = page.partition('class="new-password">')[2].partition("<")[0]
    assert len(password) >= 16
    assert log_in(app.test_client(), "unit", password).status_code == 302
    assert password not in admin.get("/admin/users").text


def test_an_administrator_can_t_change_herself_away(app, engine, people):
    admin = client_for(app, "administrator")
    own = _user(engine, "administrator").id
    assert post(admin, f"/admin/users/{own}", action="deactivate").status_code == 400


def test_the_page_asked_for_opens_after_log_in_but_no_other_site(app, people):
    asked = app.test_client().get("/calls?outcome=answered")
    assert asked.location == "/login?next=/calls?outcome%3Danswered"
    assert log_in(app.test_client(), "auditor", next="/calls?x=1").location == "/calls?x=1"
    for evil in ("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"):
        assert log_in(app.test_client(), "auditor", next=evil).location == "/"


def test_attempts_at_the_same_moment_get_no_further_than_five(app, engine, people):
    user_id = _user(engine).id
    with app.test_request_context("/login", method="POST"):
        counted = []
        for _ in range(12):  # all of them counted before any password is looked at
            with database.writing(engine) as session:
                counted.append(auth._count_attempt(session, user_id))
    assert counted == [True] * 5 + [False] * 7


def test_every_answer_carries_the_security_headers(app, people):
    client = client_for(app, "administrator")
    paths = ("/login", "/calls", "/nowhere", "/healthz", "/api/v1/calls", "/static/img/mark.svg")
    for path in paths:
        with client.get(path) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
    cookie = log_in(app.test_client(), "auditor").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    secure = app.test_client().get("/login", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in secure.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in secure.headers
