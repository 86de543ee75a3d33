"""Calls of both directions on a wire without a network: every race that RFC 3261 names."""

from __future__ import annotations

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_wire import PEER, Wire, names, request, response

from labswitch.callstate import CallState
from labswitch.dialogpath import DialogPath
from labswitch.inbound import InboundCall
from labswitch.outbound import OutboundCall
from labswitch.sdp import SdpError, build_sdp
from labswitch.transaction import TransactionLayer

OFFER = build_sdp("10.1.1.1", 40000)
HOLD = build_sdp("10.1.1.1", 40000, direction="sendonly")
LOCAL = build_sdp("127.0.0.1", 16384)


class Handler:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.reinvite_answer: bytes | Exception = LOCAL

    def on_provisional(self, call, status, sdp):
        self.told.append(("provisional", status, sdp is not None))

    def on_answered(self, call, sdp):
        self.told.append(("answered", sdp and sdp.port))

    def on_acked(self, call):
        self.told.append(("acked",))

    def on_reinvite(self, call, sdp):
        self.told.append(("reinvite", sdp and sdp.direction))
        if isinstance(self.reinvite_answer, Exception):
            raise self.reinvite_answer
        return self.reinvite_answer

    def on_info(self, call, content_type, body):
        self.told.append(("info", content_type, body))

    def on_ended(self, call, cause, status, by_remote):
        self.told.append(("ended", cause, status, by_remote))


class Bench:
    """An endpoint with one call."""

    name = "bench"
    contact = "sip:bench@127.0.0.1:5060"
    user_agent = "bench"

    def __init__(self) -> None:
        self.wire = Wire()
        self.timers = self.wire.timers
        self.handler = Handler()
        self.forgotten = 0
        self.call = None
        self.layer = TransactionLayer(
            self.wire.send,
            self.timers,
            own_tag="own",
            on_request=self._on_request,
            on_ack=lambda ack, source: self.call.receive_ack(ack),
        )

    def accept(self, call):
        return self.handler

    def forget(self, call):
        self.forgotten += 1

    def _on_request(self, transaction):
        if self.call is None:
            path = DialogPath.of_request(transaction.request, PEER, "127.0.0.1:5060", "bench")
            self.call = InboundCall(self, path, transaction)
            self.call.begin(self.accept)
            settle()
        else:
            self.call.receive(transaction)

    def receive(self, message):
        self.layer.receive(message, PEER)
        settle()

    @property
    def told(self):
        settle()
        told = list(self.handler.told)
        self.handler.told.clear()
        return told

    # the far end of an inbound call

    def invited(self, body=OFFER):
        self.receive(request("INVITE", body=body))
        return self.call

    def says(self, method, cseq=2, body=b"", **more):
        tag = self.call.path.local_tag
        branch = more.pop("branch", f"z9hG4bK-{method}-{cseq}")
        self.receive(request(method, branch=branch, cseq=cseq, to_tag=tag, body=body, **more))

    def up(self):
        call = self.invited()
        call.answer(LOCAL)
        self.says("ACK", cseq=1)
        self.wire.take()
        self.handler.told.clear()
        return call

    # the far end of an outbound call

    def calling(self):
        target = "sip:1001@192.0.2.7"
        path = DialogPath(
            "call-2",
            "<sip:lab@127.0.0.1>",
            f"<{target}>",
            "mine",
            "",
            target,
            PEER,
            "127.0.0.1",
            "x",
        )
        invite = path.request("INVITE", content_type="application/sdp", body=LOCAL)
        self.call = OutboundCall(self, path, invite)
        self.call.handler = self.handler
        self.call.begin()
        return self.call, self.wire.take()[0]


def settle():
    """Let the call's worker run until it has nothing left to do."""
    gevent.wait(timeout=5)


@pytest.fixture
def bench():
    return Bench()


# --- inbound ------------------------------------------------------------------------------


def test_an_inbound_call_from_ring_to_bye(bench):
    call = bench.invited()
    call.ring()
    call.progress(LOCAL)
    call.ring()  # early media flows: no 180 any more
    call.answer(LOCAL)
    sent = bench.wire.take()
    assert names(sent) == ["180 INVITE", "183 INVITE", "200 INVITE"]
    assert {message.to.tag for message in sent} == {call.path.local_tag}
    assert all(message.get("Contact") == f"<{bench.contact}>" for message in sent)
    assert call.state is CallState.ANSWERED
    bench.says("ACK", cseq=1)
    assert call.state is CallState.UP
    bench.says("BYE", fields=[("Reason", "Q.850;cause=17")])
    assert names(bench.wire.take()) == ["200 BYE"]
    assert bench.told == [("acked",), ("ended", "USER_BUSY", None, True)]
    assert bench.forgotten == 1


