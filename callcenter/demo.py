"""`callcenter demo`: a small city. Citizens call, agents answer, some give up, some rate badly.

Everybody is SIPp, everything is bounded: so many calls at once, so many minutes, and with the end
of the demo every SIPp ends.
"""

from __future__ import annotations

import logging
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from callcenter import bootstrap
from callcenter.settings import Settings, SettingsError
from callcenter.sipp import Key, Sipp, SippRun, sipp_missing

logger = logging.getLogger(__name__)

AT_ONCE = 12  # citizens on the line at most
BETWEEN = (1.5, 7.0)  # seconds between two calls
TALKS = (8.0, 14.0, 22.0, 35.0)  # seconds, one for each agent's phone
LOOK_EVERY = 1.0
WRAP_UP = (3.0, 9.0)  # seconds an agent writes after a call
LONGEST_CALL = 180.0
RATINGS = ("1", "1", "1", "2", "2", "3", "4", "5")


def play(settings: Settings, stop: threading.Event, minutes: float) -> None:
    """Play until `stop` is set or the time is over. SettingsError when SIPp is missing."""
    missing = sipp_missing()
    if missing:
        raise SettingsError(missing)
    with (
        tempfile.TemporaryDirectory(prefix="callcenter-demo-") as folder,
        Sipp(Path(folder)) as sipp,
    ):
        city = _City(settings, sipp)
        city.open_desks(minutes * 60)
        deadline = time.monotonic() + minutes * 60
        while not stop.is_set() and time.monotonic() < deadline:
            city.look()
            stop.wait(LOOK_EVERY)


class _City:
    def __init__(self, settings: Settings, sipp: Sipp) -> None:
        self.settings = settings
        self.sipp = sipp
        self.random = random.Random()
        self.agents = bootstrap.Secrets.load(settings.data_dir).sip_passwords
        self.calls: list[SippRun] = []
        self.next_call = 0.0
        self.back_at: dict[str, float] = {}  # agent -> when the wrap-up is over
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {settings.api_token}"

    def open_desks(self, seconds: float) -> None:
        """Register every agent's phone and let them be ready."""
        registrar = (self.settings.sip_ip, self.settings.agent_sip_port)
        for place, (agent, password) in enumerate(sorted(self.agents.items())):
            phone = self.sipp.phone(
                "answer_hangup",
                ring=self.random.uniform(0.6, 2.5),
                talk=TALKS[place % len(TALKS)],
                limit=seconds + LONGEST_CALL,
            )
            result = self.sipp.register(
                registrar, {agent: password}, self.settings.domain, phone.port
            ).wait(20)
            if result.exit_code:
                raise SettingsError(f"agent {agent} could not register: {result.explain()}")
            self._state(agent, "ready")

    def look(self) -> None:
        """Send agents back to work, let the next citizen call."""
        now = time.monotonic()
        for agent in self.agents:
            self._attend(agent, now)
        self.calls = [call for call in self.calls if call.process.poll() is None]
        if now >= self.next_call and len(self.calls) < AT_ONCE:
            self.next_call = now + self.random.uniform(*BETWEEN)
            self.calls.append(self._citizen())

    def _attend(self, agent: str, now: float) -> None:
        state = self._get(f"agents/{agent}/state").get("state")
        if state == "wrap_up":
            over = self.back_at.setdefault(agent, now + self.random.uniform(*WRAP_UP))
            if now >= over:
                self.back_at.pop(agent, None)
                self._state(agent, "ready")
        elif state in ("not_ready", "logged_out"):
            self._state(agent, "ready")

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

    def _state(self, agent: str, state: str) -> None:
        self._try(
            lambda url: self.session.put(
                f"{url}agents/{agent}/state", json={"state": state}, timeout=5
            )
        )

    def _get(self, path: str) -> dict[str, str]:
        answer = self._try(lambda url: self.session.get(url + path, timeout=5))
        return dict(answer.json()) if answer is not None and answer.ok else {}

    def _try(self, ask: Callable[[str], requests.Response]) -> requests.Response | None:
        url = f"http://{self.settings.web_host}:{self.settings.web_port}/api/v1/"
        try:
            return ask(url)
        except requests.RequestException as error:  # the web was killed: somebody tries that out
            logger.info("the API does not answer: %s", error)
            return None


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
