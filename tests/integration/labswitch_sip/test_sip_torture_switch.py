"""The same hostility against whole switches, the lab's and FreeSWITCH: a call stays up."""

from __future__ import annotations

import random
import socket

import pytest
from sip_packets import invite_packet
from sipp import Sipp, sipp_missing
from switches import eventually

pytestmark = pytest.mark.skipif(sipp_missing() is not None, reason=str(sipp_missing()))

MUTATIONS = 500
HOST = "127.0.0.1"
CITIZEN = [("13812345678", "12345")]


@pytest.fixture
def sipp(tmp_path):
    with Sipp(tmp_path) as made:
        yield made


def test_a_citizens_call_outlives_500_mutations(switch, sipp):
    run = sipp.citizen(switch.trunk, "12345", hang_up_after=4.0)
    eventually(lambda: "SIP/2.0 200" in run.messages(), "the answer")
    chance = random.Random(2024)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attacker:
        attacker.bind((HOST, 0))
        port = attacker.getsockname()[1]
        for number in range(MUTATIONS):
            packet = bytearray(invite_packet(port, number, dialed="99999"))
            for _ in range(chance.randrange(1, 20)):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
            target = switch.trunk if number % 2 else switch.registrar
            attacker.sendto(packet, target)
    assert switch.calls() >= 1
    result = run.wait(30)
    assert result.exit_code == 0, result.explain()


def test_hold_and_resume_on_a_whole_switch(switch, sipp):
    run = sipp.start("sip_torture/hold_resume", switch.trunk, rows=CITIZEN)
    result = run.wait(30)
    assert result.exit_code == 0, result.explain()
    eventually(lambda: switch.calls() == 0, "the call to be gone")


def test_a_caller_on_a_bad_line_is_served_on_a_whole_switch(switch, sipp):
    values = {"lost": "20"}
    run = sipp.start("sip_torture/lost_packets", switch.trunk, rows=CITIZEN, values=values)
    result = run.wait(60)
    assert result.exit_code == 0, result.explain()
    eventually(lambda: switch.calls() == 0, "the call to be gone")
