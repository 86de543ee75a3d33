"""SIPp as citizens and as agents' phones: scenarios of `callcenter/scenarios`, filled in and run.

    phones = Sipp(tmp_path)
    call = phones.citizen(switch.trunk, "12345", keys=[(1.0, "1")])
    result = call.wait(30)
    assert result.exit_code == 0, result.explain()

Every run has ports, files and an end of its own: SIPp stops itself after `limit` seconds, and
`Sipp.close` ends what is still there. SIPp can't tell what it hears; look at the recording.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from callcenter.free_ports import HOST, free_ports

SCENARIOS = Path(__file__).resolve().parent / "scenarios"
PCAPS = Path("/usr/share/sip-tester")  # RFC 4733 keys, payload type 101; replayed as root only

Address = tuple[str, int]
Key = tuple[float, str]  # seconds after the one before (or the answer), and what is pressed


def sipp_missing() -> str | None:
    """The reason why these tests can't run here, or None."""
    return None if shutil.which("sipp") else "SIPp is not installed (Debian package sip-tester)"


@dataclass(frozen=True)
class SippResult:
    exit_code: int  # 0: every call went as the scenario says; 1: some didn't; 97: out of time
    messages: str  # every SIP message sent and received
    errors: str
    statistics: dict[str, str]  # last line of SIPp's CSV, by column name

    @property
    def successful(self) -> int:
        return int(self.statistics.get("SuccessfulCall(C)", 0))

    @property
    def failed(self) -> int:
        return int(self.statistics.get("FailedCall(C)", 0))

    def explain(self) -> str:
        return f"exit code {self.exit_code}\n{self.errors[-2000:]}\n{self.messages[-6000:]}"


