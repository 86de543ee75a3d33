"""A FreeSWITCH of our own: a tiny configuration, free loopback ports, a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

PASSWORD = "only-for-this-test"

MODULES = [
    "mod_logfile",
    "mod_commands",
    "mod_dptools",
    "mod_dialplan_xml",
    "mod_event_socket",
    "mod_loopback",
    "mod_sndfile",
    "mod_tone_stream",
]

CONFIGURATION = """<?xml version="1.0"?>
<document type="freeswitch/xml">
  <section name="configuration">
    <configuration name="modules.conf"><modules>{modules}</modules></configuration>
    <configuration name="switch.conf"><settings>
      <param name="loglevel" value="info"/>
      <param name="event-heartbeat-interval" value="1"/>
      <param name="max-sessions" value="1000"/>
      <param name="sessions-per-second" value="500"/>
    </settings></configuration>
    <configuration name="event_socket.conf"><settings>
      <param name="nat-map" value="false"/>
      <param name="listen-ip" value="127.0.0.1"/>
      <param name="listen-port" value="{port}"/>
      <param name="password" value="{password}"/>
    </settings></configuration>
    <configuration name="acl.conf"><network-lists/></configuration>
    <configuration name="timezones.conf"><timezones/></configuration>
    <configuration name="logfile.conf"><settings/><profiles><profile name="default">
      <settings/><mappings><map name="all" value="info,notice,warning,err,crit,alert"/></mappings>
    </profile></profiles></configuration>
  </section>
  <section name="dialplan"><context name="default">
    <extension name="controlled">
      <condition field="destination_number" expression="^controlled-(\\d+)$">
        <action application="set" data="socket_resume=true"/>
        <action application="socket" data="127.0.0.1:$1 async full"/>
        <action application="set" data="resumed=yes"/>
        <action application="park"/>
      </condition>
    </extension>
  </context></section>
  <section name="directory"/>
  <section name="languages"/>
</document>
"""


def find_freeswitch() -> str | None:
    """CALLCENTER_FREESWITCH, else PATH, else where `make install` puts it."""
    named = os.environ.get("CALLCENTER_FREESWITCH")
    if named:
        return named if Path(named).exists() else None
    usual = "/usr/local/freeswitch/bin/freeswitch"
    return shutil.which("freeswitch") or (usual if Path(usual).exists() else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Freeswitch:
    def __init__(self, binary: str, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("conf", "log", "db", "run", "storage", "temp", "recordings", "certs", "cache"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        modules = "".join(f'<load module="{name}"/>' for name in MODULES)
        (folder / "conf" / "freeswitch.xml").write_text(
            CONFIGURATION.format(modules=modules, port=self.port, password=PASSWORD)
        )

    def start(self) -> None:
        """Start it and wait until its event socket listens; 30 s at most."""
        words = [self.binary, "-nf", "-nc", "-np", "-nonat"]
        for name in ("conf", "log", "db", "run", "storage", "temp", "recordings", "certs", "cache"):
            words += [f"-{name}", str(self.folder / name)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"FreeSWITCH ended with {self.process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("FreeSWITCH does not listen")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
