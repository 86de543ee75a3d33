"""The XML dialplan: finds the actions for a call, as mod_dialplan_xml does.

Not here: nested conditions, `regex=` conditions and most time attributes.
"""

from __future__ import annotations

import logging
import re
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Protocol

from labswitch.conf import is_true
from labswitch.expand import captures

log = logging.getLogger(__name__)


class Caller(Protocol):
    """What the dialplan needs of a channel."""

    @property
    def destination_number(self) -> str: ...

    def caller_field(self, name: str) -> str | None: ...

    def expand(self, text: str) -> str: ...

    def execute(self, application: str, argument: str) -> bool: ...

    def note_match(self, parts: list[str]) -> None:
        """Keep what an expression caught (`DP_MATCH`)."""


@dataclass(frozen=True, slots=True)
class Action:
    """One application to run; its argument is expanded when its turn comes."""

    application: str
    argument: str


@dataclass(slots=True)
class Extension:
    """What was found: actions in order, and how far the channel has come."""

    name: str
    number: str
    actions: list[Action] = field(default_factory=list)
    position: int = 0

    def next_action(self) -> Action | None:
        if self.position >= len(self.actions):
            return None
        self.position += 1
        return self.actions[self.position - 1]


def hunt(context: ET.Element | None, caller: Caller) -> Extension | None:
    """The extensions of `context` that match, joined; None when none has an action."""
    if context is None:
        return None
    result: Extension | None = None
    for element in context.iter("extension"):
        found = _Hunt(caller, element.get("name", "_anon_"))
        proceed = found.extension(element)
        if found.actions:
            if result is None:
                result = Extension(found.name, caller.destination_number)
            result.actions += found.actions
        if proceed and not is_true(element.get("continue")):
            break
    return result


class _Hunt:
    """The conditions of one extension."""

    def __init__(self, caller: Caller, name: str) -> None:
        self.caller = caller
        self.name = name
        self.actions: list[Action] = []

    def extension(self, element: ET.Element) -> bool:
        """Whether the extension was taken (the last condition looked at held)."""
        proceed = False
        for condition in element.findall("condition"):
            passed, caught = self._test(condition)
            self._collect(condition, "action" if passed else "anti-action", caught)
            proceed = passed or condition.find("anti-action") is not None
            stop = condition.get("break", "on-false")
            if stop == "always" or (stop == "on-true" and passed):
                break
            if stop not in ("never", "on-true") and not passed:
                break
        return proceed

    def _test(self, condition: ET.Element) -> tuple[bool, re.Match[str] | None]:
        if not _time_fits(condition):
            return False, None
        name = condition.get("field")
        if name is None:
            return True, None
        child = condition.find("expression")
        expression = (child.text or "") if child is not None else condition.get("expression", "")
        value = self.caller.expand(name) if "$" in name else self.caller.caller_field(name)
        found = search(self.caller.expand(expression), value or "")
        if found is not None and "(" in expression:
            self.caller.note_match([found[0], *(group or "" for group in found.groups())])
        return found is not None, found

    def _collect(self, condition: ET.Element, kind: str, caught: re.Match[str] | None) -> None:
        for element in condition.findall(kind):
            application = element.get("application", "")
            argument = element.get("data") or (element.text or "").strip()
            argument = captures(argument, caught)
            if is_true(element.get("inline")):
                self.caller.execute(application, self.caller.expand(argument))
            else:
                self.actions.append(Action(application, argument))


def search(expression: str, value: str) -> re.Match[str] | None:
    """FreeSWITCH's regular expressions: `/…/i` may carry flags; a broken one doesn't match."""
    flags = 0
    if expression.startswith("/"):
        end = expression.rfind("/")
        if end > 0:
            flags = re.IGNORECASE if "i" in expression[end + 1 :] else 0
            expression = expression[1:end]
    try:
        return re.search(expression, value, flags)
    except re.error as error:
        log.warning("a condition's expression %r is broken: %s", expression, error)
        return None


def _time_fits(condition: ET.Element) -> bool:
    """The attributes `wday` (1 is Sunday) and `time-of-day` ("08:00-17:30"); others are ignored."""
    now = time.localtime()
    wday = condition.get("wday")
    if wday is not None and not _in_ranges(wday, (now.tm_wday + 1) % 7 + 1):
        return False
    hours = condition.get("time-of-day")
    if hours is None:
        return True
    first, _, last = hours.partition("-")
    return first <= time.strftime("%H:%M:%S", now) <= (last + ":59" if len(last) == 5 else last)


def _in_ranges(text: str, value: int) -> bool:
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and int(first) <= value <= int(last or first):
            return True
    return False