class SippRun:
    """A running SIPp."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self.process = process
        self.folder = folder
        self.port = port

    def wait(self, timeout: float) -> SippResult:
        """The result; a run that takes longer than `timeout` seconds is ended, exit code -9."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        return self._result()

    def stop(self) -> SippResult:
        """End it now; its calls are left as they are, like a phone that lost its network."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)
        return self._result()

    def messages(self) -> str:
        """What was said so far."""
        return _read(self.folder / "messages.log")

    def _result(self) -> SippResult:
        with contextlib.suppress(OSError, StopIteration):
            with open(self.folder / "statistics.csv", newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file, delimiter=";"))
            statistics = dict(zip(rows[0], rows[-1], strict=False)) if len(rows) > 1 else {}
            return SippResult(
                self.process.returncode,
                self.messages(),
                _read(self.folder / "errors.log") + _read(self.folder / "output.log"),
                statistics,
            )
        return SippResult(
            self.process.returncode, self.messages(), _read(self.folder / "output.log"), {}
        )


class Sipp:
    """Starts SIPp runs below `folder`; `close` ends them all."""

    scenario_folders: tuple[Path, ...] = (SCENARIOS,)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs: list[SippRun] = []

    def __enter__(self) -> Sipp:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for run in self._runs:
            run.stop()

    # --- citizens --------------------------------------------------------------------------

    def citizen(
        self,
        trunk: Address,
        dialed: str,
        *,
        caller: str | Sequence[str] = "13812345678",
        name: str = "",
        keys: Iterable[Key] = (),
        dtmf: Literal["info", "rfc4733"] = "info",
        speech: Path | None = None,
        packet_ms: int = 0,
        answer_within: float = 20.0,
        hangup_within: float = 60.0,
        hang_up_after: float | None = None,
        source: str = HOST,
        calls: int = 1,
        rate: float = 10.0,
        limit: float = 90.0,
    ) -> SippRun:
        """Call; press keys; wait for the hotline's BYE, or hang up after so many seconds.

        With several `calls` the callers' numbers are taken in turn, `rate` calls a second.
        `packet_ms` of sound are asked for in each packet; 0 leaves it to the switch.
        """
        callers = [caller] if isinstance(caller, str) else list(caller)
        scenario = "citizen_keys" if hang_up_after is None else "citizen_hangup_after"
        return self.start(
            scenario,
            trunk,
            rows=[(number, dialed, name) for number in callers],
            values={
                "keys": "".join(key_step(after, key, dtmf) for after, key in keys),
                **voice_values(dtmf, speech or self.tone()),
                "ptime": f"\na=ptime:{packet_ms}" if packet_ms else "",
                "answer_within": _ms(answer_within),
                "hangup_within": _ms(hangup_within),
                "hold": _ms(hang_up_after or 0),
            },
            source=source,
            calls=calls,
            rate=rate,
            limit=limit,
        )

    def refused(
        self, trunk: Address, dialed: str, status: int, *, source: str = HOST, caller: str = "10000"
    ) -> SippRun:
        """A citizen's call that must come out with that status."""
        return self.start(
            "citizen_refused",
            trunk,
            rows=[(caller, dialed, "")],
            values={"status": str(status), "audio_port": "[media_port]"},
            source=source,
            limit=20,
        )

    # --- agents' phones ---------------------------------------------------------------------

    def register(
        self,
        registrar: Address,
        agents: Mapping[str, str],
        domain: str,
        contact_port: int,
        *,
        status: int = 200,
        expires: int = 3600,
    ) -> SippRun:
        """Register agents (number -> password) for a phone that listens on `contact_port`."""
        return self.start(
            "agent_register",
            registrar,
            rows=[(number, _credentials(number, word)) for number, word in agents.items()],
            values={
                "domain": domain,
                "contact_port": str(contact_port),
                "status": str(status),
                "expires": str(expires),
            },
            calls=len(agents),
            limit=20,
        )

    def dial(
        self, registrar: Address, agent: str, password: str, domain: str, dialed: str, status: int
    ) -> SippRun:
        """An agent dials by hand, and the call must come out with that status."""
        return self.start(
            "agent_dials",
            registrar,
            rows=[(agent, _credentials(agent, password), dialed)],
            values={"domain": domain, "status": str(status)},
            limit=40,
        )

    def phone(
        self,
        behaviour: Literal["answer", "answer_hangup", "busy", "noanswer"],
        *,
        ring: float = 0.2,
        talk: float = 2.0,
        speech: Path | None = None,
        calls: int = 1_000_000,
        limit: float = 600.0,
    ) -> SippRun:
        """A phone that takes calls on `.port` of the run, for all agents registered there."""
        return self.start(
            f"agent_{behaviour}",
            None,
            values={
                "ring": _ms(ring),
                "talk": _ms(talk),
                "speech": str(speech or self.tone(hertz=660)),
            },
            calls=calls,
            limit=limit,
        )

    # --- any scenario -----------------------------------------------------------------------

    def start(
        self,
        scenario: str,
        remote: Address | None,
        *,
        rows: Iterable[Sequence[str]] = (),
        values: Mapping[str, str] | None = None,
        source: str = HOST,
        calls: int = 1,
        rate: float = 10.0,
        limit: float = 60.0,
    ) -> SippRun:
        """Fill a scenario in and run it; without `remote` it waits for calls.

        `rows` is the CSV, `values` what stands between at signs, `source` our address.
        """
        folder = self.folder / f"{len(self._runs):03}-{scenario}"
        folder.mkdir(parents=True)
        (folder / "scenario.xml").write_text(self._filled(scenario, values or {}), "utf-8")
        port, media = free_ports(), free_ports(max(4, 4 * min(calls, 50)))
        command = ["sipp", "-sf", "scenario.xml", "-i", source, "-p", str(port)]
        command += ["-mi", source, "-mp", str(media)]
        command += ["-m", str(calls), "-timeout", f"{limit:g}s", "-timeout_error"]
        command += ["-nostdin", "-skip_rlimit", "-aa", "-trace_err", "-error_file", "errors.log"]
        command += ["-trace_msg", "-message_file", "messages.log", "-message_overwrite", "true"]
        command += ["-trace_stat", "-stf", "statistics.csv", "-fd", "1"]
        if rows := list(rows):
            lines = ["SEQUENTIAL", *(";".join(row) for row in rows)]
            (folder / "rows.csv").write_text("\n".join(lines) + "\n", "utf-8")
            command += ["-inf", "rows.csv"]
        if remote:
            command += ["-r", f"{rate:g}", f"{remote[0]}:{remote[1]}"]
        with open(folder / "output.log", "wb") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TERM": "dumb"},
            )
        run = SippRun(process, folder, port)
        self._runs.append(run)
        return run

    def _filled(self, scenario: str, values: Mapping[str, str]) -> str:
        files = [folder / f"{scenario}.xml" for folder in self.scenario_folders]
        text = next(file for file in files if file.exists()).read_text("utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        return text

    def tone(self, hertz: float = 440.0, seconds: float = 1.0) -> Path:
        """A-law samples of a tone, for `speech`."""
        path = self.folder / f"tone-{hertz:g}-{seconds:g}.al"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            wave = (math.sin(2 * math.pi * hertz * n / 8000) for n in range(int(seconds * 8000)))
            path.write_bytes(bytes(_alaw(round(8000 * sample)) for sample in wave))
        return path


def write_wav_tone(path: Path, hertz: float, seconds: float) -> None:
    """8 kHz mono 16-bit, the form of every prompt."""
    samples = [
        round(6000 * math.sin(2 * math.pi * hertz * n / 8000)) for n in range(int(seconds * 8000))
    ]
    data = struct.pack(f"<{len(samples)}h", *samples)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1,
                         8000, 16000, 2, 16, b"data", len(data))  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + data)


def _credentials(user: str, password: str) -> str:
    return f"[authentication username={user} password={password}]"


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))


_INFO = """
  <send retrans="500">
    <![CDATA[

INFO sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: [field2] <sip:[field0]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[field1]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: [cseq] INFO
Content-Type: application/dtmf-relay
Content-Length: [len]

Signal={key}
Duration=160

    ]]>
  </send>
  <recv response="200"/>
"""


def key_step(after: float, key: str, dtmf: str) -> str:
    """A pause of `after` seconds, then the key, as a piece of a scenario."""
    pause = f'  <pause milliseconds="{_ms(after)}"/>\n'
    if dtmf == "info":
        return pause + _INFO.format(key=key)
    name = {"*": "star", "#": "pound"}.get(key, key)
    pcap = PCAPS / f"dtmf_2833_{name}.pcap"
    return pause + f'  <nop><action><exec play_pcap_audio="{pcap}"/></action></nop>\n'


def voice_values(dtmf: str, speech: Path) -> dict[str, str]:
    """What the citizen sends: a file's sound, or RFC 4733 keys, which SIPp sends from its other
    media port and so without sound."""
    if dtmf == "info":
        stream = f'  <nop><action><exec rtp_stream="{speech},-1,8"/></action></nop>'
        return {"speak": stream, "audio_port": "[rtpstream_audio_port]"}
    return {"speak": "", "audio_port": "[media_port]"}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _alaw(sample: int) -> int:
    """ITU-T G.711 A-law of a 16-bit sample."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample) >> 3, 4095)
    exponent = max(0, magnitude.bit_length() - 5)
    mantissa = (magnitude >> max(1, exponent)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55
