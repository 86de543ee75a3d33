"""`callcenter demo`: a small city. Citizens call, agents answer, some give up, some rate badly.

Everybody is SIPp, everything is bounded: so many calls at once, so many minutes. The demo has a
folder of its own that is removed with it, a database and a Redis of its own, and no way out to a
real carrier, whatever the settings say.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
import requests

from callcenter import bootstrap, database
from callcenter.models import Agent
from callcenter.presence import COMMANDS, connect
from callcenter.settings import PREFIX, Settings, SettingsError
from callcenter.sipp import Key, Sipp, SippRun, sipp_missing

logger = logging.getLogger(__name__)

AT_ONCE = 20  # citizens on the line at most
BETWEEN = (1.5, 6.0)  # seconds between two calls
RUSH_BETWEEN = (0.4, 1.2)  # now and then many call at once, and a queue builds up
RUSH_EVERY, RUSH_LASTS = 180.0, 20.0  # seconds
# Seconds that an agent talks, and sends the first ring after; one phone for each.
PHONES = ((8.0, 0.6), (14.0, 1.0), (22.0, 1.6), (35.0, 2.4))
LOOK_EVERY = 1.0
WRAP_UP = (3.0, 9.0)  # seconds an agent writes after a call
BREAK_CHANCE, BREAK = 0.06, (15.0, 45.0)  # after a call; seconds
NUISANCE_CHANCE = 0.03  # of a call, each look
LONGEST_CALL = 180.0
RATINGS = ("1", "1", "1", "1", "2", "2", "3", "4", "5")
COLLEAGUES = {
    "1005": "陈静", "1006": "杨帆", "1007": "赵磊", "1008": "周婷",
    "1009": "吴昊", "1010": "孙丽", "1011": "马超", "1012": "胡雪梅",
}  # fmt: skip


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """A folder for this demo alone, gone afterwards; children hear of it by the environment."""
    with tempfile.TemporaryDirectory(prefix="callcenter-demo-") as folder:
        own = {
            "DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/callcenter.db",
            "REDIS_URL": f"unix://{folder}/redis/redis.sock",
            "TRUNK_GATEWAY": "",  # nobody real is ever called
        }
        before = dict(os.environ)
        os.environ.update({PREFIX + name: value for name, value in own.items()})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def play(settings: Settings, stop: threading.Event, minutes: float) -> None:
    """Play until `stop` is set or the time is over, which ends the demo as a whole."""
    try:
        _play(settings, stop, minutes * 60)
    except Exception:
        if not stop.is_set():
            logger.exception("the city cannot go on")
    finally:
        stop.set()


def _play(settings: Settings, stop: threading.Event, seconds: float) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sipp-", dir=settings.data_dir) as folder,
        Sipp(Path(folder)) as sipp,
    ):
        city = _City(settings, sipp)
        city.open_desks(seconds, stop)
        deadline = time.monotonic() + seconds
        while not stop.is_set() and time.monotonic() < deadline:
            city.look()
            stop.wait(LOOK_EVERY)


def check() -> None:
    """SettingsError when SIPp is missing."""
    missing = sipp_missing()
    if missing:
        raise SettingsError(missing)


class _City:
    def __init__(self, settings: Settings, sipp: Sipp) -> None:
        self.settings = settings
        self.sipp = sipp
        self.random = random.Random()
        self.agents = dict(bootstrap.Secrets.load(settings.data_dir).sip_passwords)
        self.calls: list[SippRun] = []
        self.began = time.monotonic()
        self.next_call = 0.0
        self.back_at: dict[str, float] = {}  # agent -> when the wrap-up or the break is over
        self.rests: set[str] = set()
        self.marked: set[str] = set()  # calls that were looked at for a nuisance
        self.redis = connect(settings.redis_url)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {settings.api_token}"

    # --- agents -------------------------------------------------------------------------------

    def open_desks(self, seconds: float, stop: threading.Event) -> None:
        """Take on colleagues, register everybody's phone and let them be ready."""
        self._take_on()
        registrar = (self.settings.sip_ip, self.settings.agent_sip_port)
        numbers = sorted(self.agents)
        for place, (talk, ring) in enumerate(PHONES):
            phone = self.sipp.phone(
                "answer_hangup", ring=ring, talk=talk, limit=seconds + LONGEST_CALL
            )
            mine = {number: self.agents[number] for number in numbers[place :: len(PHONES)]}
            # The switch hears of new phones a little later than the database.
            deadline = time.monotonic() + 30
            while not stop.is_set():
                done = self.sipp.register(registrar, mine, self.settings.domain, phone.port).wait(
                    20
                )
                if done.exit_code == 0:
                    break
                if time.monotonic() > deadline:
                    raise SettingsError(f"the phones could not register: {done.explain()}")
                stop.wait(1)

    def _take_on(self) -> None:
        passwords = {number: bootstrap.new_password() for number in COLLEAGUES}
        engine = database.create_engine(self.settings.database_url)
        with database.writing(engine) as session:
            for number, name in COLLEAGUES.items():
                if session.get(Agent, number) is None:
                    session.add(
                        bootstrap.new_agent(number, name, self.settings.domain, passwords[number])
                    )
                    self.agents[number] = passwords[number]
        engine.dispose()

    def look(self) -> None:
        """Send agents back to work, let the next citizen call."""
        now = time.monotonic()
        for agent in self._agents():
            self._attend(agent, now)
        self.calls = [call for call in self.calls if call.process.poll() is None]
        while now >= self.next_call and len(self.calls) < AT_ONCE:
            rush = (now - self.began) % RUSH_EVERY > RUSH_EVERY - RUSH_LASTS
            pause = self.random.uniform(*(RUSH_BETWEEN if rush else BETWEEN))
            self.next_call = max(self.next_call, now - 1) + pause
            self.calls.append(self._citizen())

    def _attend(self, told: dict[str, Any], now: float) -> None:
        agent, state, call = told["number"], told["state"], told.get("contact")
        if agent not in self.agents:
            return
        if state == "talking":
            self._perhaps_a_nuisance(agent, call)
        elif state == "wrap_up":
            over = self.back_at.setdefault(agent, now + self.random.uniform(*WRAP_UP))
            if now >= over:
                self._go_on(agent, now)
        elif state == "not_ready" and agent in self.rests:
            if now >= self.back_at.get(agent, 0.0):
                self.rests.discard(agent)
                self.back_at.pop(agent, None)
                self._state(agent, "ready")
        elif state in ("not_ready", "logged_out"):
            self._state(agent, "ready")

    def _go_on(self, agent: str, now: float) -> None:
        """After a call: on to the next one, or a short break."""
        self.back_at.pop(agent, None)
        if self.random.random() < BREAK_CHANCE:
            self.rests.add(agent)
            self.back_at[agent] = now + self.random.uniform(*BREAK)
            self._state(agent, "not_ready", self.random.choice(["break", "meal", "meeting"]))
        else:
            self._state(agent, "ready")

    def _perhaps_a_nuisance(self, agent: str, call: str | None) -> None:
        """The agent marks the call, as the desk's button does; a supervisor decides."""
        if not call or call in self.marked:
            return
        self.marked.add(call)
        if self.random.random() < NUISANCE_CHANCE:
            args = {"agent": agent, "note": "不出声，反复拨打"}
            command = {"id": uuid.uuid4().hex, "name": "call.nuisance", "args": args}
            with contextlib.suppress(redis.RedisError):
                self.redis.rpush(COMMANDS, json.dumps(command))

    def _agents(self) -> list[dict[str, Any]]:
        answer = self._try(lambda url: self.session.get(f"{url}agents", timeout=5))
        return list(answer.json()["agents"]) if answer is not None and answer.ok else []

    def _state(self, agent: str, state: str, reason: str = "break") -> None:
        body = {"state": state} | ({"reason": reason} if state == "not_ready" else {})
        self._try(lambda url: self.session.put(f"{url}agents/{agent}/state", json=body, timeout=5))

    def _try(self, ask: Callable[[str], requests.Response]) -> requests.Response | None:
        url = f"http://{self.settings.web_host}:{self.settings.web_port}/api/v1/"
        try:
            return ask(url)
        except requests.RequestException as error:  # the web was killed: somebody tries that out
            logger.info("the API does not answer: %s", error)
            return None

    # --- citizens -----------------------------------------------------------------------------

    def _citizen(self) -> SippRun:
        number = f"1390000{self.random.randrange(10_000):04}"  # nobody's numbers
        keys, hang_up_after = self.random.choices(_PLANS, weights=_WEIGHTS)[0](self.random)
        return self.sipp.citizen(
            (self.settings.sip_ip, self.settings.sip_port),
            "12345",
            caller=number,
            keys=keys,
            hang_up_after=hang_up_after,
            hangup_within=LONGEST_CALL,
            limit=LONGEST_CALL,
        )


