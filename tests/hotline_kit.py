"""A hotline for end-to-end tests of calls: quick rules, prompts that are tones, phones that obey.

    def test_…(hotline): …

    agent = hotline.agent("1001")                 # registered and ready; answers at once
    call = hotline.dial("12345", "13800000001")   # rings in
    call.hears("menu_main")
    call.press("1")

One system for a kind of switch serves all the tests that use `hotline`; each finds it idle.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from listening import MUSIC, voice_of
from phone import AgentPhone, Citizen, Leg
from sipp import write_wav_tone
from switches import Kept, Kind, eventually, kept_running
from system import System, started

from callcenter import bootstrap
from callcenter.presence import AGENTS, connect
from ivr.prompts import TEXTS

SHORT_LEASE = 3.0  # seconds that a phone rings
MENU_SECONDS = 2  # wait for a key

_MENUS = f"""
menus:
  main:
    prompt: [menu_main]
    seconds: {MENU_SECONDS}
    repeats: 2
    keys:
      "1": {{queue: general}}
      "2": {{menu: auto}}
      "3": {{message: true}}
      "0": {{queue: general}}
      "5": {{queue: patient}}
      "6": {{queue: hasty}}
  auto:
    prompt: [menu_auto]
    seconds: {MENU_SECONDS}
    repeats: 2
    keys:
      "2": {{play: [about]}}
      "3": {{message: true}}
      "9": {{menu: main}}
  closed:
    prompt: [closed, menu_closed]
    seconds: {MENU_SECONDS}
    repeats: 1
    keys:
      "2": {{play: [about]}}
      "3": {{message: true}}
"""
_NEVER = "hours: {week: {}}\n"
HOTLINES = {
    "city": 'numbers: ["12345"]\nqueue: general\nmenu: main\nafter_hours: closed\n' + _MENUS,
    "direct": 'numbers: ["2613710"]\nqueue: general\n',
    "night": 'numbers: ["12346"]\nqueue: general\nmenu: main\nafter_hours: closed\n'
    + _NEVER
    + _MENUS,
    "shut": 'numbers: ["12347"]\nqueue: general\n' + _NEVER,
    "silent": 'numbers: ["12348"]\nqueue: general\nsurvey: false\n',
}
QUEUES = f"""
lease_seconds: {SHORT_LEASE:g}
last_agent_hours: 0
wrap_up_seconds: 60
failed_pause_seconds: 1
queues:
  general: {{announce_first_seconds: 2, announce_every_seconds: 5}}
  patient: {{announce_first_seconds: 0}}
  hasty:
    announce_first_seconds: 0
    overflow: [{{when: waited, seconds: 1.5, then: goodbye}}]
