"""Ours against FreeSWITCH's mod_callcenter: one switch, the same phones, the same callers, one run.

Each side in turn gets calls at an even rate for agents who are free, with 0, 100 and 300 others
waiting in a queue that nobody serves. Measured from the switch's own events, by its own clock: from
the creation of the citizen's channel to the creation of the agent's. CPU is that of the switch
plus, for ours, the controller.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from callcenter import live_config, parts, switch_conf, switch_process
from callcenter.bench import Figure
from callcenter.bench.lab import bench_settings
from callcenter.presence import COMMANDS, connect
from callcenter.settings import Settings, SettingsError
from callcenter.sipp import Sipp, SippRun, sipp_missing, write_wav_tone
from callcenter.switch_process import SwitchProbe
from ivr.prompts import TEXTS

AGENTS = 40
RATE = 10.0  # calls a second
SECONDS = 12.0  # of load for each side and number of others
TALK = 2.5  # seconds an agent talks
WAITING = (0, 100, 300)
FLOOR_CALLS = 60
OURS, OTHERS_OURS = "7001", "7002"
THEIRS, OTHERS_THEIRS = "7003", "7004"
BUILD_UP_LIMIT = 60.0
DOMAIN_WORD = "bench-phone-word"
FLOOR = "floor"

HOTLINE = """\
name: {name}
title: bench
numbers: ["{number}"]
queue: {queue}
welcome: []
survey: false
"""

QUEUES = """\
wrap_up_seconds: 0
queues:
  served: {announce_first_seconds: 0}
  unserved: {announce_first_seconds: 0}
"""

PEER_DIALPLAN = """
  <extension name="bench-served">
    <condition field="destination_number" expression="^7003$">
      <action application="answer"/>
      <action application="callcenter" data="served@bench"/>
    </condition>
  </extension>
  <extension name="bench-unserved">
    <condition field="destination_number" expression="^7004$">
      <action application="answer"/>
      <action application="callcenter" data="unserved@bench"/>
    </condition>
  </extension>
  <extension name="not-published">"""

PEER_QUEUE = """
    <queue name="{name}@bench">
      <param name="strategy" value="longest-idle-agent"/>
      <param name="moh-sound" value="local_stream://moh"/>
      <param name="time-base-score" value="system"/>
      <param name="max-wait-time" value="0"/>
      <param name="tier-rules-apply" value="false"/>
      <param name="discard-abandoned-after" value="60"/>
      <param name="abandoned-resume-allowed" value="false"/>
    </queue>"""

PEER_AGENT = """
    <agent name="{agent}" type="callback" contact="[leg_timeout=10]user/{agent}@{domain}"
           status="Logged Out" max-no-answer="99" wrap-up-time="0" reject-delay-time="0"
           busy-delay-time="0" no-answer-delay-time="0"/>"""


@dataclass
class Heard:
    """When citizens arrived (seconds) and how long their agents' legs took (ms)."""

    arrived: dict[str, float] = field(default_factory=dict)
    offers: list[float] = field(default_factory=list)


def run() -> Iterator[Figure]:
    """Measure for about three minutes; SettingsError without FreeSWITCH or SIPp."""
    missing = sipp_missing()
    if missing:
        raise SettingsError(missing)
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as name:
        folder = Path(name)
        settings = _prepared(folder)
        if switch_process.choose(settings) != "freeswitch":
            raise SettingsError("this bench needs FreeSWITCH with mod_callcenter")
        with contextlib.ExitStack() as stack:
            server = parts.started(parts.redis_server(settings))
            stack.callback(server.stop)
            parts.wait_redis(settings, threading.Event())
            switch = switch_process.launch(settings, "freeswitch")
            stack.callback(switch_process.stop, switch)
            switch_process.wait_running(settings, 30, switch)
            with SwitchProbe(settings) as probe:
                answer = probe.api("load mod_callcenter")
                if "+OK" not in answer:
                    raise SettingsError(f"mod_callcenter cannot be loaded: {answer.strip()}")
            controller = parts.ours(settings, "controller", None)
            controller.environ = {**controller.environ, **_environ(settings)}
            parts.started(controller)
            stack.callback(controller.stop)
            sipp = stack.enter_context(Sipp(folder / "sipp"))
            phones = sipp.phone("answer_hangup", ring=0, talk=TALK, calls=100_000, limit=900)
            agents = {str(1001 + number): DOMAIN_WORD for number in range(AGENTS)}
            result = sipp.register(
                (settings.sip_ip, settings.agent_sip_port), agents, settings.domain, phones.port
            ).wait(30)
            if result.exit_code:
                raise SettingsError(f"the phones could not register: {result.explain()}")
            bench = _Bench(settings, sipp, switch.pid, controller.pid or 0, sorted(agents))
            yield from bench.figures()


