from __future__ import annotations

import pytest

from labswitch.address import parse_parameters
from labswitch.digest import (
    NONCE_SECONDS,
    DigestAuthenticator,
    Verdict,
    a1_hash,
    digest_response,
)

REALM = "callcenter.local"
USERS = {"1001": a1_hash("1001", REALM, "right")}


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def guard(clock):
    return DigestAuthenticator(USERS.get, realm=REALM, clock=clock)


def nonce_of(challenge: str) -> str:
    return parse_parameters(challenge.partition(" ")[2], ",")["nonce"]


def credentials(nonce, user="1001", password="right", count=1, qop="auth", method="REGISTER"):
    given = {"username": user, "realm": REALM, "nonce": nonce, "uri": "sip:callcenter.local"}
    if qop:
        given |= {"qop": qop, "nc": f"{count:08x}", "cnonce": "abc"}
    response = digest_response(a1_hash(user, REALM, password), method, given)
    return "Digest " + ", ".join(f'{k}="{v}"' for k, v in {**given, "response": response}.items())


def test_the_examples_of_rfc_2617():
    a1 = a1_hash("Mufasa", "testrealm@host.com", "Circle Of Life")
    given = {"uri": "/dir/index.html", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    assert digest_response(a1, "GET", given) == "670fd8c2df070c60b045671b8b24ff02"
    given |= {"qop": "auth", "nc": "00000001", "cnonce": "0a4f113b"}
    assert digest_response(a1, "GET", given) == "6629fae49393a05397450978507c4ef1"


def test_no_credentials_are_challenged(guard):
    assert guard.check("REGISTER", "").verdict is Verdict.CHALLENGE
    assert guard.check("REGISTER", "Basic abc").verdict is Verdict.CHALLENGE
    assert "stale" not in guard.challenge()


@pytest.mark.parametrize("qop", ["auth", ""])
def test_the_right_password_is_accepted(guard, qop):
    found = guard.check("REGISTER", credentials(nonce_of(guard.challenge()), qop=qop))
    assert (found.verdict, found.user) == (Verdict.ACCEPTED, "1001")


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong"}, {"user": "1002"}, {"method": "INVITE"}, {"qop": "auth-int-x"}],
)
def test_wrong_credentials_are_forbidden(guard, wrong):
    text = credentials(nonce_of(guard.challenge()), **{"method": "REGISTER", **wrong})
    if "qop" in wrong:
        text = text.replace("auth-int-x", "auth")
    found = guard.check("REGISTER", text)
    assert found.verdict is Verdict.FORBIDDEN
    assert found.user is None


def test_an_expired_nonce_is_stale_even_with_the_right_password(guard, clock):
    text = credentials(nonce_of(guard.challenge()))
    clock.now += NONCE_SECONDS + 1
    assert guard.check("REGISTER", text).verdict is Verdict.STALE
    assert "stale=true" in guard.challenge(stale=True)


def test_a_nonce_of_someone_elses_is_stale(guard, clock):
    other = DigestAuthenticator(USERS.get, realm=REALM, clock=clock)
    assert (
        guard.check("REGISTER", credentials(nonce_of(other.challenge()))).verdict is Verdict.STALE
    )
    assert guard.check("REGISTER", credentials("é.b.c")).verdict is Verdict.STALE


def test_a_replayed_request_is_stale(guard):
    nonce = nonce_of(guard.challenge())
    assert guard.check("REGISTER", credentials(nonce, count=2)).verdict is Verdict.ACCEPTED
    assert guard.check("REGISTER", credentials(nonce, count=2)).verdict is Verdict.STALE
    assert guard.check("REGISTER", credentials(nonce, count=1)).verdict is Verdict.STALE
    assert guard.check("REGISTER", credentials(nonce, count=3)).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    "text",
    [
        "Digest",
        "Digest username=1001",
        'Digest username="1001", nonce="x", uri="u", response="r", qop=auth, nc=zz',
        "Digest " + "a=b," * 500,
        "Digest \x00,=,=,,",
    ],
)
def test_broken_credentials_are_challenged_again(guard, text):
    assert guard.check("REGISTER", text).verdict is Verdict.STALE
