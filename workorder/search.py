"""Finding orders by text: an index of pairs of neighbouring characters, as Chinese needs it.

Every order's title, text and citizen's name are cut into pairs (停水两天 → 停水, 水两, 两天). An
index tells which orders hold all pairs of what is looked for; whether they stand in a row is looked
at in the order itself. SQLite keeps the pairs in an FTS5 table, PostgreSQL in an array with a GIN
index; both are called `order_text` and are no models: a migration makes them.

Besides the pairs each order carries its week, so that the newest of a million matches are found
without sorting them all, and the last four digits of the citizen's number.
"""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, column, event, inspect, select, table, text
from sqlalchemy.orm import Mapper, Session

from workorder.models import Order, UtcDateTime

TABLE = "order_text"
# Without the list of what isn't sorted in yet: every search would read it.
GIN = f"CREATE INDEX ix_order_text_pairs ON {TABLE} USING gin (pairs) WITH (fastupdate = off)"
_EPOCH = dt.date(1970, 1, 5)  # a Monday
# Weeks are numbers below it, tails above; a pair of characters that are kept is never so small.
_TAIL_MARK = 1 << 16
AT_ONCE = 5000  # orders indexed at once
PROBED = 3  # weeks that are looked through before asking whether there are many at all
RARE = 2000  # so many matches are fetched and sorted at once


class Entry(NamedTuple):
    """What is indexed of one order."""

    order_id: int
    created_at: dt.datetime
    citizen_number: str
    texts: tuple[str, ...]


# --- pairs ---------------------------------------------------------------------------------------


def normal(words: str) -> str:
    """The form in which text is compared: full-width and capital letters don't matter."""
    return unicodedata.normalize("NFKC", words).casefold()


def pairs(words: str) -> set[int]:
    """Pairs of neighbouring letters or digits, each as a signed 32-bit number."""
    found = set()
    for first, second in pairwise(normal(words)):
        if first.isalnum() and second.isalnum():
            found.add(_signed((ord(first) & 0xFFFF) << 16 | ord(second) & 0xFFFF))
    return found


