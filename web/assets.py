"""Bootstrap's style sheet as the page's policy allows it."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import flask_bootstrap
from flask import Blueprint, Response, url_for

blueprint = Blueprint("assets", __name__)

BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static/bootstrap5"
A_YEAR = 365 * 24 * 3600


@blueprint.get("/assets/bootstrap.css")
def bootstrap_css() -> Response:
    response = Response(_style_sheet(), mimetype="text/css")
    response.cache_control.max_age = A_YEAR  # its address changes with its content
    response.cache_control.public = True
    return response


def bootstrap_address() -> str:
    digest = hashlib.sha256(_style_sheet().encode()).hexdigest()[:12]
    return url_for("assets.bootstrap_css", v=digest)


@functools.cache
def _style_sheet() -> str:
    """Without its pictures: they are `data:` addresses, which the policy (rightly) refuses."""
    text = (BOOTSTRAP / "css/bootstrap.min.css").read_text("utf-8")
    text = re.sub(r'url\("data:[^"]*"\)', "none", text)
    return re.sub(r"/\*# sourceMappingURL=.*?\*/", "", text)
