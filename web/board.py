"""What the live page and the wall show, kept in memory and sent as differences.

A hundred open pages must cost no more than one: what changed is gathered for at most `GATHER`
seconds, written as JSON once, and handed to every page. Whoever comes, or comes back, gets the
whole first.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

import gevent
import redis
from flask import Flask, current_app
from flask_babel import force_locale
from gevent.event import Event as Flag
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from acd.messages import AgentState
from callcenter.agent_day import together
from callcenter.alarms import Alarm, Now, QueueNow, Thresholds, raised
from callcenter.daybook import ALL, Day
from callcenter.figures import Handling, Tally, agents_figures
from callcenter.models import Call
from callcenter.privacy import ANONYMOUS, mask
from web import i18n, presence
from web.alarm_words import sentence
from web.days import Today
from web.figures import tiles
from web.health import journal_lag
from web.hub import Hub, Message

log = logging.getLogger(__name__)

GATHER = 0.05  # seconds
BREATH = 40  # things looked at before pages get their turn again
LOOK_EVERY = 1.0  # seconds between two looks at the day's figures
LAG_EVERY = 5.0
DAYS_TURNS = 5  # looks until every agent's figures of the day were told again
WORKING = frozenset(AgentState) - {AgentState.LOGGED_OUT, AgentState.NOT_READY}
MAX_CALLERS = 200

Section = dict[str, Any]


class Board:
    """One per process; it begins to work with the first page that wants it."""

    def __init__(self, app: Flask, thresholds: Thresholds) -> None:
        self._app = app
        self._thresholds = thresholds
        self._hub = cast(Hub, app.extensions["callcenter.hub"])
        self._sections: dict[str, Section] = defaultdict(dict)
        self._changed: dict[str, set[str]] = defaultdict(set)
        self._words: dict[str, dict[str, Any]] = {}  # by language, as last told
        self._alarms: list[Alarm] = []
        self._unattended: dict[str, float] = {}  # queue -> since when nobody is at work
        self._at: float | None = None  # when the controller told its state
        self._lag: tuple[float, float | None] = (0.0, None)  # monotonic, seconds
        self._turn = 0  # whose figures of the day are told at this look
        self._dirty = Flag()
        self._greenlets: list[gevent.Greenlet] = []
        self._languages: Counter[str] = Counter()  # of the pages that watch
        self._hub.listen(self._hear)

    # --- for pages ----------------------------------------------------------------------------

    @property
    def watchers(self) -> int:
        return self._languages.total()

    def open(self, language: str) -> None:
        """A page begins to watch: what was let slide meanwhile is looked at now."""
        if not self._greenlets:
            self._greenlets = [gevent.spawn(self._send), gevent.spawn(self._look_for_ever)]
            for greenlet in self._greenlets:
                greenlet.link_exception(self._died)
        self._languages[language] += 1
        if self.watchers == 1:
            self._load()
        if self._languages[language] == 1:
            self._words.pop(language, None)
            self._look()
        if self.watchers == 1:
            self._changed.clear()  # the only one who would hear of it gets the whole

    def close(self, language: str) -> None:
        self._languages[language] -= 1

    def stop(self) -> None:
        for greenlet in self._greenlets:
            greenlet.unlink_all()
        gevent.killall(self._greenlets, timeout=3)
        self._greenlets = []

    def whole(self) -> dict[str, Any]:
        return {"whole": True, **self._sections}

    def words(self, language: str) -> dict[str, Any]:
        """Figures and alarms as sentences, in one language."""
        return self._words.get(language) or self._in_words(language)

    # --- news ---------------------------------------------------------------------------------

    def _hear(self, message: Message) -> None:
        data = message.data
        if message.kind == "agent" and isinstance(data.get("agent"), str):
            self._put("agents", data["agent"], agent_shown(presence.agent(data["agent"], data)))
        elif message.kind == "live":
            self._take_live(presence.live(data, {}))
        elif message.kind == "supervising" and isinstance(data.get("phone"), str):
            on = data.get("state") in ("ringing", "on")
            told = {key: data.get(key) for key in ("agent", "mode", "state", "by")}
            self._put("supervising", data["phone"], told if on else None)
        elif message.kind == "nuisance":
            self._ask_for_marks()
        elif message.kind == "fresh" and self.watchers:
            self._load()

    def _load(self) -> None:
        """Everything anew, from Redis: who knows what was missed."""
        now = presence.read(cast("redis.Redis | None", self._app.extensions["callcenter.redis"]))
        shown = {number: agent_shown(agent) for number, agent in now.agents.items()}
        for gone in self._sections["agents"].keys() - shown.keys():
            self._put("agents", gone, None)
        for number, agent in shown.items():
            self._put("agents", number, agent)
        self._take_live(now)
        self._ask_for_marks()  # some may have come while nobody listened

    def _ask_for_marks(self) -> None:
        """Pages that may see the nuisance calls look at them again."""
        self._put("system", "nuisance", self._sections["system"].get("nuisance", 0) + 1)

    def _take_live(self, now: presence.Live) -> None:
        self._at = now.at
        for name in self._sections["queues"].keys() - now.queues.keys():
            self._put("queues", name, None)
            self._put("lines", name, None)
        for name, queue in now.queues.items():
            self._put("queues", name, queue_shown(queue))
            self._put("lines", name, line_shown(now.lines.get(name, [])))
        self._put("system", "calls", now.calls)
        self._put("system", "switch", now.switch)
        self._put("system", "stale", now.stale)

    def _put(self, section: str, key: str, value: Any) -> None:
        """Keep a value, None for nothing; pages hear of it when it is another than before."""
        kept = self._sections[section]
        if kept.get(key) == value:
            return
        if value is None:
            del kept[key]
        else:
            kept[key] = value
        self._changed[section].add(key)
        self._dirty.set()

    # --- greenlets ----------------------------------------------------------------------------

    def _send(self) -> None:
        while True:
            self._dirty.wait()
            self._dirty.clear()
            self._flush()
            gevent.sleep(GATHER)

    def _flush(self) -> None:
        changed, self._changed = self._changed, defaultdict(set)
        if not self.watchers:
            return
        told = {
            section: {key: self._sections[section].get(key) for key in keys}
            for section, keys in changed.items()
        }
        if told:
            self._hub.publish("board", told)
        self._watch_alarms()

    def _look_for_ever(self) -> None:
        while True:
            gevent.sleep(LOOK_EVERY)
            if self.watchers:
                self._look()

    def _look(self) -> None:
        """The day's figures, and what only time changes."""
        stale = self._at is None or time.time() - self._at > presence.STALE_AFTER
        self._put("system", "stale", stale)
        try:
            with Session(self._app.extensions["callcenter.engine"]) as session:
                day = cast(Today, self._app.extensions["callcenter.today"]).get(session)
                self._measure_lag(session)
                self._name_callers(session)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the day's figures can't be read: %s", error)
            return
        gevent.sleep(0)
        spent = day.agents.all(day.now)
        self._take_day(day, spent)
        self._watch_alarms()
        self._say(day, together(spent.values()))

    def _measure_lag(self, session: Session) -> None:
        if time.monotonic() - self._lag[0] >= LAG_EVERY:
            settings = self._app.extensions["callcenter.settings"]
            self._lag = time.monotonic(), journal_lag(session, settings.journal_dir).seconds

    def _name_callers(self, session: Session) -> None:
        """Masked numbers of those who wait."""
        waiting = [each[0] for line in self._sections["lines"].values() for each in line]
        known = self._sections["callers"]
        for gone in known.keys() - set(waiting):
            self._put("callers", gone, None)
        unknown = [call for call in waiting if call not in known][:MAX_CALLERS]
        if unknown:
            query = select(Call.id, Call.caller).where(Call.id.in_(unknown))
            for call, number in session.execute(query):
                self._put("callers", call, "" if number == ANONYMOUS else mask(number))

    def _take_day(self, day: Day, spent: dict[str, Handling]) -> None:
        self._turn = (self._turn + 1) % DAYS_TURNS
        told = self._sections["days"]
        for place, (number, mine) in enumerate(spent.items()):
            if place % BREATH == 0:
                gevent.sleep(0)
            # Time passes for everybody: to tell of it all each second is most of what pages get.
            if place % DAYS_TURNS == self._turn or told.get(number, [None])[0] != mine.calls:
                self._put("days", number, spent_shown(mine))
        for queue in list(day.calls.quarters):
            gevent.sleep(0)
            for quarter, counts in list(day.calls.quarters[queue].items()):
                self._put("quarters", f"{quarter}:{queue}", quarter_shown(counts))

    # --- words --------------------------------------------------------------------------------

    def _watch_alarms(self) -> None:
        """Say at once when something begins or ceases to be wrong."""
        found = raised(self._thresholds, self._now())
        was = [(each.key, each.level) for each in self._alarms]
        self._alarms = found
        if was != [(each.key, each.level) for each in found]:
            for language in self._spoken():
                told = self._words.get(language)
                if told is not None:
                    self._tell_words(told | {"alarms": self._alarm_words(language)})

    def _say(self, day: Day, spent: Handling) -> None:
        for language in self._spoken():
            self._tell_words(self._in_words(language, day, spent))

    def _spoken(self) -> list[str]:
        return [language for language in i18n.LANGUAGES if self._languages[language]]

    def _tell_words(self, fresh: dict[str, Any]) -> None:
        """Tell of what differs from what was told last."""
        old = self._words.get(fresh["language"], {"tiles": {}, "alarms": []})
        self._words[fresh["language"]] = fresh
        changed = {
            key: tile for key, tile in fresh["tiles"].items() if old["tiles"].get(key) != tile
        }
        if changed or fresh["alarms"] != old["alarms"]:
            self._hub.publish("words", fresh | {"tiles": changed})

    def _in_words(
        self, language: str, day: Day | None = None, spent: Handling | None = None
    ) -> dict[str, Any]:
        """Alarms, and tiles by "name:queue"."""
        told: dict[str, Any] = {
            "language": language,
            "alarms": self._alarm_words(language),
            "tiles": {},
        }
        if day is not None:
            for queue in list(day.calls.totals):
                gevent.sleep(0)
                with self._speaking(language):
                    for tile in tiles(day.calls, queue, spent if queue == ALL else None):
                        told["tiles"][f"{tile.name}:{queue}"] = asdict(tile)
        return told

    def _alarm_words(self, language: str) -> list[dict[str, str]]:
        with self._speaking(language):
            return [
                {"key": each.key, "level": each.level.value, "text": sentence(each)}
                for each in self._alarms
            ]

    @contextmanager
    def _speaking(self, language: str) -> Iterator[None]:
        with self._app.app_context(), force_locale(i18n.LOCALES[language]):
            yield

    def _now(self) -> Now:
        at = time.time()
        switch = self._sections["system"].get("switch")
        return Now(
            switch_up=None if not switch else switch == "up",
            news_age=None if self._at is None else max(0.0, at - self._at),
            journal_lag=self._lag[1],
            queues={name: self._queue_now(name, at) for name in self._sections["queues"]},
        )

    def _queue_now(self, name: str, at: float) -> QueueNow:
        queue = self._sections["queues"][name]
        day = cast(Today, self._app.extensions["callcenter.today"]).last
        counts = day.calls.totals.get(name, Tally()) if day else Tally()
        working = queue["work"]
        if queue["waiting"] and not working:
            self._unattended.setdefault(name, at)
        else:
            self._unattended.pop(name, None)
        return QueueNow(
            waiting=queue["waiting"],
            longest_wait=max(0.0, at - queue["since"]) if queue["since"] else 0.0,
            at_work=working,
            unattended=at - self._unattended.get(name, at),
            answered=counts.answered,
            answered_in_time=counts.answered_in_time,
            closed=queue["closed"],
        )

    def _died(self, greenlet: gevent.Greenlet) -> None:
        log.error("the live board died: %r", greenlet.exception)
        gevent.killall(self._greenlets, block=False)
        self._greenlets = []  # the next page starts it again


