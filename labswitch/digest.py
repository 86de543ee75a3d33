"""Digest authentication of requests (RFC 2617 with qop=auth, and RFC 2069's form without qop).

Nonces carry their own time and a signature, so that a flood of challenges costs no memory; only a
nonce that proved a password is remembered, for its last request count. Like mod_sofia: a nonce
that is unknown, too old or used again is challenged anew with stale=true, a wrong answer or an
unknown user is forbidden.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from labswitch.address import parse_parameters

NONCE_SECONDS = 60.0
MAX_REMEMBERED = 10_000


class Verdict(Enum):
    """What credentials are worth."""

    ACCEPTED = "accepted"
    CHALLENGE = "challenge"  # none given: ask for them
    STALE = "stale"  # perhaps right, but with a nonce that isn't good any more
    FORBIDDEN = "forbidden"  # wrong password, unknown user


@dataclass(frozen=True, slots=True)
class Credentials:
    """The verdict and, when accepted, the user who proved to be one."""

    verdict: Verdict
    user: str | None = None


class DigestAuthenticator:
    """Challenges and checks for one realm.

    `a1_hash` gives MD5(user:realm:password) in hex, None for an unknown user. `clock` gives
    seconds; nonces are good for `nonce_seconds`.
    """

    def __init__(
        self,
        a1_hash: Callable[[str], str | None],
        *,
        realm: str,
        clock: Callable[[], float],
        nonce_seconds: float = NONCE_SECONDS,
    ) -> None:
        self.realm = realm
        self._a1_hash = a1_hash
        self._clock = clock
        self._nonce_seconds = nonce_seconds
        self._key = secrets.token_bytes(32)
        self._counts: OrderedDict[str, int] = OrderedDict()

    def challenge(self, *, stale: bool = False) -> str:
        """The value of a WWW-Authenticate or Proxy-Authenticate header."""
        stale_text = " stale=true," if stale else ""
        return (
            f'Digest realm="{self.realm}", nonce="{self._new_nonce()}",{stale_text} '
            'algorithm=MD5, qop="auth"'
        )

    def check(self, method: str, authorization: str) -> Credentials:
        """Judge a `method` request's Authorization header; an empty one asks for a challenge."""
        scheme, _, rest = authorization.strip().partition(" ")
        if scheme.lower() != "digest":
            return Credentials(Verdict.CHALLENGE)
        given = parse_parameters(rest, ",")
        user = given.get("username", "")
        nonce = given.get("nonce", "")
        if not (user and nonce and given.get("uri") and given.get("response")):
            return Credentials(Verdict.STALE)
        count = _request_count(given)
        if count is None or not self._nonce_is_good(nonce, count):
            return Credentials(Verdict.STALE)
        a1 = self._a1_hash(user)
        # An unknown user costs as much time as a wrong password.
        expected = digest_response(a1 or "0" * 32, method, given)
        matches = hmac.compare_digest(expected.encode(), given["response"].lower().encode())
        if not matches or a1 is None:
            return Credentials(Verdict.FORBIDDEN)
        self._remember(nonce, count)
        return Credentials(Verdict.ACCEPTED, user)

    def _new_nonce(self) -> str:
        stamp = f"{int(self._clock() * 1000):x}.{secrets.token_hex(6)}"
        return f"{stamp}.{self._signature(stamp)}"

    def _signature(self, stamp: str) -> str:
        return hmac.new(self._key, stamp.encode(), hashlib.sha256).hexdigest()[:24]

    def _nonce_is_good(self, nonce: str, count: int) -> bool:
        stamp, _, signature = nonce.rpartition(".")
        if not hmac.compare_digest(self._signature(stamp).encode(), signature.encode()):
            return False
        made_at = int(stamp.partition(".")[0], 16) / 1000
        if self._clock() - made_at > self._nonce_seconds:
            return False
        # Without qop there is no count (0) and a nonce may be used again while it is good.
        return count == 0 or count > self._counts.get(nonce, 0)

    def _remember(self, nonce: str, count: int) -> None:
        self._counts[nonce] = max(count, self._counts.get(nonce, 0))
        if len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)


def digest_response(a1: str, method: str, given: dict[str, str]) -> str:
    """The response that `given` (parsed credentials) must hold, in hex; `a1` is the A1 hash."""
    a2 = _md5(f"{method}:{given.get('uri', '')}")
    nonce = given.get("nonce", "")
    if given.get("qop"):
        middle = f"{nonce}:{given.get('nc', '')}:{given.get('cnonce', '')}:{given['qop']}"
    else:
        middle = nonce
    return _md5(f"{a1}:{middle}:{a2}")


def a1_hash(user: str, realm: str, password: str) -> str:
    """MD5(user:realm:password) in hex, as the directory stores it."""
    return _md5(f"{user}:{realm}:{password}")


def _request_count(given: dict[str, str]) -> int | None:
    """The nonce count; 0 without qop, None when it can't be read."""
    if not given.get("qop"):
        return 0
    try:
        count = int(given.get("nc", "")[:8], 16)
    except ValueError:
        return None
    return count if count > 0 else None


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
