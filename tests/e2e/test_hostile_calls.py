"""Callers who mean harm: forged names and numbers, wrong numbers, and more calls than can be."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hotline_kit import HotlineUnderTest, write_rules, write_voices
from switches import eventually
from system import System

from callcenter.events import Kind
from callcenter.privacy import ANONYMOUS

MARK = "/tmp/callcenter-hostile-name-ran"
FORGED = b"%0AEvent-Name: CHANNEL_HANGUP_COMPLETE%0AUnique-ID: forged%0A%0A"
NAMES = {
    "13800000401": b'"' + FORGED + b'"',
    "13800000402": b'"\\r\\nEvent-Name: CHANNEL_HANGUP\\r\\n\\r\\n"',
    "13800000403": b'"it\'s \\"quoted\\" \\\\ <sip:other@host>;tag=1"',
    "13800000404": '"刘女士，市民"'.encode("gbk"),
    "13800000405": b'"' + b"x" * 4096 + b'"',
    "13800000406": f'"${{system(touch {MARK})}}"'.encode(),
    "13800000407": b'"${uuid_kill(all)} $${domain} @{x} #{y} {origination_uuid=1}"',
    "13800000408": '"\u202e\u2066abc\u0007\u0085 名字"'.encode(),
    "13800000409": b'"' + b"\xff\xfe\x80" * 20 + b'"',
    "13800000410": b"\"',hangup_after_bridge=false,api_on_answer='version\"",
    "13800000411": b'"</name><script>alert(1)</script>"',
}
NO_NUMBERS = (
    "anonymous",
    "alice",
    "%0d%0aEvent-Name%3a%20x",
    "1-or-1=1--",
    "9" * 300,
    "..%2f..%2fetc",
)
WRONG_NUMBERS = ("12344", "123456", "1001", "hotline", "survey", "unattended", "*")


def test_given_hostile_display_names_when_they_call_then_each_is_an_ordinary_call(
    hotline: HotlineUnderTest,
) -> None:
    Path(MARK).unlink(missing_ok=True)
    agent = hotline.agent("1001", ring=None)
    for caller, name in NAMES.items():
        call = hotline.dial("2613710", caller, name=name)
        call.hears("connecting")
        call.hang_up()
        record = hotline.ended(caller)
        assert record["outcome"] == "abandoned_in_queue"
        shown = record["caller_name"]
        assert len(shown) <= 64
        assert not [char for char in shown if unicodedata.category(char)[0] == "C"]
    for leg in agent.calls:  # an agent's display shows the number, never the name
        assert leg.invite is not None
        assert "13800000" in leg.invite.get("from")
        assert not any(mark in leg.invite.get("from") for mark in ("Event-Name", "$", "script"))
    assert not Path(MARK).exists()
    assert not hotline.system.api("calls/forged").ok
    assert {line["kind"] for line in hotline.events()} <= set(Kind)
    assert "forged" not in {line["call"] for line in hotline.events()}


def test_given_numbers_that_are_none_when_they_call_then_they_are_anonymous(
    hotline: HotlineUnderTest,
) -> None:
    Path(MARK).unlink(missing_ok=True)
    before = {line["id"] for line in hotline.events("call.arrived")}
    for number in NO_NUMBERS:
        call = hotline.dial("12345", number)
        call.hears("menu_main")
        call.hang_up()

    def arrived() -> list[str]:
        lines = hotline.events("call.arrived")
        return [line["data"]["caller"] for line in lines if line["id"] not in before]

    eventually(lambda: len(arrived()) >= len(NO_NUMBERS), "all are in the journal")
    assert set(arrived()) == {ANONYMOUS}
    hotline.ended(ANONYMOUS)
    command = hotline.dial("12345", "${system(touch%20" + MARK + ")}")
    command.is_over()
    assert command.status == 400  # no SIP address at all
    assert not Path(MARK).exists()


def test_given_numbers_that_nobody_published_when_they_are_dialed_then_404_and_no_record(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000420"
    for dialed in WRONG_NUMBERS:
        call = hotline.dial(dialed, caller)
        call.is_over()
        assert (dialed, call.status) == (dialed, 404)
    served = hotline.dial("12345", caller)
    served.hears("welcome")
    served.hang_up()
    hotline.ended(caller)
    found = hotline.system.api(f"calls?number={caller}").json()["calls"]
    assert [call["dialed"] for call in found] == ["12345"]


def every_record(system: System) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = system.api(f"calls?limit=100&cursor={cursor}").json()
        records += page["calls"]
        cursor = page["next_cursor"]
    return records


@pytest.fixture
def small_system(make_system: Callable[..., System], tmp_path: Path) -> System:
    """A hotline for 20 calls at a time."""
    rules = write_rules(tmp_path / "rules")
    sounds = write_voices(tmp_path / "voices")
    return make_system(max_calls=20, calls_per_second=40, sounds_dir=sounds, **rules)


def test_given_200_calls_within_a_second_when_20_are_the_limit_then_the_rest_is_told_503(
    small_system: System,
) -> None:
    hotline = HotlineUnderTest(small_system)
    callers = [f"1390000{number:04}" for number in range(200)]
    flood = small_system.citizen(caller=callers, calls=200, rate=200, hang_up_after=3.0, limit=60)
    said = flood.wait(60).messages
    statuses = [line.split()[1] for line in said.splitlines() if line.startswith("SIP/2.0 ")]
    assert statuses.count("503") >= 150
    assert set(statuses) <= {"100", "180", "183", "200", "503"}
    eventually(lambda: small_system.switch.calls() == 0, "every channel is gone", 20)

    def settled() -> bool:
        picture = hotline.events()
        arrived = {line["call"] for line in picture if line["kind"] == Kind.CALL_ARRIVED}
        ended = {line["call"] for line in picture if line["kind"] == Kind.CALL_ENDED}
        return arrived <= ended

    eventually(settled, "every call that came has ended", 20)
    try:
        hotline.agent("1001")
        call = hotline.dial("12345", "13800000430")
        call.hears("menu_main")
        call.press("1")
        call.hears("agent")
        call.hang_up()
        assert hotline.ended("13800000430")["outcome"] == "answered"
    finally:
        hotline.close()
    records = every_record(small_system)
    assert all(record["ended_at"] for record in records)
    outcomes = Counter(record["outcome"] for record in records)
    assert outcomes["answered"] == 1
    assert outcomes["abandoned_in_menu"] == 20
    assert outcomes["failed"] == len(records) - 21
    assert {line["kind"] for line in hotline.events()} <= set(Kind)
    print("after the flood:", dict(outcomes), dict(Counter(statuses)))
