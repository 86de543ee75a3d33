"""What a new channel begins with: its caller profile and the variables of its INVITE."""

from __future__ import annotations

import contextlib
import uuid as uuids
from typing import TYPE_CHECKING

from labswitch.address import AddressError, parse_address, parse_uri
from labswitch.caller import CallerProfile, Times, now_us
from labswitch.conf import Profile
from labswitch.dialog import SipCall
from labswitch.originate import Plan

if TYPE_CHECKING:
    from labswitch.channel import Channel


def _new_times() -> Times:
    now = now_us()
    return Times(profile_created=now, created=now)


def inbound_profile(profile: Profile, call: SipCall) -> CallerProfile:
    number = call.from_user
    name = call.from_name or number
    return CallerProfile(
        direction="inbound",
        unique_id=str(uuids.uuid4()),
        channel_name=f"sofia/{profile.name}/{_caller_address(call)}",
        destination_number=call.to_user,
        context=profile.context,
        username=call.authenticated_user or number,
        dialplan=profile.settings.get("dialplan", "XML").split(",")[0],
        caller_id_name=name,
        caller_id_number=number,
        orig_caller_id_name=name,
        orig_caller_id_number=number,
        network_addr=call.source[0],
        ani=number,
        source="mod_sofia",
        times=_new_times(),
    )


def _caller_address(call: SipCall) -> str:
    """`user@host:port` of the From header, as FreeSWITCH names channels."""
    with contextlib.suppress(AddressError):
        uri = parse_uri(parse_address(call.headers.get("From", "")).uri)
        if uri.port:
            return f"{call.from_user}@{uri.host}:{uri.port}"
    return f"{call.from_user}@{call.from_host}"


def inbound_variables(profile: Profile, call: SipCall) -> dict[str, str]:
    host, port = call.source
    variables = {
        "sip_from_user": call.from_user,
        "sip_from_host": call.from_host,
        "sip_from_uri": _caller_address(call),
        "sip_from_display": call.from_name,
        "sip_call_id": call.call_id,
        "sip_network_ip": host,
        "sip_network_port": str(port),
        "sip_received_ip": host,
        "sip_received_port": str(port),
        "sip_req_user": call.to_user,
        "sip_to_user": call.to_user,
        "sip_user_agent": call.headers.get("User-Agent", ""),
        "sofia_profile_name": profile.name,
        "recovery_profile_name": profile.name,
        "endpoint_disposition": "RECEIVED",
        "max_forwards": call.headers.get("Max-Forwards", "70"),
    }
    if call.authenticated_user:
        variables["user_name"] = variables["sip_auth_username"] = call.authenticated_user
    for name, value in call.headers.items():
        if name.lower().startswith("x-"):
            variables[f"sip_h_{name}"] = value
    return variables


def outbound_profile(plan: Plan, uuid: str, caller: Channel | None) -> CallerProfile:
    given = plan.variables
    name, number = (
        given.get("origination_caller_id_name"),
        given.get("origination_caller_id_number"),
    )
    if caller is not None:
        name = name or caller.get("effective_caller_id_name") or caller.profile.caller_id_name
        number = (
            number or caller.get("effective_caller_id_number") or caller.profile.caller_id_number
        )
    number = number or "0000000000"
    return CallerProfile(
        direction="outbound",
        unique_id=uuid,
        channel_name=f"sofia/{plan.profile}/{plan.uri.removeprefix('sip:')}",
        destination_number=plan.number,
        context=caller.profile.context if caller else "default",
        dialplan=caller.profile.dialplan if caller else "",
        caller_id_name=name or "",
        caller_id_number=number,
        orig_caller_id_name=name or "",
        orig_caller_id_number=number,
        callee_id_name=given.get("origination_callee_id_name", "Outbound Call"),
        callee_id_number=given.get("origination_callee_id_number", plan.number),
        ani=number,
        source="mod_sofia" if caller else "src/switch_ivr_originate.c",
        times=_new_times(),
    )
