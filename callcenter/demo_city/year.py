"""Filling an empty database with the made-up city's year."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from callcenter import database, policies
from callcenter.bootstrap import new_agent, new_password
from callcenter.demo_city import calls, lives, told
from callcenter.demo_city.places import AGENTS, DIRECTORY, DISTRICTS, UNITS
from callcenter.models import Agent, Call
from workorder import lifecycle, units
from workorder.models import DispatchRule, Order, Unit, User
from workorder.roles import Actor, Role
from workorder.states import Step

DAYS = 365
RECENT_DAYS = 12  # in which two orders of five fall, so that every list has something in it
RECENT_SHARE = 0.4
GIVEN_UP = 0.35  # calls without an order, for each with one
ANSWERED_AT_ONCE = 0.2
DECLINED = 0.03
LEFT_AS_DRAFT = 0.02
# What surely stands in the lists at the end: (days ago, state it is left in, what happens to it).
NOW: tuple[tuple[float, str, frozenset[str]], ...] = (
    *((days, "draft", frozenset[str]()) for days in (0.01, 0.03)),
    *((days, "accepted", frozenset[str]()) for days in (0.01, 0.05, 0.1, 0.6)),
    *((days, "dispatched", frozenset[str]()) for days in (0.1, 0.3, 3.0)),
    (1.8, "dispatched", frozenset({"returned", "handed down"})),
    *((days, "returned", frozenset({"returned"})) for days in (1.5, 2.5)),
    (3.0, "joint", frozenset({"joint"})),
    *((days, "in_progress", frozenset({"extended"})) for days in (4.5, 5.5)),
    *((days, "in_progress", frozenset({"supervised"})) for days in (5.0, 6.0)),
    *((days, "resolved", frozenset[str]()) for days in (40.0, 45.0)),
    *((days, "reviewed", frozenset[str]()) for days in (42.0, 48.0)),
)
DAY = [1] * 7 + [3, 6, 9, 9, 8, 5, 6, 8, 8, 7, 6, 5, 4, 3, 2, 2, 1]  # orders by the hour
CLERKS = ("chengguan", "water", "huanbao", "donghe", "donghe-heping")


class NotEmpty(Exception):
    """The database holds a city's own orders or calls."""


def refuse_unless_empty(session: Session) -> None:
    """Raise NotEmpty when somebody works with this database."""
    models: tuple[tuple[Any, str], ...] = ((Order, "orders"), (Call, "calls"), (Unit, "units"))
    for model, what in models:
        if session.scalars(sa.select(model).limit(1)).first() is not None:
            raise NotEmpty(f"the database has {what} in it already")


def people(session: Session, domain: str, now: dt.datetime) -> list[tuple[str, str, str]]:
    """Units, directory, policies and people; give (login, password, who) of those made."""
    policies.ensure(session, now)
    for code, name, above, kind in UNITS:
        if session.get(Unit, code) is None:
            units.add_unit(session, code, name, above, kind=kind)
    for category, topic, district, lead, co_units, note in DIRECTORY:
        session.add(
            DispatchRule(
                category=category, topic=topic, district=district, unit=lead,
                co_units=list(co_units), note=note, changed_at=now,
            )
        )  # fmt: skip
    made = []
    hasher = PasswordHasher()
    wanted: list[tuple[str, str, Role, str | None]] = [
        ("office", "热线办 郑", Role.OFFICE, None),
        ("dispatcher", "派单员", Role.DISPATCHER, None),
        *((f"unit-{code}", f"{_name(code)}经办", Role.UNIT, code) for code in CLERKS),
    ]
    for login, name, role, employer in wanted:
        if session.scalar(sa.select(User.id).where(User.username == login)) is None:
            password = new_password()
            session.add(
                User(
                    username=login, display_name=name, role=role, unit=employer, created_at=now,
                    password_hash=hasher.hash(password),
                )
            )  # fmt: skip
            made.append((login, password, name))
    for place, name in enumerate(AGENTS, 1011):
        if session.get(Agent, str(place)) is None:
            session.add(new_agent(str(place), name, domain, new_password()))
    return made


