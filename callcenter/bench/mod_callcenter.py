"""Ours against FreeSWITCH's mod_callcenter: one switch, the same phones, the same callers, one run.

Each side in turn gets calls at an even rate for agents who are free, with 0, 100 and 300 others
waiting in a queue that nobody serves; then agents come free one by one for callers who wait. Both
answer, play the same music, sound a tone in the agent's ear and record both sides. Measured on the
wire (`callcenter.bench.wiretap`): from the citizen's INVITE, or from the word that an agent is
ready, to the INVITE that the agent's phone gets. CPU is that of the switch plus, for ours, the
controller.

Two floors are those of the switch alone: `bgapi originate` to INVITE, and a dialplan that does
nothing but `bridge` from INVITE to INVITE.
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
from dataclasses import replace
from itertools import count
from pathlib import Path

from callcenter import live_config, parts, switch_conf, switch_process
from callcenter.bench import Figure
from callcenter.bench.lab import bench_settings
from callcenter.bench.wiretap import WireTap
from callcenter.offers import ALERT
from callcenter.presence import COMMANDS, connect
from callcenter.settings import Settings, SettingsError
from callcenter.sipp import Sipp, SippRun, sipp_missing, write_wav_tone
from callcenter.switch_process import SwitchProbe
from ivr.prompts import TEXTS

AGENTS = 40
CROWD_RATE = 25  # calls a second, until the others wait
SETTLE = 2.0  # seconds, once they do
RATE = 10.0  # calls a second
SECONDS = 12.0  # of load for each side and number of others
TALK = 2.5  # seconds an agent talks
WAITING = (0, 100, 300)
FLOOR_CALLS = 60
OURS, OTHERS_OURS = "7001", "7002"
THEIRS, OTHERS_THEIRS = "7003", "7004"
STRAIGHT = "7005"  # the dialplan's own bridge
BUILD_UP_LIMIT = 60.0
DOMAIN_WORD = "bench-phone-word"
READY_EVERY = 0.1  # seconds between two agents who come free

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
      <action application="set" data="cc_outbound_announce=@alert@"/>
      <action application="callcenter" data="served@bench"/>
    </condition>
  </extension>
  <extension name="bench-unserved">
    <condition field="destination_number" expression="^7004$">
      <action application="answer"/>
      <action application="callcenter" data="unserved@bench"/>
    </condition>
  </extension>
  <extension name="bench-straight">
    <condition field="destination_number" expression="^7005$">
      <action application="bridge" data="user/@agent@@$${domain}"/>
    </condition>
  </extension>
  <extension name="not-published">"""

