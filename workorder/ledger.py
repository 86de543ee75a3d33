"""What each step writes into the clocks' ledger."""

from __future__ import annotations

import datetime as dt
from typing import Any

from workorder.clocks import Clock, Entering, Entry, runs_of
from workorder.life import Life
from workorder.policy import Policy
from workorder.states import State, Step
from workorder.worktime import DAY, midnight

UNITS_CLOCKS = (Clock.ACKNOWLEDGE, Clock.RETURN, Clock.CONTACT, Clock.ON_SITE, Clock.RESOLVE)
_ENDED = (Entering.STOPPED, Entering.VOIDED)


def running(life: Life) -> dict[str, list[Entry]]:
    """The lines of each run that hasn't ended."""
    return {
        run: lines for run, lines in runs_of(life.ledger).items() if lines[-1].what not in _ENDED
    }


def running_of(life: Life, clock: Clock) -> list[Entry]:
    """The lines of the clock's run that hasn't ended; none when there is no such run."""
    return next((lines for run, lines in running(life).items() if lines[0].clock is clock), [])


def entries(
    life: Life, step: Step, to: State, at: dt.datetime, data: dict[str, Any], policy: Policy
) -> list[Entry]:
    """The lines that `step`, taken at `at` and leading to `to`, adds."""
    book = _Book(life, at, policy, data)
    writer = _WRITERS.get(step)
    if writer is not None:
        writer(book, to)
    return book.lines


class _Book:
    def __init__(self, life: Life, at: dt.datetime, policy: Policy, data: dict[str, Any]) -> None:
        self.life, self.at, self.policy, self.data = life, at, policy, data
        self.lines: list[Entry] = []
        self._running = running(life)

    def start(self, clock: Clock, rule: str | None, unit: str | None = None) -> None:
        """Start a run, unless the policy has no such limit."""
        if rule is None:
            return
        try:
            self.policy.rule(rule)
        except KeyError:
            return
        serial = len(self.life.runs(clock)) + 1
        run = f"{clock.value}:{serial}"
        self.lines.append(Entry(run, Entering.STARTED, self.at, rule=rule, unit=unit))

    def write(self, what: Entering, *clocks: Clock, **more: Any) -> None:
        """Add a line to every running run of `clocks` that it makes sense for."""
        for run, lines in self._running.items():
            if lines[0].clock not in clocks:
                continue
            still = lines[-1].what is Entering.PAUSED
            if (what is Entering.PAUSED and still) or (what is Entering.RESUMED and not still):
                continue
            self.lines.append(Entry(run, what, self.at, **more))

    def stop(self, *clocks: Clock) -> None:
        self.write(Entering.STOPPED, *clocks)

    def void(self, *clocks: Clock) -> None:
        self.write(Entering.VOIDED, *clocks)

    def to_unit(self, unit: str, *, returnable: bool) -> None:
        """A unit gets the order: its clocks start."""
        policy, life = self.policy, self.life
        self.start(Clock.ACKNOWLEDGE, "acknowledge", unit)
        if returnable:
            self.start(Clock.RETURN, "return", unit)
        for clock in (Clock.CONTACT, Clock.ON_SITE, Clock.RESOLVE):
            path = policy.path_for(clock, life.category, specialised=life.specialised)
            self.start(clock, path, unit)

    def to_dispatcher(self, *, unclear: bool) -> None:
        self.start(Clock.DISPATCH, f"dispatch.{'unclear' if unclear else 'clear'}")


def _drafted(book: _Book, to: State) -> None:
    if book.data.get("registers") and not book.life.runs(Clock.REGISTER):
        book.start(Clock.REGISTER, "register")


def _accepted(book: _Book, to: State) -> None:
    book.stop(Clock.REGISTER)
    book.to_dispatcher(unclear=bool(book.data.get("unclear", book.life.unclear)))


def _ends_done(book: _Book, to: State) -> None:
    book.stop(Clock.REGISTER, Clock.DISPATCH)
    book.void(*UNITS_CLOCKS, Clock.SUPERVISE)


def _ends_void(book: _Book, to: State) -> None:
    book.void(*Clock)


def _reopened(book: _Book, to: State) -> None:
    book.to_dispatcher(unclear=book.life.unclear)


def _dispatched(book: _Book, to: State) -> None:
    book.stop(Clock.DISPATCH)
    book.void(*UNITS_CLOCKS, Clock.SUPERVISE)  # of the unit that returned it
    book.to_unit(book.data["unit"], returnable=True)


def _determined(book: _Book, to: State) -> None:
    book.stop(Clock.DISPATCH)
    book.void(*UNITS_CLOCKS, Clock.SUPERVISE)
    book.to_unit(book.data["unit"], returnable=False)


