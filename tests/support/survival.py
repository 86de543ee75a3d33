"""What the survival tests share: processes that come back, the switch's view, unbroken speech."""

from __future__ import annotations

import array
import json
import math
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hotline_kit import HotlineUnderTest
from switches import RunningSwitch, eventually
from system import OURS, System

WINDOW = 0.1  # seconds that one look at a recording takes in
AUDIBLE = 300.0  # amplitude; the phones' tones come with 8000
RESTART_SECONDS = 30.0  # for a controller's start on a busy machine
PAUSE = 0.3  # seconds without the tone that end a run


def revive(system: System) -> None:
    """Start what a test left dead."""
    if system.switch.process is None:
        system.switch.start()
    for name in OURS:
        if name not in system.children:
            system.start_process(name)
    system.wait_ready()


@pytest.fixture
def survivor(hotline: HotlineUnderTest) -> Iterator[HotlineUnderTest]:
    """The shared hotline for tests that kill: afterwards every process lives again."""
    yield hotline
    hotline.close()
    revive(hotline.system)


def restart(system: System, name: str) -> float:
    """`kill -9`, and start again at once; when it was killed (seconds since the epoch)."""
    killed = time.time()
    system.kill(name)
    system.start_process(name)
    return killed


def resumed_after(hotline: HotlineUnderTest, caller: str, killed: float) -> float:
    """Seconds from `killed` until a controller had the caller's call again."""
    call = (hotline.record(caller) or {})["id"]

    def told() -> float | None:
        events = hotline.events("call.resumed", call)
        return next((event["at"] for event in events if event["at"] > killed), None)

    what = f"{caller} goes on\n{hotline.system.log('controller')[-3000:]}"
    return float(eventually(told, what, RESTART_SECONDS)) - killed


def stage(hotline: HotlineUnderTest, caller: str, wanted: str) -> dict[str, Any]:
    return hotline.until(caller, lambda call: call["stage"] == wanted, f"{caller} is in {wanted}")


def legs(switch: RunningSwitch) -> list[dict[str, str]]:
    """`show channels`."""
    return list(json.loads(switch.api("show channels as json")).get("rows", []))


def variable(switch: RunningSwitch, channel: str, name: str) -> str:
    """A channel variable; "" when it isn't set."""
    value = switch.api(f"uuid_getvar {channel} {name}")
    return "" if value.startswith(("_undef_", "-ERR")) else value


def longest_run(path: Path, side: int, hertz: float) -> float:
    """Seconds of the longest unbroken sound of a tone on one side (0 left) of a recording."""
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = array.array("h", file.readframes(file.getnframes()))[side::channels]
    size = int(WINDOW * rate)
    run = longest = silent = 0.0
    for first in range(0, len(samples) - size, size):
        if _amplitude(samples[first : first + size], hertz, rate) >= AUDIBLE:
            run, silent = run + silent + WINDOW, 0.0
        else:
            silent += WINDOW
            run = 0.0 if silent >= PAUSE else run
        longest = max(longest, run)
    return longest


def _amplitude(samples: Any, hertz: float, rate: int) -> float:
    """Amplitude of one frequency (one bin of a Fourier transform)."""
    turn = 2 * math.pi * hertz / rate
    real = sum(value * math.cos(turn * n) for n, value in enumerate(samples))
    imaginary = sum(value * math.sin(turn * n) for n, value in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / max(1, len(samples))
