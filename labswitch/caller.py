"""A channel's caller profile: who calls whom, in which context, and when what happened."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace


def now_us() -> int:
    """Microseconds since the epoch, the unit of FreeSWITCH's times."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class Times:
    """Microseconds since the epoch; 0 has not happened."""

    profile_created: int = 0
    created: int = 0
    answered: int = 0
    progress: int = 0
    progress_media: int = 0
    hungup: int = 0
    transferred: int = 0
    resurrected: int = 0
    bridged: int = 0
    last_hold: int = 0
    hold_accum: int = 0


_TIME_HEADERS = {
    "Profile-Created-Time": "profile_created",
    "Channel-Created-Time": "created",
    "Channel-Answered-Time": "answered",
    "Channel-Progress-Time": "progress",
    "Channel-Progress-Media-Time": "progress_media",
    "Channel-Hangup-Time": "hungup",
    "Channel-Transfer-Time": "transferred",
    "Channel-Resurrect-Time": "resurrected",
    "Channel-Bridged-Time": "bridged",
    "Channel-Last-Hold": "last_hold",
    "Channel-Hold-Accum": "hold_accum",
}
# Header name → field, in FreeSWITCH's order; empty fields make no header.
_FIELDS = {
    "Username": "username",
    "Dialplan": "dialplan",
    "Caller-ID-Name": "caller_id_name",
    "Caller-ID-Number": "caller_id_number",
    "Orig-Caller-ID-Name": "orig_caller_id_name",
    "Orig-Caller-ID-Number": "orig_caller_id_number",
    "Callee-ID-Name": "callee_id_name",
    "Callee-ID-Number": "callee_id_number",
    "Network-Addr": "network_addr",
    "ANI": "ani",
    "Destination-Number": "destination_number",
    "Unique-ID": "unique_id",
    "Source": "source",
    "Transfer-Source": "transfer_source",
    "Context": "context",
    "RDNIS": "rdnis",
    "Channel-Name": "channel_name",
    "Profile-Index": "profile_index",
}


@dataclass(slots=True)
class CallerProfile:
    """One stage of a call's routing; a transfer begins a new one (`profile_index` counts them)."""

    direction: str  # inbound or outbound, as seen from the switch
    unique_id: str
    channel_name: str
    destination_number: str
    context: str
    username: str = ""
    dialplan: str = ""
    caller_id_name: str = ""
    caller_id_number: str = ""
    orig_caller_id_name: str = ""
    orig_caller_id_number: str = ""
    callee_id_name: str = ""
    callee_id_number: str = ""
    network_addr: str = ""
    ani: str = ""
    source: str = ""
    transfer_source: str = ""
    rdnis: str = ""
    logical_direction: str = ""
    profile_index: str = "1"
    times: Times = field(default_factory=Times)
    extension_name: str = ""
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    def next(self) -> CallerProfile:
        """The following profile of the same call, with its own times."""
        times = replace(self.times, profile_created=now_us(), bridged=0, transferred=0)
        return replace(
            self,
            times=times,
            profile_index=str(int(self.profile_index) + 1),
            uuid=str(uuid.uuid4()),
        )

    def as_other_leg(self, *, called: bool) -> CallerProfile:
        """A copy for the other leg's events, as FreeSWITCH makes it: the caller's has no times."""
        times = replace(self.times) if called else Times()
        direction = "inbound" if called else self.logical_direction
        return replace(
            self, times=times, logical_direction=direction, profile_index="", transfer_source=""
        )

    def headers(self, prefix: str) -> dict[str, str]:
        """The event headers of this profile, each beginning with `prefix`."""
        out = {
            f"{prefix}-Direction": self.direction,
            f"{prefix}-Logical-Direction": self.logical_direction or self.direction,
        }
        for name, attribute in _FIELDS.items():
            value = getattr(self, attribute)
            if value:
                out[f"{prefix}-{name}"] = value
        for name, attribute in _TIME_HEADERS.items():
            out[f"{prefix}-{name}"] = str(getattr(self.times, attribute))
        out[f"{prefix}-Screen-Bit"] = "true"
        out[f"{prefix}-Privacy-Hide-Name"] = out[f"{prefix}-Privacy-Hide-Number"] = "false"
        return out

    def field(self, name: str) -> str | None:
        """A dialplan condition's field by name; None when there is none such."""
        if name == "uuid":
            return self.unique_id
        if name == "chan_name":
            return self.channel_name
        if name in CDR_FIELDS and hasattr(self, name):
            value: str = getattr(self, name)
            return value
        return None

    def cdr(self) -> dict[str, str]:
        """The `caller_profile` object of a JSON call record."""
        return {name: self.field(name) or "" for name in CDR_FIELDS}


CDR_FIELDS = (
    "username",
    "dialplan",
    "caller_id_name",
    "ani",
    "aniii",
    "caller_id_number",
    "network_addr",
    "rdnis",
    "destination_number",
    "uuid",
    "source",
    "context",
    "chan_name",
)
