"""`callcenter call`: a citizen and an agent, both SIPp, play one whole call on a running system."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import requests

from callcenter import bootstrap
from callcenter.settings import Settings, SettingsError
from callcenter.sipp import Sipp, SippResult, SippRun, sipp_missing

CITIZEN = "13900001234"  # a number of nobody: the range is fictitious
ANSWER_LIMIT = 90.0  # seconds for the whole call, beside the conversation
LOOK_EVERY = 0.3
REGISTERED_LIMIT = 10.0  # seconds until the controller knows of the phone
ANNOUNCED = 4.0  # seconds that the agent's number takes before the two can talk


def place(settings: Settings, *, keys: str, rating: str, seconds: int) -> int:
    """Place the call and show its record as it grows; the exit code."""
    missing = sipp_missing()
    if missing:
        raise SettingsError(missing)
    api = _Api(settings)
    api.check()
    agent, password = sorted(bootstrap.Secrets.load(settings.data_dir).sip_passwords.items())[-1]
    with (
        tempfile.TemporaryDirectory(prefix="callcenter-call-") as folder,
        Sipp(Path(folder)) as sipp,
    ):
        talk = ANNOUNCED + seconds
        phone = sipp.phone("answer_hangup", ring=1.0, talk=talk, calls=1, limit=talk + ANSWER_LIMIT)
        registrar = (settings.sip_ip, settings.agent_sip_port)

        def register(**options: int) -> SippResult:
            phones = {agent: password}
            run = sipp.register(registrar, phones, settings.domain, phone.port, **options)
            return run.wait(20)

        registered = register()
        if registered.exit_code:
            raise SettingsError(f"agent {agent} could not register:\n{registered.explain()}")
        try:
            api.state(agent, "ready")
            click.echo(f"agent {agent} is registered and ready; citizen {CITIZEN} dials …\n")
            began = time.time()
            citizen = sipp.citizen(
                (settings.sip_ip, settings.sip_port),
                api.number(),
                caller=CITIZEN,
                keys=_presses(keys, rating, seconds),
                hangup_within=ANSWER_LIMIT + seconds,
                limit=ANSWER_LIMIT + seconds,
            )
            record = _follow(api, citizen, began, ANSWER_LIMIT + seconds)
        finally:
            api.state(agent, "logged_out")
            register(expires=0)  # its phone is gone with us: no desk may take it for one that rings
    return _show(settings, record)


def _presses(keys: str, rating: str, seconds: int) -> list[tuple[float, str]]:
    """Menu keys a second apart; the rating once the survey has surely begun."""
    presses = [(1.0, key) for key in keys]
    if rating:
        presses.append((seconds + 12.0, rating))
    return presses


def _follow(api: _Api, citizen: SippRun, began: float, limit: float) -> dict[str, Any]:
    """Print the call's steps as they are known; its record once it has ended."""
    deadline = time.monotonic() + limit
    told: dict[str, Any] = {}
    while time.monotonic() < deadline:
        record = api.newest_call(began)
        for name, words in _STEPS.items():
            value = record.get(name)
            if value and name not in told:
                told[name] = value
                click.echo(f"  {_local(value)}  {words}")
        if record.get("ended_at") and record.get("order_number"):
            return record
        if citizen.process.poll() not in (None, 0):
            raise SettingsError(f"the citizen's call failed:\n{citizen.wait(1).explain()}")
        time.sleep(LOOK_EVERY)
    raise SettingsError("the call did not end in time; see the logs")


_STEPS = {
    "arrived_at": "arrives at the switch, hears the menu",
    "queued_at": "enters the queue",
    "offered_at": "the agent's phone rings",
    "answered_at": "the agent answers; the recording runs",
    "talk_ended_at": "the agent hangs up; the survey begins",
    "ended_at": "the call has ended",
}


def _show(settings: Settings, record: dict[str, Any]) -> int:
    base = f"http://{settings.web_host}:{settings.web_port}"
    click.echo(
        f"\n  outcome    {record['outcome']}, agent {record['agent']}, rating {record['rating']}"
        f"\n  order      {record['order_number']}  {base}/orders/{record['order_number']}"
        f"\n  call       {base}/calls/{record['id']}"
    )
    return 0 if record["outcome"] == "answered" else 1


class _Api:
    """The few questions asked of the running system's API."""

    def __init__(self, settings: Settings) -> None:
        self._base = f"http://{settings.web_host}:{settings.web_port}"
        self._headers = {"Authorization": f"Bearer {settings.api_token}"}
        self._settings = settings

    def check(self) -> None:
        try:
            self._get("/healthz")
        except requests.RequestException as error:
            raise SettingsError(
                f"nothing answers at {self._base}; start it with `callcenter run`"
            ) from error

    def number(self) -> str:
        from callcenter.hotlines import load_hotlines

        hotlines = load_hotlines(self._settings.hotlines_dir)
        with_menu = [number for number, hotline in sorted(hotlines.items()) if hotline.menu]
        return (with_menu or sorted(hotlines))[0]

    def state(self, agent: str, state: str) -> None:
        deadline = time.monotonic() + REGISTERED_LIMIT
        while True:
            answer = requests.put(
                f"{self._base}/api/v1/agents/{agent}/state",
                json={"state": state},
                headers=self._headers,
                timeout=5,
            )
            if answer.status_code < 400 or state != "ready":
                return
            if time.monotonic() > deadline:
                raise SettingsError(f"agent {agent} cannot be made ready: {answer.text}")
            time.sleep(LOOK_EVERY)  # the controller hears of a new registration a moment later

    def newest_call(self, since: float) -> dict[str, Any]:
        calls = self._get("/api/v1/calls?limit=1").json()["calls"]
        if not calls or dt.datetime.fromisoformat(calls[0]["arrived_at"]).timestamp() < since - 2:
            return {}
        return dict(calls[0])

    def _get(self, path: str) -> requests.Response:
        return requests.get(self._base + path, headers=self._headers, timeout=5)


def _local(moment: str) -> str:
    return dt.datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")
