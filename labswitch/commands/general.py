"""Commands about the switch as a whole, and small helpers for dialplans."""

from __future__ import annotations

import ast
import operator
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from labswitch import originate as calling
from labswitch.applications.call_control import cause_named
from labswitch.commands.registry import NO_CHANNEL, command
from labswitch.conf import ConfigurationError, load
from labswitch.dialplan import search
from labswitch.text import integer

if TYPE_CHECKING:
    from labswitch.switch import Switch

FSCTL_USAGE = (
    "-USAGE: [api_expansion [on|off]|recover|send_sighup|hupall|pause [inbound|outbound]|resume "
    "[inbound|outbound]|shutdown [cancel|elegant|asap|now|restart]|uuid_version [4|7]|sps|"
    "sps_peak_reset|sync_clock|sync_clock_when_idle|reclaim_mem|max_sessions|min_dtmf_duration "
    "[num]|max_dtmf_duration [num]|default_dtmf_duration [num]|min_idle_cpu|loglevel [level]|"
    "debug_level [level]|mdns_resolve [enable|disable]]\n"
)


@command("originate")
def originate(switch: Switch, argument: str) -> str:
    return calling.command(switch, argument)


@command("bgapi")
def background(switch: Switch, argument: str) -> str:
    name, _, rest = argument.strip().partition(" ")
    return switch.api(name, rest)


@command("create_uuid")
def create_uuid(switch: Switch, argument: str) -> str:
    return str(uuid.uuid4())


@command("strepoch")
def strepoch(switch: Switch, argument: str) -> str:
    """The seconds since the epoch, now or of `YYYY-MM-DD HH:MM:SS` (local time)."""
    if not argument.strip():
        return str(int(time.time()))
    try:
        return str(int(time.mktime(time.strptime(argument.strip(), "%Y-%m-%d %H:%M:%S"))))
    except ValueError:
        return "0"


@command("strftime")
def strftime(switch: Switch, argument: str) -> str:
    return time.strftime(argument.strip() or "%Y-%m-%d %H:%M:%S")


@command("global_getvar")
def global_getvar(switch: Switch, argument: str) -> str:
    name = argument.strip()
    if name:
        known = {"core_uuid": switch.events.core_uuid, **switch.configuration.variables}
        return known.get(name, "")
    return "".join(f"{n}={v}\n" for n, v in switch.configuration.variables.items())


@command("global_setvar")
def global_setvar(switch: Switch, argument: str) -> str:
    name, _, value = argument.partition("=")
    switch.configuration.variables[name.strip()] = value.strip()
    return "+OK"


@command("eval", "expand")
def evaluate(switch: Switch, argument: str) -> str:
    """`[uuid:<uuid> ]<text with ${variables}>`."""
    if argument.startswith("uuid:"):
        name, _, rest = argument[5:].partition(" ")
        channel = switch.locate(name)
        return channel.expand(rest) if channel else "-ERR No such channel!\n"
    return switch.expand(argument)


@command("echo")
def echo(switch: Switch, argument: str) -> str:
    return argument


@command("reloadxml")
def reload_xml(switch: Switch, argument: str) -> str:
    """Read the dialplan and the directory again; profiles and ports stay as they are."""
    configuration = switch.configuration
    try:
        fresh = load(switch.folder) if switch.folder else configuration
    except ConfigurationError as error:
        return f"-ERR [{error}]\n"
    configuration.contexts = fresh.contexts
    configuration.users = fresh.users
    configuration.dial_string = fresh.dial_string
    configuration.access_lists.update(fresh.access_lists)
    configuration.variables.update(fresh.variables)
    switch.events.fire("RELOADXML")
    return "+OK [Success]\n"


@command("reloadacl")
def reload_acl(switch: Switch, argument: str) -> str:
    return "+OK acl reloaded\n"


@command("fsctl")
def fsctl(switch: Switch, argument: str) -> str:
    word, _, rest = argument.strip().partition(" ")
    if word == "shutdown":
        switch.stopping.set()
        return "+OK\n"
    if word == "sps":
        if rest:
            switch.sessions_per_second = max(1, integer(rest, switch.sessions_per_second))
        return f"+OK sessions per second: {switch.sessions_per_second}\n"
    if word == "max_sessions":
        if rest:
            switch.max_sessions = max(0, integer(rest, switch.max_sessions))
        return f"+OK max sessions: {switch.max_sessions}\n"
    if word == "hupall":
        return hang_up_all(switch, rest)
    return FSCTL_USAGE