def test_who_calls_whom(bench):
    call = bench.invited()
    assert (call.from_user, call.from_name, call.to_user) == ("13812345678", "Li", "12345")
    assert call.source == PEER
    assert call.remote_sdp is not None
    assert call.headers["Call-ID"] == "call-1"


def test_the_200_is_repeated_until_its_ack(bench):
    call = bench.invited()
    call.answer(LOCAL)
    bench.wire.pass_time(4)
    assert bench.wire.times() == [0, 0.5, 1.5, 3.5]
    bench.says("ACK", cseq=1)
    bench.wire.take()
    bench.wire.pass_time(60)
    assert bench.wire.take() == []
    assert call.state is CallState.UP


def test_an_answer_that_is_never_acknowledged_ends_the_call_with_a_bye(bench):
    bench.invited().answer(LOCAL)
    bench.wire.pass_time(32)
    assert names(bench.wire.take())[-1] == "BYE"
    assert bench.told == [("ended", "RECOVERY_ON_TIMER_EXPIRE", None, False)]


def test_a_repeated_ack_is_told_once(bench):
    bench.invited().answer(LOCAL)
    bench.says("ACK", cseq=1)
    bench.says("ACK", cseq=1)
    assert bench.told == [("acked",)]


def test_hanging_up_before_the_ack_waits_for_it(bench):
    call = bench.invited()
    call.answer(LOCAL)
    call.hangup()
    assert bench.told == [("ended", "NORMAL_CLEARING", None, False)]
    assert names(bench.wire.take()) == ["200 INVITE"]
    bench.says("ACK", cseq=1)
    (bye,) = bench.wire.take()
    assert bye.method == "BYE"
    assert bye.get("Reason") == 'Q.850;cause=16;text="NORMAL_CLEARING"'
    bench.receive(response(bye, 200))
    assert bench.forgotten == 1


def test_a_bye_goes_where_packets_came_from_to_the_contact(bench):
    bench.up().hangup("USER_BUSY", {"X-Why": "a\r\nVia: forged", "Via": "forged"})
    (bye,) = bench.wire.take()
    assert bye.uri == "sip:13812345678@10.1.1.1:5099"
    assert bye.to.tag == "peer"
    assert bye.get("X-Why") == "a  Via: forged"
    assert len(bye.values("Via")) == 1


def test_a_refusal_carries_status_reason_and_headers(bench):
    call = bench.invited()
    call.reject(486, "On The Phone", {"X-Queue": "full"})
    (refusal,) = bench.wire.take()
    assert (refusal.status, refusal.phrase) == (486, "On The Phone")
    assert refusal.get("Reason") == 'Q.850;cause=17;text="USER_BUSY"'
    assert refusal.get("X-Queue") == "full"
    assert bench.told == [("ended", "USER_BUSY", 486, False)]


@pytest.mark.parametrize(
    ("cause", "status"), [("NORMAL_CLEARING", 480), ("USER_BUSY", 486), ("CALL_REJECTED", 603)]
)
def test_hanging_up_before_the_answer_refuses_with_the_causes_status(bench, cause, status):
    bench.invited().hangup(cause)
    assert bench.wire.take()[-1].status == status
    assert bench.told == [("ended", cause, status, False)]


def test_a_cancel_before_the_answer(bench):
    call = bench.invited()
    call.ring()
    bench.receive(request("CANCEL"))
    assert names(bench.wire.take()) == ["180 INVITE", "200 CANCEL", "487 INVITE"]
    assert bench.told == [("ended", "ORIGINATOR_CANCEL", 487, True)]
    call.answer(LOCAL)
    call.hangup()
    assert bench.wire.take() == []
    assert bench.told == []


def test_a_cancel_that_crosses_the_200_changes_nothing(bench):
    call = bench.invited()
    call.answer(LOCAL)
    bench.receive(request("CANCEL"))
    bench.says("ACK", cseq=1)
    assert names(bench.wire.take()) == ["200 INVITE", "200 CANCEL"]
    assert bench.told == [("acked",)]
    assert call.state is CallState.UP


def test_a_bye_before_the_answer_ends_the_invite_too(bench):
    bench.invited().ring()
    bench.says("BYE")
    assert names(bench.wire.take()) == ["180 INVITE", "200 BYE", "487 INVITE"]
    assert bench.told == [("ended", "NORMAL_CLEARING", None, True)]


