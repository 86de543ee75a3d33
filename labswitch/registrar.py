"""The registrar (RFC 3261 section 10): where each agent's phones are, kept in memory.

It does no I/O: a request and its source address in, an answer out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from labswitch.address import Address, AddressError, SipUri, parse_address, parse_uri
from labswitch.digest import DigestAuthenticator, Verdict
from labswitch.message import SipMessage

logger = logging.getLogger(__name__)

DEFAULT_EXPIRES = 3600
MAX_EXPIRES = 86_400
MAX_CONTACTS = 10


@dataclass(frozen=True, slots=True)
class Contact:
    """One phone of a user.

    `uri` is what it asked to be called by, `address` where its REGISTER came from (they differ
    behind NAT), `expires_at` in seconds of the registrar's clock.
    """

    uri: str
    address: tuple[str, int]
    expires_at: float
    user_agent: str
    call_id: str
    cseq: int


@dataclass(frozen=True, slots=True)
class RegistrarReply:
    """The answer to a REGISTER."""

    status: int
    phrase: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


class _Refused(Exception):
    def __init__(self, status: int, phrase: str | None = None, *fields: tuple[str, str]) -> None:
        super().__init__(status)
        self.reply = RegistrarReply(status, phrase, fields)


class Registrar:
    """Contacts by user.

    `a1_hash` gives a user's MD5(user:realm:password) in hex or None; `on_change` is told a user's
    contacts after each REGISTER that touched them and when some expire; `clock` gives seconds
    since the epoch. `min_expires` is in seconds; shorter registrations get 423. With
    `newest_only` a phone that registers takes the place of the user's others.
    """

    def __init__(
        self,
        a1_hash: Callable[[str], str | None],
        *,
        realm: str,
        on_change: Callable[[str, list[Contact]], None],
        clock: Callable[[], float],
        min_expires: int = 0,
        newest_only: bool = False,
    ) -> None:
        self.authenticator = DigestAuthenticator(a1_hash, realm=realm, clock=clock)
        self._on_change = on_change
        self._clock = clock
        self._min_expires = min_expires
        self._newest_only = newest_only
        self._contacts: dict[str, dict[str, Contact]] = {}

    def contacts(self, user: str) -> list[Contact]:
        """A user's phones that haven't expired, the one registered last first."""
        now = self._clock()
        kept = self._contacts.get(user, {}).values()
        return [contact for contact in reversed(kept) if contact.expires_at > now]

    def all(self) -> dict[str, list[Contact]]:
        """Every registered user's contacts."""
        found = {user: self.contacts(user) for user in self._contacts}
        return {user: contacts for user, contacts in found.items() if contacts}

    def remove(self, user: str) -> None:
        """Forget all of a user's phones."""
        self._store(user, {})

    def sweep(self) -> None:
        """Forget what has expired."""
        now = self._clock()
        for user, kept in list(self._contacts.items()):
            gone = [key for key, contact in kept.items() if contact.expires_at <= now]
            if gone:
                self._store(user, {key: kept[key] for key in kept if key not in gone})

    def handle(self, request: SipMessage, source: tuple[str, int]) -> RegistrarReply:
        """Authenticate and carry out a REGISTER."""
        credentials = self.authenticator.check("REGISTER", request.get("Authorization"))
        if credentials.verdict in (Verdict.CHALLENGE, Verdict.STALE):
            stale = credentials.verdict is Verdict.STALE
            challenge = self.authenticator.challenge(stale=stale)
            return RegistrarReply(401, None, (("WWW-Authenticate", challenge),))
        try:
            user = parse_uri(request.to.uri).user
        except AddressError:
            return RegistrarReply(400, "Bad To Header")
        if credentials.verdict is Verdict.FORBIDDEN or credentials.user != user:
            logger.warning("registration of %.32r refused, from %s:%s", user, *source)
            return RegistrarReply(403)
        try:
            self._update(user, request, source)
        except _Refused as refused:
            return refused.reply
        return RegistrarReply(200, None, self._bindings(user))

    def _update(self, user: str, request: SipMessage, source: tuple[str, int]) -> None:
        values = request.values("Contact")
        if not values:
            return
        kept = dict(self._contacts.get(user, {}))
        if "*" in values:
            if len(values) > 1 or request.get("Expires") != "0":
                raise _Refused(400, "Bad Contact Header")
            for contact in kept.values():
                _check_order(contact, request)
            self._store(user, {})
            return
        for value in values:
            self._bind(kept, _parse_contact(value), request, source)
        now = self._clock()
        kept = {key: contact for key, contact in kept.items() if contact.expires_at > now}
        if self._newest_only:
            kept = dict(list(kept.items())[-1:])
        if len(kept) > MAX_CONTACTS:
            raise _Refused(403, "Too Many Contacts")
        self._store(user, kept)

    def _bind(
        self,
        kept: dict[str, Contact],
        given: tuple[Address, SipUri],
        request: SipMessage,
        source: tuple[str, int],
    ) -> None:
        address, uri = given
        key = f"{uri.user}@{uri.host.lower()}:{uri.port or 5060}"
        if key in kept:
            _check_order(kept[key], request)
        seconds = self._expires(address, request)
        # Taken out first: the phone registered last is the last in the order.
        kept.pop(key, None)
        if seconds > 0:
            kept[key] = Contact(
                uri=address.uri,
                address=source,
                expires_at=self._clock() + seconds,
                user_agent=request.get("User-Agent"),
                call_id=request.call_id,
                cseq=request.cseq[0],
            )

    def _expires(self, address: Address, request: SipMessage) -> int:
        text = address.parameters.get("expires") or request.get("Expires")
        # What can't be read counts as not given (section 20.19).
        readable = text.isascii() and text.isdigit() and len(text) <= 10
        seconds = min(int(text) if readable else DEFAULT_EXPIRES, MAX_EXPIRES)
        if 0 < seconds < self._min_expires:
            raise _Refused(423, None, ("Min-Expires", str(self._min_expires)))
        return seconds

    def _bindings(self, user: str) -> tuple[tuple[str, str], ...]:
        now = self._clock()
        return tuple(
            ("Contact", f"<{contact.uri}>;expires={max(1, round(contact.expires_at - now))}")
            for contact in self.contacts(user)
        )

    def _store(self, user: str, kept: dict[str, Contact]) -> None:
        if kept:
            self._contacts[user] = kept
        else:
            self._contacts.pop(user, None)
        self._on_change(user, self.contacts(user))


def _parse_contact(value: str) -> tuple[Address, SipUri]:
    try:
        address = parse_address(value)
        return address, parse_uri(address.uri)
    except AddressError:
        raise _Refused(400, "Bad Contact Header") from None


def _check_order(contact: Contact, request: SipMessage) -> None:
    """Refuse a REGISTER that was overtaken by a later one (section 10.3, step 7)."""
    if contact.call_id == request.call_id and request.cseq[0] <= contact.cseq:
        raise _Refused(500, "CSeq Out Of Order")
