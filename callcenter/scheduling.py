"""How the processor is shared: who carries calls comes before who shows them.

The switch and the controller run under SCHED_RR where that is allowed (CAP_SYS_NICE, or
RLIMIT_RTPRIO) and the kernel keeps a share for everybody else (sched_rt_runtime_us, 95 % by
default). The controller is above the switch's ordinary threads: it has little to do, and all of
them wait for it.

Where it isn't allowed the switch gets SCHED_BATCH, which needs no rights: a thread that wakes up
then doesn't push another from the processor. A new call's thread in FreeSWITCH that overtakes the
one that started it sleeps for 20 ms (switch_core_state_machine.c, CS_NEW): on two cores that was
one call in five, one in thirty with SCHED_BATCH, and none under SCHED_RR.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

RESERVE = Path("/proc/sys/kernel/sched_rt_runtime_us")  # -1: real-time tasks may take everything


class Role(StrEnum):
    """What a process is there for."""

    SWITCH = "switch"
    CONTROLLER = "controller"
    OTHER = "other"


_PRIORITY = {Role.SWITCH: 1, Role.CONTROLLER: 2}


@contextlib.contextmanager
def starting(role: Role, *, realtime: bool) -> Iterator[str]:
    """A process that is started meanwhile, by this thread, is scheduled for its role.

    Yields what it is: `real-time`, `batch` or `ordinary`. A policy that was set from outside, by a
    service manager, stays as it is. Linux only; elsewhere nothing is changed.
    """
    chosen = _choose(role, realtime=realtime)
    try:
        yield chosen
    finally:
        if chosen != "ordinary":
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _choose(role: Role, *, realtime: bool) -> str:
    if role is Role.OTHER or not hasattr(os, "sched_setscheduler"):
        return "ordinary"
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return "ordinary"
    if realtime and _reserved() and _set(os.SCHED_RR, _PRIORITY[role]):
        return "real-time"
    if role is Role.SWITCH and _set(os.SCHED_BATCH, 0):
        return "batch"
    return "ordinary"


def _reserved() -> bool:
    """Whether the kernel keeps something for others."""
    try:
        return int(RESERVE.read_text()) > 0
    except (OSError, ValueError):
        return False


def _set(policy: int, priority: int) -> bool:
    try:
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        return False
    return True