def _recalled(book: _Book, to: State) -> None:
    book.void(*UNITS_CLOCKS, Clock.SUPERVISE)
    book.to_dispatcher(unclear=book.life.unclear)


def _returned(book: _Book, to: State) -> None:
    book.stop(Clock.RETURN)
    book.write(Entering.PAUSED, Clock.ACKNOWLEDGE, Clock.CONTACT, Clock.ON_SITE, Clock.RESOLVE)
    book.void(Clock.SUPERVISE)
    book.to_dispatcher(unclear=book.life.unclear)


def _return_rejected(book: _Book, to: State) -> None:
    book.stop(Clock.DISPATCH)
    book.write(Entering.RESUMED, *UNITS_CLOCKS)


def _acknowledged(book: _Book, to: State) -> None:
    book.stop(Clock.ACKNOWLEDGE)


def _handed_on(book: _Book, to: State) -> None:
    """The city's deadlines go on; only the acknowledgement is the new unit's own."""
    book.stop(Clock.ACKNOWLEDGE)  # whoever sends it on has read it
    book.start(Clock.ACKNOWLEDGE, "acknowledge", book.data["unit"])


def _contacted(book: _Book, to: State) -> None:
    book.stop(Clock.CONTACT)


def _arrived(book: _Book, to: State) -> None:
    book.stop(Clock.ON_SITE)


def _extended(book: _Book, to: State) -> None:
    book.write(Entering.EXTENDED, Clock.RESOLVE, workdays=book.data["workdays"])


def _paused(book: _Book, to: State) -> None:
    until = midnight(dt.date.fromisoformat(book.data["until"]) + DAY)
    book.write(Entering.PAUSED, Clock.RESOLVE, until=until)


def _resumed(book: _Book, to: State) -> None:
    book.write(Entering.RESUMED, Clock.RESOLVE)


def _resolved(book: _Book, to: State) -> None:
    book.stop(*UNITS_CLOCKS)  # an answer is a contact too
    book.start(Clock.REVIEW, "review")


def _reviewed(book: _Book, to: State) -> None:
    book.stop(Clock.REVIEW)
    book.start(Clock.FOLLOW_UP, "follow_up")


def _followed_up(book: _Book, to: State) -> None:
    if to is State.FOLLOWED_UP:
        book.stop(Clock.FOLLOW_UP)


def _redone(book: _Book, to: State) -> None:
    book.stop(Clock.REVIEW, Clock.FOLLOW_UP)
    lead = book.life.lead
    if lead is not None:
        book.to_unit(lead, returnable=False)


def _archived(book: _Book, to: State) -> None:
    book.stop(*Clock)


def _supervised(book: _Book, to: State) -> None:
    book.start(Clock.SUPERVISE, "supervise", book.data["unit"])


def _replied(book: _Book, to: State) -> None:
    """Replies come in the order of the notices, so the oldest run is the one that is answered."""
    lines = running_of(book.life, Clock.SUPERVISE)
    if lines:
        book.lines.append(Entry(lines[0].run, Entering.STOPPED, book.at))


def _written_requested(book: _Book, to: State) -> None:
    book.start(Clock.WRITTEN, "written", book.life.lead)


def _written_issued(book: _Book, to: State) -> None:
    book.stop(Clock.WRITTEN)


_WRITERS = {
    Step.DRAFTED: _drafted,
    Step.ACCEPT: _accepted,
    Step.ANSWER: _ends_done,
    Step.DECLINE: _ends_done,
    Step.MERGE: _ends_void,
    Step.RECONSIDER: _reopened,
    Step.UNMERGE: _reopened,
    Step.DISPATCH: _dispatched,
    Step.DETERMINE: _determined,
    Step.RECALL: _recalled,
    Step.RETURN: _returned,
    Step.REJECT_RETURN: _return_rejected,
    Step.ACKNOWLEDGE: _acknowledged,
    Step.HAND_DOWN: _handed_on,
    Step.HAND_BACK: _handed_on,
    Step.CONTACT: _contacted,
    Step.ARRIVE: _arrived,
    Step.GRANT_EXTENSION: _extended,
    Step.PAUSE: _paused,
    Step.RESUME: _resumed,
    Step.RESOLVE: _resolved,
    Step.REVIEW: _reviewed,
    Step.FOLLOW_UP: _followed_up,
    Step.REDO: _redone,
    Step.ARCHIVE: _archived,
    Step.SUPERVISE: _supervised,
    Step.REPLY_SUPERVISION: _replied,
    Step.REQUEST_WRITTEN: _written_requested,
    Step.ISSUE_WRITTEN: _written_issued,
}
