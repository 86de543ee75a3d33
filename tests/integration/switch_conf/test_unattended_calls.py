"""When no controller answers, or the one that did dies: no caller meets silence."""

from __future__ import annotations

import json
import stat
import time
import wave
from array import array
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fake_controller import FakeCall, FakeController
from sipp import Sipp
from switches import RunningSwitch, eventually


def test_without_a_controller_the_caller_leaves_a_message(
    switch: RunningSwitch, phones: Sipp
) -> None:
    dialled = time.monotonic()
    citizen = phones.citizen(
        switch.trunk, "12345", caller="13911112222", keys=[(4.0, "#")], answer_within=15
    )
    result = citizen.wait(40)
    assert result.exit_code == 0, result.explain()
    assert 6 < time.monotonic() - dialled < 25
    assert "180 Ringing" in result.messages

    cdr = only_record(switch, caller="13911112222")
    variables = {name: unquote(value) for name, value in cdr["variables"].items()}
    assert variables["cc_fallback"] == "message"
    assert variables["cc_dialed"] == "12345"
    assert "cc_stage" not in variables
    message = switch.settings.recordings_dir / "messages" / f"{variables['uuid']}.wav"
    seconds, loudness = heard(message)
    assert 1.0 < seconds < 5.0  # 4 s less the apology and the tone
    assert loudness > 1000, "the citizen's tone isn't in the recording"
    assert stat.S_IMODE(message.stat().st_mode) == 0o600


def test_caller_who_hangs_up_while_speaking_has_left_a_message(
    switch: RunningSwitch, phones: Sipp
) -> None:
    citizen = phones.citizen(switch.trunk, "12345", caller="13911113333", hang_up_after=6)
    assert citizen.wait(40).exit_code == 0
    variables = only_record(switch, caller="13911113333")["variables"]
    assert variables["cc_fallback"] == "message"
    seconds, _ = heard(switch.settings.recordings_dir / f"messages/{variables['uuid']}.wav")
    assert seconds > 3


def test_controller_that_comes_late_still_gets_a_new_call(
    switch: RunningSwitch, phones: Sipp
) -> None:
    citizen = phones.citizen(switch.trunk, "12345")
    eventually(lambda: "180 Ringing" in citizen.messages(), "ringing")
    with FakeController(switch.settings.outbound_port) as controller:
        call = controller.next_call(8)
        assert call.variable("cc_dialed") == "12345"
        assert call.variable("cc_stage") is None
        call.run("answer")
        call.finish()
        result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()


def test_standby_takes_over_at_once_when_a_controller_dies_within_a_prompt(
    switch: RunningSwitch, phones: Sipp
) -> None:
    standby_port = int(switch.settings.controllers[1].rpartition(":")[2])
    with FakeController(switch.settings.outbound_port) as first:
        citizen = phones.citizen(switch.trunk, "12345")
        call = first.next_call()
        call.run("answer")
        call.run("multiset", "^^;cc_stage=queue;cc_queue=general;cc_queued_at=1234.5")
        call.execute("playback", "local_stream://moh")
        call.wait_for("CHANNEL_EXECUTE", Application="playback")
        with FakeController(standby_port) as standby:
            first.die()
            died = time.monotonic()
            again = standby.next_call(8)
            assert time.monotonic() - died < 1.5
            assert again.uuid == call.uuid
            kept = {name: again.variable(name) for name in ("cc_stage", "cc_queue", "cc_queued_at")}
            assert kept == {"cc_stage": "queue", "cc_queue": "general", "cc_queued_at": "1234.5"}
            assert again.variable("cc_dialed") == "12345"
            again.run("playback", "tone_stream://%(100,0,400)")
            again.finish()
            result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()


def test_call_that_had_begun_waits_for_a_controller_that_restarts(
    switch: RunningSwitch, phones: Sipp
) -> None:
    citizen = phones.citizen(switch.trunk, "12345")
    for expected in (None, "menu", "menu"):  # it dies twice
        with FakeController(switch.settings.outbound_port) as controller:
            call = controller.next_call(12)
            assert call.variable("cc_stage") == expected
            call.run("answer")
            call.run("set", "cc_stage=menu")
        eventually(call.closed.is_set, "the connection closed")
        eventually(lambda uuid=call.uuid: music(switch, uuid), "music while nobody attends")
    with FakeController(switch.settings.outbound_port) as controller:
        controller.next_call(12).finish()
        result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()


