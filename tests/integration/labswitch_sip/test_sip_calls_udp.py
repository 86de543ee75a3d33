from __future__ import annotations

import gevent
import pytest
from gevent import socket
from sip_rig import HOLD, HOST, LOCAL, OFFER, rig, wait_for


@pytest.fixture
def trunk():
    with rig() as made:
        yield made


def test_a_citizens_call_with_ringing_and_early_media(trunk):
    def answering(call):
        call.ring()
        call.progress(LOCAL)
        call.answer(LOCAL)

    trunk.desk.answering = answering
    phone = trunk.phone("13812345678")
    phone.request("INVITE", body=OFFER)
    assert [phone.receive().status for _ in range(4)] == [100, 180, 183, 200]


def test_the_citizen_hangs_up(trunk):
    phone = trunk.phone()
    phone.dial()
    phone.request("BYE")
    assert phone.expect(200)
    wait_for(trunk.desk.ended, "the end")
    assert trunk.desk.ended() == [("NORMAL_CLEARING", None, True)]
    wait_for(lambda: not trunk.agent.calls, "the call to be forgotten")


def test_we_hang_up_and_say_why(trunk):
    phone = trunk.phone()
    phone.dial()
    trunk.desk.calls[0].hangup("USER_BUSY")
    bye = phone.expect("BYE")
    assert bye.get("Reason") == 'Q.850;cause=17;text="USER_BUSY"'
    phone.reply(bye, 200)
    wait_for(lambda: not trunk.agent.calls, "the call to be forgotten")


def test_the_citizen_gives_up_while_it_rings(trunk):
    trunk.desk.answering = lambda call: call.ring()
    phone = trunk.phone()
    invite = phone.request("INVITE", body=OFFER)
    phone.expect(180)
    phone.to_tag = ""
    phone.request("CANCEL", branch=invite.via.branch, cseq=1)
    assert {phone.receive().status, phone.receive().status} == {200, 487}
    wait_for(trunk.desk.ended, "the end")
    assert trunk.desk.ended() == [("ORIGINATOR_CANCEL", 487, True)]


def test_the_200_is_sent_again_until_acknowledged(trunk):
    phone = trunk.phone()
    phone.request("INVITE", body=OFFER)
    phone.expect(200)
    phone.expect(200)
    phone.request("ACK", cseq=1)
    wait_for(lambda: "acked" in trunk.desk.words(), "the ACK")
    assert phone.silent(1.2)


def test_hold_and_resume(trunk):
    phone = trunk.phone()
    phone.dial()
    phone.dial(HOLD)
    phone.dial(OFFER)
    wait_for(lambda: trunk.desk.words().count("acked") == 3, "three ACKs")
    assert [rest for word, *rest in trunk.desk.told if word == "reinvite"] == [
        ["sendonly"],
        ["sendrecv"],
    ]


def test_we_hold_a_phone(trunk):
    phone = trunk.phone()
    call = trunk.invite(phone)
    invite = phone.expect("INVITE")
    phone.reply(invite, 200, body=OFFER)
    phone.expect("ACK")
    wait_for(lambda: trunk.desk.words() == ["answered"], "the answer")
    statuses = []
    call.reinvite(HOLD, lambda status, sdp: statuses.append(status))
    again = phone.expect("INVITE")
    assert again.body == HOLD
    phone.reply(again, 200, body=OFFER)
    phone.expect("ACK")
    wait_for(lambda: statuses == [200], "the hold to be agreed on")


def test_dtmf_by_info(trunk):
    phone = trunk.phone()
    phone.dial()
    fields = [("Content-Type", "application/dtmf-relay")]
    phone.request("INFO", body=b"Signal=5\r\nDuration=160\r\n", fields=fields)
    assert phone.expect(200)
    wait_for(lambda: "info" in trunk.desk.words(), "the INFO")
    assert trunk.desk.told[-1] == (
        "info",
        "application/dtmf-relay",
        b"Signal=5\r\nDuration=160\r\n",
    )


@pytest.mark.parametrize(
    ("status", "cause"),
    [(486, "USER_BUSY"), (603, "CALL_REJECTED"), (480, "NO_USER_RESPONSE")],
)
def test_a_phone_refuses(trunk, status, cause):
    phone = trunk.phone()
    trunk.invite(phone)
    phone.reply(phone.expect("INVITE"), status)
    assert phone.expect("ACK")
    wait_for(trunk.desk.ended, "the end")
    assert trunk.desk.ended() == [(cause, status, True)]


def test_we_give_a_ringing_phone_up(trunk):
    phone = trunk.phone()
    call = trunk.invite(phone)
    invite = phone.expect("INVITE")
    phone.reply(invite, 180)
    wait_for(lambda: trunk.desk.told, "the ringing")
    call.hangup("NO_ANSWER")
    phone.reply(phone.expect("CANCEL"), 200)
    phone.reply(invite, 487)
    assert phone.expect("ACK")
    wait_for(lambda: not trunk.agent.calls, "the call to be forgotten")
    assert trunk.desk.ended() == [("NO_ANSWER", 487, False)]


