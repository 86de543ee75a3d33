"""Where each role begins its day."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from web.auth import signed_in
from web.rights import Role

blueprint = Blueprint("home", __name__)

FIRST_PAGES = {
    Role.AGENT: "desk.desk",
    Role.SUPERVISOR: "live.live",
    Role.DISPATCHER: "worklists.board",
    Role.UNIT: "worklists.inbox",
    Role.OFFICE: "worklists.supervision",
}


@blueprint.get("/")
def home() -> Response:
    return redirect(url_for(FIRST_PAGES.get(Role(signed_in().role), "calls.index")))