def test_call_that_was_over_ends_when_its_controller_dies(
    switch: RunningSwitch, phones: Sipp
) -> None:
    with FakeController(switch.settings.outbound_port) as controller:
        citizen = phones.citizen(switch.trunk, "12345")
        call = controller.next_call()
        call.run("answer")
        call.run("set", "cc_stage=done")
    result = citizen.wait(10)
    assert result.exit_code == 0, result.explain()


def test_citizen_goes_on_to_the_survey_when_the_agent_is_gone_and_the_controller_too(
    switch: RunningSwitch, phones: Sipp
) -> None:
    domain = switch.settings.domain
    phone = phones.phone("answer", ring=0.1)
    registered = phones.register(
        switch.registrar, {"1001": switch.agents["1001"]}, domain, phone.port
    ).wait(20)
    assert registered.exit_code == 0, registered.explain()
    with FakeController(switch.settings.outbound_port) as controller:
        citizen = phones.citizen(switch.trunk, "12345", caller="13911114444")
        call = controller.next_call()
        call.run("answer")
        leg = talk(switch, call, "1001")
    eventually(call.closed.is_set, "the controller gone")
    before = packets(switch, leg)
    eventually(lambda: packets(switch, leg) > before + 25, "speech from the agent")
    assert switch.calls() == 2

    switch.api(f"uuid_kill {leg} MEDIA_TIMEOUT")  # as when the agent's PC died
    with FakeController(switch.settings.outbound_port) as controller:
        again = controller.next_call(10)
        assert again.uuid == call.uuid
        assert again.variable("cc_stage") == "survey"
        assert again.variable("cc_agent") == "1001"
        assert again.variable("socket_resume") == "true"
        again.run("playback", "tone_stream://%(100,0,400)")
        again.finish()
        result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()
    assert only_record(switch, caller="13911114444")["variables"]["cc_stage"] == "survey"
    assert not (switch.settings.cdr_dir / f"{leg}.cdr.json").exists(), "agents' legs have no record"


def talk(switch: RunningSwitch, call: FakeCall, agent: str) -> str:
    """Join the citizen with an agent as the controller does; the agent's leg."""
    leg = switch.api("create_uuid")
    switch.api(f"uuid_setvar_multi {call.uuid} cc_stage=talk;cc_agent={agent}")
    answer = switch.api(
        f"originate {{origination_uuid={leg},cc_agent={agent},hangup_after_bridge=true,"
        "ignore_early_media=true,originate_timeout=20}"
        f"user/{agent}@{switch.settings.domain} &park()"
    )
    assert answer == f"+OK {leg}"
    after = "socket_resume=false;transfer_after_bridge=survey:XML:hotline"
    switch.api(f"uuid_setvar_multi {call.uuid} {after}")
    assert switch.api(f"uuid_bridge {call.uuid} {leg}").startswith("+OK")
    call.wait_for("CHANNEL_BRIDGE")
    return leg


def packets(switch: RunningSwitch, uuid: str) -> int:
    switch.api(f"uuid_set_media_stats {uuid}")
    value = switch.api(f"uuid_getvar {uuid} rtp_audio_in_packet_count")
    return int(value) if value.isdigit() else 0


def music(switch: RunningSwitch, uuid: str) -> bool:
    return "wait_2s.wav" in switch.api(f"uuid_dump {uuid} json")


def only_record(switch: RunningSwitch, caller: str) -> dict[str, Any]:
    """The one CDR of that caller; files that are still being written don't count yet."""

    def find() -> list[dict[str, Any]]:
        found = []
        for path in switch.settings.cdr_dir.glob("*.cdr.json"):
            try:
                record = json.loads(path.read_bytes().decode("utf-8", "replace"))
            except ValueError:
                continue
            if record["callflow"][-1]["caller_profile"]["caller_id_number"] == caller:
                found.append(record)
        return found

    records: list[dict[str, Any]] = eventually(find, f"a CDR of {caller}")
    assert len(records) == 1
    return records[0]


def heard(path: Path) -> tuple[float, float]:
    """Seconds and mean level (root mean square) of a recording."""
    with wave.open(str(path)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        seconds = file.getnframes() / file.getframerate()
    return seconds, (sum(s * s for s in samples) / max(1, len(samples))) ** 0.5