def test_an_invite_without_sdp_is_answered_with_an_offer(bench):
    call = bench.invited(body=b"")
    assert call.remote_sdp is None
    call.answer(LOCAL)
    bench.says("ACK", cseq=1, body=OFFER)
    assert call.remote_sdp is not None
    assert call.remote_sdp.port == 40000


def test_byes_that_cross_are_both_answered(bench):
    bench.up().hangup()
    bench.wire.take()
    bench.says("BYE")
    assert names(bench.wire.take()) == ["200 BYE"]
    assert bench.told == [("ended", "NORMAL_CLEARING", None, False)]


def test_a_request_that_was_overtaken_is_refused(bench):
    bench.up()
    bench.says("INFO", cseq=5)
    bench.says("INFO", cseq=4)
    assert names(bench.wire.take()) == ["200 INFO", "500 INFO"]


def test_info_both_ways(bench):
    call = bench.up()
    bench.says("INFO", body=b"Signal=5\r\n")
    assert bench.told == [("info", "application/sdp", b"Signal=5\r\n")]
    bench.wire.take()
    call.send_info("application/dtmf-relay", b"Signal=1\r\n")
    (info,) = bench.wire.take()
    assert (info.method, info.content_type) == ("INFO", "application/dtmf-relay")


def test_a_far_end_that_has_forgotten_the_call_ends_it(bench):
    call = bench.up()
    call.send_info("application/dtmf-relay", b"Signal=1\r\n")
    bench.receive(response(bench.wire.take()[0], 481))
    assert bench.told == [("ended", "NORMAL_TEMPORARY_FAILURE", None, False)]


def test_accepting_that_fails_refuses_the_call():
    bench = Bench()

    def broken(call):
        raise RuntimeError("no")

    bench.accept = broken
    bench.receive(request("INVITE", body=OFFER))
    assert names(bench.wire.take()) == ["500 INVITE"]


# --- re-INVITE ----------------------------------------------------------------------------


def test_hold_and_resume_by_the_far_end(bench):
    call = bench.up()
    bench.says("INVITE", cseq=2, body=HOLD)
    bench.says("ACK", cseq=2)
    assert call.remote_sdp.on_hold
    bench.says("INVITE", cseq=3, body=OFFER)
    bench.says("ACK", cseq=3)
    assert not call.remote_sdp.on_hold
    expected = ["100 INVITE", "200 INVITE"] * 2
    assert names(bench.wire.take()) == expected
    assert bench.told == [
        ("reinvite", "sendonly"),
        ("acked",),
        ("reinvite", "sendrecv"),
        ("acked",),
    ]
    assert call.state is CallState.UP


@pytest.mark.parametrize(("error", "status"), [(SdpError("no"), 488), (RuntimeError("bug"), 500)])
def test_a_reinvite_that_cannot_be_taken_leaves_the_call_as_it_was(bench, error, status):
    call = bench.up()
    bench.handler.reinvite_answer = error
    bench.says("INVITE", body=HOLD)
    assert names(bench.wire.take())[-1] == f"{status} INVITE"
    assert not call.remote_sdp.on_hold
    assert call.state is CallState.UP


def test_a_reinvite_with_a_broken_description_is_refused(bench):
    bench.up()
    bench.says("INVITE", body=b"v=1\r\n")
    assert names(bench.wire.take()) == ["400 INVITE"]
    assert bench.told == []


def test_a_second_reinvite_before_the_acknowledgement_must_wait(bench):
    bench.up()
    bench.says("INVITE", cseq=2, body=HOLD)
    bench.says("INVITE", cseq=3, body=OFFER)
    sent = bench.wire.take()
    assert names(sent) == ["100 INVITE", "200 INVITE", "500 INVITE"]
    assert sent[-1].get("Retry-After")


def test_our_hold_is_offered_and_its_answer_acknowledged_each_time(bench):
    call = bench.up()
    heard = []
    call.reinvite(HOLD, lambda status, sdp: heard.append((status, sdp and sdp.direction)))
    (invite,) = bench.wire.take()
    assert invite.body == HOLD
    answer = build_sdp("10.1.1.1", 40002, direction="recvonly")
    accepted = response(invite, 200, body=answer)
    bench.receive(accepted)
    bench.receive(accepted)
    assert names(bench.wire.take()) == ["ACK", "ACK"]
    assert heard == [(200, "recvonly")]
    assert call.remote_sdp.port == 40002


