"""Calling out: rings one or several phones and gives the channel of who answers first."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gevent.event import Event

from labswitch import dialstring
from labswitch.address import AddressError, parse_uri
from labswitch.causes import CAUSE_NUMBERS
from labswitch.conf import is_true
from labswitch.dialstring import Leg
from labswitch.states import Wake
from labswitch.text import integer

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

DEFAULT_SECONDS = 60
MAX_NESTING = 4
DEFAULT_DIAL_STRING = (
    "{presence_id=${dialed_user}@${dialed_domain}}"
    "${sofia_contact(*/${dialed_user}@${dialed_domain})}"
)


@dataclass(frozen=True, slots=True)
class Result:
    """The channel that answered (or sent early media), else why none did."""

    channel: Channel | None
    cause: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One phone to call."""

    profile: str
    uri: str
    address: tuple[str, int]
    number: str
    variables: dict[str, str]


class _Unreachable(Exception):
    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def originate(
    switch: Switch,
    text: str,
    *,
    caller: Channel | None = None,
    timeout: float = DEFAULT_SECONDS,
) -> Result:
    """Call a dial string and wait, at most `timeout` seconds or `originate_timeout`.

    With a `caller`, its numbers are shown, its exported variables copied, it hears the ringing,
    and its hang-up ends the attempt. Runs in the caller's greenlet or in one of its own.
    """
    try:
        parsed = dialstring.parse(text)
    except ValueError as error:
        log.warning("a dial string can't be read: %s", error)
        return Result(None, "INVALID_URL")
    variables = {**_exported(caller), **parsed.variables}
    seconds = float(integer(variables.get("originate_timeout"), int(timeout)) or timeout)
    deadline = time.monotonic() + seconds
    cause = "DESTINATION_OUT_OF_ORDER"
    for group in parsed.groups:
        result = _ring(switch, group, variables, caller, deadline)
        if result.channel is not None:
            return _reached(result.channel)
        cause = result.cause
        if time.monotonic() >= deadline or (caller is not None and not caller.ready):
            break
    return Result(None, cause)


def _reached(channel: Channel) -> Result:
    """`user/` is an endpoint that calls out itself: its caller begins where it has answered."""
    channel.fire("CHANNEL_OUTGOING")
    channel.execute_on("execute_on_originate")
    if not channel.up:
        return Result(None, channel.hangup_cause or "NORMAL_CLEARING")
    return Result(channel, "SUCCESS")


def _exported(caller: Channel | None) -> dict[str, str]:
    if caller is None:
        return {}
    names = (caller.get("export_vars") or "").split(",")
    values = ((name, caller.get(name)) for name in names if name)
    return {name: value for name, value in values if value}


def _ring(
    switch: Switch,
    group: list[Leg],
    variables: dict[str, str],
    caller: Channel | None,
    deadline: float,
) -> Result:
    legs: list[Channel] = []
    cause = "DESTINATION_OUT_OF_ORDER"
    for leg in group:
        try:
            for plan in _plans(switch, leg, variables):
                legs.append(switch.new_outbound(plan, caller))
        except (_Unreachable, OutboundRefused) as error:
            cause = error.cause
    if not legs:
        return Result(None, cause)
    return _Attempt(legs, caller, deadline).run()


