"""What we believe against what the switch holds, looked at again and again.

Events can be missed (a listener that was too slow, a registration in the very second of a start).
A difference that is still there at the next look is mended, and written down. The switch's own
tables lag behind its events by a moment, so a difference seen once means nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import gevent

from callcenter import adoption
from callcenter.esl import EslError, SwitchLink

logger = logging.getLogger(__name__)

FIRST = 1.0  # seconds between the first looks after a start
EVERY = 10.0
FIRST_LOOKS = 3


class Desk(Protocol):
    """The agents as we believe them to be."""

    def registered(self) -> frozenset[str]: ...
    def talking(self) -> dict[str, str]: ...  # agent -> contact
    def phone_changed(self, agent: str, registered: bool) -> None: ...
    def known(self, agents: Iterable[str]) -> frozenset[str]: ...


Repaired = Callable[[str, str, str], None]  # contact or "", what was found, what was done


class Reconciler:
    """Compares phones, conversations and citizens; one greenlet, nothing waits for it."""

    def __init__(
        self,
        link: SwitchLink,
        desk: Desk,
        end_talk: Callable[[str, str], None],
        repaired: Repaired,
        served: Callable[[], Iterable[str]],
    ) -> None:
        """`served` tells whose story is being told here."""
        self._link = link
        self._served = served
        self._desk = desk
        self._end_talk = end_talk
        self._repaired = repaired
        self._doubted: frozenset[tuple[str, str]] = frozenset()

    def run(self) -> None:
        """Look for ever."""
        looks = 0
        while True:
            gevent.sleep(FIRST if looks < FIRST_LOOKS else EVERY)
            looks += 1
            if not self._link.up.is_set():
                looks, self._doubted = 0, frozenset()
                continue
            try:
                self.look()
            except (EslError, ValueError) as error:
                logger.warning("the switch cannot be compared with: %s", error)

    def look(self) -> None:
        """Compare once; mend what was different at the last look too."""
        found, registered = self._compare()
        for kind, name in sorted(found & self._doubted):
            if kind == "phone":
                self._mend_phone(name, name in registered)
            elif kind == "talk":
                self._mend_talk(name)
            else:
                self._mend_citizen(name)
        self._doubted = found

    def tell(self) -> list[str]:
        """What is different at this moment, as "kind name"; nothing is mended by asking."""
        found = [f"{kind} {name}" for kind, name in sorted(self._compare()[0])]
        logger.info("compared with the switch: %s", ", ".join(found) or "nothing to repair")
        return found

    def _compare(self) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
        """The differences as (kind, name), and the phones that the switch has."""
        registered = self._desk.known(adoption.registered(self._link))
        channels = adoption.channels(self._link)
        served = set(self._served())
        phones = {("phone", agent) for agent in registered ^ self._desk.registered()}
        talks = {
            ("talk", agent)
            for agent, contact in self._desk.talking().items()
            if contact not in channels and contact not in served
        }
        cared_for = {*served, *self._desk.talking().values()}
        stranded = {
            ("citizen", call)
            for call in adoption.stranded(
                self._link, {call: channels[call] for call in channels.keys() - cared_for}
            )
        }
        return frozenset(phones | talks | stranded), registered

    def _mend_phone(self, agent: str, is_registered: bool) -> None:
        word = "registered" if is_registered else "not registered"
        self._repaired("", f"the phone of agent {agent} is {word} at the switch", "took it over")
        self._desk.phone_changed(agent, is_registered)

    def _mend_talk(self, agent: str) -> None:
        contact = self._desk.talking().get(agent, "")
        self._repaired(
            contact, f"agent {agent} talks in a call that the switch no longer has", "ended it"
        )
        self._end_talk(agent, contact)

    def _mend_citizen(self, call: str) -> None:
        self._repaired(call, "a citizen whom no controller knows", "back to the queue")
        adoption.bring_back(self._link, call)