PEER_QUEUE = """
    <queue name="{name}@bench">
      <param name="strategy" value="longest-idle-agent"/>
      <param name="moh-sound" value="local_stream://moh"/>
      <param name="record-template" value="{recordings}/peer/${{uuid}}.wav"/>
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
            tap = stack.enter_context(WireTap())
            bench = _Bench(settings, sipp, tap, switch.pid, controller.pid or 0, sorted(agents))
            yield from bench.figures()


class _Bench:
    def __init__(
        self,
        settings: Settings,
        sipp: Sipp,
        tap: WireTap,
        switch: int,
        controller: int,
        agents: list[str],
    ) -> None:
        self.settings = settings
        self.sipp = sipp
        self.tap = tap
        self.pids = {"switch": switch, "controller": controller}
        self.agents = agents
        self.redis = connect(settings.redis_url)
        self._numbers = count(1)
        self._trunk = (settings.sip_ip, settings.sip_port)

    def figures(self) -> Iterator[Figure]:
        originate, straight = self._originate(), self._straight()
        yield from _both("switch's own originate → INVITE", originate)
        yield from _both("dialplan's bridge, INVITE → INVITE", straight)
        for waiting in WAITING:
            ours = self._side("ours", OURS, OTHERS_OURS, waiting)
            theirs = self._side("mod_callcenter", THEIRS, OTHERS_THEIRS, waiting)
            where = f"arrival → agent's INVITE, {waiting} others waiting"
            yield from _both(where, ours[0], theirs[0])
            yield _above(where, ours[0], straight)
            yield Figure(
                f"CPU, {waiting} others waiting", ours[1], "of a core", peer=round(theirs[1], 3)
            )
            yield Figure(
                f"calls offered, {waiting} others waiting",
                len(ours[0]),
                "calls",
                limit=float(int(RATE * SECONDS)),
                peer=len(theirs[0]),
            )
        where = f"agent ready → INVITE, {WAITING[-1]} others waiting"
        ours_ready = self._ready("ours", OURS, WAITING[-1])
        yield from _both(where, ours_ready, self._ready("mod_callcenter", THEIRS, WAITING[-1]))
        yield _above(where, ours_ready, originate)

    # --- what is measured -----------------------------------------------------------------------

    def _side(self, side: str, number: str, others: str, waiting: int) -> tuple[list[float], float]:
        """Milliseconds from each arrival to its agent's INVITE, and the share of a core."""
        self._everyone(side, ready=True)
        with self._crowd(others, waiting):
            before, began = self._cpu(side), time.monotonic()
            callers = self._callers(int(RATE * SECONDS))
            self.sipp.citizen(
                self._trunk,
                number,
                caller=callers,
                calls=len(callers),
                rate=RATE,
                limit=SECONDS + 60,
            ).process.wait(SECONDS + 60)
            cpu = (self._cpu(side) - before) / (time.monotonic() - began)
        return self._latencies(callers), cpu

    def _ready(self, side: str, number: str, waiting: int) -> list[float]:
        """Milliseconds from each agent's being ready to the INVITE, with so many left in line."""
        self._everyone(side, ready=False)
        took: list[float] = []
        with self._crowd(number, waiting + AGENTS), SwitchProbe(self.settings) as probe:
            for agent in self.agents:
                asked = time.time()
                if side == "ours":
                    self._command("agent.ready", agent)
                else:
                    probe.api(f"callcenter_config agent set status {agent} Available")
                self._until(lambda a=agent, t=asked: self._rang(a, t) > 0, f"{agent} rings", 10)  # type: ignore[misc]
                took.append((self._rang(agent, asked) - asked) * 1000)
                time.sleep(READY_EVERY)
            self._everyone(side, ready=False)
        return took

    def _originate(self) -> list[float]:
        """From our `bgapi originate` to the INVITE, in ms, with nothing else going on."""
        took: list[float] = []
        with SwitchProbe(self.settings) as probe:
            for turn in range(FLOOR_CALLS):
                agent = self.agents[turn % AGENTS]
                asked = time.time()
                probe.api(f"bgapi originate user/{agent}@{self.settings.domain} &park()")
                self._until(lambda a=agent, t=asked: self._rang(a, t) > 0, "a leg", 5)  # type: ignore[misc]
                took.append((self._rang(agent, asked) - asked) * 1000)
            probe.api("hupall")
        self._until(lambda: self._channels() == 0, "every call has ended")
        return took

    def _straight(self) -> list[float]:
        """From INVITE to INVITE through a dialplan that only bridges."""
        callers = self._callers(FLOOR_CALLS)
        self.sipp.citizen(
            self._trunk, STRAIGHT, caller=callers, calls=len(callers), rate=RATE, limit=60
        ).process.wait(60)
        self._until(lambda: self._channels() == 0, "every call has ended")
        return self._latencies(callers)

    def _rang(self, agent: str, since: float) -> float:
        """When this agent's phone got an INVITE after `since`; 0 if it hasn't yet."""
        for invite in reversed(self.tap.invites):
            if invite.at < since:
                break
            if invite.user == agent and invite.port != self.settings.sip_port:
                return invite.at
        return 0.0

    def _latencies(self, callers: list[str]) -> list[float]:
        arrived = {invite.caller: invite.at for invite in self.tap.to_port(self.settings.sip_port)}
        rang: dict[str, float] = {}
        for invite in self.tap.invites:
            if invite.port != self.settings.sip_port:
                rang.setdefault(invite.caller, invite.at)
        return [
            (rang[caller] - arrived[caller]) * 1000
            for caller in callers
            if caller in rang and caller in arrived
        ]

    # --- the scene ------------------------------------------------------------------------------

    def _callers(self, calls: int) -> list[str]:
        return [f"139{next(self._numbers):08d}" for _ in range(calls)]

    @contextlib.contextmanager
    def _crowd(self, number: str, waiting: int) -> Iterator[None]:
        """So many callers wait; afterwards every call is ended."""
        crowd: SippRun | None = None
        if waiting:
            crowd = self.sipp.citizen(
                self._trunk,
                number,
                caller=self._callers(waiting),
                calls=waiting,
                rate=CROWD_RATE,
                hang_up_after=600,
                dtmf="rfc4733",  # SIPp sends no sound then: it would need a core of its own
                limit=700,
            )
            self._until(lambda: self._channels() >= waiting, f"{waiting} callers wait")
            time.sleep(SETTLE)
        try:
            yield
        finally:
            if crowd is not None:
                crowd.stop()
            with SwitchProbe(self.settings) as probe:
                probe.api("hupall")
            self._until(lambda: self._channels() == 0, "every call has ended")

    def _everyone(self, side: str, *, ready: bool) -> None:
        for agent in self.agents:
            self._command("agent.ready" if ready and side == "ours" else "agent.logout", agent)
        status = "Available" if ready and side != "ours" else "'Logged Out'"
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
            answer = self.redis.blpop([reply], timeout=1)
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
    peer = PEER_DIALPLAN.lstrip().replace("@alert@", ALERT).replace("@agent@", agents[0])
    dialplan.write_text(text.replace('<extension name="not-published">', peer, 1), "utf-8")
    (settings.recordings_dir / "peer").mkdir(parents=True, exist_ok=True)
    queues = "".join(
        PEER_QUEUE.format(name=name, recordings=settings.recordings_dir)
        for name in ("served", "unserved")
    )
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


def _both(name: str, ours: list[float], theirs: list[float] | None = None) -> Iterator[Figure]:
    for share, word in ((0.5, "p50"), (0.99, "p99")):
        peer = None if theirs is None else round(_share(theirs, share), 1)
        yield Figure(f"{name}, {word}", _share(ours, share), "ms", peer=peer)


def _above(name: str, ours: list[float], floor: list[float]) -> Figure:
    return Figure(
        f"{name}, p99 above the switch's own", _share(ours, 0.99) - _share(floor, 0.99), "ms", 10.0
    )


def _share(values: list[float], share: float) -> float:
    """The value that `share` of the others are not above; NaN without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else math.nan