@command("shutdown")
def shutdown(switch: Switch, argument: str) -> str:
    switch.stopping.set()
    return "+OK\n"


@command("hupall")
def hang_up_all(switch: Switch, argument: str) -> str:
    """`[cause [variable value]]`."""
    cause, variable, value = [*argument.split(), "", "", ""][:3]
    named = cause_named(cause, "MANAGER_REQUEST") if cause else "MANAGER_REQUEST"
    for channel in list(switch.channels.values()):
        if not variable or channel.get(variable) == value:
            channel.hangup(named)
    suffix = f" matching var {variable} = {value}" if variable else ""
    which = "channels" if variable else "all channels"
    return f"+OK hangup {which}{suffix} with cause {named}\n"


@command("sched_transfer")
def schedule_transfer(switch: Switch, argument: str) -> str:
    """`[+]<time> <uuid> <extension> [<dialplan>] [<context>]`; the channel's UUID is its group."""
    words = argument.split()
    if not 2 <= len(words) <= 5:
        return "-USAGE: [+]<time> <uuid> <extension> [<dialplan>] [<context>]\n"
    when, unique_id, extension, dialplan, context = [*words, "", "", ""][:5]
    if switch.locate(unique_id) is None:
        return NO_CHANNEL
    seconds = integer(when.removeprefix("+")) - (0.0 if when.startswith("+") else time.time())

    def transfer() -> None:
        channel = switch.locate(unique_id)
        if channel is not None:
            channel.transfer(extension, dialplan, context)

    switch.schedule.add(unique_id, max(0.0, seconds), transfer)
    return "+OK\n"


@command("sched_del")
def delete_scheduled(switch: Switch, argument: str) -> str:
    """`<uuid>`: what was scheduled for this channel isn't done."""
    return f"+OK Deleted: {switch.schedule.delete(argument.strip())}\n"


@command("limit_usage")
def limit_usage(switch: Switch, argument: str) -> str:
    parts = argument.split()
    if len(parts) < 3:
        return "USAGE: limit_usage <backend> <realm> <id> [rate]\n"
    return str(switch.limits.usage(parts[1], parts[2]))


@command("user_exists")
def user_exists(switch: Switch, argument: str) -> str:
    """`id <user> <domain>`."""
    parts = argument.split()
    return "true" if len(parts) > 1 and parts[1] in switch.configuration.users else "false"


@command("regex")
def regex(switch: Switch, argument: str) -> str:
    """`data|pattern[|substitution]`."""
    data, pattern, substitution = [*argument.split("|", 2), "", ""][:3]
    found = search(pattern, data)
    if not substitution:
        return "true" if found else "false"
    if found is None:
        return data
    for number in range(found.re.groups, -1, -1):
        substitution = substitution.replace(f"%{number}", found[number] or "")
    return substitution


_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": lambda a, b: _number(a) >= _number(b),
    "<=": lambda a, b: _number(a) <= _number(b),
    ">": lambda a, b: _number(a) > _number(b),
    "<": lambda a, b: _number(a) < _number(b),
}


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


@command("cond")
def cond(switch: Switch, argument: str) -> str:
    """`a == b ? c : d`, with ==, !=, <, >, <= and >=."""
    question, _, answers = argument.partition("?")
    yes, _, no = answers.partition(":")
    for symbol, compare in _COMPARISONS.items():
        left, found, right = question.partition(symbol)
        if found:
            holds = compare(_operand(left), _operand(right))
            return (yes if holds else no).strip()
    return "-ERR"


def _operand(text: str) -> str:
    return text.strip().strip("'\"")


_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}


@command("expr")
def expr(switch: Switch, argument: str) -> str:
    """Arithmetic with + - * / % and parentheses."""
    try:
        value = _arithmetic(ast.parse(argument.strip()[:200], mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError):
        return "-ERR"
    return str(int(value)) if value == int(value) else str(value)


def _arithmetic(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_arithmetic(node.left), _arithmetic(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_arithmetic(node.operand)
    raise ValueError("not arithmetic")
