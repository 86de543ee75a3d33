"""From an event in the controller to every open live page: 500 agents, 20 calls/s, 100 pages.

The pages are what a browser opens: a logged-in stream of server-sent events each. All are read;
one in ten is taken apart as well, for a hundred browsers don't share the server's processors. An
agent's change bears the time at which the engine made it, so that a page can tell how old it is.
The journal is copied into the database meanwhile, as in service, and the web process draws the
day's figures from there. Browser drawing isn't in the figure.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests
from argon2 import PasswordHasher

from callcenter import bootstrap, database, parts
from callcenter.bench import Figure
from callcenter.bench.lab import bench_settings
from callcenter.models import Agent
from callcenter.processes import Child
from callcenter.settings import Settings, SettingsError
from workorder.models import User

AGENTS = 500
CALLS_PER_SECOND = 20.0
PAGES = 100
TAKEN_APART = 10  # one page in so many
WARM_UP = 20.0  # seconds, until calls end as fast as they come
SECONDS = 20.0  # measured
PROMISED = 200.0  # ms
PASSWORD = "only-for-this-bench"


@dataclass
class Heard:
    """What all pages got while it was measured."""

    lags: list[float] = field(default_factory=list)  # ms, one for each agent's change on each page
    bytes: int = 0
    messages: int = 0
    lost: int = 0  # pages whose stream ended
    waited: float = 0.0  # share of the time that the web process waited for a CPU


def run() -> Iterator[Figure]:
    """Measure for about a minute."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cc-bench-")))
        settings = bench_settings(folder)
        settings = bootstrap.with_secrets(settings, bootstrap.ensure_data_dir(settings))
        numbers = _prepare(settings)
        children = [
            parts.redis_server(settings),
            _child(settings, "projector"),
            _child(settings, "web"),
            _city(settings, numbers),
        ]
        for child in children:
            stack.callback(child.stop)
            parts.started(child)
            if child.name == "redis":
                parts.wait_redis(settings, threading.Event())
        cookie = _log_in(settings)
        web = children[2].pid or 0
        heard, cpu = asyncio.run(_watch(settings, cookie, web))
    yield from _figures(heard, cpu)


def _figures(heard: Heard, cpu: float) -> Iterator[Figure]:
    if not heard.lags:
        raise SettingsError("no page heard of anything; see the processes' logs")
    lags = sorted(heard.lags)
    what = f"event → page, {AGENTS} agents, {CALLS_PER_SECOND:g} calls/s, {PAGES} pages"
    yield Figure(f"{what}, p50", lags[len(lags) // 2], "ms")
    yield Figure(f"{what}, p99", lags[int(len(lags) * 0.99)], "ms", limit=PROMISED)
    yield Figure(f"{what}, longest", lags[-1], "ms")
    shown = len(lags) * TAKEN_APART / SECONDS
    yield Figure("agents' changes shown, on all pages", shown, "per second")
    yield Figure("messages to a page", heard.messages / PAGES / SECONDS, "per second")
    yield Figure("sent to a page", heard.bytes / PAGES / SECONDS / 1024, "KiB/s")
    yield Figure("web's CPU", cpu, "of a core")
    yield Figure("web waited for a CPU (other work on this machine)", heard.waited, "of the time")
    yield Figure("pages that were cut off", heard.lost, "pages", limit=0)


# --- the pages -----------------------------------------------------------------------------------


async def _watch(settings: Settings, cookie: str, web: int) -> tuple[Heard, float]:
    heard, measuring = Heard(), asyncio.Event()
    pages = [
        asyncio.create_task(
            _page(settings, cookie, heard, measuring, apart=number % TAKEN_APART == 0)
        )
        for number in range(PAGES)
    ]
    await asyncio.sleep(WARM_UP)
    before, began = _cpu_seconds(web), time.monotonic()
    measuring.set()
    await asyncio.sleep(SECONDS)
    measuring.clear()
    took, after = time.monotonic() - began, _cpu_seconds(web)
    heard.waited = (after[1] - before[1]) / took
    cpu = (after[0] - before[0]) / took
    heard.lost = sum(page.done() for page in pages)
    for page in pages:
        page.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    return heard, cpu


async def _page(
    settings: Settings, cookie: str, heard: Heard, measuring: asyncio.Event, *, apart: bool
) -> None:
    reader, writer = await asyncio.open_connection(
        settings.web_host, settings.web_port, limit=8 << 20
    )
    try:
        writer.write(
            f"GET /events?kinds=board HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        kind = ""
        since: dict[str, float | None] = {}
        while line := await reader.readline():
            if line.startswith(b"event: "):
                kind = line[7:].strip().decode()
            if not line.startswith(b"data: ") or kind != "board":
                continue
            if measuring.is_set():
                heard.messages += 1
                heard.bytes += len(line)
            if not apart:
                continue
            now, told = time.time(), json.loads(line[6:])
            agents = told.get("agents", {})
            if measuring.is_set() and not told.get("whole"):
                for number, agent in agents.items():
                    if agent is not None and agent["t"] != since.get(number):
                        heard.lags.append((now - agent["t"]) * 1000)
            for number, agent in agents.items():
                since[number] = agent["t"] if agent else None
    finally:
        writer.close()


def _cpu_seconds(pid: int) -> tuple[float, float]:
    """Seconds on a CPU, and seconds that the process waited for one."""
    ran, waited, _slices = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


# --- what they look at ---------------------------------------------------------------------------


def _prepare(settings: Settings) -> list[str]:
    """Tables, a supervisor, and the agents; their numbers."""
    database.upgrade(settings.database_url)
    numbers = [str(2000 + place) for place in range(AGENTS)]
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        session.add(
            User(
                username="bench",
                display_name="bench",
                role="supervisor",
                password_hash=PasswordHasher().hash(PASSWORD),
                created_at=dt.datetime.now(dt.UTC),
            )
        )
        for number in numbers:
            session.add(Agent(number=number, name=number, sip_a1_hash="0" * 32))
    engine.dispose()
    return numbers


def _child(settings: Settings, name: str) -> Child:
    child = parts.ours(settings, name, None)
    child.environ = {
        **child.environ,
        "CALLCENTER_DATABASE_URL": settings.database_url,
        "CALLCENTER_WEB_PORT": str(settings.web_port),
    }
    return child


def _city(settings: Settings, numbers: list[str]) -> Child:
    told = {
        "redis_url": settings.redis_url,
        "journal": str(settings.journal_dir),
        "agents": numbers,
        "rate": CALLS_PER_SECOND,
    }
    child = parts.ours(settings, "city", None)
    child.command = [child.command[0], "-m", "callcenter.bench.live_city", json.dumps(told)]
    return child


def _log_in(settings: Settings) -> str:
    """The session's cookie, once the web serves."""
    base = f"http://{settings.web_host}:{settings.web_port}"
    session = requests.Session()
    deadline = time.monotonic() + 60
    while True:
        try:
            page = session.get(f"{base}/login", timeout=5).text
            break
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    form = {"csrf_token": token[1] if token else "", "username": "bench", "password": PASSWORD}
    answer = session.post(f"{base}/login", form, timeout=30, allow_redirects=False)
    if answer.status_code != 302:
        raise SettingsError(f"the bench could not log in: {answer.status_code}")
    return "; ".join(f"{each.name}={each.value}" for each in session.cookies)
