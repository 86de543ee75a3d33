from __future__ import annotations

import pytest
from sip_rig import LOCAL, OFFER, rig, wait_for


@pytest.fixture
def office():
    with rig(challenge=True) as made:
        yield made


@pytest.mark.parametrize("qop", [True, False])
def test_a_phone_registers_with_digest(office, qop):
    phone = office.phone()
    answer = phone.register(qop=qop)
    assert answer.status == 200
    assert "expires=60" in answer.get("Contact")
    (contact,) = office.registrar.contacts("1001")
    assert contact.address == ("127.0.0.1", phone.port)
    assert office.changes == [("1001", 1)]


def test_a_wrong_password_gets_401_then_403(office):
    assert office.phone().register(password="wrong").status == 403
    assert office.registrar.all() == {}


def test_an_unknown_user_gets_401_then_403(office):
    assert office.phone("9999").register().status == 403


def test_two_phones_of_one_user_and_one_leaves(office):
    first, second = office.phone(), office.phone()
    first.register()
    second.register()
    assert len(office.registrar.contacts("1001")) == 2
    assert first.register(expires="0").status == 200
    assert [c.address[1] for c in office.registrar.contacts("1001")] == [second.port]


def test_a_registration_runs_out(office):
    office.phone().register(expires="1")
    wait_for(lambda: office.changes[-1:] == [("1001", 0)], "the registration to run out")


def test_a_repeated_register_is_answered_the_same_and_done_once(office):
    phone = office.phone()
    phone.request("REGISTER", branch="z9hG4bK-same", cseq=1)
    first = phone.expect(401)
    phone.request("REGISTER", branch="z9hG4bK-same", cseq=1)
    assert phone.expect(401).get("WWW-Authenticate") == first.get("WWW-Authenticate")


def test_a_call_needs_credentials_too(office):
    phone = office.phone()
    invite = phone.request("INVITE", body=OFFER)
    challenge = phone.expect(407)
    phone.request("ACK", branch=invite.via.branch, cseq=1)
    phone.to_tag = ""
    fields = [phone.credentials(challenge, "INVITE", "secret")]
    phone.request("INVITE", body=OFFER, fields=fields)
    assert phone.expect(200).body == LOCAL
    assert office.desk.calls[0].authenticated_user == "1001"


def test_a_call_with_a_wrong_password_is_forbidden(office):
    phone = office.phone()
    phone.request("INVITE", body=OFFER)
    challenge = phone.expect(407)
    phone.to_tag = ""
    fields = [phone.credentials(challenge, "INVITE", "wrong")]
    phone.request("INVITE", body=OFFER, fields=fields)
    assert phone.expect(403)
    assert office.desk.calls == []


def test_a_trunk_takes_no_registrations():
    with rig() as trunk:
        phone = trunk.phone()
        phone.request("REGISTER")
        assert "REGISTER" not in phone.expect(405).get("Allow")


def test_a_trunk_takes_calls_from_trusted_addresses_alone():
    with rig(trusted=False) as trunk:
        phone = trunk.phone()
        phone.request("INVITE", body=OFFER)
        assert phone.expect(403)
        assert trunk.desk.calls == []
