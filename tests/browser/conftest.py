"""A day at a hotline, a server that shows it, and a browser whose console must stay silent."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import web_scene
from playwright.sync_api import Browser, Page, sync_playwright
from redis import Redis, RedisError
from sqlalchemy import Engine
from web_kit import PASSWORD, KitSettings, make_settings
from web_server import RedisServer, redis_server, web_server

import web
from callcenter import database

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BUNDLE = Path(web.__file__).parent / "static/vendor/main.js"
WAIT_MS = 15_000


@dataclass
class Site:
    base: str
    settings: KitSettings
    engine: Engine
    redis_server: RedisServer

    @property
    def redis(self) -> Redis:
        return self.redis_server.client


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    binary = os.environ.get("CALLCENTER_CHROMIUM") or shutil.which("chromium")
    if not binary:
        pytest.skip("no chromium here (apt-get install chromium, or set CALLCENTER_CHROMIUM)")
    if not BUNDLE.exists():
        pytest.skip("web/static/vendor/main.js isn't built (npm ci && npm run build)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Pages with live data: a thread does what the controller would."""
    with redis_server() as server:
        settings = make_settings(tmp_path_factory.mktemp("site"), server.url)
        engine = database.create_engine(settings.database_url)
        web_scene.make_day(engine, settings)
        web_scene.live_now(server.client, engine)
        with web_server(settings) as base:
            yield Site(base, settings, engine, server)
        engine.dispose()


@pytest.fixture
def controller_ticks(site: Site) -> Iterator[None]:
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.5):
            with contextlib.suppress(RedisError):  # a test takes Redis away
                web_scene.tell_live(site.redis)

    thread = threading.Thread(target=tick)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Log somebody in and open a page. Whatever the console complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_page(
        path: str, username: str | None = "admin", width: int = 1366, language: str = "zh"
    ) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 768})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on(
            "console",
            lambda said: (
                said.type in ("error", "warning")
                and complaints.append(f"{said.text} {said.location}")
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith(site.base)
                or complaints.append(f"another host was asked: {asked.url}")
            ),
        )
        page.goto(f"{site.base}/login")
        if language == "en":
            page.get_by_role("button", name="English").click()
        if username is not None:
            page.locator("#username").fill(username)
            page.locator("#password").fill(PASSWORD)
            page.locator(".login-card .btn-primary").click()
            page.wait_for_url(lambda url: "/login" not in url)
            page.goto(f"{site.base}{path}")
        return page

    # What a test provokes on purpose is taken out of the list by it.
    open_page.complaints = complaints  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
