"""Strangers' text – names, numbers, headers – is never run, never trusted, never logged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_controller import FakeController
from sipp import Sipp, free_ports
from switches import RunningSwitch, entry, eventually

from callcenter import switch_conf


@pytest.mark.parametrize(
    "text",
    [
        "${{system(touch {trap})}}",
        "$${{system(touch {trap})}}",
        "${{bgapi(bg_system touch {trap})}}",
        "\\${{system touch {trap}}}",
    ],
)
def test_api_call_in_a_display_name_is_not_run(
    switch: RunningSwitch, phones: Sipp, tmp_path: Path, text: str
) -> None:
    trap = tmp_path / "trap"
    name = '"' + text.format(trap=trap) + '"'
    with FakeController(switch.settings.outbound_port) as controller:
        citizen = phones.citizen(switch.trunk, "12345", name=name)
        call = controller.next_call()
        call.run("answer")
        # the worst that a careless controller could do: expand it on purpose
        call.run("set", "cc_echo=${caller_id_name}${sip_from_display}${sip_full_from}")
        call.finish()
        result = citizen.wait(20)
    assert result.exit_code == 0, result.explain()
    assert not trap.exists()


def test_password_of_the_event_socket_can_not_be_read_through_text(
    switch: RunningSwitch, phones: Sipp
) -> None:
    with FakeController(switch.settings.outbound_port) as controller:
        phones.citizen(switch.trunk, "12345", name='"${esl_password}"')
        call = controller.next_call()
        call.run("set", "cc_echo=${esl_password}${sip_from_display}")
        dump = json.loads(switch.api(f"uuid_dump {call.uuid} json"))
    assert switch.settings.esl_password not in json.dumps(dump)


def test_strange_names_and_numbers_reach_the_message_all_the_same(
    switch: RunningSwitch, phones: Sipp
) -> None:
    folder = switch.settings.recordings_dir / "messages"
    before = set(folder.glob("*.wav"))
    citizen = phones.citizen(
        switch.trunk,
        "12345",
        caller="%0a%0dEvent-Name%3a..%2f..%2fx",
        name='"..%0aEvent-Name: CHANNEL_HANGUP 张三"',
        keys=[(3.0, "#")],
    )
    result = citizen.wait(40)
    assert result.exit_code == 0, result.explain()
    messages = set(folder.glob("*.wav")) - before
    assert messages
    assert all(len(path.stem) == 36 for path in messages)  # named by the switch, not by the caller


def test_log_names_no_citizen(make_switch, phones: Sipp) -> None:
    switch: RunningSwitch = make_switch()
    with FakeController(switch.settings.outbound_port) as controller:
        citizen = phones.citizen(switch.trunk, "12345", caller="13512349876")
        call = controller.next_call()
        call.run("answer")
        call.run("playback", "/nowhere/missing.wav")
        call.finish()
        assert citizen.wait(20).exit_code == 0
    refused = phones.refused(switch.trunk, "999", 404, caller="13512349876").wait(20)
    assert refused.exit_code == 0
    unattended = phones.citizen(switch.trunk, "12345", caller="13512349876", hang_up_after=1)
    assert unattended.wait(40).exit_code == 0
    assert "missing.wav" in switch.log  # what went wrong is there,
    assert "13512349876" not in switch.log  # who called isn't


def test_phone_that_forwards_its_calls_elsewhere_is_not_followed(
    switch: RunningSwitch, phones: Sipp
) -> None:
    elsewhere = phones.phone("answer", calls=1, limit=20)
    redirecting = phones.start(
        "agent_redirects", None, values={"elsewhere": f"sip:13812345678@127.0.0.1:{elsewhere.port}"}
    )
    domain = switch.settings.domain
    result = phones.register(
        switch.registrar, {"1004": switch.agents["1004"]}, domain, redirecting.port
    ).wait(20)
    assert result.exit_code == 0, result.explain()
    answer = switch.api(f"originate {{originate_timeout=5}}user/1004@{domain} &park()")
    assert answer.startswith("-ERR"), answer
    assert "INVITE" in redirecting.messages()
    assert elsewhere.messages() == ""


def test_phone_can_not_send_its_caller_elsewhere(switch: RunningSwitch, phones: Sipp) -> None:
    phone = phones.start("agent_refers", None, values={"elsewhere": "sip:13812345678@127.0.0.1"})
    domain = switch.settings.domain
    registered = phones.register(
        switch.registrar, {"1005": switch.agents["1005"]}, domain, phone.port
    ).wait(20)
    assert registered.exit_code == 0, registered.explain()
    assert switch.api(f"originate user/1005@{domain} &park()").startswith("+OK")
    eventually(lambda: "SIP/2.0 405" in phone.messages(), "the REFER refused")
    assert switch.calls() == 1
    switch.hang_up_all()
    result = phone.wait(10)
    assert result.exit_code == 0, result.explain()


def test_unregistered_agent_is_known_at_once(switch: RunningSwitch) -> None:
    answer = switch.api(f"originate user/1009@{switch.settings.domain} &park()")
    assert answer in ("-ERR USER_NOT_REGISTERED", "-ERR SUBSCRIBER_ABSENT")


def test_agents_can_be_added_while_the_switch_runs(switch: RunningSwitch, phones: Sipp) -> None:
    domain = switch.settings.domain
    agents = [entry(number, word, domain) for number, word in switch.agents.items()]
    conf = switch.settings.switch_dir / "conf"
    switch_conf.write_directory([*agents, entry("1050", "new-here", domain)], conf)
    assert switch.api("reloadxml").startswith("+OK")
    result = phones.register(switch.registrar, {"1050": "new-here"}, domain, free_ports()).wait(20)
    assert result.exit_code == 0, result.explain()

    switch_conf.write_directory(agents, conf)
    switch.api("reloadxml")
    gone = phones.register(
        switch.registrar, {"1050": "new-here"}, domain, free_ports(), status=403
    ).wait(20)
    assert gone.exit_code == 0, gone.explain()
    eventually(lambda: "1050" not in switch.api("user_exists id 1050 " + domain), "1050 gone")
