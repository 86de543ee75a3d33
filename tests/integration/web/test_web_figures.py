"""A day is replayed from its events: page, API and report say the same, and what is right."""

from __future__ import annotations

import csv
import datetime as dt

import pytest
from click.testing import CliRunner
from web_kit import API_TOKEN, client_for

from callcenter import database
from callcenter.cli import main
from callcenter.daybook import bounds
from callcenter.events import Event, Kind, event
from callcenter.store import store
from web.localtime import today

# Per call: arrival (s after 8:00), queue, wait until the answer (None: not answered), end of the
# wait when not answered, rating, whether the hotline placed it.
CALLS = [
    (0, "general", 4.0, None, 1, False),
    (10, "general", 15.0, None, 2, False),
    (20, "general", 15.2, None, 4, False),
    (900, "general", 40.0, None, None, False),
    (910, "general", None, 3.0, None, False),  # gave up at once
    (950, "general", None, 30.0, None, False),
    (1000, "tax", 9.0, None, 3, False),
    (1800, "tax", 2.0, None, 5, False),
    (1900, None, None, None, None, False),  # hung up in the menu
    (2000, "general", 1.0, None, 1, True),  # we called back
]
# Announced waits: call, seconds after it entered the queue, expected wait.
ANNOUNCED = [
    (1, 5.0, 16.0),  # it was 10 s: 6 s too long
    (1, 9.0, 400.0),  # only the first one counts
    (3, 20.0, None),  # nothing was known yet
    (3, 25.0, 13.0),  # 15 s: 2 s too short
    (5, 10.0, 500.0),  # gave up
    (6, 2.0, 6.0),  # 7 s: 1 s too short
    (9, 0.5, 300.0),  # we called back
]
EXPECTED = {
    "connection_rate": (6, 8),
    "service_level": (4, 6),
    "service_level_of_queued": (4, 8),
    "service_level_of_arrival": (3, 6),
    "abandonment": (1, 7),
    "answer_speed": (85.2, 6),
    "wait_estimate_error": (9.0, 3),
    "wait_estimate_bias": (3.0, 3),
    "satisfaction": (4, 6),
    "handling_time": (70.0, 1),
    "occupancy": (70.0, 100.0),
}


def _events(start: float) -> list[Event]:
    told = []
    for place, (after, queue, wait, gone, rating, placed) in enumerate(CALLS):
        call, at = f"call-{place}", start + 8 * 3600 + after

        def tell(kind, when, call=call, **data):
            told.append(event(kind, call, at=when, **data))

        back = {"callback_of": "call-3"} if placed else {}
        tell(Kind.CALL_ARRIVED, at, caller="13812345678", dialed="12345", hotline="city", **back)
        end = at + 2
        if queue:
            tell(Kind.QUEUE_JOINED, at + 2, queue=queue, priority=0, requirement="")
        for number, later, estimate in ANNOUNCED:
            if number == place:
                tell(Kind.QUEUE_ANNOUNCED, at + 2 + later, position=1, estimate=estimate)
        if queue and wait is not None:
            end = at + 2 + wait
            tell(Kind.TALK_STARTED, end, agent="1001", offer=f"o{place}", leg="l")
            end += 60
            tell(Kind.TALK_ENDED, end, agent="1001", by="agent")
        elif queue:
            end = at + 2 + gone
            tell(Kind.QUEUE_LEFT, end, reason="abandoned")
        if rating:
            tell(Kind.SURVEY_RATED, end + 1, rating=rating)
        tell(Kind.CALL_ENDED, end + 2, cause="NORMAL_CLEARING", by="citizen", stage="x")
    states = [(0, "logged_out", "ready"), (30, "ready", "talking"), (80, "talking", "wrap_up"),
              (100, "wrap_up", "logged_out")]  # fmt: skip
    for after, old, new in states:
        at = start + 8 * 3600 + after
        told.append(event(Kind.AGENT_STATE, at=at, agent="1001", old=old, new=new, reason=""))
    return told


@pytest.fixture
def replayed(engine, people) -> dt.date:
    """Told twice, and not in order: it is all the same."""
    day = today()
    events = _events(bounds(day)[0])
    now = dt.datetime.now(dt.UTC)
    for part in (events[::2], events, events[::-3]):
        with database.writing(engine) as session:
            store(session, part, now)
    return day


