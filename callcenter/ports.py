"""Whether the ports that we need are free, asked before anything is started."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass

from callcenter.settings import PREFIX, Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Port:
    """A port that one of our processes listens on."""

    setting: str
    owner: str  # the process's name, as in `callcenter.parts`
    kind: socket.SocketKind
    host: str
    number: int


def needed(settings: Settings) -> list[Port]:
    """Every port with a fixed number; sound has a range and takes what is free in it."""
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    sip = [
        Port(name, "switch", kind, settings.sip_ip, getattr(settings, name))
        for name in ("sip_port", "agent_sip_port")
        for kind in (udp, tcp)
    ]
    return [
        *sip,
        Port("esl_port", "switch", tcp, settings.esl_host, settings.esl_port),
        Port("outbound_port", "controller", tcp, "127.0.0.1", settings.outbound_port),
        Port("web_port", "web", tcp, settings.web_host, settings.web_port),
    ]


def check(settings: Settings, running: Collection[str] = ()) -> None:
    """Raise SettingsError for the first port that is taken.

    The ports of processes in `running`, left behind by an earlier run, are theirs by right.
    """
    for port in needed(settings):
        if port.owner not in running:
            _check(port)


def _check(port: Port) -> None:
    setting, where = f"{PREFIX}{port.setting.upper()}", f"{port.host}:{port.number}"
    family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
    with socket.socket(family, port.kind) as probe:
        if port.kind is socket.SOCK_STREAM:
            # As servers do: connections that wait for their end don't count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.number))
            if port.kind is socket.SOCK_STREAM:
                probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = f"{where} is in use; stop what uses it, or choose another port"
            else:
                why = f"{where} cannot be listened on: {os.strerror(error.errno or 0)}"
            raise SettingsError(f"{setting}: {why}") from error
