"""A lab switch in this process, on free ports, with phones and controllers to use it."""

from __future__ import annotations

import math
import shutil
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gevent
import pytest
from lab_esl import Listener, Wire
from lab_phone import Phone, PhoneCall

from labswitch.conf import load
from labswitch.esl_server import EslServer
from labswitch.switch import Switch

PASSWORD = "sesame-for-tests"
LOCAL = {
    "domain": "callcenter.local",
    "sip_ip": "127.0.0.1",
    "sip_port": "0",
    "agent_sip_port": "0",
    "rtp_start": "41000",
    "rtp_end": "42000",
    "esl_host": "127.0.0.1",
    "esl_port": "0",
    "esl_password": PASSWORD,
    "published_numbers": "12345|2613710",
    "max_calls": "100",
    "calls_per_second": "100",
    "trunk_acl": "127.0.0.0/8",
}


@dataclass
class Rig:
    """The switch and everything around it."""

    folder: Path
    switch: Switch
    server: EslServer
    controllers: list[Listener]
    phones: list[Phone] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    @property
    def trunk(self) -> tuple[str, int]:
        return "127.0.0.1", self.switch.user_agents["trunk"].port

    @property
    def registrar(self) -> tuple[str, int]:
        return "127.0.0.1", self.switch.user_agents["agents"].port

    def citizen(self, number: str = "12345", caller: str = "13812345678") -> PhoneCall:
        phone = Phone(caller, self.trunk)
        self.phones.append(phone)
        return phone.call(number)

    def agent(self, number: str = "1001", mode: str = "answer", *, register: bool = True) -> Phone:
        phone = Phone(number, self.registrar, password=f"secret{number}", mode=mode)
        self.phones.append(phone)
        if register:
            assert phone.register() == 200
        return phone

    def watcher(self, events: str = "event json ALL") -> Wire:
        wire = Wire.dial(("127.0.0.1", self.server.port), PASSWORD)
        self.wires.append(wire)
        if events:
            assert wire.command(events).head["Reply-Text"].startswith("+OK")
        return wire

    def recording(self, name: str) -> Path:
        return self.folder / "recordings" / name


def until(condition: object, what: str, seconds: float = 5.0) -> None:
    """Wait for a condition."""
    with gevent.Timeout(seconds, AssertionError(f"not within {seconds} s: {what}")):
        while not condition():  # type: ignore[operator]
            gevent.sleep(0.01)


def write_tone(path: Path, seconds: float, hertz: float = 400.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        count = int(8000 * seconds)
        samples = (int(8000 * math.sin(2 * math.pi * hertz * i / 8000)) for i in range(count))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    controllers = [Listener(), Listener()]
    values = {
        **LOCAL,
        "controllers": "|".join(f"127.0.0.1:{listener.port}" for listener in controllers),
        "sounds_dir": str(tmp_path / "sounds"),
        "recordings_dir": str(tmp_path / "recordings"),
        "cdr_dir": str(tmp_path / "cdr"),
    }
    conf = tmp_path / "conf"
    shutil.copytree(Path(__file__).parent / "conf", conf)
    write_tone(tmp_path / "sounds" / "moh" / "music.wav", 2)
    write_tone(tmp_path / "sounds" / "welcome.wav", 0.5)
    lines = [f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>' for name, value in values.items()]
    (conf / "local.xml").write_text("<include>\n" + "\n".join(lines) + "\n</include>")
    switch = Switch(load(conf))
    server = EslServer(switch)
    switch.start()
    server.start()
    made = Rig(tmp_path, switch, server, controllers)
    yield made
    for phone in made.phones:
        phone.close()
    for wire in made.wires:
        wire.close()
    switch.stop()
    server.stop()
    for listener in controllers:
        listener.close()
