"""Joining two channels, and what each does when the conversation is over.

The originator's greenlet runs the bridge; the called side waits in CS_EXCHANGE_MEDIA.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import gevent

from labswitch.caller import now_us
from labswitch.conf import is_true
from labswitch.events import Headers
from labswitch.states import State

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for the other leg to come along


@dataclass(slots=True)
class Link:
    """A running bridge."""

    originator: Channel
    called: Channel
    originator_left: bool = False
    called_left: bool = False

    def partner(self, channel: Channel) -> Channel:
        return self.called if channel is self.originator else self.originator


def request(originator: Channel, called: Channel) -> bool:
    """uuid_bridge: take both out of what they do and join them. False when neither has media."""
    if not originator.up:
        return False
    if not originator.media_ready:
        if not called.media_ready:
            return False
        originator, called = called, originator
    if originator.direction == "outbound" and not originator.hit_dialplan:
        originator.hit_dialplan = True
    if called.direction == "outbound":
        called.hit_dialplan = False
    for channel, other in ((originator, called), (called, originator)):
        channel.update(
            {
                "bridge_channel": other.name,
                "bridge_uuid": other.uuid,
                "signal_bond": other.uuid,
                "original_destination_number": channel.profile.destination_number,
                "original_caller_id_name": channel.profile.caller_id_name,
                "original_caller_id_number": channel.profile.caller_id_number,
            }
        )
        channel.step_profile()
        channel.pending_bridge = other.uuid
        channel.interrupt()
    _introduce(originator, called)
    for channel, other in ((originator, called), (called, originator)):
        channel.note_transfer("uuid_br", other.uuid)
    originator.bridge_originator, called.bridge_originator = True, False
    for channel in (originator, called):
        busy = channel.state == State.HIBERNATE
        channel.set_state(State.CONSUME_MEDIA if busy else State.HIBERNATE)
    return True


def _introduce(originator: Channel, called: Channel) -> None:
    """Show each side the other's number."""
    a, b = originator.profile, called.profile
    originator.other_type, originator.other_profile = "originatee", b.as_other_leg(called=True)
    called.other_type, called.other_profile = "originator", a.as_other_leg(called=False)
    a.callee_id_name, a.callee_id_number = b.callee_id_name, b.callee_id_number
    b.caller_id_name, b.caller_id_number = a.caller_id_name, a.caller_id_number


def begin(channel: Channel) -> None:
    """CS_SOFT_EXECUTE of the originator: wait for the other leg, then bridge."""
    channel.bridge_originator = False
    uuid, channel.pending_bridge = channel.pending_bridge, None
    called = channel.switch.locate(uuid or "")
    if called is None:
        _without_partner(channel)
        return
    called.watchers.append(channel.nudge)
    try:
        ready = _come_along(channel, called)
    finally:
        called.watchers.remove(channel.nudge)
    if not ready:
        return
    for one, other in ((channel, called), (called, channel)):
        one.application, one.application_data = "uuid_bridge", other.uuid
        one.fire("CHANNEL_EXECUTE", {"Application": "uuid_bridge", "Application-Data": other.uuid})
    bridge(channel, called)
    if channel.up and channel.state in (State.SOFT_EXECUTE, State.RESET):
        channel.set_state(State.EXECUTE)


def _come_along(channel: Channel, called: Channel) -> bool:
    """Wait until the called side has left what it did; False when there is nobody to join."""

    def reached(*states: State) -> bool:
        return not called.up or called.running_state in states

    waiting = (State.RESET, State.SOFT_EXECUTE)
    channel.idle(lambda: reached(*waiting), PATIENCE, breakable=False)
    if not channel.up:
        called.hangup("DESTINATION_OUT_OF_ORDER")
        return False
    if not called.up or called.running_state not in waiting:
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return False
    called.pending_bridge = None
    called.set_state(State.SOFT_EXECUTE)
    channel.idle(lambda: reached(State.SOFT_EXECUTE), PATIENCE, breakable=False)
    return True


def _without_partner(channel: Channel) -> None:
    if not _go_elsewhere(channel):
        channel.hangup("DESTINATION_OUT_OF_ORDER")


