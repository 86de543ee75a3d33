"""`lab_stats [reset]`: how the stand-in itself is doing. FreeSWITCH has no such command."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from labswitch.commands.registry import command

if TYPE_CHECKING:
    from labswitch.switch import Switch


@command("lab_stats")
def lab_stats(switch: Switch, argument: str) -> str:
    """The media tick's lateness and this process's CPU, in seconds, as JSON."""
    media = switch.media
    told = {
        "lag_p50": media.lag.p50,
        "lag_p99": media.lag.p99,
        "lag_max": media.lag.max,
        "ticks": media.lag.count,
        "cpu": time.process_time(),
    }
    if argument.strip() == "reset":
        media.lag.reset()
    return json.dumps(told)