def test_a_phone_that_answers_while_it_is_cancelled_is_hung_up(trunk):
    phone = trunk.phone()
    call = trunk.invite(phone)
    invite = phone.expect("INVITE")
    phone.reply(invite, 180)
    wait_for(lambda: trunk.desk.told, "the ringing")
    call.hangup("ORIGINATOR_CANCEL")
    phone.expect("CANCEL")
    phone.reply(invite, 200, body=OFFER)
    phone.expect("ACK")
    phone.reply(phone.expect("BYE"), 200)
    wait_for(lambda: not trunk.agent.calls, "the call to be forgotten")
    assert trunk.desk.words() == ["provisional", "ended"]


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("sip:1001@127.0.0.1", "localhost"),
        ("tel:1001", HOST),
        ("sip:1001@127.0.0.1\r\nX: y", HOST),
    ],
)
def test_where_nobody_can_be_called(trunk, uri, host):
    with pytest.raises(ValueError):
        trunk.agent.invite(
            uri, (host, 5060), from_user="1", from_name="", sdp=LOCAL, handler=trunk.desk
        )


def test_a_phone_that_is_not_there_fails_at_once(trunk):
    phone = trunk.phone()
    phone.close()
    trunk.invite(phone)
    wait_for(trunk.desk.ended, "the end", seconds=2)
    assert trunk.desk.ended() == [("NORMAL_TEMPORARY_FAILURE", 503, False)]


def test_one_dead_phone_does_not_disturb_other_calls(trunk):
    phone, dead = trunk.phone(), trunk.phone()
    phone.dial()
    dead.close()
    for _ in range(5):
        trunk.invite(dead)
    wait_for(lambda: len(trunk.desk.ended()) == 5, "five failures")
    phone.request("INFO", body=b"x")
    assert phone.expect(200)


def test_behind_nat_requests_go_where_packets_come_from(trunk):
    phone = trunk.phone()
    invite = phone.request("INVITE", body=OFFER, contact="<sip:1001@192.0.2.1:5060>")
    ok = phone.expect(200)
    assert f"rport={phone.port}" in ok.get("Via")
    phone.request("ACK", cseq=invite.cseq[0])
    wait_for(lambda: "acked" in trunk.desk.words(), "the ACK")
    trunk.desk.calls[0].hangup()
    assert phone.expect("BYE").uri == "sip:1001@192.0.2.1:5060"


def test_a_slow_callback_holds_up_its_own_call_alone(trunk):
    slow, quick = trunk.phone(), trunk.phone()
    never = gevent.event.Event()
    waiting = []

    def answering(call):
        call.answer(LOCAL)
        if not waiting:
            waiting.append(call)
            never.wait(30)

    trunk.desk.answering = answering
    slow.dial()
    quick.dial()
    slow.request("INFO", body=b"x")
    assert slow.expect(200)
    quick.request("BYE")
    assert quick.expect(200)
    wait_for(trunk.desk.ended, "the quick call's end")
    never.set()
    wait_for(lambda: "info" in trunk.desk.words(), "what the slow call missed")


def test_stopping_hangs_up_and_frees_the_port(trunk):
    phone = trunk.phone()
    phone.dial()
    wait_for(lambda: "acked" in trunk.desk.words(), "the ACK")
    port = trunk.agent.port
    trunk.agent.stop()
    assert phone.expect("BYE")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, port))


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("UPDATE", 405), ("REFER", 405), ("FROBNICATE", 501), ("BYE", 481)],
)
def test_other_requests_are_answered_politely(trunk, method, status):
    phone = trunk.phone()
    phone.request(method)
    answer = phone.expect(status)
    if status != 481:
        assert "INVITE" in answer.get("Allow")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"fields": [("Require", "100rel")]}, 420),
        ({"body": b"v=0\r\nm=video 1 RTP/AVP 31\r\n"}, 400),
        ({"body": b"x", "fields": [("Content-Type", "text/plain")]}, 415),
        ({"contact": "<broken"}, 400),
    ],
)
def test_invites_that_cannot_become_calls(trunk, change, status):
    phone = trunk.phone()
    phone.request("INVITE", **{"body": OFFER, **change})
    assert phone.expect(status)
    assert trunk.desk.calls == []


def test_an_invite_that_comes_twice_by_different_ways_is_one_call(trunk):
    phone = trunk.phone()
    phone.request("INVITE", body=OFFER, branch="z9hG4bK-one", cseq=1)
    phone.request("INVITE", body=OFFER, branch="z9hG4bK-two", cseq=1)
    assert phone.expect(482)
    assert len(trunk.desk.calls) == 1


def test_a_stranger_who_knows_the_call_id_alone_cannot_end_the_call(trunk):
    phone, stranger = trunk.phone(), trunk.phone()
    phone.dial()
    stranger.call_id, stranger.to_tag = phone.call_id, "guess"
    stranger.request("BYE", cseq=9)
    assert stranger.expect(481)
    assert trunk.desk.ended() == []
