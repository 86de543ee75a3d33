"""Whether an order tells of something that another one told of already (判重).

Two texts are alike when they share enough pairs of neighbouring characters, which needs no
dictionary of Chinese words. So that not every order has to be compared, each is filed under a few
fingerprints (minhash, in bands): alike texts very likely share one. All of it is reckoned here, so
that SQLite and PostgreSQL give the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, literal, select, union_all
from sqlalchemy.orm import Session

from workorder.models import Order, OrderShingle
from workorder.policy import Policy
from workorder.states import State

BANDS = 16
ROWS = 2  # minima that have to agree for two texts to share a band
LEAST_PAIRS = 4  # a text with fewer says too little to be compared
MOST_PAIRS = 400
MOST_SHOWN = 20
MOST_CANDIDATES = 200
COMMON = 20_000  # orders that share a fingerprint: so common a one tells them apart no more
_MASK = (1 << 61) - 1  # a prime: (a·x + b) mod p spreads well


class Because(StrEnum):
    SAME_CALLER = "same_caller"
    SIMILAR_TEXT = "similar_text"


@dataclass(frozen=True, slots=True)
class Repeat:
    """An earlier order that may be about the same; `score` is the share of pairs in common."""

    order: Order
    because: tuple[Because, ...]
    score: float


def pairs(text: str) -> frozenset[str]:
    """The pairs of neighbouring characters; punctuation, spaces and width don't count."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(char for char in plain if char.isalnum())[: MOST_PAIRS + 1]
    return frozenset(kept[n : n + 2] for n in range(len(kept) - 1))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Pairs in common ÷ pairs of either (Jaccard); 0 when one says too little."""
    if min(len(one), len(other)) < LEAST_PAIRS:
        return 0.0
    return len(one & other) / len(one | other)


def _numbers(text: bytes) -> tuple[int, int]:
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return int.from_bytes(digest[:8], "big") & _MASK, int.from_bytes(digest[8:], "big") & _MASK


_SPREADS = [_numbers(b"spread %d" % n) for n in range(BANDS * ROWS)]


def bands(found: frozenset[str]) -> list[int]:
    """The fingerprints (signed 64 bits) to file a text under; none when it says too little."""
    if len(found) < LEAST_PAIRS:
        return []
    hashes = [_numbers(pair.encode())[0] for pair in found]
    minima = [min((a * h + b) % _MASK for h in hashes) for a, b in _SPREADS]
    result = []
    for band in range(BANDS):
        rows = minima[band * ROWS : (band + 1) * ROWS]
        digest = hashlib.blake2b(repr((band, rows)).encode(), digest_size=8).digest()
        result.append(int.from_bytes(digest, "big", signed=True))
    return result


def text_of(order: Order) -> str:
    """What the order tells; the title that a call gave it says nothing."""
    return said(order.title, order.body, (order.drafted or {}).get("title"))


def said(title: str, body: str, drafted_title: str | None = None) -> str:
    return body if title == drafted_title else f"{title}\n{body}"


def index(session: Session, order: Order) -> None:
    """File the order under its fingerprints; again when its text has changed."""
    session.execute(delete(OrderShingle).where(OrderShingle.order_id == order.id))
    session.add_all(
        OrderShingle(band=band, order_id=order.id, at=order.created_at)
        for band in dict.fromkeys(bands(pairs(text_of(order))))
    )


def find(
    session: Session,
    *,
    number: str,
    title: str,
    body: str,
    at: dt.datetime,
    policy: Policy,
    exclude_id: int | None = None,
) -> list[Repeat]:
    """Earlier orders by the same caller or with similar text, likeliest first.

    Similar ones come before those that only have the caller in common; drafts that nobody wrote
    in and orders merged into others are left out.
    """
    since = at - dt.timedelta(seconds=policy.repeats.window.seconds)
    told = pairs(said(title, body))
    callers = _by_caller(session, number, since)
    found: list[Repeat] = []
    for order in {o.id: o for o in (*callers, *_by_text(session, told, since))}.values():
        if order.id == exclude_id or order.state == State.MERGED:
            continue
        if not since <= order.created_at <= at:
            continue
        score = similarity(told, pairs(text_of(order)))
        because = []
        if number and order.citizen_number == number:
            because.append(Because.SAME_CALLER)
        if score >= policy.repeats.similar:
            because.append(Because.SIMILAR_TEXT)
        if because:
            found.append(Repeat(order, tuple(because), score))
    found.sort(key=_likeliest)
    return found[:MOST_SHOWN]


def _likeliest(repeat: Repeat) -> tuple[bool, float, float, int]:
    order = repeat.order
    similar = Because.SIMILAR_TEXT in repeat.because
    return (not similar, -round(repeat.score, 6), -order.created_at.timestamp(), -order.id)


def _by_caller(session: Session, number: str, since: dt.datetime) -> Sequence[Order]:
    if not number:
        return []
    query = select(Order).where(Order.citizen_number == number, Order.created_at >= since)
    return session.scalars(query.order_by(Order.id.desc()).limit(MOST_CANDIDATES)).all()


def _by_text(session: Session, told: frozenset[str], since: dt.datetime) -> Iterable[Order]:
    """Those that share the most fingerprints with it; of as many, the newest.

    Where the window begins is said by an order's id, so that the index alone answers.
    """
    oldest = select(Order.id).where(Order.created_at >= since).order_by(Order.created_at).limit(1)
    first = session.scalar(oldest)
    wanted = bands(told)
    if not wanted or first is None:
        return []
    telling = _telling(session, wanted, first)
    filed = (
        select(OrderShingle.order_id)
        .where(OrderShingle.band.in_(telling), OrderShingle.order_id >= first)
        .group_by(OrderShingle.order_id)
        .order_by(func.count().desc(), OrderShingle.order_id.desc())
        .limit(MOST_CANDIDATES)
    )
    return session.scalars(select(Order).where(Order.id.in_(filed.scalar_subquery()))).all()


def _telling(session: Session, wanted: list[int], first: int) -> list[int]:
    """The fingerprints that few enough orders share; all of them when every one is common."""
    counts = []
    for band in dict.fromkeys(wanted):
        shared = select(OrderShingle.order_id).where(
            OrderShingle.band == band, OrderShingle.order_id >= first
        )
        limited = shared.limit(COMMON + 1).subquery()
        counts.append(select(literal(band).label("band"), func.count(limited.c.order_id)))
    few = [band for band, count in session.execute(union_all(*counts)) if count <= COMMON]
    return few or wanted
