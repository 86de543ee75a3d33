"""How the processor is shared: who carries calls comes before who shows them.

The switch and the controller run under SCHED_RR where that is allowed (CAP_SYS_NICE, or
RLIMIT_RTPRIO) and the kernel keeps a share for everybody else (sched_rt_runtime_us, 95 % by
default). The controller is above the switch: it has little to do, and every call waits for it.
FreeSWITCH gets it once it runs: at its start it would put its database above its calls.

Until then, and where it isn't allowed, it has SCHED_BATCH, which needs no rights: a thread that
wakes up then doesn't push another from the processor. A new call's thread in FreeSWITCH that
overtakes the one that started it sleeps for 20 ms (switch_core_state_machine.c, CS_NEW): on two
cores that was one call in five, one in thirty with SCHED_BATCH, and none under SCHED_RR.
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


SWITCH_PRIORITY, CONTROLLER_PRIORITY = 1, 2


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
    if role is Role.SWITCH:
        return "batch" if _set(0, os.SCHED_BATCH, 0) else "ordinary"
    if realtime and _reserved() and _set(0, os.SCHED_RR, CONTROLLER_PRIORITY):
        return "real-time"
    return "ordinary"


def promote(pid: int) -> bool:
    """Give every thread of a running switch real-time priority, if that is allowed.

    False when it isn't, when the process is gone, or when something else than `starting` has
    chosen its policy.
    """
    if not hasattr(os, "sched_setscheduler") or not _reserved():
        return False
    try:
        if os.sched_getscheduler(pid) != os.SCHED_BATCH:
            return False
        promoted: set[int] = set()
        while fresh := _threads(pid) - promoted:  # a thread may have begun another meanwhile
            for thread in fresh:
                if not _set(thread, os.SCHED_RR, SWITCH_PRIORITY) and thread in _threads(pid):
                    return False
            promoted |= fresh
    except OSError:
        return False
    return True


def _threads(pid: int) -> set[int]:
    return {int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()}


def _reserved() -> bool:
    """Whether the kernel keeps something for others."""
    try:
        return int(RESERVE.read_text()) > 0
    except (OSError, ValueError):
        return False


def _set(thread: int, policy: int, priority: int) -> bool:
    """For a thread; 0 is the one that calls."""
    try:
        os.sched_setscheduler(thread, policy, os.sched_param(priority))
    except OSError:
        return False
    return True
