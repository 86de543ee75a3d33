"""What is measured for each queue, and the wait estimate made from it.

The estimate follows the queue-length estimator for impatient customers (Ibrahim and Whitt,
"Real-Time Delay Estimation in Overloaded Multiserver Queues with Abandonments", 2009): with n
contacts ahead, s agents who are at work, a mean handling time h and an abandonment rate θ of
each waiting contact,

    wait = sum over k = 0 … n of 1 / (s / h + k θ).

Agents shared with other queues are counted by what is ahead of the contact in those: a contact
that ten agents could serve, four of whom could serve us, stands before us with a weight of 0.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ENOUGH_CALLS = 8  # handling times measured before they are trusted
ENOUGH_ABANDONED = 5
MEMORY = 300  # calls over which the mean handling time is taken


@dataclass(slots=True)
class QueueStats:
    """Counts since the engine started; times in seconds."""

    entered: int = 0
    answered: int = 0
    answered_in_time: int = 0  # within the queue's service_level_seconds of queued_at
    abandoned: int = 0
    overflowed: int = 0
    waited: float = 0.0  # by all who left, however they left
    handled: int = 0
    handling: float = 0.0  # mean, from offer to the end of wrap-up
    estimates: int = 0  # the first announced to each contact that was answered
    error: float = 0.0  # sum of (announced - real)
    error_absolute: float = 0.0

    def add_handled(self, seconds: float) -> None:
        self.handled += 1
        self.handling += (seconds - self.handling) / min(self.handled, MEMORY)

    def add_estimate(self, estimated: float, real: float) -> None:
        self.estimates += 1
        self.error += estimated - real
        self.error_absolute += abs(estimated - real)

    @property
    def abandonment_rate(self) -> float:
        """Return abandonments per second of waiting, 0 while too few are known."""
        if self.abandoned < ENOUGH_ABANDONED or self.waited <= 0:
            return 0.0
        return self.abandoned / self.waited


def expected_wait(ahead: float, agents: int, handling: float, abandonment_rate: float) -> float:
    """Return the seconds until a contact is served with so many ahead of it."""
    rate = agents / handling
    turns = ahead + 1
    # The sum as an integral, with the step centred; close to 1 % for any real queue.
    if abandonment_rate * turns < rate * 0.01:
        return turns / rate
    low = max(rate - abandonment_rate / 2, rate / 2)
    return math.log((low + turns * abandonment_rate) / low) / abandonment_rate
