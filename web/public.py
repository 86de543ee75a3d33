"""What citizens see: how far an order is, and the questions behind the link of a follow-up.

Nothing of the order is shown but its state and the day by which it is due.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, render_template, request

from callcenter import followups, inquiry, outreach
from callcenter.privacy import clean_text
from ivr.progress import Found, NotFound
from web.limits import limiter
from web.localtime import now
from web.storage import db, saving, settings
from workorder.follow_up import Answers
from workorder.refusals import Conflict, Refused

blueprint = Blueprint("public", __name__)

TRIES = 30  # of one address in an hour, right or wrong
HOUR = 3600
COMMENT = 500
STATUS = {NotFound.WRONG: 422, NotFound.LOCKED: 429, NotFound.UNAVAILABLE: 503}
CODE = re.compile(r"[A-Za-z0-9_-]{20,64}")


@blueprint.route("/progress", methods=["GET", "POST"])
def progress() -> Any:
    if request.method == "GET":
        return render_template("public_progress.html")
    number = request.form.get("number", "").strip()[:32]
    code = request.form.get("code", "").strip()[:16]
    address = request.remote_addr or ""
    if not limiter().hit("public", address, TRIES, HOUR):
        return _progress(number, NotFound.LOCKED), 429
    found = inquiry.by_code(
        db(), limiter(), inquiry.Asked(number, code, address), settings().web_secret_key
    )
    return _progress(number, found), STATUS[found] if isinstance(found, NotFound) else 200


def _progress(number: str, found: Found | NotFound) -> str:
    return render_template(
        "public_progress.html",
        number=number,
        found=found if isinstance(found, Found) else None,
        problem=found.value if isinstance(found, NotFound) else None,
    )


@blueprint.route("/f/<code>", methods=["GET", "POST"])
def follow_up(code: str) -> Any:
    """The link's page; the answers count once."""
    if not limiter().hit("public", request.remote_addr or "", TRIES, HOUR):
        return render_template("public_follow_up.html", gone=True, busy=True), 429
    if not CODE.fullmatch(code):
        abort(404)
    try:
        if request.method == "GET":
            asked = followups.by_code(db(), code, now())
            return render_template("public_follow_up.html", number=asked.order_number, given={})
        return _answer(code)
    except (followups.NotOpen, Refused, Conflict):
        return render_template("public_follow_up.html", gone=True), 410


def _answer(code: str) -> Any:
    answers = _answers()
    with saving() as session:
        asked = followups.by_code(session, code, now())
        number = asked.order_number
        if answers.complete:
            asked.comment = clean_text(request.form.get("comment", ""), COMMENT)
            rules = outreach.load(settings().outreach_file).follow_up
            followups.record(session, asked, answers, "sms", rules, now())
    if not answers.complete:
        page = render_template(
            "public_follow_up.html", number=number, given=request.form, missing=True
        )
        return page, 422
    return render_template("public_follow_up.html", thanks=True)


def _answers() -> Answers:
    keys = {}
    for name in ("true", "solved", "satisfied"):
        text = request.form.get(name, "")
        if len(text) == 1 and text in "12345":
            keys[name] = int(text)
    return Answers.of_keys(keys)
