"""How long each kind of page about orders takes at the server, with a million orders behind it.

Every figure is a whole request through the application (log-in, rights, queries, template) with
different arguments; p99 of so few is their longest. CALLCENTER_BENCH_ORDERS sets another count.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from callcenter import database, policies
from callcenter.bench import Figure
from callcenter.bench.million import DISTRICTS, PLACES, TOPICS, fill
from callcenter.bench.postgres import server
from callcenter.settings import Settings, load
from workorder.models import Order, User

COUNT = 1_000_000
ASKED = 25  # times for each kind of page
PROMISED = 150.0  # ms

Ask = Callable[[random.Random], str]


def run() -> Iterator[Figure]:
    count = int(os.environ.get("CALLCENTER_BENCH_ORDERS", COUNT))
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as folder:
        yield from _on("SQLite", f"sqlite:///{folder}/orders.db", Path(folder), count)
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as folder, server() as url:
        if url is not None:
            yield from _on("PostgreSQL", url, Path(folder), count)


def _on(name: str, url: str, folder: Path, count: int) -> Iterator[Figure]:
    began = time.monotonic()
    database.upgrade(url)
    engine = database.create_engine(url)
    now = dt.datetime.now(dt.UTC)
    with engine.begin() as connection:
        fill(connection, count, now)
    with Session(engine) as session, session.begin():
        policies.ensure(session, now)
        session.add_all(_people(now))
    yield Figure(f"{name}: orders filled in", count / (time.monotonic() - began), "orders/s")
    clients = _clients(url, folder, engine)
    for kind, (who, ask) in _pages(engine, now).items():
        chance = random.Random(kind)
        clients[who].get(ask(chance))  # once for the caches, as after a start
        spent = sorted(_one(clients[who], ask(chance)) for _ in range(ASKED))
        yield Figure(f"{name}: {kind}, p50", spent[len(spent) // 2], "ms", PROMISED)
        yield Figure(f"{name}: {kind}, p99", spent[-1], "ms", PROMISED)
    engine.dispose()


def _one(client: FlaskClient, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    spent = 1000 * (time.perf_counter() - began)
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return spent


def _people(now: dt.datetime) -> list[User]:
    people = (
        *(("paidan", "dispatcher", None), ("chengban", "unit", "d1"), ("zuoxi", "agent", None)),
        ("rexian", "office", None),
    )
    return [
        User(
            username=name, password_hash="", display_name=name, role=role, unit=unit,
            agent_number="1007" if role == "agent" else None, created_at=now,
        )
        for name, role, unit in people
    ]  # fmt: skip


def _clients(url: str, folder: Path, engine: sa.Engine) -> dict[str, FlaskClient]:
    from web.app import create_app
    from web.server import spare_the_collector

    app = create_app(_settings(url, folder))
    spare_the_collector()
    clients = {}
    with Session(engine) as session:
        for user in session.scalars(sa.select(User)):
            client = app.test_client()
            with client.session_transaction() as cookie:
                cookie["user"], cookie["epoch"] = user.id, user.session_epoch
            clients[user.username] = client
    return clients


def _settings(url: str, folder: Path) -> Settings:
    from dataclasses import replace

    given = load(environ={"CALLCENTER_DATA_DIR": str(folder), "CALLCENTER_DATABASE_URL": url})
    return replace(given, redis_url="", web_secret_key="b" * 32, api_token="b" * 32)


def _pages(engine: sa.Engine, now: dt.datetime) -> dict[str, tuple[str, Ask]]:
    """Kind of page → who asks, and the address with arguments of the chance's."""
    from web import paging

    with Session(engine) as session:
        first = session.scalar(sa.select(sa.func.min(Order.id))) or 1
        last = session.scalar(sa.select(sa.func.max(Order.id))) or 1

    def order(chance: random.Random) -> Order:
        with Session(engine) as session:
            found = session.get_one(Order, chance.randint(first, last))
            session.expunge(found)
            return found

    def after(chance: random.Random) -> str:
        found = order(chance)
        return paging.encode(paging.Position(found.created_at, str(found.id)))

    def day(chance: random.Random) -> dt.date:
        return (now - dt.timedelta(days=chance.randint(1, 360))).date()

    def words(chance: random.Random) -> str:
        return f"{chance.choice(PLACES)}{chance.randint(1, 399)}号"

    def list_of(query: str) -> Ask:
        return lambda _chance: f"/orders?{query}"

    return {
        "list": ("paidan", list_of("")),
        "list, deep inside": ("paidan", lambda c: f"/orders?after={after(c)}"),
        "list by state": ("paidan", list_of("state=archived")),
        "list by three things": (
            "paidan",
            lambda c: f"/orders?state=declined&category=help&district={c.choice(DISTRICTS)}",
        ),
        "list of a rare kind": ("paidan", list_of("flag=supervised&category=report")),
        "list by day": ("paidan", lambda c: f"/orders?since={day(c)}&until={day(c)}"),
        "list of overdue ones": ("paidan", list_of("light=red")),
        "list of a unit": ("paidan", lambda c: f"/orders?unit=b{c.randrange(15)}"),
        "a unit's own list": ("chengban", list_of("")),
        "a unit's own, by text": ("chengban", lambda c: f"/orders?text={c.choice(TOPICS)}"),
        "an agent's own list": ("zuoxi", list_of("")),
        "archive": ("paidan", lambda _c: "/orders/archive"),
        "search by number": ("paidan", lambda c: f"/orders?text={order(c).number}"),
        "search by telephone": ("paidan", lambda c: f"/orders?text={order(c).citizen_number}"),
        "search by last digits": (
            "paidan", lambda c: f"/orders?text={order(c).citizen_number[-4:]}",
        ),
        "search, common words": ("paidan", lambda c: f"/orders?text={c.choice(TOPICS)}"),
        "search, in every order": ("paidan", list_of("text=市民")),
        "search, rare words": ("paidan", lambda c: f"/orders?text={words(c)}"),
        "search, none has it": ("paidan", list_of("text=鸵鸟蛋")),
        "search, pairs but not in a row": ("paidan", list_of("text=积水停水")),
        "search, one character": ("paidan", list_of("text=鸵")),
        "search within a day": (
            "paidan", lambda c: f"/orders?text=停水&since={day(c)}&until={day(c)}",
        ),
        "search with filters": (
            "paidan", lambda c: f"/orders?text={c.choice(TOPICS)}&state=returned&category=report",
        ),
        "dispatcher's board": ("paidan", lambda _c: "/dispatch"),
        "board, returned": ("paidan", lambda _c: "/dispatch?tab=returned"),
        "board, handled": ("paidan", lambda _c: "/dispatch?tab=handled"),
        "a unit's inbox": ("chengban", lambda _c: "/inbox?tab=working"),
        "supervision": ("rexian", lambda _c: "/supervision"),
        "supervision, repeated": ("rexian", lambda _c: "/supervision?tab=repeated"),
        "supervision, overdue": ("rexian", lambda _c: "/supervision?tab=red"),
        "follow-ups": ("paidan", lambda _c: "/follow-ups"),
        "one order": ("paidan", lambda c: f"/orders/{order(c).number}"),
    }  # fmt: skip
