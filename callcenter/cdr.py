"""The switch's own account of each call: the safety net for calls that no controller watched.

FreeSWITCH's mod_json_cdr writes `<uuid>.cdr.json` when a channel ends (switch_ivr_generate_json_cdr
in switch_ivr.c). What the journal may lack is told from it, with the ids that the controller uses:
where both speak of the same step, one of them is ignored.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from callcenter.events import Event, Kind, event, message_recorded
from callcenter.privacy import clean_number, clean_text
from callcenter.recordings import State, index
from callcenter.segments import SegmentWriter

log = logging.getLogger(__name__)

SUFFIX = ".cdr.json"
GRACE_SECONDS = 2.0  # the controller's account, which knows more, comes first
PATIENCE_SECONDS = 60.0  # the file isn't written at once; one that stays unreadable is bad
MAX_BYTES = 4 * 1024 * 1024
MIN_MESSAGE_SECONDS = 1.0  # anything shorter is a citizen who hung up at the tone
_UUID = re.compile(r"[A-Za-z0-9-]{1,64}")
_HANGUP_BY = {"recv_bye": "citizen", "recv_cancel": "citizen", "recv_refuse": "citizen"}


@dataclass(frozen=True, slots=True)
class Cdr:
    """What we read of a channel's record. Times are seconds since the epoch."""

    uuid: str
    caller: str
    caller_name: str
    arrived_at: float
    ended_at: float
    variables: dict[str, str]

    @property
    def is_citizens(self) -> bool:
        """Whether a citizen dialed a published number; agents' and test legs are something else."""
        return "cc_dialed" in self.variables and "cc_offer" not in self.variables


def parse(raw: bytes) -> Cdr:
    """Read a record; ValueError when it isn't one, or not yet complete."""
    try:
        # A caller's name may hold any bytes, and the switch copies them.
        told = json.loads(raw.decode("utf-8", "replace"))
        variables = _variables(told["variables"])
        profiles = told["callflow"]
        first = profiles[-1]  # the newest comes first: a transfer adds one in front
        caller = first["caller_profile"]
        uuid = variables.get("uuid") or str(caller["uuid"])
        times = [profile["times"] for profile in profiles if "times" in profile]
        arrived = min(_microseconds(some, "created_time") for some in times)
        ended = max(_microseconds(some, "hangup_time", 0.0) for some in times)
    except (KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a channel's record: {error!r}") from error
    if not _UUID.fullmatch(uuid):
        raise ValueError(f"not a channel's id: {uuid[:80]!r}")
    return Cdr(
        uuid=uuid,
        # In a call that we place, the number that is shown is ours.
        caller=clean_number(variables.get("cc_number") or str(caller.get("caller_id_number", ""))),
        caller_name=""
        if variables.get("cc_number")
        else clean_text(str(caller.get("caller_id_name", ""))),
        arrived_at=_seconds(variables.get("cc_arrived_at")) or arrived,
        ended_at=max(ended or _seconds(variables.get("end_epoch")) or arrived, arrived),
        variables=variables,
    )


def _variables(told: dict[str, Any]) -> dict[str, str]:
    """Channel variables; mod_json_cdr percent-encodes their values unless it is told not to."""
    variables = {name: str(value) for name, value in told.items()}
    # A date with a plain space in it can't have been encoded.
    if " " in variables.get("start_stamp", ""):
        return variables
    return {name: unquote(value, errors="replace") for name, value in variables.items()}


def _microseconds(times: dict[str, Any], name: str, default: float | None = None) -> float:
    value = _seconds(times.get(name))
    if not value:
        if default is None:
            raise ValueError(f"no {name}")
        return default
    return value / 1e6


def _seconds(text: object) -> float:
    try:
        number = float(str(text or 0))
    except ValueError:
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def events_of(cdr: Cdr, recordings: Path) -> list[Event]:
    """What the record says happened; nothing for a channel that isn't a citizen's."""
    if not cdr.is_citizens:
        return []
    told = cdr.variables
    events = [
        event(
            Kind.CALL_ARRIVED,
            cdr.uuid,
            at=cdr.arrived_at,
            caller=cdr.caller,
            name=cdr.caller_name,
            dialed=clean_text(told["cc_dialed"]),
            hotline=clean_text(told.get("cc_hotline", "")),
            callback_of=clean_text(told.get("cc_callback_of", "")),
            purpose=clean_text(told.get("cc_purpose", ""), 16),
            order=clean_text(told.get("cc_order", ""), 32),
        ),
        event(
            Kind.CALL_ENDED,
            cdr.uuid,
            at=cdr.ended_at,
            cause=clean_text(told.get("hangup_cause", "NORMAL_CLEARING"), 48),
            stage=clean_text(told.get("cc_stage", ""), 16),
            by=_HANGUP_BY.get(told.get("sip_hangup_disposition", ""), "switch"),
            source="cdr",
        ),
    ]
    if told.get("cc_fallback") == "message" or told.get("cc_stage") == "message":
        events += _message(cdr, recordings)
    return events


def _message(cdr: Cdr, recordings: Path) -> list[Event]:
    """The message that the dialplan took, or that a controller began to take and then died."""
    path = f"messages/{cdr.uuid}.wav"
    found = index(recordings, path)
    if found.state is State.MISSING or (found.seconds or 0.0) <= MIN_MESSAGE_SECONDS:
        return []
    told = message_recorded(
        cdr.uuid, path, found.seconds or 0.0, at=cdr.ended_at, reason="no controller"
    )
    if cdr.variables.get("cc_fallback") == "message":
        # What the dialplan took may follow what a controller took: the file has grown since.
        told = replace(told, id=f"{told.id}:fallback")
    return [told]


class Spool:
    """Turns the records in a folder into events of our own journal segment."""

    def __init__(
        self,
        folder: Path,
        recordings: Path,
        writer: SegmentWriter,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._recordings = recordings
        self._writer = writer
        self._clock = clock
        self._troubled = False

    def poll(self) -> int:
        """Take what is ready; give the number of records. Trouble is logged, not raised."""
        try:
            taken = sum(self._take(path) for path in sorted(self._folder.glob(f"*{SUFFIX}")))
        except OSError as error:
            if not self._troubled:
                log.error("the switch's records can't be taken over now: %s", error)
            self._troubled = True
            return 0
        self._troubled = False
        return taken

    def _take(self, path: Path) -> bool:
        try:
            status = path.stat()
            age = self._clock() - status.st_mtime
            if age < GRACE_SECONDS:
                return False
            if status.st_size > MAX_BYTES:
                raise ValueError(f"{status.st_size} bytes are too many")
            events = events_of(parse(path.read_bytes()), self._recordings)
        except FileNotFoundError:
            return False  # another projector was faster
        except ValueError as error:
            if age > PATIENCE_SECONDS:
                self._set_aside(path, error)
            return False
        if events:
            self._writer.append([one.to_json() for one in events])
        path.unlink(missing_ok=True)
        return True

    def _set_aside(self, path: Path, error: ValueError) -> None:
        bad = self._folder / "bad"
        bad.mkdir(exist_ok=True, mode=0o700)
        log.error("%s can't be read, moved to %s: %s", path.name, bad, error)
        path.rename(bad / path.name)

    def close(self) -> None:
        self._writer.close()