# What a citizen does: keys, and after how many seconds they hang up (None: they don't).
_Plan = Callable[[random.Random], tuple[list[Key], float | None]]


def _talks_and_rates(chance: random.Random) -> tuple[list[Key], float | None]:
    rating = chance.choice(RATINGS)
    return [(chance.uniform(1, 5), "1"), *((wait, rating) for wait in (20.0, 15.0, 15.0, 15.0))], (
        None
    )


def _gives_up(chance: random.Random) -> tuple[list[Key], float | None]:
    return [(chance.uniform(1, 4), "1")], chance.uniform(5, 20)


def _leaves_a_message(chance: random.Random) -> tuple[list[Key], float | None]:
    return [(chance.uniform(1, 4), "3"), (chance.uniform(12, 20), "#")], None


def _listens(chance: random.Random) -> tuple[list[Key], float | None]:
    return [(1.5, "2"), (3.0, "2")], chance.uniform(10, 25)


def _hangs_up_in_the_menu(chance: random.Random) -> tuple[list[Key], float | None]:
    return [], chance.uniform(2, 9)


_PLANS: list[_Plan] = [
    _talks_and_rates,
    _gives_up,
    _leaves_a_message,
    _listens,
    _hangs_up_in_the_menu,
]
_WEIGHTS = [70, 10, 8, 6, 6]
