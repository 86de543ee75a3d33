"""The lab switch under load: 150 calls with media at once, 20 new ones a second, on one core.

Every call is a SIPp citizen who sends a tone and is played music by a controller that does
nothing else, so what is measured is the switch.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gevent import monkey

from callcenter import switch_conf, switch_process
from callcenter.bench import Figure
from callcenter.free_ports import free_ports
from callcenter.settings import Settings, load
from callcenter.sipp import Sipp
from callcenter.switch_process import SwitchProbe

CALLS = 150
RATE = 20.0  # new calls a second
OFFERED = 21.0  # a second; SIPp keeps to whole milliseconds and is a little late
STEADY = 15.0  # seconds with all of them up
LAG_LIMIT = 10.0  # ms, p99, with all of them up
SETTLE = 2.0  # seconds until the last ones are answered
BUILD_UP_LIMIT = 40.0


def run() -> Iterator[Figure]:
    """Measure for about half a minute."""
    monkey.patch_all()
    from callcenter.esl import OutboundCall, OutboundServer

    def entertain(call: OutboundCall) -> None:
        call.execute("answer", timeout=10)
        call.start("playback", "local_stream://moh")
        call.hung_up.wait(120)

    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as folder:
        settings = bench_settings(Path(folder))
        switch_conf.render(settings, [], ["12345"], settings.switch_dir / "conf")
        server = OutboundServer("127.0.0.1", settings.outbound_port, entertain, max_calls=500)
        server.start()
        process = switch_process.launch(settings, "lab")
        try:
            switch_process.wait_running(settings, 30, process)
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
            with Sipp(Path(folder) / "sipp") as sipp:
                yield from _measure(settings, sipp)
        finally:
            server.stop()
            switch_process.stop(process)


def bench_settings(folder: Path) -> Settings:
    """Settings on free ports with a folder of its own."""
    sip, agents, esl, outbound, web = (free_ports() for _ in range(5))
    rtp = free_ports(1200)
    settings = load(
        environ={
            "CALLCENTER_DATA_DIR": str(folder),
            "CALLCENTER_SIP_PORT": str(sip),
            "CALLCENTER_AGENT_SIP_PORT": str(agents),
            "CALLCENTER_ESL_PORT": str(esl),
            "CALLCENTER_ESL_PASSWORD": os.urandom(12).hex(),
            "CALLCENTER_OUTBOUND_PORT": str(outbound),
            "CALLCENTER_WEB_PORT": str(web),
            "CALLCENTER_RTP_PORTS": f"{rtp}-{rtp + 1199}",
        }
    )
    return replace(settings, max_calls=1000, calls_per_second=200)


def _measure(settings: Settings, sipp: Sipp) -> Iterator[Figure]:
    seconds = CALLS / RATE + SETTLE + STEADY + 10
    began = time.monotonic()
    citizens = sipp.citizen(
        (settings.sip_ip, settings.sip_port),
        "12345",
        calls=CALLS,
        rate=OFFERED,
        hang_up_after=seconds,
        limit=seconds + 60,
    )
    with SwitchProbe(settings) as probe:
        first_at, before = _until(probe, 1, began)
        last_at, up = _until(probe, CALLS, began)
        time.sleep(SETTLE)
        first = json.loads(probe.api("lab_stats reset"))
        time.sleep(STEADY)
        last = json.loads(probe.api("lab_stats"))
        kept = _channels(probe)
    citizens.stop()
    yield Figure("calls with media at once", kept, "calls", limit=CALLS)
    yield Figure("calls built up", (up - before) / (last_at - first_at), "calls/s", limit=RATE)
    yield Figure("tick lag while building up, p99", first["lag_p99"] * 1000, "ms")
    yield Figure("tick lag, p50", last["lag_p50"] * 1000, "ms")
    yield Figure("tick lag, p99", last["lag_p99"] * 1000, "ms", limit=LAG_LIMIT)
    yield Figure("tick lag, longest", last["lag_max"] * 1000, "ms")
    yield Figure("share of one core", (last["cpu"] - first["cpu"]) / STEADY, "")


def _until(probe: SwitchProbe, calls: int, began: float) -> tuple[float, int]:
    """When there were as many (monotonic), and how many there were then."""
    while (found := _channels(probe)) < calls:
        if time.monotonic() - began > BUILD_UP_LIMIT:
            raise switch_process.SwitchError(f"only {found} of {calls} calls came up")
        time.sleep(0.02)
    return time.monotonic(), found


def _channels(probe: SwitchProbe) -> int:
    return int(probe.api("show channels count").split()[0])
