"""What a caller's history asks of the agent, as rules of a queue.

    history:
      - {asked: language.cantonese, days: 90, requirement: language.cantonese >= 3}
      - {queue: tax, calls: 2, latest: true, requirement: topic.tax}

A rule looks at the caller's earlier calls that an agent answered: those of the last `days` in
`queue`, or those that asked for the skill `asked`. `calls` of them are enough, and with `latest`
the newest call of all must be one of them. What it asks for is added to what the call asks for
itself, and is eased with it by the queue's `relaxation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from acd.skills import (
    MAX_LENGTH,
    NO_DEMAND,
    Demand,
    ExpressionError,
    combine,
    parse,
    parts_of,
    skills_of,
)

DAY = 86400.0
MOST_DAYS = 366.0
MOST_CALLS = 10  # earlier calls that are looked at


@dataclass(frozen=True, slots=True)
class PastCall:
    """An earlier call that an agent answered."""

    at: float  # seconds since the epoch, UTC
    queue: str
    asked: str = ""  # the call's own skill expression


@dataclass(frozen=True, slots=True)
class HistoryRule:
    requirement: str  # what it adds: a skill expression
    queue: str = ""  # earlier calls answered in this queue
    asked: str = ""  # earlier calls that asked for this skill
    days: float = 30.0
    calls: int = 1  # so many of them, at least
    latest: bool = False  # and the newest call of all is one of them

    def fault(self) -> tuple[str, str, object] | None:
        """Return the first key that can't be used, with what was expected and found."""
        try:
            demanded = parse(self.requirement)
        except ExpressionError as error:
            expected = f"a skill expression (column {error.column}: {error.problem})"
            return "requirement", expected, self.requirement
        if not skills_of(demanded):
            return "requirement", "a skill expression that asks for something", self.requirement
        if bool(self.queue) == bool(self.asked):
            return "asked", "either a queue or a skill that was asked for", self.asked
        if self.asked and skills_of(_parsed(self.asked)) != {self.asked}:
            return "asked", "the name of one skill, such as language.cantonese", self.asked
        if not 0 < self.days <= MOST_DAYS:
            return "days", f"more than 0 and at most {MOST_DAYS:g}", self.days
        if not 1 <= self.calls <= MOST_CALLS:
            return "calls", f"from 1 to {MOST_CALLS}", self.calls
        return None


@dataclass(frozen=True, slots=True)
class Asks:
    """A rule that applies to a caller, and how many calls it found."""

    rule: HistoryRule
    found: int


def applying(rules: Iterable[HistoryRule], past: Iterable[PastCall], now: float) -> list[Asks]:
    """Return the rules that this history fulfils."""
    calls = sorted(past, key=lambda call: call.at, reverse=True)
    found = []
    for rule in rules:
        fits = [call for call in calls if _fits(rule, call, now)]
        newest = bool(fits) and fits[0] is calls[0]
        if len(fits) >= rule.calls and (newest or not rule.latest):
            found.append(Asks(rule, len(fits)))
    return found


def compose(own: str, asks: Iterable[Asks]) -> tuple[str, list[Asks]]:
    """Add what history asks for to a call's own expression; those that added something."""
    text, added = own, []
    for each in asks:
        if parts_of(parse(each.rule.requirement)) <= parts_of(_parsed(text)):
            continue
        longer = combine(text, each.rule.requirement)
        if len(longer) <= MAX_LENGTH:
            text = longer
            added.append(each)
    return text, added


def _fits(rule: HistoryRule, call: PastCall, now: float) -> bool:
    if call.at < now - rule.days * DAY:
        return False
    if rule.queue:
        return call.queue == rule.queue
    return rule.asked in skills_of(_parsed(call.asked))


def _parsed(text: str) -> Demand:
    try:
        return parse(text)
    except ExpressionError:  # of a hotline's file that is another by now
        return NO_DEMAND
