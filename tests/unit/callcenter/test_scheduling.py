"""Who comes first on the processor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callcenter import scheduling
from callcenter.scheduling import Role, starting


@pytest.fixture(autouse=True)
def ordinary() -> Iterator[None]:
    """Whatever a test does, this thread is scheduled as before."""
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def may_be_realtime() -> bool:
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return scheduling._reserved()


def policy() -> tuple[int, int]:
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def test_given_the_right_when_a_controller_is_started_then_real_time() -> None:
    if not may_be_realtime():
        pytest.skip("real-time priority isn't allowed here")
    with starting(Role.CONTROLLER, realtime=True) as chosen:
        assert (chosen, policy()) == ("real-time", (os.SCHED_RR, 2))
    assert policy() == (os.SCHED_OTHER, 0)


@pytest.fixture
def switch() -> Iterator[subprocess.Popen[bytes]]:
    """A process with several threads that was started as a switch is."""
    program = (
        "import threading\n"
        "for _ in range(3): threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "print('up', flush=True)\nthreading.Event().wait()"
    )
    with starting(Role.SWITCH, realtime=True) as chosen:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert chosen == "batch"
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield process
    process.kill()
    process.communicate()


def test_given_the_right_when_a_switch_runs_then_all_its_threads_get_real_time_below_the_controller(
    switch: subprocess.Popen[bytes],
) -> None:
    if not may_be_realtime():
        pytest.skip("real-time priority isn't allowed here")
    assert scheduling.promote(switch.pid)
    threads = scheduling._threads(switch.pid)
    assert len(threads) == 4
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_RR}
    assert {os.sched_getparam(thread).sched_priority for thread in threads} == {1}
    assert not scheduling.promote(switch.pid), "it was chosen already"


def test_given_a_switch_that_is_gone_or_no_reserve_when_promoted_then_nothing_happens(
    switch: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "RESERVE", tmp_path / "nothing")
    assert not scheduling.promote(switch.pid)
    assert os.sched_getscheduler(switch.pid) == os.SCHED_BATCH
    monkeypatch.undo()
    switch.kill()
    switch.wait()
    assert not scheduling.promote(switch.pid)


@pytest.mark.parametrize(
    ("role", "chosen", "expected"),
    [
        (Role.SWITCH, "batch", os.SCHED_BATCH),
        (Role.CONTROLLER, "ordinary", os.SCHED_OTHER),
        (Role.OTHER, "ordinary", os.SCHED_OTHER),
    ],
)
def test_given_no_real_time_when_started_then_the_switch_is_not_in_a_hurry(
    role: Role, chosen: str, expected: int
) -> None:
    with starting(role, realtime=False) as told:
        assert (told, policy()) == (chosen, (expected, 0))
    assert policy() == (os.SCHED_OTHER, 0)


@pytest.mark.parametrize("kept", ["-1\n", "", "much"])
def test_given_a_kernel_that_keeps_nothing_for_others_then_no_real_time(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = tmp_path / "sched_rt_runtime_us"
    reserve.write_text(kept)
    monkeypatch.setattr(scheduling, "RESERVE", reserve)
    with starting(Role.CONTROLLER, realtime=True) as chosen:
        assert chosen == "ordinary"


def test_given_no_right_then_the_controller_is_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    set_policy = os.sched_setscheduler

    def refuse(pid: int, policy: int, param: os.sched_param) -> None:
        if policy == os.SCHED_RR:
            raise PermissionError(1, "Operation not permitted")
        set_policy(pid, policy, param)

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with starting(Role.CONTROLLER, realtime=True) as chosen:
        assert chosen == "ordinary"


def test_given_a_policy_from_outside_then_it_stays() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with starting(Role.SWITCH, realtime=True) as chosen:
        assert (chosen, policy()) == ("ordinary", (os.SCHED_BATCH, 0))
    assert policy() == (os.SCHED_BATCH, 0)