class _Bench:
    def __init__(
        self, settings: Settings, sipp: Sipp, switch: int, controller: int, agents: list[str]
    ) -> None:
        self.settings = settings
        self.sipp = sipp
        self.pids = {"switch": switch, "controller": controller}
        self.agents = agents
        self.redis = connect(settings.redis_url)

    def figures(self) -> Iterator[Figure]:
        floor = self._floor()
        yield Figure("switch's own originate, p50", _share(floor, 0.5), "ms")
        yield Figure("switch's own originate, p99", _share(floor, 0.99), "ms")
        for waiting in WAITING:
            ours = self._side("ours", OURS, OTHERS_OURS, waiting)
            theirs = self._side("mod_callcenter", THEIRS, OTHERS_THEIRS, waiting)
            where = f"arrival → agent's leg, {waiting} others waiting"
            for share, word in ((0.5, "p50"), (0.99, "p99")):
                yield Figure(
                    f"{where}, {word}",
                    _share(ours[0], share),
                    "ms",
                    peer=round(_share(theirs[0], share), 1),
                )
            yield Figure(
                f"{where}, p99 above the switch's originate",
                _share(ours[0], 0.99) - _share(floor, 0.99),
                "ms",
                limit=10.0,
            )
            yield Figure(
                f"CPU, {waiting} others waiting", ours[1], "of a core", peer=round(theirs[1], 3)
            )
            yield Figure(
                f"calls joined, {waiting} others waiting",
                len(ours[0]),
                "calls",
                peer=len(theirs[0]),
            )

    def _side(self, side: str, number: str, others: str, waiting: int) -> tuple[list[float], float]:
        self._everyone_ready(side)
        crowd: SippRun | None = None
        trunk = (self.settings.sip_ip, self.settings.sip_port)
        if waiting:
            crowd = self.sipp.citizen(
                trunk, others, calls=waiting, rate=25, hang_up_after=600, limit=700
            )
            self._until(lambda: self._channels() >= waiting, f"{waiting} callers wait")
        try:
            with _Ear(self.settings) as ear:
                before = self._cpu(side)
                began = time.monotonic()
                load = self.sipp.citizen(
                    trunk, number, calls=int(RATE * SECONDS), rate=RATE, limit=SECONDS + 60
                )
                load.process.wait(SECONDS + 60)
                took = time.monotonic() - began
                cpu = (self._cpu(side) - before) / took
            return ear.heard.offers, cpu
        finally:
            if crowd is not None:
                crowd.stop()
            with SwitchProbe(self.settings) as probe:
                probe.api("hupall")
            self._until(lambda: self._channels() == 0, "every call has ended")

    def _floor(self) -> list[float]:
        """From our `bgapi originate` to the leg's creation, in ms, with nothing else going on."""
        took: list[float] = []
        with _Ear(self.settings) as ear, SwitchProbe(self.settings) as probe:
            for turn in range(FLOOR_CALLS):
                agent = self.agents[turn % AGENTS]
                ear.heard.arrived[FLOOR] = self._switch_time(probe)
                count = len(ear.heard.offers)
                probe.api(f"bgapi originate user/{agent}@{self.settings.domain} &park()")
                self._until(lambda count=count: len(ear.heard.offers) > count, "a leg", 5)  # type: ignore[misc]
                time.sleep(0.05)
            took = list(ear.heard.offers)
            probe.api("hupall")
        self._until(lambda: self._channels() == 0, "every call has ended")
        return took

    def _switch_time(self, probe: SwitchProbe) -> float:
        """Now by the clock that stamps the switch's events: it ticks behind ours."""
        return int(probe.api("strmicroepoch")) / 1e6

    def _everyone_ready(self, side: str) -> None:
        for agent in self.agents:
            self._command("agent.ready" if side == "ours" else "agent.logout", agent)
        status = "Available" if side != "ours" else "'Logged Out'"
        with SwitchProbe(self.settings) as probe:
            for agent in self.agents:
                probe.api(f"callcenter_config agent set status {agent} {status}")
                probe.api(f"callcenter_config agent set state {agent} Waiting")

    def _command(self, name: str, agent: str) -> None:
        command = {"id": f"bench-{name}-{agent}", "name": name, "args": {"agent": agent}}
        reply = f"cc:reply:{command['id']}"
        deadline = time.monotonic() + 30
        while True:
            self.redis.delete(reply)
            self.redis.rpush(COMMANDS, json.dumps(command))
            answer = self.redis.blpop([reply], timeout=5)
            told = json.loads(str(answer[1])) if answer else {"ok": False, "error": "no answer"}
            if told["ok"] or name == "agent.logout":
                return
            if time.monotonic() > deadline:
                raise SettingsError(f"{name} {agent}: {told['error']}")
            time.sleep(0.2)

    def _channels(self) -> int:
        with SwitchProbe(self.settings) as probe:
            return int(probe.api("show channels count").split()[0])

    def _cpu(self, side: str) -> float:
        """CPU seconds used so far by the processes of this side."""
        ticks = 0
        for name, pid in self.pids.items():
            if name == "switch" or side == "ours":
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / float(os.sysconf("SC_CLK_TCK"))

    def _until(
        self, condition: Callable[[], bool], what: str, seconds: float = BUILD_UP_LIMIT
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise SettingsError(f"not within {seconds:g} s: {what}")
            time.sleep(0.005)


class _Ear:
    """Listens to the switch's events in a thread; timestamps are the switch's own."""

    def __init__(self, settings: Settings) -> None:
        self.heard = Heard()
        self._probe = _EventProbe(settings, timeout=0.5)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> _Ear:
        self._probe.__enter__()
        self._probe.subscribe("CHANNEL_CREATE")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._probe.__exit__(None, None, None)

    def _listen(self) -> None:
        while not self._stop.is_set():
            for event in self._probe.events():
                self._take(event)

    def _take(self, event: dict[str, str]) -> None:
        at = int(event.get("Event-Date-Timestamp", "0")) / 1e6
        if event.get("Call-Direction") == "inbound":
            if event.get("Caller-Destination-Number") in (OURS, THEIRS):
                self.heard.arrived[event.get("Unique-ID", "")] = at
            return
        contact = event.get("variable_cc_contact") or event.get("variable_cc_member_session_uuid")
        since = self.heard.arrived.pop(contact or FLOOR, None)
        if since is not None:
            self.heard.offers.append((at - since) * 1000)


class _EventProbe(SwitchProbe):
    """A probe that also takes events."""

    def subscribe(self, names: str) -> None:
        self._send(f"event json {names}")

    def events(self) -> Iterator[dict[str, str]]:
        """Events until none has come for a moment."""
        while True:
            try:
                headers, body = self._message()
            except switch_process.SwitchError:
                return
            if headers.get("content-type") == "text/event-json":
                yield json.loads(body)


def _prepared(folder: Path) -> Settings:
    """A data folder with hotlines, queues, agents and a switch configuration with both in it."""
    hotlines, sounds = folder / "hotlines", folder / "sounds" / "zh"
    hotlines.mkdir(parents=True)
    for name in TEXTS:
        write_wav_tone(sounds / f"{name}.wav", 440, 0.04)
    for name, number, queue in (("served", OURS, "served"), ("others", OTHERS_OURS, "unserved")):
        text = HOTLINE.format(name=name, number=number, queue=queue)
        (hotlines / f"{name}.yaml").write_text(text, "utf-8")
    queues = folder / "queues.yaml"
    queues.write_text(QUEUES, "utf-8")
    settings = replace(
        bench_settings(folder), hotlines_dir=hotlines, sounds_dir=sounds, queues_file=queues
    )
    agents = [str(1001 + number) for number in range(AGENTS)]
    config = {agent: {"name": agent, "queues": {"served": 5}, "skills": {}} for agent in agents}
    live_config.write(folder / live_config.FILE, {"agents": config, "blocked": {}})
    parts.prepare_switch(
        settings,
        [
            switch_conf.AgentDirectoryEntry(
                agent,
                hashlib.md5(f"{agent}:{settings.domain}:{DOMAIN_WORD}".encode()).hexdigest(),
            )
            for agent in agents
        ],
        [OURS, OTHERS_OURS],
    )
    _add_peer(settings, agents)
    return settings


def _add_peer(settings: Settings, agents: list[str]) -> None:
    """mod_callcenter's queues, agents and numbers, in this run's copy of the configuration."""
    conf = settings.switch_dir / "conf"
    dialplan = conf / "dialplan" / "trunk.xml"
    text = dialplan.read_text("utf-8")
    dialplan.write_text(
        text.replace('<extension name="not-published">', PEER_DIALPLAN.lstrip(), 1), "utf-8"
    )
    queues = "".join(PEER_QUEUE.format(name=name) for name in ("served", "unserved"))
    people = "".join(PEER_AGENT.format(agent=agent, domain=settings.domain) for agent in agents)
    tiers = "".join(
        f'\n    <tier agent="{agent}" queue="served@bench" level="1" position="1"/>'
        for agent in agents
    )
    (conf / "autoload_configs" / "callcenter.conf.xml").write_text(
        '<configuration name="callcenter.conf">\n  <settings/>\n'
        f"  <queues>{queues}\n  </queues>\n  <agents>{people}\n  </agents>\n"
        f"  <tiers>{tiers}\n  </tiers>\n</configuration>\n",
        "utf-8",
    )


def _environ(settings: Settings) -> dict[str, str]:
    return {
        "CALLCENTER_SIP_PORT": str(settings.sip_port),
        "CALLCENTER_AGENT_SIP_PORT": str(settings.agent_sip_port),
        "CALLCENTER_ESL_PORT": str(settings.esl_port),
        "CALLCENTER_ESL_PASSWORD": settings.esl_password,
        "CALLCENTER_OUTBOUND_PORT": str(settings.outbound_port),
        "CALLCENTER_WEB_PORT": str(settings.web_port),
        "CALLCENTER_WEB_SECRET_KEY": "unused-in-this-bench",
        "CALLCENTER_API_TOKEN": "unused-in-this-bench",
        "CALLCENTER_HOTLINES_DIR": str(settings.hotlines_dir),
        "CALLCENTER_SOUNDS_DIR": str(settings.sounds_dir),
        "CALLCENTER_QUEUES_FILE": str(settings.queues_file),
        "CALLCENTER_MAX_CALLS": str(settings.max_calls),
    }


def _share(values: list[float], share: float) -> float:
    """The value that `share` of the others are not above; NaN without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan
