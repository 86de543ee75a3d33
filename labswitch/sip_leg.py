"""A channel's wire: its SIP call and its media port (what mod_sofia is to FreeSWITCH)."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from labswitch.caller import now_us
from labswitch.causes import CAUSE_NUMBERS, cause_of_status
from labswitch.conf import Profile
from labswitch.dialog import SipCall
from labswitch.dtmf import build_dtmf_relay, parse_dtmf_relay
from labswitch.media import MediaPort, NoPorts
from labswitch.sdp import CODEC_NAMES, PCMA, PCMU, Sdp, SdpError, build_sdp
from labswitch.states import CallState

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

DTMF_PAYLOAD_TYPE = 101
_MIRROR = {"sendonly": "recvonly", "recvonly": "sendonly"}


class SipLeg:
    """Handles one SIP call's events (`labswitch.dialog.CallHandler`) for its channel.

    For an outbound leg, `target` is (request URI, address) and `dial` places the call.
    """

    def __init__(
        self,
        switch: Switch,
        profile: Profile,
        call: SipCall | None = None,
        target: tuple[str, tuple[str, int]] | None = None,
    ) -> None:
        self.switch = switch
        self.profile = profile
        self.call = call
        self.target = target
        self.port: MediaPort | None = None
        self.channel: Channel
        self._codec: int | None = None
        self._dtmf: int | None = None
        self._version = 0
        self._direction = "sendrecv"  # ours
        self._remote: Sdp | None = None

    @property
    def codec_name(self) -> str | None:
        return None if self._codec is None else CODEC_NAMES.get(self._codec)

    @property
    def remote_held(self) -> bool:
        """Whether the far end has put us on hold."""
        return self._remote is not None and self._remote.on_hold

    # --- what the channel does -------------------------------------------------------------

    def offered(self) -> bool:
        """Take an inbound call's offer; False when no codec fits."""
        sdp = self.call.remote_sdp if self.call else None
        if sdp is None:
            return True
        if not sdp.codecs:
            return False
        self._settle(sdp)
        return True

    def ring(self) -> None:
        channel = self.channel
        if channel.media_ready or channel.ring_ready_sent or not self.call:
            return
        channel.ring_ready_sent = True
        self.call.ring()
        channel.profile.times.progress = now_us()
        channel.fire("CHANNEL_PROGRESS")

    def pre_answer(self) -> None:
        """Send early media (183)."""
        channel = self.channel
        if channel.media_ready or not channel.up or not self.call:
            return
        if not self._open_port():
            return
        self.call.progress(self._local_sdp())
        self._mark_early()

    def _mark_early(self) -> None:
        """Media flows: so it is told before every answer too."""
        channel = self.channel
        channel.early_media = True
        channel.profile.times.progress_media = now_us()
        channel.set("endpoint_disposition", "EARLY MEDIA")
        channel.fire("CHANNEL_PROGRESS_MEDIA")
        channel.set_call_state(CallState.EARLY)

    def answer(self) -> None:
        channel = self.channel
        if channel.answered or not channel.up or not self.call:
            return
        if channel.direction == "outbound" or not self._open_port():
            return
        self.call.answer(self._local_sdp())
        if not channel.early_media:
            self._mark_early()
        self._mark_answered()

    def respond(self, status: int, reason: str | None) -> None:
        """Refuse the call with a status of the dialplan's choice."""
        if self.call and not self.channel.answered and status >= 300:
            self.call.reject(status, reason)
        if status >= 300:
            self.channel.hangup(cause_of_status(status))
        elif status in (180, 182):
            self.ring()
        elif status == 183:
            self.pre_answer()

    def dial(self) -> None:
        """Place the outbound call."""
        channel = self.channel
        if self.target is None or not self._open_port():
            return
        agent = self.switch.user_agents[self.profile.name]
        uri, address = self.target
        try:
            self.call = agent.invite(
                uri,
                address,
                from_user=channel.profile.orig_caller_id_number,
                from_name=channel.profile.orig_caller_id_name,
                headers=self._extra_headers(),
                sdp=self._local_sdp(),
                handler=self,
            )
        except ValueError as error:
            log.warning("%s can't be called: %s", channel.uuid, error)
            channel.hangup("INVALID_URL")
            return
        channel.set("sip_call_id", self.call.call_id)

    def _extra_headers(self) -> dict[str, str]:
        """Variables named sip_h_X make headers X."""
        return {
            name[6:]: value
            for name, value in self.channel.variables.items()
            if name.startswith("sip_h_") and isinstance(value, str)
        }

    def join(self, other: SipLeg) -> None:
        """Let this far end and the other one hear each other."""
        if self.port and other.port and not (self.port.closed or other.port.closed):
            self.port.bridge(other.port)

    def part(self) -> None:
        if self.port:
            self.port.unbridge()

    def hold(self, on: bool) -> None:
        """Put the far end on hold, or take it back, by re-INVITE."""
        self._direction = "sendonly" if on else "sendrecv"
        if self.call and self.port:
            self.call.reinvite(self._local_sdp())

    def send_dtmf(self, digits: str, milliseconds: int = 250) -> None:
        """Press keys towards the far end: RFC 4733 events, else SIP INFO."""
        if self.port is None:
            return
        if not self.port.send_dtmf(digits, milliseconds) and self.call:
            for digit in digits:
                body = build_dtmf_relay(digit, milliseconds).encode()
                self.call.send_info("application/dtmf-relay", body)

    def check_media(self) -> None:
        """Hang up when nothing was heard for `media_timeout` (on hold `media_hold_timeout`), ms."""
        channel = self.channel
        held = channel.held or self._direction != "sendrecv"
        limit = channel.get("media_hold_timeout" if held else "media_timeout")
        if self.port is None or not channel.answered or not limit or not limit.isdigit():
            return
        heard = self.port.last_packet_at
        since = channel.profile.times.answered / 1_000_000 if heard is None else None
        silent = time.monotonic() - heard if heard is not None else time.time() - (since or 0)
        if silent * 1000 > int(limit) > 0:
            channel.hangup("MEDIA_TIMEOUT")

    def end(self, cause: str) -> None:
        """The channel is over: end the call as its state asks, close the media."""
        channel = self.channel
        if self.call and not channel.get("sip_hangup_disposition"):
            if channel.answered:
                channel.set("sip_hangup_disposition", "send_bye")
            elif channel.direction == "inbound":
                channel.set("sip_hangup_disposition", "send_refuse")
            else:
                channel.set("sip_hangup_disposition", "send_cancel")
        if self.call:
            self.call.hangup(cause)
        self.note_packets()
        if self.port:
            self.port.close()

    def note_packets(self) -> None:
        """Set the variables that count RTP packets."""
        if self.port:
            self.channel.set("rtp_audio_in_packet_count", str(self.port.packets_in))
            self.channel.set("rtp_audio_out_packet_count", str(self.port.packets_out))

    # --- what the network does (CallHandler) -----------------------------------------------

    def on_provisional(self, call: SipCall, status: int, sdp: Sdp | None) -> None:
        channel = self.channel
        if not channel.up or channel.answered:
            return
        channel.profile.network_addr = call.source[0]
        if sdp is not None and sdp.codecs and not channel.early_media:
            self._settle(sdp)
            channel.early_media = True
            channel.profile.times.progress_media = now_us()
            channel.fire("CHANNEL_PROGRESS_MEDIA")
            channel.set_call_state(CallState.EARLY)
        elif status == 180 and not channel.ring_ready_sent:
            channel.ring_ready_sent = True
            channel.profile.times.progress = now_us()
            channel.fire("CHANNEL_PROGRESS")
            channel.set_call_state(CallState.RINGING)
        channel.wake()

    def on_answered(self, call: SipCall, sdp: Sdp | None) -> None:
        if not self.channel.up:
            return
        if sdp is None or not sdp.codecs:
            self.channel.hangup("INCOMPATIBLE_DESTINATION")
            return
        self._settle(sdp)
        self.channel.profile.network_addr = call.source[0]
        self._mark_answered()
        self.channel.wake()

    def on_acked(self, call: SipCall) -> None:
        if self._remote is None and call.remote_sdp is not None:
            self._settle(call.remote_sdp)  # our offer went out in the 200

    def on_reinvite(self, call: SipCall, sdp: Sdp | None) -> bytes:
        if sdp is not None:
            if not sdp.codecs:
                raise SdpError("no codec in common")
            was_held = self.remote_held
            self._settle(sdp)
            if self.remote_held != was_held:
                self.switch.hold_changed(self.channel, self.remote_held)
        return self._local_sdp()

    def on_info(self, call: SipCall, content_type: str, body: bytes) -> None:
        if content_type.lower() not in ("application/dtmf-relay", "application/dtmf"):
            return
        pressed = parse_dtmf_relay(body)
        if pressed:
            digit, milliseconds = pressed
            self.channel.digit_pressed(digit, milliseconds, "ENDPOINT")
            link = self.channel.link
            if link is not None:
                link.partner(self.channel).leg.send_dtmf(digit, milliseconds)

    def on_ended(self, call: SipCall, cause: str, status: int | None, by_remote: bool) -> None:
        channel = self.channel
        if channel.up:
            if by_remote:
                channel.profile.network_addr = call.source[0]
            self._note_ending(cause, status, by_remote)
            channel.hangup(cause)

    def _note_ending(self, cause: str, status: int | None, by_remote: bool) -> None:
        channel = self.channel
        term = status or (200 if channel.answered else 487)
        channel.set("sip_term_status", str(term))
        channel.set("proto_specific_hangup_cause", f"sip:{term}")
        channel.set("sip_term_cause", str(CAUSE_NUMBERS.get(cause, 0)))
        if channel.direction == "outbound" and status:
            channel.set("sip_invite_failure_status", str(status))
        if channel.answered:
            disposition = "recv_bye" if by_remote else "send_bye"
        elif channel.direction == "inbound":
            disposition = "recv_cancel"
        else:
            disposition = "recv_refuse"
        channel.set("sip_hangup_disposition", disposition)

    def _on_dtmf(self, digit: str, milliseconds: int) -> None:
        self.channel.digit_pressed(digit, milliseconds, "RTP")

    # --- the session -----------------------------------------------------------------------

    def _open_port(self) -> bool:
        if self.port is not None:
            return True
        try:
            self.port = self.switch.media.open()
        except NoPorts as error:
            log.error("%s: %s", self.channel.uuid, error)
            self.channel.hangup("DESTINATION_OUT_OF_ORDER")
            return False
        self.port.on_dtmf = self._on_dtmf
        self._apply_remote()
        self.channel.set("local_media_ip", self.port.local_ip)
        self.channel.set("local_media_port", str(self.port.local_port))
        return True

    def _settle(self, sdp: Sdp) -> None:
        """The far end's session: its first codec is the call's."""
        self._remote = sdp
        self._codec = sdp.codecs[0]
        self._dtmf = sdp.dtmf_payload_type
        self._apply_remote()
        channel = getattr(self, "channel", None)
        if channel is not None:
            self.describe(channel)

    def describe(self, channel: Channel) -> None:
        """Set the variables that tell of the session."""
        if self._remote is None or self.codec_name is None:
            return
        for way in ("read", "write"):
            channel.set(f"{way}_codec", self.codec_name)
            channel.set(f"{way}_rate", "8000")
        channel.set("remote_media_ip", self._remote.ip)
        channel.set("remote_media_port", str(self._remote.port))
        channel.set("remote_audio_media_flow", self._remote.direction)

    def _apply_remote(self) -> None:
        if self.port is None or self._remote is None or self._codec is None:
            return
        direction = _MIRROR.get(self._remote.direction, self._remote.direction)
        self.port.set_remote(self._remote.ip, self._remote.port, self._codec, self._dtmf, direction)

    def _local_sdp(self) -> bytes:
        if self.port is None:
            raise SdpError("no media port")
        self._version += 1
        codecs = (PCMA, PCMU) if self._codec is None else (self._codec,)
        direction = self._direction
        dtmf: int | None = DTMF_PAYLOAD_TYPE
        if self._remote is not None:
            dtmf = self._dtmf
            if direction == "sendrecv":
                direction = _MIRROR.get(self._remote.direction, self._remote.direction)
        return build_sdp(
            self.port.local_ip,
            self.port.local_port,
            codecs=codecs,
            dtmf_payload_type=dtmf,
            direction=direction,
            session_id=id(self) & 0xFFFFFF,
            version=self._version,
        )

    def _mark_answered(self) -> None:
        channel = self.channel
        channel.answered = True
        channel.profile.times.answered = now_us()
        channel.set("endpoint_disposition", "ANSWER")
        channel.fire("CHANNEL_ANSWER")
        channel.set_call_state(CallState.ACTIVE)