def _go_elsewhere(channel: Channel) -> bool:
    """`park_after_bridge` and `transfer_after_bridge`."""
    if is_true(channel.get("park_after_bridge")):
        channel.set_state(State.PARK)
        return True
    where = channel.get("transfer_after_bridge")
    if where:
        channel.set("transfer_after_bridge", None)
        extension, dialplan, context = [*where.split(":"), "", ""][:3]
        channel.transfer(extension, dialplan, context)
        return True
    return False


def bridge(channel: Channel, called: Channel) -> None:
    """Join two channels until one leaves; runs in the originator's greenlet."""
    if called.answered and not channel.answered:
        channel.leg.answer()
    if not channel.ready or not called.up:
        if called.up:
            called.hangup(channel.hangup_cause or "ORIGINATOR_CANCEL")
        return
    link = Link(channel, called)
    called.set("call_uuid", channel.uuid)
    ids: Headers = {"Bridge-A-Unique-ID": channel.uuid, "Bridge-B-Unique-ID": called.uuid}
    for one in (channel, called):
        one.profile.times.bridged = now_us()
    channel.fire("CHANNEL_BRIDGE", ids)
    for one, other in ((channel, called), (called, channel)):
        one.link = link
        one.update({"bridge_to": other.uuid, "last_bridge_to": other.uuid})
        one.update(
            {"bridge_channel": other.name, "bridge_uuid": other.uuid, "signal_bond": other.uuid}
        )
    channel.leg.join(called.leg)
    called.settled.clear()
    called.set_state(State.EXCHANGE_MEDIA)
    gevent.sleep(0)  # the called side enters its new state first
    for one in (called, channel):
        _tell_update(one, link.partner(one))
    channel.idle(lambda: link.called_left or not called.up, breakable=False)
    _leave(link, ids)


def _tell_update(channel: Channel, partner: Channel) -> None:
    """Tell whom the far end's display now shows."""
    profile = channel.profile
    called = channel.direction == "outbound"
    name = profile.caller_id_name if called else profile.callee_id_name
    number = profile.caller_id_number if called else profile.callee_id_number
    channel.set("last_sent_callee_id_name", name)
    channel.set("last_sent_callee_id_number", number)
    about: Headers = {"Direction": "SEND", "Bridged-To": partner.uuid}
    about["Sent-Callee-ID-Name"], about["Sent-Callee-ID-Number"] = name, number
    channel.fire("CALL_UPDATE", about)


def _leave(link: Link, ids: Headers) -> None:
    channel, called = link.originator, link.called
    if not channel.up:
        _note_end(called, channel)
    link.originator_left = True
    channel.leg.part()
    channel.link = None
    channel.set("bridge_to", None)
    called.wake()
    called.settled.wait(PATIENCE)
    if channel.up and not called.up:
        _note_end(channel, called)
    called.set("call_uuid", called.uuid)
    channel.fire("CHANNEL_UNBRIDGE", ids)
    if not channel.up:
        _go_elsewhere(channel)  # FreeSWITCH does, to no effect but in the record
        return
    if channel.state not in (channel.running_state, State.RESET):
        return
    if called.answered and not _go_elsewhere(channel):
        after = channel.get("hangup_after_bridge")
        if is_true(after) or after == "explicit":
            channel.hangup(called.hangup_cause or "NORMAL_CLEARING")


def _note_end(channel: Channel, partner: Channel) -> None:
    """Tell who stays how the partner went."""
    channel.set("bridge_hangup_cause", partner.hangup_cause)
    channel.set("last_bridge_hangup_cause", partner.hangup_cause)


def called_side(channel: Channel) -> None:
    """CS_EXCHANGE_MEDIA: wait for the end, then park, transfer or hang up."""
    link = channel.link
    if link is None:
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return
    channel.idle(lambda: link.originator_left, breakable=False)
    link.called_left = True
    channel.link = None
    channel.set("bridge_to", None)
    link.originator.wake()
    if not channel.ready or _go_elsewhere(channel):
        return
    channel.hangup("NORMAL_CLEARING" if channel.answered else "ORIGINATOR_CANCEL")
