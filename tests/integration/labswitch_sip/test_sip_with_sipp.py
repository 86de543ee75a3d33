"""SIPp as the far end: a stack that isn't ours, with its own idea of timers and of lost packets."""

from __future__ import annotations

import functools

import gevent
import pytest
from sip_rig import HOLD, HOST, LOCAL, PASSWORD, rig, wait_for
from sipp import Sipp, SippResult, SippRun, sipp_missing

pytestmark = pytest.mark.skipif(sipp_missing() is not None, reason=str(sipp_missing()))

CITIZEN = [("13812345678", "12345")]


@pytest.fixture
def trunk():
    with rig() as made:
        yield made


@pytest.fixture
def sipp(tmp_path):
    with Sipp(tmp_path) as made:
        yield made


def result(run: SippRun, seconds: float = 40) -> SippResult:
    """Wait for SIPp in a thread, so that the user agent's greenlets run on."""
    outcome = gevent.get_hub().threadpool.apply(functools.partial(run.wait, seconds))
    assert outcome.exit_code == 0, outcome.explain()
    return outcome


def quiet(trunk) -> bool:
    """Whether no call is left."""
    return not trunk.agent.calls


def ring_and_answer(call) -> None:
    call.ring()
    call.answer(LOCAL)


def test_thirty_callers_hold_and_resume(trunk, sipp):
    trunk.desk.answering = ring_and_answer
    address = (HOST, trunk.agent.port)
    run = sipp.start("sip_torture/hold_resume", address, rows=CITIZEN, calls=30, rate=20)
    assert result(run).successful == 30
    wait_for(lambda: quiet(trunk), "all calls to be forgotten")
    words = trunk.desk.words()
    assert words.count("reinvite") == 4 * 30
    assert words.count("acked") == 5 * 30
    assert trunk.desk.ended() == [("NORMAL_CLEARING", None, True)] * 30


@pytest.mark.parametrize("after", [0, 300])
def test_callers_give_up(trunk, sipp, after):
    trunk.desk.answering = lambda call: call.ring()
    address = (HOST, trunk.agent.port)
    values = {"after": str(after)}
    run = sipp.start("sip_torture/cancel", address, rows=CITIZEN, values=values, calls=20, rate=20)
    assert result(run).successful == 20
    wait_for(lambda: quiet(trunk), "all calls to be forgotten")
    assert trunk.desk.ended() == [("ORIGINATOR_CANCEL", 487, True)] * 20


def test_retransmissions_carry_calls_over_a_network_that_loses_packets(trunk, sipp):
    trunk.desk.answering = ring_and_answer
    address = (HOST, trunk.agent.port)
    values = {"lost": "30"}
    run = sipp.start(
        "sip_torture/lost_packets", address, rows=CITIZEN, values=values, calls=20, rate=20
    )
    outcome = result(run, 100)
    assert outcome.successful == 20
    assert int(outcome.statistics["Retransmissions(C)"]) > 0
    wait_for(lambda: quiet(trunk), "all calls to be forgotten", seconds=10)
    assert len(trunk.desk.calls) == 20
    assert len(trunk.desk.ended()) == 20


def test_a_phone_registers_and_calls_with_digest(sipp):
    with rig(challenge=True) as office:
        office.desk.answering = ring_and_answer
        address = (HOST, office.agent.port)
        result(sipp.register(address, {"1001": PASSWORD}, "callcenter.local", 5999))
        assert [c.uri for c in office.registrar.contacts("1001")] == ["sip:1001@127.0.0.1:5999"]
        login = f"[authentication username=1001 password={PASSWORD}]"
        run = sipp.start("sip_torture/digest_call", address, rows=[("1001", "1002", login)])
        result(run)
        assert office.desk.calls[0].authenticated_user == "1001"


@pytest.mark.parametrize(("user", "password"), [("1001", "wrong"), ("7777", PASSWORD)])
def test_a_phone_that_may_not_register(sipp, user, password):
    with rig(challenge=True) as office:
        address = (HOST, office.agent.port)
        result(sipp.register(address, {user: password}, "callcenter.local", 5999, status=403))


def test_a_phone_is_held_and_resumed(trunk, sipp):
    run = sipp.start("sip_torture/held_phone", None)
    call = dial(trunk, run)
    wait_for(lambda: "answered" in trunk.desk.words(), "the answer", seconds=10)
    directions = []
    call.reinvite(HOLD, lambda status, sdp: directions.append(sdp.direction))
    call.reinvite(LOCAL, lambda status, sdp: directions.append(sdp.direction))
    wait_for(lambda: len(directions) == 2, "hold and resume")
    assert directions == ["recvonly", "sendrecv"]
    call.hangup()
    result(run)
    wait_for(lambda: quiet(trunk), "the call to be forgotten")


def test_a_ringing_phone_is_given_up(trunk, sipp):
    run = sipp.start("sip_torture/cancelled_phone", None)
    call = dial(trunk, run)
    wait_for(lambda: "provisional" in trunk.desk.words(), "the ringing", seconds=10)
    call.hangup("NO_ANSWER")
    result(run)
    wait_for(lambda: quiet(trunk), "the call to be forgotten")
    assert trunk.desk.ended() == [("NO_ANSWER", 487, False)]


def dial(trunk, run: SippRun):
    """Call SIPp's phone, again while it isn't listening yet."""
    for _ in range(100):
        call = trunk.agent.invite(
            f"sip:1001@{HOST}:{run.port}",
            (HOST, run.port),
            from_user="13812345678",
            from_name="",
            sdp=LOCAL,
            handler=trunk.desk,
        )
        wait_for(lambda: trunk.desk.told, "any answer", seconds=10)
        if trunk.desk.words() != ["ended"]:
            return call
        trunk.desk.told.clear()
        gevent.sleep(0.05)
    raise AssertionError("SIPp's phone never listened")
