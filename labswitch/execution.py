"""Running applications on a channel, and the events before and after each."""

from __future__ import annotations

import logging
import time
import uuid
from typing import TYPE_CHECKING

from labswitch.applications import find
from labswitch.caller import now_us
from labswitch.command import Command
from labswitch.conf import is_true

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)

SHORTEST_LOOP = 0.5  # seconds: a looped application that ends sooner isn't run again


def execute_application(channel: Channel, name: str, argument: str) -> bool:
    """Run an application. False (after a hang-up, if the channel was up) when it can't run."""
    application = find(name)
    if not channel.up:
        return application is not None
    if application is None:
        log.error("%s: invalid application %s", channel.uuid, name)
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return False
    if application.needs_media and not channel.media_ready:
        if channel.direction == "inbound":
            channel.leg.pre_answer()
        if not channel.media_ready:
            return False
    expand = not is_true(channel.get("app_disable_expand_variables"))
    expanded = channel.expand(argument) if expand else argument
    app_uuid = channel.get("app_uuid") or str(uuid.uuid4())
    channel.set("app_uuid", None)
    channel.app_log.append((name, expanded, now_us()))
    channel.application, channel.application_data = name, expanded
    channel.set("current_application_data", expanded)
    channel.set("current_application", name)
    channel.set("current_application_response", None)
    about = {"Application": name, "Application-UUID": app_uuid}
    if expanded:
        about["Application-Data"] = expanded
    channel.fire("CHANNEL_EXECUTE", dict(about))
    channel.clear_break()
    log.debug("%s EXECUTE %s", channel.uuid, name)
    application.run(channel, expanded)
    response = channel.get("current_application_response") or "_none_"
    channel.fire("CHANNEL_EXECUTE_COMPLETE", {**about, "Application-Response": response})
    return True


def run_command(channel: Channel, command: Command) -> None:
    """Carry out one `sendmsg`."""
    was_locked = channel.event_lock
    channel.event_lock = was_locked or command.locked
    try:
        if command.kind == "execute" and command.application:
            _execute(channel, command)
        elif command.kind == "hangup":
            channel.hangup(command.fields.get("hangup-cause") or "NORMAL_CLEARING")
        else:
            log.error("%s: invalid command %r", channel.uuid, command.kind[:40])
    finally:
        channel.event_lock = was_locked


def _execute(channel: Channel, command: Command) -> None:
    channel.stop_broadcast = False
    outer = channel.broadcasting
    channel.broadcasting = True
    run = 0
    while command.loops < 0 or run < command.loops:
        run += 1
        if command.fields.get("event-uuid"):
            channel.set("app_uuid", command.fields["event-uuid"])
        channel.set("current_loop", str(run))
        channel.set("total_loops", str(command.loops))
        begun = time.monotonic()
        if not channel.execute(command.application, command.argument):
            break
        short = time.monotonic() - begun < SHORTEST_LOOP
        if short or channel.stop_broadcast or not channel.ready:
            break
    channel.set("current_loop", None)
    channel.set("total_loops", None)
    channel.broadcasting = outer
