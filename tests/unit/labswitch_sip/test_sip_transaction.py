from __future__ import annotations

import pytest
from sip_wire import PEER, Wire, names, request, response

from labswitch import transaction as transactions
from labswitch.dialogpath import DialogPath
from labswitch.transaction import ServerTransaction, State, TransactionLayer


class Side:
    """A transaction layer with a user that writes down what it hears."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.requests: list[ServerTransaction] = []
        self.acks = []
        self.responses: list[int] = []
        self.failures: list[int] = []
        self.layer = TransactionLayer(
            self.wire.send,
            self.wire.timers,
            own_tag="own",
            on_request=self.requests.append,
            on_ack=lambda ack, source: self.acks.append(ack),
        )

    def ask(self, method: str) -> transactions.ClientTransaction:
        path = DialogPath("c", "<sip:a@b>", "<sip:c@d>", "l", "", "sip:c@d", PEER, "b:5060", "x")
        return self.layer.request(
            path.request(method),
            PEER,
            lambda message, _: self.responses.append(message.status),
            self.failures.append,
        )

    def receive(self, message) -> None:
        self.layer.receive(message, PEER)


@pytest.fixture
def side():
    return Side()


def test_an_unanswered_invite_is_repeated_at_doubling_intervals_then_fails(side):
    side.ask("INVITE")
    side.wire.pass_time(40)
    assert side.wire.times() == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert side.failures == [408]
    assert len(side.layer) == 0


def test_another_request_is_repeated_every_four_seconds_at_most(side):
    side.ask("BYE")
    side.wire.pass_time(40)
    assert side.wire.times() == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert side.failures == [408]


def test_a_provisional_answer_stops_the_repeating_of_an_invite_and_its_timeout(side):
    client = side.ask("INVITE")
    side.receive(response(client.request, 180))
    side.wire.pass_time(600)
    assert side.wire.times() == [0]
    assert (side.responses, side.failures) == ([180], [])


def test_a_refusal_is_acknowledged_each_time_and_told_once(side):
    client = side.ask("INVITE")
    for _ in range(3):
        side.receive(response(client.request, 486))
    assert names(side.wire.take()) == ["INVITE", "ACK", "ACK", "ACK"]
    assert side.responses == [486]
    side.wire.pass_time(33)
    assert len(side.layer) == 0


def test_the_ack_of_a_refusal_belongs_to_the_transaction(side):
    client = side.ask("INVITE")
    side.receive(response(client.request, 404))
    invite, ack = side.wire.take()
    assert ack.via.branch == invite.via.branch
    assert ack.uri == invite.uri
    assert ack.to.tag == "far"
    assert ack.cseq == (invite.cseq[0], "ACK")


def test_every_copy_of_a_2xx_reaches_the_dialog(side):
    client = side.ask("INVITE")
    for _ in range(3):
        side.receive(response(client.request, 200))
    assert side.responses == [200, 200, 200]
    assert names(side.wire.take()) == ["INVITE"]
    side.wire.pass_time(33)
    assert len(side.layer) == 0


def test_a_response_of_another_branch_is_dropped(side):
    client = side.ask("INVITE")
    stray = response(client.request, 200)
    stray.fields[0] = ("Via", "SIP/2.0/UDP b;branch=z9hG4bKother")
    del stray.__dict__["via"]
    side.receive(stray)
    assert side.responses == []


def test_a_cancel_waits_for_a_provisional_answer(side):
    client = side.ask("INVITE")
    client.cancel([("Reason", "SIP;cause=487")])
    assert names(side.wire.take()) == ["INVITE"]
    side.receive(response(client.request, 100))
    (cancel,) = side.wire.take()
    assert cancel.method == "CANCEL"
    assert cancel.via.branch == client.request.via.branch
    assert cancel.cseq == (client.request.cseq[0], "CANCEL")
    assert cancel.get("Reason") == "SIP;cause=487"


def test_an_invite_whose_cancel_brings_no_end_is_given_up(side):
    client = side.ask("INVITE")
    side.receive(response(client.request, 180))
    client.cancel([])
    side.receive(response(side.wire.take()[-1], 200))
    side.wire.pass_time(33)
    assert side.failures == [408]


def test_nobody_there_fails_at_once_only_what_nobody_answered(side):
    ringing = side.ask("INVITE")
    side.receive(response(ringing.request, 180))
    side.ask("INVITE")
    side.layer.unreachable(PEER)
    side.layer.unreachable(("192.0.2.8", 1))
    assert side.failures == [503]
    assert ringing.state is State.PROCEEDING


def test_a_repeated_request_is_absorbed_and_its_answer_repeated(side):
    options = request("OPTIONS")
    side.receive(options)
    side.receive(options)
    assert side.wire.take() == []
    side.requests[0].reply(200)
    side.receive(options)
    assert len(side.requests) == 1
    assert names(side.wire.take()) == ["200 OPTIONS", "200 OPTIONS"]
    side.wire.pass_time(33)
    assert len(side.layer) == 0


def test_only_one_final_answer_is_sent(side):
    side.receive(request("OPTIONS"))
    side.requests[0].reply(200)
    side.requests[0].reply(500)
    assert names(side.wire.take()) == ["200 OPTIONS"]


def test_a_refused_invite_is_repeated_until_its_ack(side):
    side.receive(request("INVITE"))
    side.requests[0].reply(486)
    side.wire.pass_time(2)
    assert side.wire.times() == [0, 0.5, 1.5]
    side.receive(request("ACK", to_tag="own"))
    side.wire.take()
    side.wire.pass_time(60)
    assert side.wire.take() == []
    assert side.acks == []
    assert len(side.layer) == 0


def test_a_refused_invite_without_ack_ends_after_32_seconds(side):
    side.receive(request("INVITE"))
    side.requests[0].reply(486)
    side.wire.pass_time(100)
    assert side.wire.times()[-1] == 31.5
    assert len(side.layer) == 0


def test_the_ack_of_a_refusal_may_have_a_branch_of_its_own(side):
    side.receive(request("INVITE"))
    side.requests[0].reply(404)
    side.receive(request("ACK", to_tag="own", branch="z9hG4bK-other"))
    assert side.requests[0].state is State.CONFIRMED


def test_an_accepted_invite_is_absorbed_and_its_ack_goes_to_the_dialog(side):
    side.receive(request("INVITE"))
    side.requests[0].reply(200)
    side.receive(request("INVITE"))
    side.receive(request("ACK", branch="z9hG4bK-other", to_tag="own"))
    assert len(side.requests) == 1
    assert names(side.wire.take()) == ["200 INVITE"]
    assert len(side.acks) == 1


def test_a_cancel_reaches_its_invite_once(side):
    heard = []
    side.receive(request("INVITE"))
    side.requests[0].on_cancel = heard.append
    side.receive(request("CANCEL"))
    side.receive(request("CANCEL"))
    assert len(heard) == 1
    assert names(side.wire.take()) == ["200 CANCEL", "200 CANCEL"]


def test_a_cancel_after_the_answer_changes_nothing(side):
    heard = []
    side.receive(request("INVITE"))
    side.requests[0].on_cancel = heard.append
    side.requests[0].reply(200)
    side.receive(request("CANCEL"))
    assert heard == []
    assert names(side.wire.take()) == ["200 INVITE", "200 CANCEL"]


def test_a_cancel_of_nothing_is_answered_481(side):
    side.receive(request("CANCEL"))
    assert names(side.wire.take()) == ["481 CANCEL"]


def test_the_same_branch_in_another_call_is_another_transaction(side):
    side.receive(request("OPTIONS", call_id="a"))
    side.receive(request("OPTIONS", call_id="b"))
    assert len(side.requests) == 2


def test_an_old_clients_retransmission_is_recognised_without_a_branch(side):
    side.receive(request("INVITE", branch="old"))
    side.receive(request("INVITE", branch="old"))
    side.receive(request("INVITE", branch="old", cseq=2))
    assert len(side.requests) == 2


def test_a_flood_is_dropped_beyond_a_limit(side, monkeypatch):
    monkeypatch.setattr(transactions, "MAX_SERVER_TRANSACTIONS", 3)
    for n in range(5):
        side.receive(request("OPTIONS", branch=f"z9hG4bK{n}"))
    assert len(side.requests) == 3
