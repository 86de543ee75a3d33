"""Limits of a queue, and where a contact goes when one is reached. Rules are tried in order."""

from __future__ import annotations

from dataclasses import dataclass

from acd.config import Action, Config, OverflowRule, QueueConfig, When
from acd.floor import Floor
from acd.hall import Contact
from acd.messages import Overflow

BACK_AGAIN_SECONDS = 1.0  # queued longer ago than this: it comes back, and isn't turned away


@dataclass(frozen=True, slots=True)
class Ending:
    rule: str
    action: Action
    target: str | None = None

    def output(self, contact: Contact) -> Overflow:
        return Overflow(contact.id, contact.queue, self.rule, self.action.value, self.target)


def ending(rule: OverflowRule) -> Ending:
    return Ending(rule.when.value, rule.then, rule.target)


def closed(floor: Floor, contact: Contact) -> OverflowRule | None:
    """Return the rule for a contact that comes to a closed queue; the default without one."""
    if contact.queue not in floor.closed or _back_again(floor, contact):
        return None
    return _closing_rule(floor, contact) or _default_closing(floor)


def closing_action(config: Config, queue: str) -> Action:
    """Return what happens to those who come to this queue when it is closed."""
    known = config.queues.get(queue)
    for rule in known.overflow if known else ():
        if rule.when is When.CLOSED:
            return rule.then
    return config.default_overflow


def gone(floor: Floor, old: QueueConfig | None) -> Ending:
    """Return what happens to the contacts of a queue that was taken away."""
    for rule in old.overflow if old else ():
        if rule.when is not When.DELETED:
            continue
        if rule.then is not Action.QUEUE or rule.target in floor.config.queues:
            return ending(rule)
    return Ending(When.DELETED.value, floor.config.default_overflow)


def due(floor: Floor, contact: Contact, *, fresh: bool = False) -> OverflowRule | None:
    """Return the first rule that ends this contact's wait now."""
    for rule in _rules(floor, contact):
        if rule.when is When.FULL:
            full = floor.hall.waiting(contact.queue) >= rule.limit
            if fresh and full and not _back_again(floor, contact):
                return rule
            continue
        moment = _moment(floor, contact, rule)
        if moment is not None and moment <= floor.now:
            return rule
    left_alone = _left_alone(floor, contact)
    if left_alone is not None and left_alone <= floor.now:
        return _default_closing(floor)
    return None


def due_times(floor: Floor, contact: Contact) -> list[float]:
    """Return when rules will end this contact's wait, if nothing changes."""
    moments = [_moment(floor, contact, rule) for rule in _rules(floor, contact)]
    moments.append(_left_alone(floor, contact))
    return [moment for moment in moments if moment is not None]


def _back_again(floor: Floor, contact: Contact) -> bool:
    return contact.entered_at < floor.now - BACK_AGAIN_SECONDS


def _rules(floor: Floor, contact: Contact) -> list[OverflowRule]:
    # A contact never goes back to a queue that it overflowed from: no going in circles.
    queue = floor.config.queues[contact.queue]
    return [rule for rule in queue.overflow if rule.target not in contact.left]


def _closing_rule(floor: Floor, contact: Contact) -> OverflowRule | None:
    rules = _rules(floor, contact)
    return next((rule for rule in rules if rule.when is When.CLOSED), None)


def _default_closing(floor: Floor) -> OverflowRule:
    return OverflowRule(When.CLOSED, floor.config.default_overflow)


def _left_alone(floor: Floor, contact: Contact) -> float | None:
    """Return since when nobody will come any more for a contact of a closed queue without a rule.

    As long as somebody is logged in those who wait are still served.
    """
    since = floor.closed.get(contact.queue)
    if since is None or contact.virtual or floor.staffed(contact.queue):
        return None
    if _closing_rule(floor, contact) is not None:
        return None
    return max(since, floor.unstaffed.get(contact.queue, since))


def _moment(floor: Floor, contact: Contact, rule: OverflowRule) -> float | None:
    if rule.when is When.CLOSED:
        since = floor.closed.get(contact.queue)
    elif contact.virtual:
        return None  # the citizen isn't on the line: only closing time matters
    elif rule.when is When.WAITED:
        since = contact.entered_at
    elif rule.when is When.NO_AGENT:
        since = None if floor.staffed(contact.queue) else floor.unstaffed.get(contact.queue)
    else:
        return None
    return None if since is None else since + rule.seconds
