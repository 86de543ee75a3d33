"""How many calls one core carries: bridged pairs under RTP load, measured."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gevent
from gevent import subprocess as green

from labswitch.media import MediaEngine, MediaPort


class BenchFailed(RuntimeError):
    """The load process ended before it told its figures."""


def media_bench(
    calls: int,
    seconds: float,
    *,
    recorded: bool = False,
    host: str = "127.0.0.1",
    ports: tuple[int, int] = (20000, 29999),
) -> dict[str, float]:
    """Bridge `calls` pairs of ports, send to both legs from a second process, and measure.

    `recorded` also records every call in stereo. Times are in seconds: `lag_*` how late ticks
    began, `work_*` how long they took; `cpu_per_call` is CPU per call and second of talking,
    `cpu_share` that of one core for all. `delivered` is received ÷ sent, `gaps` counts pauses
    over 60 ms in what the far ends heard. `preemptions` is how often the machine took the core
    away for something else: when it is high, the lag is the neighbours'. Raises BenchFailed.
    """
    engine = MediaEngine(host, ports)
    engine.start()
    load: subprocess.Popen[str] | None = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            legs = [engine.open() for _ in range(2 * calls)]
            load = _start_load(legs, seconds)
            _connect(legs, json.loads(_line(load)), host)
            if recorded:
                for number, leg in enumerate(legs[::2]):
                    leg.record(Path(folder) / f"{number}.wav", stereo=True)
            return _measure(engine, load, calls, seconds)
    finally:
        if load:
            load.kill()
            load.communicate()
        engine.stop()


def _start_load(legs: list[MediaPort], seconds: float) -> subprocess.Popen[str]:
    targets = [f"{leg.local_ip}:{leg.local_port}" for leg in legs]
    command = [sys.executable, "-W", "ignore", "-m", "labswitch.rtp_load", str(seconds), *targets]
    pipe = subprocess.PIPE
    process: subprocess.Popen[str] = green.Popen(
        command, stdin=pipe, stdout=pipe, universal_newlines=True
    )
    return process


def _connect(legs: list[MediaPort], far_ports: list[int], host: str) -> None:
    for leg, far_port in zip(legs, far_ports, strict=True):
        leg.set_remote(host, far_port, 8, 101)
    for first, second in zip(legs[::2], legs[1::2], strict=True):
        first.bridge(second)


def _line(load: subprocess.Popen[str]) -> str:
    line = load.stdout.readline() if load.stdout else ""
    if not line:
        raise BenchFailed("the RTP load ended early")
    return line


def _measure(
    engine: MediaEngine, load: subprocess.Popen[str], calls: int, seconds: float
) -> dict[str, float]:
    assert load.stdin is not None
    gevent.sleep(0.2)
    engine.lag.reset()
    engine.work.reset()
    preempted = _preemptions()
    began, busy = time.monotonic(), time.process_time()
    load.stdin.write("go\n")
    load.stdin.flush()
    heard = json.loads(_line(load))
    took, busy = time.monotonic() - began, time.process_time() - busy
    return {
        "calls": calls,
        "seconds": round(took, 3),
        "ticks": engine.lag.count,
        "ticks_skipped": engine.skipped,
        "lag_p50": round(engine.lag.p50, 6),
        "lag_p99": round(engine.lag.p99, 6),
        "lag_max": round(engine.lag.max, 6),
        "work_p50": round(engine.work.p50, 6),
        "work_p99": round(engine.work.p99, 6),
        "preemptions": _preemptions() - preempted,
        "cpu_seconds": round(busy, 3),
        "cpu_share": round(busy / took, 4),
        "cpu_per_call": round(busy / took / calls, 6),
        "delivered": round(heard["received"] / max(1, heard["sent"]), 4),
        "gaps": heard["gaps"],
        "load_cpu_seconds": round(heard["cpu_seconds"], 3),
    }


def _preemptions() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
