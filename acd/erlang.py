"""Textbook queues to hold the simulator against.

Erlang C (M/M/n): nobody gives up. Erlang A (M/M/n+M): patience is exponential, after Palm; the
integrals are those of Mandelbaum and Zeltyn, "Service Engineering in Action: The Palm/Erlang-A
Queue" (2007). Loads are in erlang (arrivals per second × mean handling seconds), times in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

STEPS = 4000  # of the numerical integrals


@dataclass(frozen=True, slots=True)
class Prediction:
    waits: float  # share of contacts that don't find a free agent at once
    service_level: float  # answered within the threshold ÷ offered
    mean_wait: float  # seconds, of all contacts
    abandoned: float  # share of contacts
    occupancy: float  # share of the agents' time spent on calls


def erlang_b(load: float, agents: int) -> float:
    """Return the share of calls lost when none may wait."""
    blocked = 1.0
    for count in range(1, agents + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


def erlang_c(load: float, agents: int, handling: float, within: float) -> Prediction:
    """Predict a queue that nobody leaves; with too few agents everybody waits for ever."""
    if load >= agents:
        return Prediction(1.0, 0.0, math.inf, 0.0, 1.0)
    blocked = erlang_b(load, agents)
    waits = blocked / (1 - load / agents * (1 - blocked))
    spare = agents - load
    return Prediction(
        waits=waits,
        service_level=1 - waits * math.exp(-spare * within / handling),
        mean_wait=waits * handling / spare,
        abandoned=0.0,
        occupancy=load / agents,
    )


def erlang_a(
    load: float, agents: int, handling: float, patience: float, within: float
) -> Prediction:
    """Predict a queue whose contacts give up after `patience` seconds on average."""
    if load <= 0:
        return Prediction(0.0, 1.0, 0.0, 0.0, 0.0)
    arrivals, service = load / handling, agents / handling

    def exponent(wait: float) -> float:
        return arrivals * patience * (1 - math.exp(-wait / patience)) - service * wait

    # The integrand is greatest where as many give up as there are too many; scale by it.
    peak = patience * math.log(arrivals / service) if arrivals > service else 0.0
    scale = exponent(peak)
    end = _negligible(exponent, scale, peak)

    def density(wait: float) -> float:
        return math.exp(exponent(wait) - scale)

    all_waits = arrivals * _integral(density, end)
    at_once = math.exp(-scale) / erlang_b(load, agents - 1)
    total = at_once + all_waits
    # Who is served within the threshold: found an agent free, or had the patience to wait.
    served = arrivals * _integral(
        lambda wait: density(wait) * math.exp(-wait / patience), min(within, end)
    )
    abandoned = (math.exp(-scale) + (arrivals - service) * all_waits / arrivals) / total
    abandoned = min(1.0, max(0.0, abandoned))
    return Prediction(
        waits=all_waits / total,
        service_level=(at_once + served) / total,
        mean_wait=abandoned * patience,
        abandoned=abandoned,
        occupancy=load * (1 - abandoned) / agents,
    )


def agents_needed(
    load: float, handling: float, within: float, share: float, most: int = 100_000
) -> int:
    """Return the fewest agents for a service level by Erlang C."""
    agents = max(1, math.ceil(load))
    while agents < most and erlang_c(load, agents, handling, within).service_level < share:
        agents += 1
    return agents


def _negligible(exponent: Callable[[float], float], scale: float, start: float) -> float:
    step = 1.0
    while exponent(start + step) - scale > -40:
        step *= 2
    return start + step


def _integral(function: Callable[[float], float], end: float) -> float:
    """Simpson's rule from 0 to `end`."""
    width = end / STEPS
    odd = sum(function((2 * k + 1) * width) for k in range(STEPS // 2))
    even = sum(function(2 * k * width) for k in range(1, STEPS // 2))
    return width / 3 * (function(0.0) + 4 * odd + 2 * even + function(end))