class OutboundRefused(Exception):
    """A channel can't be made: too many, or its UUID is taken."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class _Attempt:
    """Phones that ring at once."""

    def __init__(self, legs: list[Channel], caller: Channel | None, deadline: float) -> None:
        self.legs = legs
        self.caller = caller
        self.deadline = deadline
        self.changed = Event()
        self.passed_on = False

    def run(self) -> Result:
        notify = self.changed.set if self.caller is None else self.caller.nudge
        for leg in self.legs:
            leg.watchers.append(notify)
            leg.start()
        outcome = self._wait()
        winner = next((leg for leg in self.legs if self._won(leg)), None)
        cause = self._failure(outcome)
        for leg in self.legs:
            leg.watchers.remove(notify)
            if leg is not winner:
                leg.hangup("LOSE_RACE" if winner else cause)
        if winner is not None:
            return Result(winner, "SUCCESS")
        if outcome is not Wake.DONE:
            return Result(None, cause)
        return Result(None, self.legs[-1].hangup_cause or cause)

    def _failure(self, outcome: Wake) -> str:
        return "ORIGINATOR_CANCEL" if outcome is Wake.GONE else "NO_ANSWER"

    def _wait(self) -> Wake:
        if self.caller is not None:
            left = max(0.0, self.deadline - time.monotonic())
            return self.caller.idle(self._decided, left, breakable=False)
        while not self._decided():
            self.changed.clear()
            left = self.deadline - time.monotonic()
            if left <= 0:
                return Wake.TIMEOUT
            self.changed.wait(left)
        return Wake.DONE

    def _decided(self) -> bool:
        if self.caller is not None:
            self._pass_on(self.caller)
        over = not any(leg.up for leg in self.legs)
        return over or any(self._won(leg) for leg in self.legs)

    def _pass_on(self, caller: Channel) -> None:
        """Let the caller hear that it rings."""
        if self.passed_on or caller.media_ready:
            return
        if any(leg.ring_ready_sent for leg in self.legs):
            self.passed_on = True
            caller.leg.ring()

    @staticmethod
    def _won(leg: Channel) -> bool:
        if not leg.up:
            return False
        return leg.answered or (leg.early_media and not is_true(leg.get("ignore_early_media")))


def introduce(channel: Channel, caller: Channel) -> None:
    """Show the caller whom it reached."""
    caller.other_type, caller.other_profile = (
        "originatee",
        channel.profile.as_other_leg(called=True),
    )
    caller.profile.callee_id_name = channel.profile.callee_id_name
    caller.profile.callee_id_number = channel.profile.callee_id_number


# --- from endpoints to phones ------------------------------------------------------------------


def _plans(switch: Switch, leg: Leg, variables: dict[str, str], depth: int = 0) -> list[Plan]:
    merged = {**variables, **leg.variables}
    resolve = _ENDPOINTS.get(leg.endpoint)
    if resolve is None or depth > MAX_NESTING:
        raise _Unreachable("CHAN_NOT_IMPLEMENTED")
    return resolve(switch, leg, merged, depth)


def _error(switch: Switch, leg: Leg, variables: dict[str, str], depth: int) -> list[Plan]:
    cause = leg.rest.upper()
    raise _Unreachable(cause if cause in CAUSE_NUMBERS else "NORMAL_CLEARING")


def _user(switch: Switch, leg: Leg, variables: dict[str, str], depth: int) -> list[Plan]:
    name, _, domain = leg.rest.partition("@")
    domain = domain or switch.configuration.domain
    user = switch.configuration.users.get(name)
    if user is None or user.domain != domain:
        raise _Unreachable("SUBSCRIBER_ABSENT")
    known = {**switch.configuration.dial_variables, **user.variables}
    known |= {"dialed_user": name, "dialed_domain": domain}
    template = switch.configuration.dial_string or DEFAULT_DIAL_STRING
    text = switch.expand(template, known)
    try:
        parsed = dialstring.parse(text)
    except ValueError:
        raise _Unreachable("SUBSCRIBER_ABSENT") from None
    merged = {**known, **parsed.variables, **variables}
    plans: list[Plan] = []
    for inner in parsed.groups[0]:
        plans += _plans(switch, inner, merged, depth + 1)
    return plans


def _sofia(switch: Switch, leg: Leg, variables: dict[str, str], depth: int) -> list[Plan]:
    profile, slash, rest = leg.rest.partition("/")
    if not slash or profile not in switch.user_agents:
        raise _Unreachable("INVALID_PROFILE")
    number = rest if "%" in rest else ""
    if number:
        contact = switch.contact_strings(rest.partition("%")[0], profile)
        if not contact:
            raise _Unreachable("USER_NOT_REGISTERED")
        rest = contact[0].split("/", 2)[2]
    uri = rest if rest.startswith("sip:") else f"sip:{rest}"
    try:
        parsed = parse_uri(uri)
    except AddressError as error:
        raise _Unreachable("INVALID_URL") from error
    address = (parsed.host, parsed.port or 5060)
    if not _is_address(parsed.host):
        registered = switch.registered_address(uri)
        if registered is None:
            raise _Unreachable("NORMAL_TEMPORARY_FAILURE")  # no names are looked up here
        address = registered
    return [Plan(profile, uri, address, number or parsed.user, variables)]


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


_Resolve = Callable[["Switch", Leg, dict[str, str], int], list[Plan]]
_ENDPOINTS: dict[str, _Resolve] = {"error": _error, "user": _user, "sofia": _sofia}


# --- the API command ---------------------------------------------------------------------------


def command(switch: Switch, argument: str) -> str:
    """`originate <dial string> <extension>|&application(args) [dialplan] [context] …`."""
    parts = dialstring.split_outside(argument.strip(), " ")
    if len(parts) < 2:
        return (
            "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] "
            "[<cid_name>] [<cid_num>] [<timeout_sec>]\n"
        )
    text, target = parts[:2]
    dialplan, context, name, number, timeout = [*parts[2:], *[""] * 5][:5]
    given = {
        "origination_caller_id_name": name.strip("'"),
        "origination_caller_id_number": number.strip("'"),
    }
    shown = ",".join(f"{key}='{value}'" for key, value in given.items() if value)
    result = originate(
        switch,
        f"{{{shown}}}{text}" if shown else text,
        timeout=float(integer(timeout) or DEFAULT_SECONDS),
    )
    if result.channel is None:
        return f"-ERR {result.cause}\n"
    channel = result.channel
    _flip(channel)
    channel.fire("CALL_UPDATE", {"Direction": "RECV"})
    if target.startswith("&"):
        application, _, rest = target[1:].partition("(")
        arguments = rest[:-1] if rest.endswith(")") else rest
        channel.run_application(application, arguments)
    else:
        channel.transfer(target, dialplan or "XML", context or "default")
    return f"+OK {channel.uuid}\n"


def _flip(channel: Channel) -> None:
    """The called party becomes the caller of what follows."""
    profile = channel.profile
    channel.set("pre_transfer_caller_id_name", profile.caller_id_name)
    channel.set("pre_transfer_caller_id_number", profile.caller_id_number)
    profile.caller_id_name, profile.callee_id_name = (
        profile.callee_id_name,
        profile.caller_id_name,
    )
    profile.caller_id_number, profile.callee_id_number = (
        profile.callee_id_number,
        profile.caller_id_number,
    )
    channel.hit_dialplan = True
    channel.set("channel_cid_flipped", "yes")
