"""Queues and skills that a supervisor lent to agents, until they end.

They are part of what is shown of an agent, and so they are still there after a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gevent

from callcenter.presence import CommandError

Levels = dict[str, int]


@dataclass(frozen=True, slots=True)
class Loan:
    queues: Levels
    skills: Levels
    until: float | None = None  # seconds since the epoch; None: until the agent logs out


class Loans:
    """By agent; `over(agent)` is called when a loan's time has come."""

    def __init__(self, clock: Callable[[], float], over: Callable[[str], object]) -> None:
        self._clock = clock
        self._over = over
        self._loans: dict[str, Loan] = {}
        self._timers: dict[str, gevent.Greenlet] = {}

    def of(self, agent: str) -> Loan | None:
        return self._loans.get(agent)

    def shown(self, agent: str) -> dict[str, Any] | None:
        loan = self._loans.get(agent)
        return None if loan is None else asdict(loan)

    def begin(self, agent: str, loan: Loan) -> None:
        self.end(agent)
        self._loans[agent] = loan
        if loan.until is not None:
            left = max(0.0, loan.until - self._clock())
            self._timers[agent] = gevent.spawn_later(left, self._over, agent)

    def end(self, agent: str) -> None:
        self._loans.pop(agent, None)
        timer = self._timers.pop(agent, None)
        if timer is not None and timer is not gevent.getcurrent():
            timer.kill(block=False)

    def restore(self, agent: str, shown: object) -> None:
        """Go on with what an earlier controller showed; what can't be read is no loan."""
        if not isinstance(shown, dict):
            return
        until = shown.get("until")
        try:
            loan = Loan(
                levels("queues", shown.get("queues"), {}),
                levels("skills", shown.get("skills"), {}),
                None if until is None else float(until),
            )
        except (CommandError, TypeError, ValueError):
            return
        if loan.until is None or loan.until > self._clock():
            self.begin(agent, loan)


def levels(name: str, wanted: object, otherwise: Levels) -> Levels:
    """`wanted` as levels from 0 to 9, by name; raise CommandError."""
    if wanted is None:
        return dict(otherwise)
    if not isinstance(wanted, dict) or not all(
        isinstance(key, str) and type(level) is int and 0 <= level <= 9
        for key, level in wanted.items()
    ):
        raise CommandError(f"bad_argument: {name}: expected names with levels from 0 to 9")
    return dict(wanted)
