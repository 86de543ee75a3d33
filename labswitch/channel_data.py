"""What a channel knows: its variables, its caller profile, and the events that tell of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labswitch.caller import CallerProfile, now_us
from labswitch.events import Headers, array_text
from labswitch.expand import expand
from labswitch.states import CallState, State

if TYPE_CHECKING:
    from labswitch.sip_leg import SipLeg
    from labswitch.switch import Switch

# Events that carry the channel's variables (switch_channel_event_set_extended_data).
WITH_VARIABLES = frozenset(
    {
        "CHANNEL_CREATE",
        "CHANNEL_ORIGINATE",
        "CHANNEL_UUID",
        "CHANNEL_ANSWER",
        "CHANNEL_PARK",
        "CHANNEL_UNPARK",
        "CHANNEL_BRIDGE",
        "CHANNEL_UNBRIDGE",
        "CHANNEL_PROGRESS",
        "CHANNEL_PROGRESS_MEDIA",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DATA",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_DESTROY",
        "API",
        "RECORD_START",
        "RECORD_STOP",
        "PLAYBACK_START",
        "PLAYBACK_STOP",
        "CALL_UPDATE",
        "MEDIA_BUG_START",
        "MEDIA_BUG_STOP",
        "CHANNEL_HOLD",
        "CHANNEL_UNHOLD",
        "CUSTOM",
    }
)


class ChannelData:
    """The passive half of a channel."""

    def __init__(self, switch: Switch, leg: SipLeg, profile: CallerProfile) -> None:
        self.switch = switch
        self.leg = leg
        self.profile = profile
        self.profiles = [profile]
        self.uuid = profile.unique_id
        self.name = profile.channel_name
        self.direction = profile.direction
        self.variables: dict[str, str | list[str]] = {}
        self.state = self.running_state = State.NEW
        self.call_state = CallState.DOWN
        self.answered = False
        self.early_media = False
        self.ring_ready_sent = False
        self.hit_dialplan = self.direction == "inbound"
        self.hangup_cause: str | None = None
        self.other_type: str | None = None  # originator or originatee
        self.other_profile: CallerProfile | None = None
        self.application = self.application_data = ""
        self.app_log: list[tuple[str, str, int]] = []
        self.sent_callee: tuple[str, str] = ("", "")
        self.started_at = time.time()

    # --- variables -------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """A variable; else the caller profile's field, else the switch's variable of that name."""
        value = self.variables.get(name)
        if isinstance(value, list):
            return array_text(value)
        if value is not None:
            return value
        found = self.profile.field(name)
        return found if found else self.switch.configuration.variables.get(name)

    def set(self, name: str, value: str | None) -> None:
        """Set a variable; None or an empty text removes it, as in FreeSWITCH."""
        self.variables.pop(name, None)
        if value:
            self.variables[name] = value

    def update(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            self.set(name, value)

    def push(self, name: str, value: str) -> None:
        """Append to an array variable; the first value alone stays a text."""
        old = self.variables.get(name)
        if old is None:
            self.variables[name] = value
        else:
            self.variables[name] = [*(old if isinstance(old, list) else [old]), value]

    def note_match(self, parts: list[str]) -> None:
        """Keep what a dialplan's expression caught."""
        self.variables.pop("DP_MATCH", None)
        self.variables["DP_MATCH"] = parts

    def expand(self, text: str) -> str:
        return expand(text, self.get, self.switch.inline_api)

    @property
    def destination_number(self) -> str:
        return self.profile.destination_number

    def caller_field(self, name: str) -> str | None:
        """A dialplan condition's field: of the profile, else a variable."""
        found = self.profile.field(name)
        return found if found is not None else self.get(name)

    def step_profile(self) -> CallerProfile:
        """Begin the next caller profile and return it."""
        self.profile.times.transferred = now_us()
        self.profile = self.profile.next()
        self.profiles.append(self.profile)
        return self.profile

    # --- events ----------------------------------------------------------------------------

    @property
    def media_ready(self) -> bool:
        return self.answered or self.early_media

    @property
    def answer_state(self) -> str:
        if self.hangup_cause:
            return "hangup"
        if self.answered:
            return "answered"
        return "early" if self.early_media else "ringing"

    def headers(self, name: str) -> Headers:
        """The headers of an event about this channel."""
        out: Headers = {
            "Channel-State": self.running_state.label,
            "Channel-Call-State": self.call_state.value,
            "Channel-State-Number": str(int(self.state)),
            "Channel-Name": self.name,
            "Unique-ID": self.uuid,
            "Call-Direction": self.direction,
            "Presence-Call-Direction": self.direction,
            "Channel-HIT-Dialplan": "true" if self.hit_dialplan else "false",
        }
        presence = self.variables.get("presence_id")
        if isinstance(presence, str):
            out["Channel-Presence-ID"] = presence
        out["Channel-Call-UUID"] = self.variables.get("call_uuid", self.uuid)
        out["Answer-State"] = self.answer_state
        if self.hangup_cause:
            out["Hangup-Cause"] = self.hangup_cause
        codec = self.leg.codec_name
        if codec and self.running_state is not State.NEW:
            for way in ("Read", "Write"):
                out[f"Channel-{way}-Codec-Name"] = codec
                out[f"Channel-{way}-Codec-Rate"] = "8000"
                out[f"Channel-{way}-Codec-Bit-Rate"] = "64000"
        if self.running_state is not State.NEW:
            out.update(self.profile.headers("Caller"))
        if self.other_type and self.other_profile:
            out["Other-Type"] = self.other_type
            out.update(self.other_profile.headers("Other-Leg"))
        if name in WITH_VARIABLES:
            for variable, value in self.variables.items():
                out[f"variable_{variable}"] = value
        return out

    def fire(self, name: str, extra: Headers | None = None, *, body: str | None = None) -> None:
        def headers() -> Headers:
            return {**self.headers(name), **(extra or {})}

        self.switch.events.fire(name, headers, body=body)

    def set_call_state(self, call_state: CallState) -> None:
        if call_state is self.call_state:
            return
        before, self.call_state = self.call_state, call_state
        number = str(call_state.number)
        self.fire(
            "CHANNEL_CALLSTATE",
            {"Original-Channel-Call-State": before.value, "Channel-Call-State-Number": number},
        )
