from __future__ import annotations

import pytest
from sip_wire import PEER

from labswitch.address import parse_parameters
from labswitch.digest import a1_hash, digest_response
from labswitch.message import SipMessage, parse_message
from labswitch.registrar import MAX_CONTACTS, MAX_EXPIRES, Registrar

REALM = "callcenter.local"


class Office:
    """A registrar, a clock and phones that know their password."""

    def __init__(self, **settings) -> None:
        self.now = 1_800_000_000.0
        self.changes: list[tuple[str, list[str]]] = []
        users = {user: a1_hash(user, REALM, "secret") for user in ("1001", "1002")}
        self.registrar = Registrar(
            users.get,
            realm=REALM,
            on_change=lambda user, contacts: self.changes.append(
                (user, [contact.uri for contact in contacts])
            ),
            clock=lambda: self.now,
            **settings,
        )
        self._cseq = 0

    def message(self, contacts, *, user="1001", expires=None, call_id="r1", cseq=None, auth=""):
        self._cseq += 1
        fields = [
            ("Via", "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKr"),
            ("From", f"<sip:{user}@{REALM}>;tag=1"),
            ("To", f"<sip:{user}@{REALM}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq or self._cseq} REGISTER"),
            ("User-Agent", "phone"),
            *(("Contact", contact) for contact in contacts),
        ]
        if expires is not None:
            fields.append(("Expires", expires))
        if auth:
            fields.append(("Authorization", auth))
        message = SipMessage(method="REGISTER", uri=f"sip:{REALM}", fields=fields)
        return parse_message(message.to_bytes())

    def register(self, *contacts, user="1001", login=None, password="secret", **more):
        login = login or user
        challenge = self.registrar.handle(self.message(contacts, user=user), PEER)
        assert challenge.status == 401
        text = dict(challenge.fields)["WWW-Authenticate"]
        nonce = parse_parameters(text.partition(" ")[2], ",")["nonce"]
        given = {"username": login, "realm": REALM, "nonce": nonce, "uri": f"sip:{REALM}"}
        response = digest_response(a1_hash(login, REALM, password), "REGISTER", given)
        auth = "Digest " + ", ".join(
            f'{name}="{value}"' for name, value in {**given, "response": response}.items()
        )
        return self.registrar.handle(self.message(contacts, user=user, auth=auth, **more), PEER)

    def uris(self, user="1001"):
        return [contact.uri for contact in self.registrar.contacts(user)]


@pytest.fixture
def office():
    return Office()


def test_a_phone_is_known_by_its_contact_and_where_it_really_is(office):
    reply = office.register("<sip:1001@10.0.0.5:5070>", expires="120")
    assert reply.status == 200
    assert reply.fields == (("Contact", "<sip:1001@10.0.0.5:5070>;expires=120"),)
    (contact,) = office.registrar.contacts("1001")
    assert contact.address == PEER
    assert contact.user_agent == "phone"
    assert contact.expires_at == office.now + 120
    assert office.changes == [("1001", ["sip:1001@10.0.0.5:5070"])]


def test_several_phones_the_last_one_first(office):
    office.register("<sip:1001@10.0.0.5>", call_id="a")
    office.register("<sip:1001@10.0.0.6>", call_id="b")
    office.register("<sip:1001@10.0.0.5:5060>", call_id="a")
    assert office.uris() == ["sip:1001@10.0.0.5:5060", "sip:1001@10.0.0.6"]


def test_two_contacts_in_one_request_with_times_of_their_own(office):
    reply = office.register("<sip:a@h>;expires=60, <sip:b@h>", expires="90")
    assert {value for _, value in reply.fields} == {"<sip:a@h>;expires=60", "<sip:b@h>;expires=90"}


def test_a_phone_expires_and_the_sweep_says_so(office):
    office.register("<sip:1001@10.0.0.5>", expires="60")
    office.changes.clear()
    office.now += 59
    office.registrar.sweep()
    assert office.changes == []
    office.now += 1
    assert office.uris() == []
    assert office.registrar.all() == {}
    office.registrar.sweep()
    office.registrar.sweep()
    assert office.changes == [("1001", [])]


def test_unregistering_one_and_all(office):
    office.register("<sip:a@h>")
    office.register("<sip:b@h>")
    office.register("<sip:a@h>;expires=0")
    assert office.uris() == ["sip:b@h"]
    assert office.register("*", expires="0").fields == ()
    assert office.uris() == []


@pytest.mark.parametrize(
    ("contacts", "expires"),
    [(["*"], "60"), (["*", "<sip:a@h>"], "0"), (["<sip:a@h"], None), (["<tel:110>"], None)],
)
def test_broken_contacts_are_refused_and_change_nothing(office, contacts, expires):
    office.register("<sip:kept@h>")
    assert office.register(*contacts, expires=expires).status == 400
    assert office.uris() == ["sip:kept@h"]


def test_asking_without_a_contact_changes_nothing(office):
    office.register("<sip:a@h>")
    office.changes.clear()
    assert len(office.register().fields) == 1
    assert office.changes == []


def test_a_wrong_password_and_an_unknown_user_are_forbidden(office):
    assert office.register("<sip:a@h>", password="wrong").status == 403
    assert office.register("<sip:a@h>", user="9999").status == 403
    assert office.registrar.all() == {}


def test_nobody_registers_for_somebody_else(office):
    assert office.register("<sip:a@h>", user="1002", login="1001").status == 403


def test_a_request_that_was_overtaken_changes_nothing(office):
    office.register("<sip:a@h>", cseq=10)
    assert office.register("<sip:a@h>;expires=0", cseq=9).status == 500
    assert office.uris() == ["sip:a@h"]


def test_a_user_has_a_limited_number_of_phones(office):
    for number in range(MAX_CONTACTS):
        assert office.register(f"<sip:a@h{number}>").status == 200
    assert office.register("<sip:a@one-more>").status == 403


def test_times_are_limited_and_nonsense_counts_as_not_given(office):
    office.register("<sip:a@h>", expires="9999999")
    assert office.registrar.contacts("1001")[0].expires_at == office.now + MAX_EXPIRES
    office.register("<sip:a@h>", expires="soon")
    assert office.registrar.contacts("1001")[0].expires_at == office.now + 3600


def test_a_time_that_is_too_short_is_named(office):
    office = Office(min_expires=60)
    reply = office.register("<sip:a@h>", expires="30")
    assert (reply.status, reply.fields) == (423, (("Min-Expires", "60"),))