def _name(code: str) -> str:
    return next(name for each, name, _above, _kind in UNITS if each == code)


def orders(
    engine: sa.Engine, count: int, now: dt.datetime, seed: int, step: Callable[[], None]
) -> int:
    """`count` orders with their calls, oldest first; give how many steps were refused."""
    chance = random.Random(seed)
    agents = _agents(engine)
    refused = 0
    for at, stop, forced in _plans(chance, count, now):
        with database.writing(engine) as session:
            while chance.random() < GIVEN_UP:
                before = dt.timedelta(seconds=chance.randrange(60, 3000))
                calls.given_up(session, chance, at - before)
            life = _told(session, chance, at, now, chance.choice(agents))
            life.stop, life.forced = stop, forced
            refused += _live(life)
        step()
    with database.writing(engine) as session:
        told.follow_ups(session, chance, now)
        told.messages(session, now)
    return refused


def _plans(
    chance: random.Random, count: int, now: dt.datetime
) -> Iterator[tuple[dt.datetime, str, frozenset[str]]]:
    """When each order comes, the state that it is left in, and what surely happens to it."""
    certain = [(now - dt.timedelta(days=days), state, what) for days, state, what in NOW][:count]
    others = [(at, "", frozenset[str]()) for at in _moments(chance, count - len(certain), now)]
    yield from sorted([*certain, *others], key=lambda plan: plan[0])


def _agents(engine: sa.Engine) -> list[str]:
    with database.reading(engine) as session:
        return list(session.scalars(sa.select(Agent.number).order_by(Agent.number)))


def _moments(chance: random.Random, count: int, now: dt.datetime) -> Iterator[dt.datetime]:
    """When orders come: over the year, more of them lately, most in the daytime."""
    found = []
    for _ in range(count):
        days = chance.uniform(0, RECENT_DAYS if chance.random() < RECENT_SHARE else DAYS)
        at = now - dt.timedelta(days=days)
        hour = (chance.choices(range(24), DAY)[0] - 8) % 24  # China's, in UTC
        at = at.replace(hour=hour, minute=chance.randrange(60), second=chance.randrange(60))
        found.append(min(at, now - dt.timedelta(minutes=5)))
    yield from sorted(found)


def _told(
    session: Session, chance: random.Random, at: dt.datetime, now: dt.datetime, agent: str
) -> lives.Life:
    """A citizen's call, and the draft that came of it."""
    matter, title, body, name = lives.said(chance)
    caller = calls.phone_number(chance)
    call = calls.answered(session, chance, at - dt.timedelta(seconds=300), caller, agent)
    order = lifecycle.new_order(
        session, channel="phone", title=title, body=body, at=at, actor=Actor(agent, Role.AGENT),
        citizen_number=caller, citizen_name=name, category=matter.category, topic=matter.topic,
        district=chance.choice(DISTRICTS),
    )  # fmt: skip
    order.call_id, order.agent_number = call.id, agent
    call.order_number = order.number
    session.flush()
    return lives.Life(session, order, matter, chance, at, now)


def _live(life: lives.Life) -> int:
    """The agent decides, then it goes its way; give how many steps were refused."""
    actor = Actor(life.order.agent_number or "", Role.AGENT)
    matter, what = life.matter, life.chance.random()
    if life.stop == "draft" or (not life.stop and what < LEFT_AS_DRAFT):
        return 0
    if not life.stop and what < LEFT_AS_DRAFT + DECLINED:
        cause = next(iter(lifecycle.rules_of(life.session, life.order).policy.not_accepted))
        life.take(Step.DECLINE, actor, 0.05, "已向市民说明应向谁反映。", cause=cause)
    elif not life.stop and (matter.category == "inquiry" or what > 1 - ANSWERED_AT_ONCE):
        life.take(Step.ANSWER, actor, 0.05, text=matter.result, category=matter.category)
    else:
        life.take(Step.ACCEPT, actor, 0.05, category=matter.category)
    life.live()
    return life.refused
