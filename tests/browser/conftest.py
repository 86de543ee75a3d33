"""A day at a hotline, a server that shows it, and a browser whose console must stay silent."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import web_scene
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    StorageState,
    ViewportSize,
    sync_playwright,
)
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
    # A microphone that hums and whistles, and nobody to ask whether it may be used
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--ignore-certificate-errors",  # a new switch makes its own
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
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chosen_chromium() -> str | None:
    return os.environ.pop("CALLCENTER_CHROMIUM", None)  # no setting of the call center's


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, chosen_chromium: str | None) -> Iterator[Browser]:
    """The one without windows, where it is found: it takes half the time for a page."""
    yield from _launched(playwright, chosen_chromium, "chromium-headless-shell", "chromium")


@pytest.fixture(scope="session")
def whole_chromium(playwright: Playwright, chosen_chromium: str | None) -> Iterator[Browser]:
    """What people have; it alone makes telephone calls."""
    yield from _launched(playwright, chosen_chromium, "chromium")


def _launched(playwright: Playwright, chosen: str | None, *names: str) -> Iterator[Browser]:
    binary = chosen or next(filter(None, map(shutil.which, names)), None)
    if not binary:
        pytest.skip("no chromium here (apt-get install chromium, or set CALLCENTER_CHROMIUM)")
    if not BUNDLE.exists():
        pytest.skip("web/static/vendor/main.js isn't built (npm ci && npm run build)")
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


# Cookies by system, person and language: the way through the login page is gone once. A system
# may get the port of one that is gone; its passwords are others.
LoggedIn = dict[tuple[str, str | None, str, str], StorageState]


class Windows:
    """People's browsers. Whatever a console complains of is kept."""

    def __init__(self, browser: Browser, logged_in: LoggedIn) -> None:
        self.browser = browser
        self.complaints: list[str] = []
        self._logged_in = logged_in
        self._contexts: list[BrowserContext] = []

    def open(
        self,
        base: str,
        path: str,
        username: str | None,
        password: str = PASSWORD,
        *,
        width: int = 1366,
        height: int = 768,
        language: str = "zh",
        **options: Any,
    ) -> Page:
        """Log somebody in and open a page; `options` as in Playwright's `new_context`."""
        size: ViewportSize = {"width": width, "height": height}
        who = (base, username, password, language)
        state = self._logged_in.get(who)
        context = self.browser.new_context(viewport=size, storage_state=state, **options)
        self._contexts.append(context)
        if state is None:
            # On a page of its own: where the log-in leads may still be loading.
            page = self._new_page(context, base)
            self._log_in(page, base, username, password, language)
            self._logged_in[who] = context.storage_state()
            page.close()
        page = self._new_page(context, base)
        page.goto(f"{base}{path}")
        return page

    def _new_page(self, context: BrowserContext, base: str) -> Page:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        self.listen(page, base)
        return page

    def _log_in(
        self, page: Page, base: str, username: str | None, password: str, language: str
    ) -> None:
        page.goto(f"{base}/login")
        if language == "en":
            page.get_by_role("button", name="English").click()
        if username is not None:
            page.locator("#username").fill(username)
            page.locator("#password").fill(password)
            page.locator(".login-card .btn-primary").click()
            page.wait_for_url(lambda url: "/login" not in url)

    def listen(self, page: Page, base: str) -> None:
        """Keep what the page's console complains of, and every request to another host."""
        page.on(
            "console",
            lambda said: (
                said.type in ("error", "warning")
                and self.complaints.append(f"{said.text} {said.location}")
            ),
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith(base)
                or self.complaints.append(f"another host was asked: {asked.url}")
            ),
        )

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="session")
def logged_in() -> LoggedIn:
    return {}


@pytest.fixture
def windows(request: pytest.FixtureRequest, logged_in: LoggedIn) -> Iterator[Windows]:
    """Browsers of people at any system; a console that isn't silent fails the test."""
    whole = request.node.get_closest_marker("whole_browser")
    browser = request.getfixturevalue("whole_chromium" if whole else "chromium")
    opened = Windows(browser, logged_in)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def visit(windows: Windows, site: Site) -> Callable[..., Page]:
    """Log somebody in at `site` and open a page."""

    def open_page(
        path: str, username: str | None = "admin", width: int = 1366, language: str = "zh"
    ) -> Page:
        return windows.open(site.base, path, username, width=width, language=language)

    # What a test provokes on purpose is taken out of the list by it.
    open_page.complaints = windows.complaints  # type: ignore[attr-defined]
    return open_page