def week_of(day: dt.date) -> int:
    return max(0, (day - _EPOCH).days // 7) & 0xFFFF


def day_of(week: int) -> dt.datetime:
    """A moment within that week."""
    return dt.datetime.combine(_EPOCH + dt.timedelta(weeks=week, days=3), dt.time(), dt.UTC)


def tail_of(number: str) -> int | None:
    """The mark of a number's last four digits."""
    tail = number[-4:]
    return _TAIL_MARK | int(tail) if len(tail) == 4 and tail.isascii() and tail.isdigit() else None


def _signed(value: int) -> int:
    return value - (1 << 32) if value >= 1 << 31 else value


def marks(entry: Entry) -> list[int]:
    """All that is indexed of an order."""
    found = set().union(*(pairs(each) for each in entry.texts))
    found.add(week_of(entry.created_at.date()))
    tail = tail_of(entry.citizen_number)
    if tail is not None:
        found.add(tail)
    return sorted(found)


def terms(words: str) -> list[str]:
    """What is looked for, word by word, in the form in which it is compared."""
    return normal(words).split()


def holds(order: Order, wanted: Sequence[str]) -> bool:
    """Whether all words stand in the order's text."""
    whole = normal("\n".join((order.title, order.body, order.citizen_name)))
    return all(each in whole for each in wanted)


# --- keeping the index ---------------------------------------------------------------------------


def index_many(connection: Connection, entries: Iterable[Entry]) -> None:
    """Index orders that were written past the ORM."""
    rows = [(entry.order_id, marks(entry)) for entry in entries]
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        # The table holds no text of its own. Putting an order in again adds what is new; what is
        # gone from its text stays in the index and is sorted out when the order is looked at.
        connection.execute(
            text(f"INSERT INTO {TABLE} (rowid, pairs) VALUES (:id, :pairs)"),
            [{"id": number, "pairs": words_of(found)} for number, found in rows],
        )
        return
    connection.execute(
        text(
            f"INSERT INTO {TABLE} (order_id, pairs) VALUES (:id, :pairs)"
            " ON CONFLICT (order_id) DO UPDATE SET pairs = excluded.pairs"
        ),
        [{"id": number, "pairs": found} for number, found in rows],
    )


def index_all(connection: Connection) -> None:
    """Index every order that there is: once, when the index is made."""
    orders = table(
        "orders",
        *(column(name) for name in ("id", "title", "body", "citizen_name", "citizen_number")),
        column("created_at", UtcDateTime()),
    )
    last = 0
    while True:
        rows = connection.execute(
            select(orders).where(orders.c.id > last).order_by(orders.c.id).limit(AT_ONCE)
        ).all()
        if not rows:
            return
        index_many(
            connection,
            [
                Entry(r.id, r.created_at, r.citizen_number, (r.title, r.body, r.citizen_name))
                for r in rows
            ],
        )
        last = rows[-1].id


def words_of(found: Iterable[int]) -> str:
    """Marks as FTS5 reads them."""
    return " ".join(map(_word, found))


def _word(mark: int) -> str:
    return f"{mark & 0xFFFFFFFF:08x}"


@event.listens_for(Order, "after_insert")
def _inserted(_mapper: Mapper[Order], connection: Connection, order: Order) -> None:
    index_many(connection, [_entry(order)])


@event.listens_for(Order, "after_update")
def _updated(_mapper: Mapper[Order], connection: Connection, order: Order) -> None:
    attributes = inspect(order).attrs
    names = ("title", "body", "citizen_name", "citizen_number")
    if any(attributes[name].history.has_changes() for name in names):
        index_many(connection, [_entry(order)])


def _entry(order: Order) -> Entry:
    texts = (order.title or "", order.body or "", order.citizen_name or "")
    return Entry(order.id, order.created_at, order.citizen_number or "", texts)


# --- looking -------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a search stands: orders are found week by week, in each the latest entered first."""

    week: int
    order_id: int


def candidates(
    session: Session, wanted: set[int], start: Place, last_week: int
) -> Iterator[tuple[int, list[int]]]:
    """Give (week, ids, latest first) of the orders that hold all of `wanted`, after `start`.

    Lists may be empty: the reader decides when it has looked long enough.
    """
    seen = 0
    for looked, week in enumerate(range(start.week, last_week - 1, -1)):
        if looked == PROBED and wanted and seen <= RARE:
            few = _rare(session, wanted)
            if few is not None:
                older = (each for each in sorted(few, reverse=True) if last_week <= each <= week)
                yield from ((each, sorted(few[each], reverse=True)) for each in older)
                return
        ids = sorted(_matching(session, wanted | {week}, None), reverse=True)
        seen += len(ids)
        yield week, [each for each in ids if week < start.week or each < start.order_id]


def with_tail(session: Session, digits: str) -> list[int]:
    """Ids of orders whose citizen's number ends so (four digits), latest entered first."""
    mark = tail_of(digits)
    return sorted(_matching(session, {mark}, None), reverse=True) if mark is not None else []


def _rare(session: Session, wanted: set[int]) -> dict[int, list[int]] | None:
    """Week → ids of all that match, or None when there are many."""
    ids = _matching(session, wanted, RARE + 1)
    if len(ids) > RARE:
        return None
    found: dict[int, list[int]] = {}
    for number, at in session.execute(select(Order.id, Order.created_at).where(Order.id.in_(ids))):
        found.setdefault(week_of(at.date()), []).append(number)
    return found


def _matching(session: Session, wanted: set[int], limit: int | None) -> list[int]:
    limited = "" if limit is None else f" LIMIT {limit:d}"
    if session.get_bind().dialect.name == "sqlite":
        query = " AND ".join(f'"{_word(mark)}"' for mark in sorted(wanted))
        sql = f"SELECT rowid FROM {TABLE} WHERE {TABLE} MATCH :wanted{limited}"
        return list(session.scalars(text(sql), {"wanted": query}))
    sql = f"SELECT order_id FROM {TABLE} WHERE pairs @> CAST(:wanted AS integer[]){limited}"
    if limit is None:
        return list(session.scalars(text(sql), {"wanted": sorted(wanted)}))
    # The planner doesn't know how seldom pairs come together and hopes to meet the first ones soon
    # by reading the whole table. Set back at once: for other statements it would be the only way.
    session.execute(text("SET LOCAL enable_seqscan = off"))
    found = list(session.scalars(text(sql), {"wanted": sorted(wanted)}))
    session.execute(text("SET LOCAL enable_seqscan = on"))
    return found
