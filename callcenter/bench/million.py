"""Filling a database with a year of a big city's orders: as rows, past the ORM, in bounded time."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, Table

from workorder import search
from workorder.models import Order, OrderEvent, OrderUnit, Unit
from workorder.worktime import CHINA

AT_ONCE = 5_000
TEXTS = 20_000  # different ones; a million orders share them
OPEN = 20_000  # the newest, which aren't closed yet
DISTRICTS = ("东城区", "西城区", "高新区", "开发区", "滨江区", "青山区", "河口县", "云台县")
BUREAUS = (
    *("城管局", "住建局", "生态环境局", "交通运输局", "公安局", "人社局", "医保局", "教育局"),
    *("卫健委", "市场监管局", "自然资源局", "水务集团", "供热集团", "燃气集团", "电力公司"),
)
PLACES = (
    *("建设路", "解放路", "和平小区", "胜利街", "人民街", "东湖花园", "阳光新城", "锦绣家园"),
    *("科技园", "万达广场", "滨河公园", "第三中学", "妇幼保健院", "汽车站", "幸福里", "中山路"),
)
TOPICS = (
    *(
        "夜间施工噪声",
        "停水",
        "路灯不亮",
        "井盖缺失",
        "油烟直排",
        "暖气不热",
        "垃圾清运",
        "违章停车",
    ),
    *(
        "占道经营",
        "拖欠工资",
        "物业收费",
        "公交不准点",
        "居住证办理",
        "医保报销",
        "电梯故障",
        "积水",
    ),
)
ENDINGS = (
    *("要求尽快处理并答复。", "请相关部门核实。", "市民表示已多次反映未果。", "希望现场查看。"),
    "要求给出书面说明。",
)
SPEECH = ("咨询", "投诉", "求助", "举报", "建议")
CATEGORIES = ("inquiry", "complaint", "help", "report", "suggestion")
CLOSED = (*("archived",) * 88, *("answered",) * 9, "declined", "declined", "merged")
RUNNING = (
    *("accepted",) * 4, *("dispatched",) * 6, *("acknowledged",) * 20, *("in_progress",) * 50,
    "returned", "joint", *("resolved",) * 6, *("reviewed",) * 12,
)  # fmt: skip


class Text(NamedTuple):
    title: str
    body: str
    topic: str
    marks: frozenset[int]


def units() -> list[dict[str, Any]]:
    """Bureaus and, below each district, its streets."""
    made = []
    for place, name in enumerate(BUREAUS):
        made.append(_unit(f"b{place}", name, None, f"b{place}/", "bureau"))
    for place, name in enumerate(DISTRICTS):
        made.append(_unit(f"d{place}", name, None, f"d{place}/", "district"))
        for street in range(6):
            code = f"d{place}s{street}"
            made.append(_unit(code, f"{name}第{street + 1}街道", f"d{place}",
                              f"d{place}/{code}/", "street"))  # fmt: skip
    return made


def _unit(code: str, name: str, parent: str | None, path: str, kind: str) -> dict[str, Any]:
    contacts = ("contact_name", "contact_phone", "contact_email")
    leaders = ("leader_name", "leader_phone", "leader_email")
    return {
        "code": code, "name": name, "parent": parent, "tier": path.count("/"), "path": path,
        "kind": kind, "active": True, "version": 1, **dict.fromkeys((*contacts, *leaders), ""),
    }  # fmt: skip


def texts(chance: random.Random, many: int) -> list[Text]:
    made = []
    for _ in range(many):
        place, topic = chance.choice(PLACES), chance.choices(TOPICS, range(len(TOPICS), 0, -1))[0]
        number = chance.randrange(1, 400)
        title = f"{place}{number}号{topic}"
        days, house = chance.randrange(1, 60), chance.randrange(1, 40)
        body = (
            f"市民反映{place}{number}号{house}栋{topic}，已持续{days}天，影响正常生活。"
            f"{chance.choice(ENDINGS)}{chance.choice(ENDINGS)}"
        )
        marks = frozenset(search.pairs(title) | search.pairs(body) | search.pairs("王女士"))
        made.append(Text(title, body, topic, marks))
    return made


class Row(NamedTuple):
    order: dict[str, Any]
    units: list[dict[str, Any]]
    events: list[dict[str, Any]]
    marks: list[int]


def rows(count: int, now: dt.datetime, seed: int = 12345) -> Iterator[Row]:
    """`count` orders over the year before `now`, oldest first."""
    chance = random.Random(seed)
    pool = texts(chance, min(TEXTS, count))
    codes = [unit["code"] for unit in units()]
    step = dt.timedelta(days=365) / count
    defaults = _defaults()
    serials = itertools.count(1)
    day: dt.date | None = None
    for place in range(count):
        at = now - step * (count - place)
        if (local := at.astimezone(CHINA)).date() != day:
            day, serials = local.date(), itertools.count(1)
        text = chance.choice(pool)
        number = f"{day:%Y%m%d}{next(serials):06}"
        yield _row(place + 1, number, at, text, place >= count - OPEN, codes, chance, defaults)


def _defaults() -> dict[str, Any]:
    """What the model writes where nothing is given."""
    columns = Order.__table__.columns
    scalars = {
        c.name: c.default.arg for c in columns if c.default is not None and c.default.is_scalar
    }
    return {**dict.fromkeys((c.name for c in columns), None), **scalars, "drafted": {}}


def _row(
    key: int, number: str, at: dt.datetime, text: Text, running: bool, codes: list[str],
    chance: random.Random, defaults: dict[str, Any],
) -> Row:  # fmt: skip
    state = chance.choice(RUNNING if running else CLOSED)
    unit = None if state in ("accepted", "answered", "declined") else chance.choice(codes)
    phone = f"13{chance.randrange(10)}{chance.randrange(10**8):08}"
    due = at + dt.timedelta(days=chance.choice((2, 5, 15, 20)))
    order = {
        **defaults,
        "id": key, "number": number, "state": state, "category": chance.choice(CATEGORIES),
        "title": text.title, "body": text.body, "topic": text.topic,
        "district": chance.choice(DISTRICTS), "citizen_number": phone, "citizen_name": "王女士",
        "channel": "phone", "agent_number": f"1{chance.randrange(200):03}", "created_at": at,
        "updated_at": at, "version": 1, "unit": unit, "accepted_at": at,
        "repeat_count": chance.choices((0, 1, 2, 3), (96, 3, 0.7, 0.3))[0],
        "is_key": chance.random() < 0.02, "return_count": int(chance.random() < 0.05),
        "extension_state": "asked" if running and chance.random() < 0.02 else "",
        "due_at": due if running else None,
        "warn_at": due - dt.timedelta(days=1) if running else None,
        "due_clock": "resolve" if running else "", "closed_at": None if running else due,
        "owner": f"unit:{unit}" if running and unit else "dispatcher" if running else "",
    }  # fmt: skip
    parts = []
    if unit is not None:
        chosen = [unit, chance.choice(codes)] if chance.random() < 0.1 else [unit]
        for place, code in enumerate(dict.fromkeys(chosen), 1):
            parts.append({
                "order_id": key, "place": place, "unit": code,
                "part": "lead" if place == 1 else "co",
                "state": "acknowledged" if running else "resolved", "active": True, "since": at,
                "until": None if running else due, "answer": "",
            })  # fmt: skip
    events: list[dict[str, Any]] = [
        {"order_id": key, "at": at, "kind": kind, "actor": "system", "role": "system", "unit": None,
         "from_state": None, "to_state": state, "reason": "", "data": {}, "key": None}
        for kind in ("drafted", "accept")
    ]  # fmt: skip
    tail = search.tail_of(phone)
    marks = {*text.marks, search.week_of(at.date()), *([tail] if tail is not None else [])}
    return Row(order, parts, events, sorted(marks))


# --- into a database -----------------------------------------------------------------------------

_TABLES: tuple[Table, ...] = tuple(
    cast(Table, model.__table__) for model in (Order, OrderUnit, OrderEvent)
)


def fill(connection: Connection, count: int, now: dt.datetime) -> None:
    """Into empty tables: without indexes first, then all indexes at once."""
    sqlite = connection.dialect.name == "sqlite"
    connection.execute(sa.insert(Unit), units())
    for table in _TABLES:
        for index in table.indexes:
            index.drop(connection)
    if not sqlite:
        connection.execute(sa.text("DROP INDEX ix_order_text_pairs"))
    for part in _batched(rows(count, now)):
        write = _insert if sqlite else _copy
        write(connection, _TABLES[0], [row.order for row in part])
        write(connection, _TABLES[1], [each for row in part for each in row.units])
        write(connection, _TABLES[2], [each for row in part for each in row.events])
        _index(connection, [(row.order["id"], row.marks) for row in part])
    for table in _TABLES:
        for index in table.indexes:
            index.create(connection)
    if not sqlite:
        connection.execute(sa.text(search.GIN))
    connection.execute(sa.text("ANALYZE"))


def _batched(found: Iterator[Row]) -> Iterator[tuple[Row, ...]]:
    while part := tuple(itertools.islice(found, AT_ONCE)):
        yield part


def _insert(connection: Connection, table: Table, found: list[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns if column.name in found[0]]
    processors = [
        table.columns[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        for name in names
    ]
    values = [
        tuple(
            process(row[name]) if process else row[name]
            for name, process in zip(names, processors, strict=True)
        )
        for row in found
    ]
    marks = ", ".join("?" * len(names))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", values
    )


def _copy(connection: Connection, table: Table, found: list[dict[str, Any]]) -> None:
    names = [column.name for column in table.columns if column.name in found[0]]
    raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with raw.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in found:
            copy.write_row(["{}" if row[name] == {} else row[name] for name in names])


def _index(connection: Connection, found: list[tuple[int, list[int]]]) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            f"INSERT INTO {search.TABLE} (rowid, pairs) VALUES (?, ?)",
            [(key, search.words_of(marks)) for key, marks in found],
        )
        return
    raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    with raw.cursor().copy(f"COPY {search.TABLE} (order_id, pairs) FROM STDIN") as copy:
        for key, marks in found:
            copy.write_row((key, marks))