def _api(app, query: str = "") -> dict:
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    answer = app.test_client().get(f"/api/v1/figures{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json


def _report(settings, *options: str) -> list[list[str]]:
    environ = {"CALLCENTER_DATABASE_URL": settings.database_url}
    done = CliRunner().invoke(main, ["report", "today", "--csv", *options], env=environ)
    assert done.exit_code == 0, done.output
    return list(csv.reader(done.output.splitlines()))


def test_a_replayed_day_is_the_same_on_page_in_api_and_report(app, web_settings, replayed):
    api = _api(app)
    found = {each["name"]: each for each in api["figures"]}
    parts = {name: (each["numerator"], each["denominator"]) for name, each in found.items()}
    assert parts == EXPECTED

    rows = _report(web_settings)
    printed = {row[0]: row for row in rows if row and row[0] in EXPECTED}
    for name, each in found.items():
        assert float(printed[name][1]) == pytest.approx(each["value"], abs=5e-5)
        assert (float(printed[name][3]), float(printed[name][4])) == parts[name]

    page = client_for(app, "supervisor").get("/live").text
    for name, each in found.items():
        if name in ("service_level_of_queued", "service_level_of_arrival", "wait_estimate_bias"):
            continue  # they are told within another figure's words
        value = f"{each['value']:.1f}%" if each["unit"] == "%" else f"{each['value']:.0f} 秒"
        tile = page.partition(f'data-tile="{name}"')[2].partition("</div>")[0]
        assert f"<dd>{value}</dd>" in tile, name
    for told in ("6 ÷ 8 = 75.0%", "4 ÷ 6 = 66.7%", "4 ÷ 8 = 50.0%", "3 ÷ 6 = 50.0%",
                 "9 ÷ 3 = 3.0 s", "3 ÷ 3 = 1.0 s", "偏差 +1 秒，3 通",
                 "热线回拨的 1 通未计入", "5 秒内挂断的 1 通未计入"):  # fmt: skip
        assert told in page, told

    quarters = {row[0]: row for row in rows if row and len(row[0]) == 5 and row[0][2] == ":"}
    assert set(quarters) == {"08:00", "08:15", "08:30"}
    assert [quarter["counts"]["arrived"] for quarter in api["quarters"]] == [3, 4, 2]
    assert [int(row[1]) for _time, row in sorted(quarters.items())] == [3, 4, 2]
    (agent,) = api["agents"]
    assert (agent["agent"], agent["calls"], agent["handling_time"]) == ("1001", 1, 70.0)
    assert rows[-1][:2] == ["1001", "1"]


def test_one_queue_s_figures_are_its_own_everywhere(app, web_settings, replayed):
    api = _api(app, "?queue=tax")
    assert api["counts"]["queued"] == 2
    found = {each["name"]: (each["numerator"], each["denominator"]) for each in api["figures"]}
    assert found["connection_rate"] == (2, 2)
    assert (found["wait_estimate_error"], found["wait_estimate_bias"]) == ((1, 1), (-1, 1))
    assert "occupancy" not in found  # agents serve several queues
    rows = {row[0]: row for row in _report(web_settings, "--queue", "tax") if row}
    assert rows["connection_rate"][3:5] == ["2", "2"]


def test_another_day_is_empty_and_a_wrong_one_is_refused(app, web_settings, replayed):
    api = _api(app, f"?day={replayed - dt.timedelta(days=1)}")
    assert (api["over"], api["counts"]["arrived"], api["quarters"]) == (True, 0, [])
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    answer = app.test_client().get("/api/v1/figures?day=soon", headers=headers)
    assert (answer.status_code, "day" in answer.json["message"]) == (400, True)
    environ = {"CALLCENTER_DATABASE_URL": web_settings.database_url}
    done = CliRunner().invoke(main, ["report", "soon"], env=environ)
    assert (done.exit_code, "expected a day such as" in done.output) == (2, True)
    text = CliRunner().invoke(main, ["report"], env=environ).output
    assert "6 ÷ 8" in text
    assert "left out: those still waiting" in text