def board() -> Board:
    return cast(Board, current_app.extensions["callcenter.board"])


# --- what pages are told of each thing, with short names: it is told often ------------------------


def agent_shown(agent: presence.AgentPresence) -> dict[str, Any]:
    """State, reason, since, until, contact, next, phone, queues, skills, line."""
    return {
        "s": agent.state,
        "r": agent.reason,
        "t": agent.since,
        "u": agent.until,
        "c": agent.contact,
        "n": agent.next,
        "p": agent.registered,
        "q": sorted(agent.queues),
        "k": sorted(agent.skills),
    }


def queue_shown(queue: dict[str, Any]) -> dict[str, Any]:
    """Who waits, and since when; agents free and at work."""
    estimate, agents = queue["estimate_seconds"], queue.get("agents")
    agents = agents if isinstance(agents, dict) else {}
    return {
        "ready": agents.get(AgentState.READY, 0),
        "work": sum(count for state, count in agents.items() if state in WORKING),
        "waiting": queue["waiting"],
        "since": queue["waiting_since"],
        "estimate": None if estimate is None else round(estimate),
        "closed": bool(queue.get("closed")),
    }


def line_shown(line: list[dict[str, Any]]) -> list[list[Any]]:
    """Who waits: call, since, priority, stage, virtual, asks, agent."""
    return [
        [each.get(key) for key in ("call", "queued_at", "priority", "stage", "virtual", "asks")]
        for each in line
        if isinstance(each, dict) and isinstance(each.get("call"), str)
    ]


def spent_shown(spent: Handling) -> list[int | None]:
    """Calls, handling time in seconds, occupancy in percent."""
    values = [figure.value for figure in agents_figures(spent)]
    return [spent.calls, *(None if value is None else round(value) for value in values)]


def quarter_shown(counts: Tally) -> list[int]:
    """Arrived, entered a queue, settled, answered, in time, abandoned."""
    return [
        counts.arrived,
        counts.queued,
        counts.settled,
        counts.answered,
        counts.answered_in_time,
        counts.abandoned,
    ]
