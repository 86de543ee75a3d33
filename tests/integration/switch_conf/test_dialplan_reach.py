"""Who reaches what: citizens the published numbers, agents each other, strangers nothing."""

from __future__ import annotations

import json

from fake_controller import FakeController
from sipp import Sipp, free_ports
from switches import RunningSwitch, eventually


def test_published_number_reaches_the_controller(
    switch: RunningSwitch, controller: FakeController, phones: Sipp
) -> None:
    citizen = phones.citizen(switch.trunk, "12345", caller="13812345678")
    call = controller.next_call()
    assert call.variable("cc_dialed") == "12345"
    assert call.variable("socket_resume") == "true"
    assert call.headers["caller-caller-id-number"] == "13812345678"
    call.run("answer")
    call.run("playback", "tone_stream://%(200,0,400)")
    call.finish()
    result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()
    assert "180 Ringing" in result.messages


def test_keys_reach_the_controller_by_info_and_by_rfc_4733(
    switch: RunningSwitch, controller: FakeController, phones: Sipp
) -> None:
    for dtmf in ("info", "rfc4733"):
        citizen = phones.citizen(switch.trunk, "2613710", keys=[(0.5, "1"), (0.5, "9")], dtmf=dtmf)
        call = controller.next_call()
        call.run("answer")
        assert call.wait_for("DTMF")["DTMF-Digit"] == "1"
        assert call.wait_for("DTMF")["DTMF-Digit"] == "9"
        call.finish()
        result = citizen.wait(20)
        assert result.exit_code == 0, result.explain()


def test_caller_who_sends_no_sound_hears_the_prompts_in_time(
    switch: RunningSwitch, controller: FakeController, phones: Sipp
) -> None:
    citizen = phones.citizen(switch.trunk, "12345", dtmf="rfc4733")  # silent until a key
    call = controller.next_call()
    call.run("answer")
    call.run("playback", "silence_stream://400", seconds=2)
    call.finish()
    result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()


def test_number_that_is_not_published_is_not_found(
    switch: RunningSwitch, controller: FakeController, phones: Sipp
) -> None:
    for dialed in ("1001", "hotline", "survey", "message", "112345", "123456", "12345|1"):
        result = phones.refused(switch.trunk, dialed, 404).wait(20)
        assert result.exit_code == 0, f"{dialed}: {result.explain()}"
    assert controller.nobody_called()


def test_address_outside_the_access_list_is_refused(make_switch, phones: Sipp) -> None:
    switch: RunningSwitch = make_switch(trunk_acl=("127.0.0.1/32",))
    with FakeController(switch.settings.outbound_port) as controller:
        result = phones.refused(switch.trunk, "12345", 403, source="127.0.0.2").wait(20)
        assert result.exit_code == 0, result.explain()
        assert controller.nobody_called()


def test_agent_registers_with_the_right_password_only(switch: RunningSwitch, phones: Sipp) -> None:
    port, domain = free_ports(), switch.settings.domain
    wrong = phones.register(
        switch.registrar, {"1001": "not-the-password"}, domain, port, status=403
    ).wait(20)
    assert wrong.exit_code == 0, wrong.explain()
    assert not registrations(switch)

    right = phones.register(switch.registrar, {"1001": switch.agents["1001"]}, domain, port)
    result = right.wait(20)
    assert result.exit_code == 0, result.explain()
    rows = eventually(lambda: registrations(switch), "the registration in the switch's list")
    assert [row["reg_user"] for row in rows] == ["1001"]
    assert "FreeSWITCH" not in result.messages

    gone = phones.register(
        switch.registrar, {"1001": switch.agents["1001"]}, domain, port, expires=0
    ).wait(20)
    assert gone.exit_code == 0, gone.explain()
    eventually(lambda: not registrations(switch), "the registration gone from the list")


def registrations(switch: RunningSwitch) -> list[dict[str, str]]:
    return json.loads(switch.api("show registrations as json")).get("rows", [])


def test_trunk_takes_no_registrations(switch: RunningSwitch, phones: Sipp) -> None:
    run = phones.register(switch.trunk, {"1001": switch.agents["1001"]}, "callcenter.local", 9)
    assert run.wait(20).exit_code != 0
    assert not registrations(switch)


def test_newest_phone_of_an_agent_is_the_one_that_rings(
    switch: RunningSwitch, phones: Sipp
) -> None:
    left_behind, at_the_desk = phones.phone("busy"), phones.phone("answer", calls=1)
    words = {"1003": switch.agents["1003"]}
    for phone in (left_behind, at_the_desk):
        result = phones.register(switch.registrar, words, switch.settings.domain, phone.port).wait(
            20
        )
        assert result.exit_code == 0, result.explain()
    assert switch.api(f"originate user/1003@{switch.settings.domain} &park()").startswith("+OK")
    switch.hang_up_all()
    assert at_the_desk.wait(20).exit_code == 0


def test_agent_reaches_colleagues_and_not_the_world(switch: RunningSwitch, phones: Sipp) -> None:
    domain = switch.settings.domain
    colleague = phones.phone("busy")
    result = phones.register(
        switch.registrar, {"1002": switch.agents["1002"]}, domain, colleague.port
    ).wait(20)
    assert result.exit_code == 0, result.explain()

    def dial(dialed: str, status: int, password: str = switch.agents["1001"]) -> None:
        run = phones.dial(switch.registrar, "1001", password, domain, dialed, status)
        result = run.wait(30)
        assert result.exit_code == 0, f"{dialed}: {result.explain()}"

    dial("1002", 486)
    for dialed in ("13812345678", "110", "hotline", "survey", "message", "0085212345678"):
        dial(dialed, 404)
    dial("1002", 403, password="not-the-password")


def test_agent_can_hear_what_a_citizen_hears(
    switch: RunningSwitch, controller: FakeController, phones: Sipp
) -> None:
    run = phones.dial(
        switch.registrar, "1001", switch.agents["1001"], switch.settings.domain, "12345", 480
    )
    call = controller.next_call()
    assert call.variable("cc_dialed") == "12345"
    call.finish("NO_ANSWER")
    result = run.wait(20)
    assert result.exit_code == 0, result.explain()


def test_calls_beyond_the_limit_are_refused_for_another_node(make_switch, phones: Sipp) -> None:
    switch: RunningSwitch = make_switch(max_calls=2)
    with FakeController(switch.settings.outbound_port) as controller:
        for _ in range(2):
            phones.citizen(switch.trunk, "12345", hang_up_after=30)
            controller.next_call().run("answer")
        result = phones.refused(switch.trunk, "12345", 503).wait(20)
        assert result.exit_code == 0, result.explain()
        assert "Retry-After" not in result.messages
        switch.hang_up_all()
        phones.citizen(switch.trunk, "12345")
        eventually(lambda: not controller.nobody_called(), "a place freed for the next call")


def test_calls_that_come_too_fast_are_refused(make_switch, phones: Sipp) -> None:
    switch: RunningSwitch = make_switch(calls_per_second=2)
    with FakeController(switch.settings.outbound_port):
        run = phones.start(
            "citizen_refused",
            switch.trunk,
            rows=[("10000", "12345", "")],
            values={"status": "503", "audio_port": "[media_port]"},
            calls=10,
            rate=100,
            limit=10,
        )
        result = run.wait(30)
        assert result.messages.count("SIP/2.0 503") >= 10 - 4, result.explain()
