"""Commands about SIP profiles and registered phones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labswitch.commands.registry import command

if TYPE_CHECKING:
    from labswitch.switch import Switch

_RULE = "=" * 97 + "\n"


@command("sofia")
def sofia(switch: Switch, argument: str) -> str:
    words = argument.split()
    if not words:
        return "USAGE:\nsofia status [profile <name> [reg]]\nsofia profile <name> rescan\n"
    if words[0] == "profile" and words[2:3] == ["flush_inbound_reg"] and len(words) == 4:
        switch.flush_registrations(words[3].partition("@")[0])
        return "+OK flushing all registrations matching specified call_id\n"
    if words[0] == "profile" and len(words) > 2:
        return f"+OK {' '.join(words[2:])}\n" if words[1] in switch.user_agents else _no(words[1])
    if words[0] != "status":
        return "-ERR Unknown command!\n"
    if len(words) < 3:
        return _overview(switch)
    name = words[2]
    if name not in switch.user_agents:
        return _no(name)
    return _registrations(switch, name) if "reg" in words[3:] else _profile(switch, name)


def _no(name: str) -> str:
    return f"Invalid Profile [{name}]\n"


def _url(switch: Switch, name: str) -> str:
    agent = switch.user_agents[name]
    return f"sip:{name}@{agent.host}:{agent.port}"


def _overview(switch: Switch) -> str:
    lines = ["                     Name\t   Type\t" + "Data".rjust(42) + "\tState\n", _RULE]
    lines += [
        f"{name:>25}\t{'profile'}\t{_url(switch, name):>42}\tRUNNING (0)\n"
        for name in sorted(switch.user_agents)
    ]
    return "".join(lines) + _RULE + f"{len(switch.user_agents)} profiles 0 aliases\n"


def _profile(switch: Switch, name: str) -> str:
    profile = next(p for p in switch.configuration.profiles if p.name == name)
    registered = len(switch.registrar.all()) if profile.challenges else 0
    return (
        _RULE + f"Name             \t{name}\n"
        f"Dialplan         \t{profile.settings.get('dialplan', 'XML')}\n"
        f"Context          \t{profile.context}\n"
        f"URL              \t{_url(switch, name)}\n"
        f"CODECS IN        \tPCMA,PCMU\nCODECS OUT       \tPCMA,PCMU\n"
        f"REGISTRATIONS    \t{registered}\n"
    )


def _registrations(switch: Switch, name: str) -> str:
    parts = ["\nRegistrations:\n", _RULE]
    count = 0
    for user, contacts in switch.registrar.all().items():
        if not switch.contact_strings(user, name):
            continue
        for contact in contacts:
            count += 1
            left = int(contact.expires_at - time.time())
            expires = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(contact.expires_at))
            parts.append(
                f"Call-ID:    \t{contact.call_id}\n"
                f"User:       \t{user}@{switch.configuration.domain}\n"
                f'Contact:    \t"" <{contact.uri}>\n'
                f"Agent:      \t{contact.user_agent}\n"
                f"Status:     \tRegistered(UDP)(unknown) EXP({expires}) EXPSECS({left})\n"
                f"IP:         \t{contact.address[0]}\nPort:       \t{contact.address[1]}\n"
                f"Auth-User:  \t{user}\nAuth-Realm: \t{switch.configuration.domain}\n\n"
            )
    return "".join(parts) + f"Total items returned: {count}\n" + _RULE


@command("sofia_contact")
def sofia_contact(switch: Switch, argument: str) -> str:
    """`[profile|*/]user[@domain]`: dial strings of the user's phones."""
    text = argument.strip()
    profile, slash, user = text.partition("/")
    if not slash:
        profile, user = "", text
    contacts = switch.contact_strings(user.partition("@")[0], profile)
    return ",".join(contacts) or "error/user_not_registered"
