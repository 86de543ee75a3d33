"""Commands on one channel: uuid_*."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labswitch import bridging, recording
from labswitch.applications.call_control import cause_named
from labswitch.command import Command
from labswitch.commands.registry import NO_CHANNEL, channel_command, command
from labswitch.events import Headers, plain_lines
from labswitch.states import State
from labswitch.text import integer, pairs, words

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.switch import Switch

NO_SESSION = "-ERR Cannot locate session!\n"


@command("uuid_exists")
def exists(switch: Switch, argument: str) -> str:
    return "true" if switch.locate(argument.strip()) else "false"


@channel_command("uuid_kill", "<uuid> [cause]")
def kill(channel: Channel, argument: str) -> str:
    channel.hangup(cause_named(argument) if argument else "NORMAL_CLEARING")
    return "+OK\n"


@command("uuid_bridge")
def bridge(switch: Switch, argument: str) -> str:
    parts = argument.split()
    if len(parts) < 2:
        return "-USAGE: <uuid> <other_uuid>\n"
    channel, other = switch.locate(parts[0]), switch.locate(parts[1])
    if channel is None or other is None or channel is other:
        return "-ERR Invalid uuid\n"
    if not bridging.request(channel, other):
        return "-ERR Invalid uuid\n"
    return f"+OK {other.uuid}\n"


@channel_command("uuid_break", "<uuid> [all]")
def break_(channel: Channel, argument: str) -> str:
    targets = [channel]
    if "both" in argument and channel.link:
        targets.append(channel.link.partner(channel))
    for target in targets:
        if "all" in argument:
            target.flush_commands()
        target.interrupt()
    return "+OK\n"


@channel_command("uuid_getvar", "<uuid> <var>", least=2)
def get_variable(channel: Channel, argument: str) -> str:
    return channel.get(argument) or "_undef_"


@channel_command("uuid_setvar", "<uuid> <var> [value]", least=2)
def set_variable(channel: Channel, argument: str) -> str:
    name, _, value = argument.partition(" ")
    channel.set(name, value or None)
    return "+OK\n"


@channel_command(
    "uuid_setvar_multi",
    "<uuid> <var>=<value>;<var>=<value>...",
    NO_CHANNEL + "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n",
)
def set_variables(channel: Channel, argument: str) -> str:
    if not argument:
        return ""
    bare = [part for part in words(argument, ";") if part and "=" not in part]
    channel.update({**dict.fromkeys(bare, ""), **pairs(argument, ";")})  # a bare name unsets
    return "+OK\n"


@channel_command("uuid_dump", "<uuid> [format]")
def dump(channel: Channel, argument: str) -> str:
    headers: Headers = {
        **channel.switch.events.base("CHANNEL_DATA"),
        **channel.headers("CHANNEL_DATA"),
    }
    if argument.lower() == "json":
        return json.dumps(headers, ensure_ascii=False, separators=(",", ":"))
    return plain_lines(headers).decode() + "\n"


@channel_command(
    "uuid_transfer", "<uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]", least=2
)
def transfer(channel: Channel, argument: str) -> str:
    parts = words(argument)
    which = parts.pop(0) if parts[0] in ("-bleg", "-both") else ""
    extension, dialplan, context = [*parts, "", "", ""][:3]
    partner = channel.link.partner(channel) if channel.link else None
    if which and partner is None:
        return "-ERR No such channel!\n"
    if which and partner is not None:
        partner.set("hangup_after_bridge", None)
        partner.transfer(extension, dialplan, context)
    if which != "-bleg":
        channel.transfer(extension, dialplan, context)
    return "+OK\n"


@channel_command("uuid_park", "<uuid>")
def park(channel: Channel, argument: str) -> str:
    channel.set_state(State.PARK)
    return "+OK\n"


@channel_command("uuid_answer", "<uuid>", "-ERROR\n")
def answer(channel: Channel, argument: str) -> str:
    channel.leg.answer()
    return "+OK\n"


@channel_command("uuid_pre_answer", "<uuid>", "-ERROR\n")
def pre_answer(channel: Channel, argument: str) -> str:
    channel.leg.pre_answer()
    return "+OK\n"


@channel_command("uuid_ring_ready", "<uuid>")
def ring_ready(channel: Channel, argument: str) -> str:
    channel.leg.ring()
    return "+OK\n"


@command("uuid_hold")
def hold(switch: Switch, argument: str) -> str:
    """`[off|toggle] <uuid>`; the answer says nothing of whether it was possible."""
    parts = argument.split()
    if not parts:
        return "-USAGE: [off|toggle] <uuid> [<display>]\n"
    word = parts.pop(0) if parts[0] in ("off", "toggle") else ""
    channel = switch.locate(parts[0]) if parts else None
    if channel is not None and channel.answered:
        on = not channel.held if word == "toggle" else word != "off"
        if on != channel.held:
            channel.leg.hold(on)
            switch.hold_changed(channel, on)
    return "+OK Success\n"


@channel_command(
    "uuid_broadcast", "<uuid> <path> [aleg|bleg|holdb|both]", "-ERR invalid uuid\n", least=2
)
def broadcast(channel: Channel, argument: str) -> str:
    path, leg = argument, "aleg"
    head, _, tail = argument.rpartition(" ")
    if tail in ("aleg", "bleg", "both", "holdb") and head:
        path, leg = head, tail
    name, separator, rest = path.partition("::")
    order = Command.execute(name, rest) if separator else Command.execute("playback", path)
    partner = channel.link.partner(channel) if channel.link else None
    if leg in ("aleg", "both", "holdb"):
        channel.queue_command(order)
    if leg in ("bleg", "both") and partner is not None:
        partner.queue_command(order)
    return "+OK Message sent\n"


@channel_command(
    "uuid_record",
    "<uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]",
    NO_SESSION,
    least=2,
)
def record(channel: Channel, argument: str) -> str:
    action, path, limit = [*words(argument), "", ""][:3]
    if action == "start" and path:
        if recording.start_session(channel, path, float(integer(limit)) or None):
            return "+OK Success\n"
        return "-ERR Cannot record session!\n"
    if action == "stop" and path:
        if recording.stop_session(channel, path):
            return "+OK Success\n"
        return "-ERR Cannot stop record session!\n"
    return "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n"


@channel_command("uuid_send_dtmf", "<uuid> <dtmf_data>", NO_SESSION, least=2)
def send_dtmf(channel: Channel, argument: str) -> str:
    digits, _, milliseconds = argument.partition("@")
    channel.leg.send_dtmf(digits, integer(milliseconds, 250))
    return f"+OK {channel.uuid} sent DTMF {argument}.\n"


@channel_command("uuid_recv_dtmf", "<uuid> <dtmf_data>", NO_SESSION, least=2)
def receive_dtmf(channel: Channel, argument: str) -> str:
    """As if the far end had pressed them."""
    digits, _, milliseconds = argument.partition("@")
    for digit in digits:
        channel.digit_pressed(digit, integer(milliseconds, 250), "APP")
    return f"+OK {channel.uuid} received DTMF {argument}.\n"


@channel_command("uuid_set_media_stats", "<uuid>", NO_SESSION)
def set_media_stats(channel: Channel, argument: str) -> str:
    """Bring the variables that count packets up to date."""
    channel.leg.note_packets()
    return "+OK:\n"


@channel_command("uuid_flush_dtmf", "<uuid>")
def flush_dtmf(channel: Channel, argument: str) -> str:
    channel.digits.clear()
    return "+OK\n"


@channel_command("uuid_audio", "<uuid> [start [read|write] [mute|level <level>]|stop]", least=2)
def audio(channel: Channel, argument: str) -> str:
    """Muting alone: `level` of 0 unmutes, others are ignored."""
    parts = [*argument.split(), "", "", "", ""]
    port = channel.leg.port
    if port is None:
        return "-ERR no media!\n"
    if parts[0] == "stop":
        channel.muted = (False, False)
    elif parts[0] == "start" and parts[1] in ("read", "write"):
        quiet = parts[2] == "mute" and parts[3] != "0"
        read, write = channel.muted
        channel.muted = (quiet, write) if parts[1] == "read" else (read, quiet)
    port.mute(*channel.muted)
    return "+OK\n"
