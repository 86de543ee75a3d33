"""Serving the pages with gevent. The caller has monkey-patched already (`callcenter web` does)."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
from gevent import pywsgi
from sqlalchemy.orm import configure_mappers

from web.app import create_app
from web.config import WebSettings
from web.hub import Hub

log = logging.getLogger(__name__)

STOP_SECONDS = 3.0  # for requests that are being answered


def make_server(settings: WebSettings, host: str, port: int) -> pywsgi.WSGIServer:
    """A server that isn't listening yet; port 0 takes a free one (`server_port` after start)."""
    app = create_app(settings)
    spare_the_collector()
    server = pywsgi.WSGIServer(
        (host, port), app, log=None, error_log=logging.getLogger("web.errors")
    )
    server.hub = app.extensions["callcenter.hub"]
    server.board = app.extensions["callcenter.board"]
    return server


def spare_the_collector() -> None:
    """What is there from the start stays: walking it again took 100 ms of some request's time."""
    configure_mappers()
    gc.collect()
    gc.freeze()


def serve(
    settings: WebSettings,
    host: str,
    port: int,
    *,
    on_ready: Callable[[int], Any] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. `on_ready` is told the port once it listens.

    Raise OSError when the address can't be bound.
    """
    server = make_server(settings, host, port)
    server.start()
    log.info("pages at http://%s:%s/", host, server.server_port)
    stop = gevent.event.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stop.set)
    if on_ready is not None:
        on_ready(server.server_port)
    stop.wait()
    hub: Hub = server.hub
    hub.stop()
    server.board.stop()
    server.stop(timeout=STOP_SECONDS)
