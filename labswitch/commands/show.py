"""Lists and states: show, status, version."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from labswitch import applications
from labswitch.commands.registry import command

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.switch import Switch

Row = dict[str, str]

USAGE = (
    "-USAGE: codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels [count|like "
    "<match string>]|calls|detailed_calls|bridged_calls|detailed_bridged_calls|aliases|complete|"
    "chat|management|modules|nat_map|say|interfaces|interface_types|tasks|limits|status\n"
)


@command("show")
def show(switch: Switch, argument: str) -> str:
    """`channels|calls|registrations|application [count] [like <text>] [as json]`."""
    words = argument.split()
    what = words[0] if words else ""
    make = _TABLES.get(what)
    if make is None:
        return USAGE
    as_json = argument.rstrip().endswith("as json")
    rows = make(switch)
    if "like" in words[1:]:
        wanted = words[words.index("like") + 1].strip("%") if words[-1] != "like" else ""
        rows = [row for row in rows if any(wanted in value for value in row.values())]
    if "count" in words[1:]:
        return f'{{"row_count":{len(rows)}}}\n' if as_json else f"\n{len(rows)} total.\n"
    if as_json:
        if not rows:
            return '{"row_count": 0}\n'
        return json.dumps(
            {"row_count": len(rows), "rows": rows}, ensure_ascii=False, separators=(",", ":")
        )
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"


def _channel_row(channel: Channel) -> Row:
    profile, first = channel.profile, channel.profiles[0]
    codec = channel.leg.codec_name or ""
    rate, bits = ("8000", "64000") if codec else ("", "")
    bridged = channel.get("bridge_to") is not None
    return {
        "uuid": channel.uuid,
        "direction": channel.direction,
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(channel.started_at)),
        "created_epoch": str(int(channel.started_at)),
        "name": channel.name,
        "state": channel.running_state.label,
        "cid_name": profile.caller_id_name,
        "cid_num": profile.caller_id_number,
        "ip_addr": profile.network_addr,
        "dest": profile.destination_number,
        "application": channel.application,
        "application_data": channel.application_data,
        "dialplan": profile.dialplan,
        "context": profile.context,
        "read_codec": codec,
        "read_rate": rate,
        "read_bit_rate": bits,
        "write_codec": codec,
        "write_rate": rate,
        "write_bit_rate": bits,
        "secure": "",
        "hostname": channel.switch.configuration.switchname,
        "presence_id": channel.get("presence_id") or "",
        "presence_data": channel.get("presence_data") or "",
        "accountcode": channel.get("accountcode") or "",
        "callstate": channel.call_state.value,
        "callee_name": profile.callee_id_name,
        "callee_num": profile.callee_id_number,
        "callee_direction": "SEND" if bridged else "",
        "call_uuid": (channel.get("call_uuid") or "") if bridged else "",
        "sent_callee_name": profile.callee_id_name if bridged else "",
        "sent_callee_num": profile.callee_id_number if bridged else "",
        "initial_cid_name": first.orig_caller_id_name,
        "initial_cid_num": first.orig_caller_id_number,
        "initial_ip_addr": first.network_addr,
        "initial_dest": first.destination_number,
        "initial_dialplan": first.dialplan,
        "initial_context": first.context,
    }


def _channels(switch: Switch) -> list[Row]:
    return [_channel_row(channel) for channel in switch.channels.values()]


_LEG = (
    "uuid",
    "direction",
    "created",
    "created_epoch",
    "name",
    "state",
    "cid_name",
    "cid_num",
    "ip_addr",
    "dest",
    "presence_id",
    "presence_data",
    "accountcode",
    "callstate",
    "callee_name",
    "callee_num",
    "callee_direction",
)


def _calls(switch: Switch, *, bridged_only: bool = False) -> list[Row]:
    rows = []
    for channel in switch.channels.values():
        link = channel.link
        if link is not None and link.called is channel:
            continue
        if link is None and bridged_only:
            continue
        full = _channel_row(channel)
        row = {name: full[name] for name in _LEG}
        for name in ("call_uuid", "hostname", "sent_callee_name", "sent_callee_num"):
            row[name] = full[name]
        other = _channel_row(link.called) if link is not None else {}
        for name in (*_LEG, "sent_callee_name", "sent_callee_num"):
            row[f"b_{name}"] = other.get(name, "")
        bridged_at = channel.profile.times.bridged // 1_000_000
        row["call_created_epoch"] = str(bridged_at) if link is not None else ""
        rows.append(row)
    return rows


def _registrations(switch: Switch) -> list[Row]:
    return [
        {
            "reg_user": user,
            "realm": switch.configuration.domain,
            "token": contact.call_id,
            "url": url,
            "expires": str(int(contact.expires_at)),
            "network_ip": contact.address[0],
            "network_port": str(contact.address[1]),
            "network_proto": "udp",
            "hostname": switch.configuration.switchname,
            "metadata": "",
        }
        for user, contacts in switch.registrar.all().items()
        for contact, url in zip(contacts, switch.contact_strings(user), strict=True)
    ]


def _applications(switch: Switch) -> list[Row]:
    return [{"name": name, "ikey": "labswitch"} for name in applications.names()]


_TABLES: dict[str, Callable[[Switch], list[Row]]] = {
    "channels": _channels,
    "calls": _calls,
    "detailed_calls": _calls,
    "bridged_calls": lambda switch: _calls(switch, bridged_only=True),
    "registrations": _registrations,
    "application": _applications,
}


@command("status")
def status(switch: Switch, argument: str) -> str:
    up = time.time() - switch.started_at
    whole = int(up)
    milli, micro = int(up * 1000) % 1000, int(up * 1_000_000) % 1000
    live, rate = len(switch.channels), switch.session_rate()
    return (
        f"UP 0 years, {whole // 86400} days, {whole // 3600 % 24} hours, {whole // 60 % 60} "
        f"minutes, {whole % 60} seconds, {milli} milliseconds, {micro} microseconds\n"
        f"FreeSWITCH (Version {_version(switch)} 64bit) is ready\n"
        f"{switch.sessions} session(s) since startup\n"
        f"{live} session(s) - peak {switch.peak_sessions}, last 5min {switch.peak_sessions} \n"
        f"{rate} session(s) per Sec out of max {switch.sessions_per_second}, "
        f"peak {rate}, last 5min {rate} \n"
        f"{switch.max_sessions} session(s) max\n"
        "min idle cpu 0.00/50.00\n"
    )


@command("version")
def version(switch: Switch, argument: str) -> str:
    if argument.strip() == "short":
        return "1.11.1\n"
    return f"FreeSWITCH Version {_version(switch)} (stand-in)\n"


def _version(switch: Switch) -> str:
    return switch.version
