"""`callcenter lab`: run the stand-in switch in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import gevent

from labswitch.conf import ConfigurationError, load
from labswitch.esl_server import EslServer
from labswitch.switch import VERSION, Switch

log = logging.getLogger(__name__)

BANNER = """\
=====================================================================
  labswitch {version} - THIS IS NOT FreeSWITCH.
  A stand-in for tests and demonstrations on machines without one.
  Never let real citizens call it.
====================================================================="""


def main(argv: Sequence[str] | None = None) -> int:
    """Run with `--conf FOLDER`; returns the exit status: 0, 1 in use, 2 bad configuration."""
    arguments = _parse(argv)
    logging.basicConfig(
        level=arguments.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    print(BANNER.format(version=VERSION), flush=True)
    try:
        configuration = load(arguments.conf)
    except ConfigurationError as error:
        print(f"labswitch: {error}", file=sys.stderr)
        return 2
    switch = Switch(configuration)
    switch.folder = arguments.conf
    server = EslServer(switch)
    try:
        switch.start()
        server.start()
    except OSError as error:
        print(f"labswitch: {error}", file=sys.stderr)
        switch.stop()
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, switch.stopping.set)
    for name, agent in switch.user_agents.items():
        print(f"labswitch: SIP profile {name} on {agent.host}:{agent.port}/udp", flush=True)
    host = configuration.esl_address[0]
    print(f"labswitch: event socket on {host}:{server.port}; ready", flush=True)
    switch.stopping.wait()
    switch.stop()
    server.stop()
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="callcenter lab", description=__doc__)
    parser.add_argument(
        "--conf", type=Path, required=True, metavar="FOLDER", help="folder of freeswitch.xml"
    )
    parser.add_argument("--log-level", default="warning", help="debug, info, warning or error")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