def test_of_waiting_offers_only_the_last_is_sent(bench):
    call = bench.up()
    for direction in ("sendonly", "inactive", "sendrecv"):
        call.reinvite(build_sdp("127.0.0.1", 1, direction=direction))
    (first,) = bench.wire.take()
    bench.receive(response(first, 200, body=OFFER))
    ack, second = bench.wire.take()
    assert (ack.method, second.method) == ("ACK", "INVITE")
    assert b"a=sendrecv" in second.body


def test_glare_is_tried_again_later(bench):
    call = bench.up()
    call.reinvite(HOLD)
    (invite,) = bench.wire.take()
    bench.says("INVITE", body=HOLD)
    assert names(bench.wire.take()) == ["491 INVITE"]
    bench.receive(response(invite, 491))
    assert names(bench.wire.take()) == ["ACK"]
    bench.wire.pass_time(2.1)
    again = next(message for message in bench.wire.take() if message.method == "INVITE")
    assert again.body == HOLD
    assert again.cseq[0] > invite.cseq[0]


@pytest.mark.parametrize("status", [488, 503])
def test_a_refused_offer_ends_the_call_only_when_the_far_end_is_gone(bench, status):
    call = bench.up()
    heard = []
    call.reinvite(HOLD, lambda code, _: heard.append(code))
    bench.receive(response(bench.wire.take()[0], status))
    assert call.state is (CallState.UP if status == 488 else CallState.ENDED)
    assert heard == [status]


def test_an_offer_that_nobody_answers_ends_the_call(bench):
    bench.up().reinvite(HOLD)
    bench.wire.pass_time(33)
    assert ("ended", "RECOVERY_ON_TIMER_EXPIRE", None, False) in bench.told
    assert names(bench.wire.take())[-1] == "BYE"


def test_a_cancelled_reinvite_leaves_the_call_up(bench):
    call = bench.up()
    call.submit(lambda: gevent.sleep(0.01))
    tag = call.path.local_tag
    reinvite = request("INVITE", branch="z9hG4bK-r", cseq=2, to_tag=tag, body=HOLD)
    bench.layer.receive(reinvite, PEER)
    bench.receive(request("CANCEL", branch="z9hG4bK-r", cseq=2, to_tag=tag))
    assert names(bench.wire.take()) == ["100 INVITE", "200 CANCEL", "487 INVITE"]
    assert call.state is CallState.UP
    assert bench.told == []


# --- outbound -----------------------------------------------------------------------------


def test_an_outbound_call_from_invite_to_bye(bench):
    call, invite = bench.calling()
    bench.receive(response(invite, 100))
    bench.receive(response(invite, 180))
    bench.receive(response(invite, 183, body=OFFER))
    assert call.state is CallState.EARLY
    bench.receive(response(invite, 200))
    assert call.state is CallState.UP
    assert bench.told == [
        ("provisional", 180, False),
        ("provisional", 183, True),
        ("answered", 40000),
    ]
    (ack,) = bench.wire.take()
    assert ack.uri == "sip:phone@10.1.1.1:5099"
    call.hangup()
    (bye,) = bench.wire.take()
    bench.receive(response(bye, 200))
    assert bench.told == [("ended", "NORMAL_CLEARING", None, False)]
    assert bench.forgotten == 1


@pytest.mark.parametrize(
    ("status", "reason", "cause"),
    [
        (486, "", "USER_BUSY"),
        (603, "", "CALL_REJECTED"),
        (480, "", "NO_USER_RESPONSE"),
        (404, "", "UNALLOCATED_NUMBER"),
        (480, "Q.850;cause=19", "NO_ANSWER"),
        (302, "", "REQUESTED_CHAN_UNAVAIL"),
    ],
)
def test_a_refused_call_has_the_statuss_cause_unless_a_reason_says_another(
    bench, status, reason, cause
):
    _, invite = bench.calling()
    bench.receive(response(invite, status, fields=[("Reason", reason)] if reason else []))
    assert bench.told == [("ended", cause, status, True)]
    assert bench.forgotten == 1


def test_nobody_answering_at_all(bench):
    bench.calling()
    bench.wire.pass_time(33)
    assert bench.told == [("ended", "RECOVERY_ON_TIMER_EXPIRE", 408, False)]


def test_nobody_being_there(bench):
    bench.calling()
    bench.layer.unreachable(PEER)
    assert bench.told == [("ended", "NORMAL_TEMPORARY_FAILURE", 503, False)]