"""


def write_rules(folder: Path) -> dict[str, Path]:
    """Hotlines and queues for tests, as settings."""
    hotlines = folder / "hotlines"
    hotlines.mkdir(parents=True)
    for name, text in HOTLINES.items():
        (hotlines / f"{name}.yaml").write_text(f"name: {name}\ntitle: {name}\n{text}", "utf-8")
    queues = folder / "queues.yaml"
    queues.write_text(QUEUES, "utf-8")
    return {"hotlines_dir": hotlines, "queues_file": queues}


def write_voices(folder: Path) -> Path:
    """Every prompt as the tone that `listening` knows it by, and music that is one too."""
    for name in TEXTS:
        write_wav_tone(folder / "zh" / f"{name}.wav", *voice_of(name))
    for name, seconds in {"wait_2s": 2, "wait_10s": 10, "moh/music": 20}.items():
        write_wav_tone(folder / "music" / f"{name}.wav", MUSIC, seconds)
    return folder / "zh"


class HotlineUnderTest:
    """The running system and the phones of one test."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.phones: list[Citizen | AgentPhone] = []
        self._browsers: dict[str, requests.Session] = {}
        self._earlier: dict[str, set[str]] = {}  # caller -> the calls that were before this one

    # --- people -----------------------------------------------------------------------------

    def dial(self, dialed: str, caller: str, **options: Any) -> Leg:
        """A citizen's call."""
        self.begins(caller)
        citizen = Citizen(self.system.switch.trunk, caller)
        self.phones.append(citizen)
        return citizen.dial(dialed, **options)

    def begins(self, caller: str) -> None:
        """From now on `record` of this caller is the one of a call that is yet to come."""
        self._earlier[caller] = {line["call"] for line in self.events()}

    def phone(self, number: str, **options: Any) -> AgentPhone:
        """An agent's phone, registered."""
        switch = self.system.switch
        password = switch.agents[number]
        phone = AgentPhone(
            switch.registrar, number, password, self.system.settings.domain, **options
        )
        self.phones.append(phone)
        phone.register()
        return phone

    def agent(self, number: str, **options: Any) -> AgentPhone:
        """An agent whose phone is registered and who is ready."""
        phone = self.phone(number, **options)
        self.ready(number)
        return phone

    def ready(self, number: str) -> None:
        system = self.system
        eventually(
            lambda: system.set_state(number, "ready").status_code == 200, f"{number} can get ready"
        )
        self.agent_is(number, "ready")

    def off_hook(self, number: str) -> tuple[AgentPhone, Leg]:
        """An agent who is ready, with the leg that stays."""
        phone = self.phone(number)
        self.command("agent.login", agent=number)
        eventually(  # the switch's word of the registration comes on its own
            lambda: self.command("agent.off_hook", agent=number)["ok"], f"{number} goes off hook"
        )
        leg = phone.rings()
        leg.is_up()
        self.line_is(number, "off_hook")
        self.ready(number)
        return phone, leg

    def line_is(self, number: str, line: str) -> None:
        """What is shown of the agent's phone: on_hook, calling, off_hook."""

        def shown() -> bool:
            stored: Any = connect(self.system.settings.redis_url).hget(AGENTS, number)
            return bool(json.loads(stored or "{}").get("line") == line)

        eventually(shown, f"line of {number} is {line}")

    def agent_is(self, number: str, *states: str, seconds: float = 10.0) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            told: dict[str, Any] = self.system.api(f"agents/{number}/state").json()
            return told if told["state"] in states else None

        return dict(eventually(there, f"agent {number} is {' or '.join(states)}", seconds))

    def command(self, name: str, **args: Any) -> dict[str, Any]:
        """Tell the controller through Redis, as the web does."""
        client = connect(self.system.settings.redis_url)
        number = f"test-{time.monotonic_ns()}"
        client.rpush("cc:commands", json.dumps({"id": number, "name": name, "args": args}))
        taken: Any = client.blpop([f"cc:reply:{number}"], timeout=5)
        assert taken, f"no answer to {name}"
        return dict(json.loads(taken[1]))

    # --- what came of it --------------------------------------------------------------------

    def record(self, caller: str) -> dict[str, Any] | None:
        """The newest call record of `caller`, None while the last call has none yet."""
        answer = self.system.api(f"calls?number={caller}&limit=5")
        assert answer.ok, (
            f"{answer.status_code} {answer.text[:300]}\n{self.system.log('web')[-3000:]}"
        )
        found = answer.json()["calls"]
        if not found or found[0]["id"] in self._earlier.get(caller, ()):
            return None
        return dict(found[0])

    def until(
        self,
        caller: str,
        condition: Callable[[dict[str, Any]], Any],
        what: str,
        seconds: float = 15,
    ) -> dict[str, Any]:
        def met() -> dict[str, Any] | None:
            record = self.record(caller)
            return record if record is not None and condition(record) else None

        try:
            return dict(eventually(met, what, seconds))
        except AssertionError as error:
            log = self.system.log("controller")[-5000:]
            raise AssertionError(f"{error}\nrecord: {self.record(caller)}\n{log}") from None

    def ended(self, caller: str, seconds: float = 20) -> dict[str, Any]:
        return self.until(caller, lambda call: call["ended_at"], f"{caller}'s call ended", seconds)

    def order(self, number: str) -> dict[str, Any]:
        return dict(self.system.api(f"orders/{number}").json())

    def events(self, kind: str | None = None, call: str | None = None) -> list[dict[str, Any]]:
        """The journal's whole lines, in order of time."""
        lines: list[dict[str, Any]] = []
        for path in self.system.settings.journal_dir.glob("*.jsonl"):
            whole, _, _torn = path.read_bytes().rpartition(b"\n")
            lines += [json.loads(line) for line in whole.splitlines() if line]
        lines = [line for line in lines if kind in (None, line["kind"])]
        lines = [line for line in lines if call in (None, line["call"])]
        return sorted(lines, key=lambda line: line["at"])

    def nothing_to_repair(self, since: float) -> None:
        """The reconciler finds nothing now, says so in its log, and mended nothing `since`."""
        words = "nothing to repair"
        told = self.system.log("controller").count(words)
        eventually(
            lambda: self.command("reconciler.look") == {"ok": True, "result": {"found": []}},
            "the reconciler finds nothing to repair",
        )
        assert self.system.log("controller").count(words) > told
        mended = [line for line in self.events("reconciler.repaired") if line["at"] >= since]
        assert mended == []

    def browser(self, user: str) -> requests.Session:
        """Somebody who is logged in."""
        if user not in self._browsers:
            secrets = bootstrap.Secrets.load(self.system.settings.data_dir)
            browser = self._browsers[user] = requests.Session()
            form = {"username": user, "password": secrets.first_logins[user]}
            form["csrf_token"] = self._csrf_token(browser, "/login")
            browser.post(self.system.url("/login"), data=form, timeout=5)
        return self._browsers[user]

    def _csrf_token(self, browser: requests.Session, path: str) -> str:
        page = browser.get(self.system.url(path), timeout=5).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found, f"no form at {path}"
        return found[1]

    def page(self, path: str, user: str = "supervisor") -> str:
        """A page as `user` sees it."""
        answer = self.browser(user).get(self.system.url(path), timeout=5)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    def post(self, path: str, form: str, user: str = "admin", **fields: str) -> str:
        """Send the form that stands on the page `form`; the page that it leads to."""
        browser = self.browser(user)
        fields["csrf_token"] = self._csrf_token(browser, form)
        answer = browser.post(self.system.url(path), data=fields, timeout=5)
        assert answer.status_code == 200, answer.text[:500]
        return answer.text

    # --- between tests ----------------------------------------------------------------------

    def close(self) -> None:
        for phone in self.phones:
            phone.close()
        self.phones.clear()
        for browser in self._browsers.values():
            browser.close()

    def idle(self) -> None:
        """Nobody calls, nobody is logged in, no phone is registered."""
        self.system.switch.hang_up_all()
        for number in self.system.switch.agents:
            eventually(
                lambda number=number: (
                    self.system.set_state(number, "logged_out").status_code == 200
                ),
                f"agent {number} can log out",
            )


@pytest.fixture(scope="session")
def hotlines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept[System]]:
    """One hotline per kind of switch; both stay, since the kinds take turns with every file."""

    def start(kind: Kind) -> System:
        folder = tmp_path_factory.mktemp(f"hotline-{kind}")
        sounds = write_voices(folder / "voices")
        return started(kind, folder / "data", sounds, **write_rules(folder / "rules"))

    with kept_running(start) as running:
        yield running


@pytest.fixture
def shared_hotline(switch_kind: Kind, hotlines: Kept[System]) -> System:
    return hotlines(switch_kind)


@pytest.fixture
def hotline(shared_hotline: System) -> Iterator[HotlineUnderTest]:
    """The shared hotline, idle before and after."""
    kit = HotlineUnderTest(shared_hotline)
    kit.idle()
    yield kit
    kit.close()
