"""`callcenter bench NAME`: figures with unit, limit and a peer's value where there is one.

A figure means something beside another of the same run or on a quiet machine; none of them is a
test that can fail the build.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `limit` is what the project promises, `peer` another system's value."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    peer: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 6),
            "unit": self.unit,
            "limit": self.limit,
            "peer": self.peer,
            "machine": machine(),
        }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def _acd() -> Iterator[Figure]:
    from acd import bench

    for figure in bench.run():
        yield Figure(figure.name, figure.value, figure.unit, figure.limit)


def _lab() -> Iterator[Figure]:
    from callcenter.bench import lab

    return lab.run()


def _calls() -> Iterator[Figure]:
    from callcenter.bench import calls

    return calls.run()


def _peer() -> Iterator[Figure]:
    from callcenter.bench import mod_callcenter

    return mod_callcenter.run()


def _live_page() -> Iterator[Figure]:
    from callcenter.bench import live_page

    return live_page.run()


BENCHES: dict[str, Callable[[], Iterator[Figure]]] = {
    "acd": _acd,
    "lab": _lab,
    "live-page": _live_page,
    "calls": _calls,
    "acd-vs-mod-callcenter": _peer,
}