def test_giving_up_a_ringing_call(bench):
    call, invite = bench.calling()
    bench.receive(response(invite, 180))
    call.hangup("NO_ANSWER")
    (cancel,) = bench.wire.take()
    assert cancel.method == "CANCEL"
    assert cancel.get("Reason") == 'Q.850;cause=19;text="NO_ANSWER"'
    assert bench.told[-1] == ("ended", "NO_ANSWER", 487, False)
    assert bench.forgotten == 0
    bench.receive(response(invite, 487))
    assert names(bench.wire.take()) == ["ACK"]
    assert (bench.forgotten, bench.told) == (1, [])
    assert call.state is CallState.ENDED


def test_a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up(bench):
    call, invite = bench.calling()
    bench.receive(response(invite, 180))
    call.hangup("ORIGINATOR_CANCEL")
    bench.receive(response(invite, 200, body=OFFER))
    assert names(bench.wire.take()) == ["CANCEL", "ACK", "BYE"]
    assert [word for word, *_ in bench.told] == ["provisional", "ended"]
    bench.receive(response(invite, 200, body=OFFER))
    assert names(bench.wire.take()) == ["ACK"]


def test_a_second_phone_that_answers_is_sent_away(bench):
    call, invite = bench.calling()
    bench.receive(response(invite, 200, tag="one", body=OFFER))
    bench.receive(response(invite, 200, tag="two", body=OFFER))
    ack, second_ack, bye = bench.wire.take()
    assert (ack.to.tag, second_ack.to.tag, bye.to.tag) == ("one", "two", "two")
    assert bye.method == "BYE"
    assert call.state is CallState.UP


def test_an_answer_that_cannot_be_read_ends_the_call(bench):
    _, invite = bench.calling()
    bench.receive(response(invite, 200, body=b"garbage"))
    assert names(bench.wire.take()) == ["ACK", "BYE"]
    assert bench.told == [("ended", "INCOMPATIBLE_DESTINATION", None, False)]


def test_the_route_of_an_outbound_call_is_the_record_route_reversed(bench):
    call, invite = bench.calling()
    fields = [("Record-Route", "<sip:p2;lr>, <sip:p1;lr>")]
    bench.receive(response(invite, 200, body=OFFER, fields=fields))
    assert bench.wire.take()[0].values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    call.hangup()
    assert bench.wire.take()[0].values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]


# --- whatever happens, in any order -------------------------------------------------------

ACTIONS = ["ring", "progress", "answer", "hangup", "reject", "reinvite", "info"]
EVENTS = ["ACK", "BYE", "CANCEL", "INVITE", "INFO", "time"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ACTIONS + EVENTS), max_size=14))
def test_an_inbound_call_ends_exactly_once_whatever_happens(steps):
    bench = Bench()
    call = bench.invited()
    actions = {
        "ring": call.ring,
        "progress": lambda: call.progress(LOCAL),
        "answer": lambda: call.answer(LOCAL),
        "hangup": call.hangup,
        "reject": lambda: call.reject(486),
        "reinvite": lambda: call.reinvite(HOLD),
        "info": lambda: call.send_info("text/plain", b"x"),
        "CANCEL": lambda: bench.receive(request("CANCEL")),
        "time": lambda: bench.wire.pass_time(5),
    }
    for number, step in enumerate(steps):
        if step in actions:
            actions[step]()
        else:
            cseq = 1 if step == "ACK" else 2 + number
            bench.says(step, cseq=cseq, body=HOLD if step == "INVITE" else b"")
    call.hangup()
    bench.wire.pass_time(200)
    told = [word for word, *_ in bench.told]
    assert told.count("ended") == 1
    assert told[-1] == "ended"
    assert call.state is CallState.ENDED
    assert len(bench.layer) == 0
    assert bench.forgotten >= 1


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["100", "180", "183", "200", "486", "fork", "hangup", "reinvite", "time"]),
        max_size=12,
    )
)
def test_an_outbound_call_ends_exactly_once_whatever_happens(steps):
    bench = Bench()
    call, invite = bench.calling()
    for step in steps:
        if step == "hangup":
            call.hangup()
        elif step == "reinvite":
            call.reinvite(HOLD)
        elif step == "time":
            bench.wire.pass_time(5)
        elif step == "fork":
            bench.receive(response(invite, 200, tag="other", body=OFFER))
        else:
            bench.receive(response(invite, int(step), body=OFFER if step != "486" else b""))
    call.hangup()
    bench.wire.pass_time(200)
    told = [word for word, *_ in bench.told]
    assert told.count("ended") == 1
    assert told[-1] == "ended"
    assert call.state is CallState.ENDED
    assert len(bench.layer) == 0
    assert bench.forgotten >= 1
