"""The spool as the switches really write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_controller import FakeController
from sipp import Sipp, sipp_missing
from switches import RunningSwitch, eventually

from callcenter.cdr import Cdr, events_of, parse


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Sipp]:
    reason = sipp_missing()
    if reason:
        pytest.skip(reason)
    with Sipp(tmp_path / "sipp") as sipp:
        yield sipp


def record(switch: RunningSwitch, uuid: str) -> Cdr:
    path = switch.settings.cdr_dir / f"{uuid}.cdr.json"

    def readable() -> Cdr | None:
        try:
            return parse(path.read_bytes())
        except (OSError, ValueError):
            return None

    found = eventually(readable, f"a record at {path}")
    assert isinstance(found, Cdr)
    return found


def test_a_call_s_record_tells_what_the_journal_would(
    switch: RunningSwitch, phones: Sipp, tmp_path: Path
) -> None:
    with FakeController(switch.settings.outbound_port) as controller:
        citizen = phones.citizen(
            switch.trunk, "12345", caller="13812345678", name='"%41 %0A 张"', hang_up_after=1.0
        )
        call = controller.next_call()
        call.run("answer")
        call.run("set", "cc_hotline=市 100%")
        call.run("set", "cc_stage=queue")
        assert citizen.wait(20).exit_code == 0
    cdr = record(switch, call.uuid)
    arrived, ended = events_of(cdr, tmp_path)
    assert arrived.at == pytest.approx(int(call.headers["caller-channel-created-time"]) / 1e6)
    assert arrived.data["caller"] == "13812345678"
    assert arrived.data["name"].endswith("张")
    assert arrived.data["name"].isprintable()  # FreeSWITCH decodes %0A in a name
    assert (arrived.data["dialed"], arrived.data["hotline"]) == ("12345", "市 100%")
    assert (ended.data["stage"], ended.data["by"]) == ("queue", "citizen")
    assert 0.5 < ended.at - arrived.at < 10


def test_an_agent_s_leg_has_a_record_that_tells_nothing(
    switch: RunningSwitch, tmp_path: Path
) -> None:
    if switch.kind == "lab":
        pytest.skip("labswitch writes no record for a leg that an originate command made")
    uuid = "11111111-2222-4333-8444-555555555555"
    options = f"origination_uuid={uuid},cc_offer=o1,cc_contact=c1"
    switch.api(f"originate {{{options}}}sofia/trunk/x@127.0.0.1:9 &park()")
    assert events_of(record(switch, uuid), tmp_path) == []
