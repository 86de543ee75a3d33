"""Making the Flask application."""

from __future__ import annotations

import logging
import time
from typing import Any

from flask import Flask, Response, current_app, g, render_template, request
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from callcenter import alarms
from web import (
    account,
    acd_admin,
    api,
    assets,
    attachments,
    auth,
    calls,
    desk_orders,
    directory,
    filters,
    follow_ups,
    health,
    home,
    i18n,
    intake,
    limits,
    live,
    notices,
    orders,
    papers,
    public,
    rules,
    softphone,
    stream,
    supervise,
    units,
    users,
    worklists,
)
from web.board import Board
from web.config import WebSettings, flask_config
from web.days import Today
from web.hub import Hub
from web.security import STATIC_ENDPOINTS, SessionInterface, set_headers
from web.storage import init_app as init_storage

log = logging.getLogger(__name__)

PAGES = (
    assets.blueprint,
    home.blueprint,
    account.blueprint,
    calls.blueprint,
    *{desk_orders.blueprint, softphone.blueprint},  # with web.desk
    *{live.blueprint, supervise.blueprint},  # likewise
    orders.blueprint,
    follow_ups.blueprint,
    notices.blueprint,
    public.blueprint,
    intake.blueprint,
    attachments.blueprint,
    papers.blueprint,
    worklists.blueprint,
    units.blueprint,
    directory.blueprint,
    rules.blueprint,
    *{acd_admin.blueprint, users.blueprint},  # one blueprint, in several files
    stream.blueprint,
)


def create_app(settings: WebSettings) -> Flask:
    """The pages and the API. The tables must exist (`callcenter db upgrade`).

    Raise ValueError when a secret is missing in the settings.
    """
    app = Flask(__name__)
    app.config.from_mapping(flask_config(settings))
    app.session_interface = SessionInterface()
    if settings.web_proxies:  # they say whose request it is; else anybody could
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.web_proxies, x_proto=settings.web_proxies, x_host=0
        )
    init_storage(app, settings)
    limits.init_app(app, settings.redis_url)
    app.extensions["callcenter.hub"] = Hub(app.extensions["callcenter.redis"])
    app.extensions["callcenter.today"] = Today()
    thresholds = alarms.load(settings.alarms_file)
    app.extensions["callcenter.thresholds"] = thresholds
    app.extensions["callcenter.board"] = Board(app, thresholds)
    i18n.init_app(app)
    filters.init_app(app)
    Bootstrap5(app)
    auth.init_app(app)  # its gate comes before the CSRF check
    csrf = CSRFProtect(app)
    health.init_app(app)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    app.register_blueprint(api.blueprint)
    csrf.exempt(api.blueprint)
    app.before_request(_start_clock)
    app.after_request(set_headers)
    app.after_request(_count)
    app.register_error_handler(HTTPException, _say)
    app.register_error_handler(500, _say)
    if not (filters.static_dir(app) / "vendor" / "main.js").exists():
        log.warning("web/static/vendor/main.js is missing (npm run build): pages won't be live")
    return app


def _start_clock() -> None:
    g.started = time.perf_counter()


def _count(response: Response) -> Response:
    if "started" in g and request.endpoint not in STATIC_ENDPOINTS:
        current_app.extensions["callcenter.request_seconds"].labels(
            request.endpoint or "none", str(response.status_code)
        ).observe(time.perf_counter() - g.started)
    return response


def _say(error: HTTPException) -> Any:
    """An error as a page in plain words; as a fragment when a fragment was asked for."""
    code = error.code or 500
    if error.response is not None:
        return error.response
    template = "_error.html" if request.headers.get("HX-Request") else "error.html"
    return render_template(template, code=code, csrf=isinstance(error, CSRFError)), code
