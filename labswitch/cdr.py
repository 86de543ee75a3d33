"""The end of a channel on record: variables of its times, and the call record (mod_json_cdr)."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent

from labswitch.caller import CallerProfile, Times
from labswitch.causes import CAUSE_NUMBERS
from labswitch.events import array_text, url_encode

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)

SECOND = 1_000_000  # in microseconds


def finish(channel: Channel) -> None:
    """Set the closing variables and write the call record."""
    cause = channel.hangup_cause or "NONE"
    channel.set("hangup_cause", cause)
    channel.set("hangup_cause_q850", str(q850(cause)))
    channel.set("digits_dialed", "".join(channel.dialed) or "none")
    _set_times(channel)
    configuration = channel.switch.configuration
    folder = configuration.cdr_folder
    # Whom another channel called; a leg that `originate` made for nobody is an a-leg.
    is_b_leg = channel.other_type == "originator"
    unwanted = is_b_leg and not configuration.cdr_b_legs
    if folder is None or unwanted or channel.get("process_cdr") == "false":
        return
    record = json.dumps(build(channel, encoded=configuration.cdr_encoded), ensure_ascii=False)
    try:
        gevent.get_hub().threadpool.apply(_write, (folder / f"{channel.uuid}.cdr.json", record))
    except OSError as error:
        log.error("the call record of %s can't be written: %s", channel.uuid, error)


def q850(cause: str) -> int:
    """The Q.850 number of a cause; FreeSWITCH's own causes count as 16 (normal clearing)."""
    number = CAUSE_NUMBERS.get(cause, 31)
    return number if number < 128 else 16


def _stamp(microseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(microseconds / 1_000_000))


def _set_times(channel: Channel) -> None:
    times = channel.profile.times
    points = {
        "start": times.created,
        "profile_start": times.profile_created,
        "answer": times.answered,
        "bridge": times.bridged,
        "last_hold": times.last_hold,
        "progress": times.progress,
        "progress_media": times.progress_media,
        "end": times.hungup,
    }
    for name, point in points.items():
        if point and name != "last_hold":
            channel.set(f"{name}_stamp", _stamp(point))
        channel.set(f"{name}_epoch", str(point // 1_000_000))
        channel.set(f"{name}_uepoch", str(point))
    channel.set("hold_accum_seconds", str(times.hold_accum // 1_000_000))
    channel.set("hold_accum_ms", str(times.hold_accum // 1000))
    channel.set("hold_accum_usec", str(times.hold_accum))
    if channel.app_log:
        channel.set("last_app", channel.app_log[-1][0])
        channel.set("last_arg", channel.app_log[-1][1])
    number, name = channel.profile.caller_id_number, channel.profile.caller_id_name
    channel.set("caller_id", f'"{name}" <{number}>' if name else number)
    _set_durations(channel, times)


def _set_durations(channel: Channel, times: Times) -> None:
    """Seconds (whole ones apart), milliseconds and microseconds of each stretch of the call."""
    begun, ended = times.created, times.hungup
    stretches = {
        "bill": (times.answered, ended),
        "progress": (begun, times.progress),
        "answer": (begun, times.answered),
        "wait": (begun, times.bridged),
        "progress_media": (begun, times.progress_media),
        "flow_bill": (begun, ended),
    }
    for name, (first, last) in stretches.items():
        known = first and last
        channel.set(f"{name}sec", str(last // SECOND - first // SECOND if known else 0))
        channel.set(f"{name}msec", str((last - first) // 1000 if known else 0))
        channel.set(f"{name}usec", str(last - first if known else 0))
    channel.set("duration", str(ended // SECOND - begun // SECOND))
    channel.set("mduration", str((ended - begun) // 1000))
    channel.set("uduration", str(ended - begun))


def build(channel: Channel, *, encoded: bool) -> dict[str, Any]:
    """The record as mod_json_cdr lays it out; variables are URL-encoded when `encoded`."""
    variables = {}
    for name, value in channel.variables.items():
        text = array_text(value) if isinstance(value, list) else value
        variables[name] = url_encode(text) if encoded else text
    return {
        "core-uuid": channel.switch.events.core_uuid,
        "switchname": channel.switch.configuration.switchname,
        "channel_data": {
            "state": channel.state.label,
            "direction": channel.direction,
            "state_number": str(int(channel.state)),
        },
        "variables": variables,
        "app_log": {
            "applications": [
                {"app_name": name, "app_data": data, "app_stamp": str(stamp)}
                for name, data, stamp in channel.app_log
            ]
        },
        "callflow": [_flow(profile) for profile in reversed(channel.profiles)],
    }


def _flow(profile: CallerProfile) -> dict[str, Any]:
    times = profile.times
    return {
        "dialplan": profile.dialplan,
        "profile_index": profile.profile_index,
        "extension": {"name": profile.extension_name, "number": profile.destination_number},
        "caller_profile": profile.cdr(),
        "times": {
            "created_time": str(times.created),
            "profile_created_time": str(times.profile_created),
            "progress_time": str(times.progress),
            "progress_media_time": str(times.progress_media),
            "answered_time": str(times.answered),
            "bridged_time": str(times.bridged),
            "last_hold_time": str(times.last_hold),
            "hold_accum_time": str(times.hold_accum),
            "hangup_time": str(times.hungup),
            "resurrect_time": str(times.resurrected),
            "transfer_time": str(times.transferred),
        },
    }


def _write(path: Path, record: str) -> None:
    """Write beside, then rename: a reader never sees half a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(record)
    draft.replace(path)
