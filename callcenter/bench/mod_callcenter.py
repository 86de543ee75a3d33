"""Ours against FreeSWITCH's mod_callcenter: one switch, the same phones, the same callers, one run.

Each side in turn gets calls at an even rate for agents who are free, with 0, 100 and 300 others
waiting in a queue that nobody serves; then agents come free one by one for callers who wait. Both
answer, play the same music, sound a tone in the agent's ear and record both sides. Measured on the
wire (`callcenter.bench.wiretap`): from the citizen's INVITE, or from the word that an agent is
ready, to the INVITE that the agent's phone gets. CPU is that of the switch plus, for ours, the
controller.

Two floors are those of the switch alone: `bgapi originate` to INVITE, and a dialplan that does
nothing but `bridge` from INVITE to INVITE. The second is taken while each side is at work too, with
the same others waiting: what a busy machine adds is added to both.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from callcenter import parts, scheduling, switch_process
from callcenter.bench import Figure
from callcenter.bench.kit import command, environ, share
from callcenter.bench.peer import (
    OTHERS_OURS,
    OTHERS_THEIRS,
    OURS,
    PHONE_WORD,
    STRAIGHT,
    THEIRS,
    prepared,
)
from callcenter.bench.wiretap import WireTap
from callcenter.presence import connect
from callcenter.settings import Settings, SettingsError
from callcenter.sipp import Sipp, SippRun, sipp_missing
from callcenter.switch_process import SwitchProbe

AGENTS = 40
CROWD_RATE = 25  # calls a second, until the others wait
SETTLE = 8.0  # seconds, once they do: until nothing is done for them any more
RATE = 10.0  # calls a second
SECONDS = 12.0  # of load for each side and number of others
TALK = 2.5  # seconds an agent talks
WAITING = (0, 100, 300)
FLOOR_CALLS = 60
FLOOR_RATE = 5.0  # calls a second that are only bridged, beside those that are measured
BUILD_UP_LIMIT = 60.0
READY_EVERY = 0.1  # seconds between two agents who come free


def run() -> Iterator[Figure]:
    """Measure for about three minutes; SettingsError without FreeSWITCH or SIPp."""
    missing = sipp_missing()
    if missing:
        raise SettingsError(missing)
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as name:
        folder = Path(name)
        settings = prepared(folder, AGENTS)
        if switch_process.choose(settings) != "freeswitch":
            raise SettingsError("this bench needs FreeSWITCH with mod_callcenter")
        with contextlib.ExitStack() as stack:
            server = parts.started(parts.redis_server(settings))
            stack.callback(server.stop)
            parts.wait_redis(settings, threading.Event())
            switch = switch_process.launch(settings, "freeswitch")
            stack.callback(switch_process.stop, switch)
            switch_process.wait_running(settings, 30, switch)
            scheduling.promote(switch.pid)
            with SwitchProbe(settings) as probe:
                answer = probe.api("load mod_callcenter")
                if "+OK" not in answer:
                    raise SettingsError(f"mod_callcenter cannot be loaded: {answer.strip()}")
            controller = parts.ours(settings, "controller", None)
            controller.environ = {**controller.environ, **environ(settings)}
            parts.started(controller)
            stack.callback(controller.stop)
            sipp = stack.enter_context(Sipp(folder / "sipp"))
            phones = sipp.phone("answer_hangup", ring=0, talk=TALK, calls=100_000, limit=900)
            agents = {str(1001 + number): PHONE_WORD for number in range(AGENTS)}
            result = sipp.register(
                (settings.sip_ip, settings.agent_sip_port), agents, settings.domain, phones.port
            ).wait(30)
            if result.exit_code:
                raise SettingsError(f"the phones could not register: {result.explain()}")
            tap = stack.enter_context(WireTap())
            bench = _Bench(settings, sipp, tap, switch.pid, controller.pid or 0, sorted(agents))
            yield from bench.figures()


@dataclass(frozen=True, slots=True)
class _Side:
    """Milliseconds from each arrival to its agent's INVITE; the share of a core meanwhile."""

    offered: list[float]
    floor: list[float]  # of the calls that were only bridged
    cpu: float


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
            yield from _both(where, ours.offered, theirs.offered)
            yield from _both(f"only bridged, {waiting} others waiting", ours.floor, theirs.floor)
            yield _above(where, ours.offered, ours.floor)
            yield Figure(
                f"CPU, {waiting} others waiting", ours.cpu, "of a core", peer=round(theirs.cpu, 3)
            )
            yield Figure(
                f"calls offered, {waiting} others waiting",
                len(ours.offered),
                "calls",
                limit=float(int(RATE * SECONDS)),
                peer=len(theirs.offered),
            )
        where = f"agent ready → INVITE, {WAITING[-1]} others waiting"
        ours_ready, floor = self._ready("ours", OURS, WAITING[-1])
        theirs_ready, _ = self._ready("mod_callcenter", THEIRS, WAITING[-1])
        yield from _both(where, ours_ready, theirs_ready)
        yield from _both(f"switch's own originate, {WAITING[-1]} others waiting", floor)
        yield _above(where, ours_ready, floor)

    # --- what is measured -----------------------------------------------------------------------

    def _side(self, side: str, number: str, others: str, waiting: int) -> _Side:
        self._everyone(side, ready=True)
        with self._crowd(others, waiting):
            before, began = self._cpu(side), time.monotonic()
            callers = self._callers(int(RATE * SECONDS))
            bridged = self._callers(int(FLOOR_RATE * SECONDS))
            calls = [
                self.sipp.citizen(
                    self._trunk,
                    dialed,
                    caller=numbers,
                    calls=len(numbers),
                    rate=rate,
                    limit=SECONDS + 60,
                )
                for dialed, numbers, rate in (
                    (number, callers, RATE),
                    (STRAIGHT, bridged, FLOOR_RATE),
                )
            ]
            for each in calls:
                with contextlib.suppress(subprocess.TimeoutExpired):  # the figures tell of it
                    each.process.wait(SECONDS + 60)
            cpu = (self._cpu(side) - before) / (time.monotonic() - began)
        return _Side(self._latencies(callers), self._latencies(bridged), cpu)

    def _ready(self, side: str, number: str, waiting: int) -> tuple[list[float], list[float]]:
        """Milliseconds from each agent's being ready to the INVITE, with so many left in line.

        And from our own `bgapi originate` to the INVITE meanwhile.
        """
        self._everyone(side, ready=False)
        took: list[float] = []
        floor: list[float] = []
        with self._crowd(number, waiting + AGENTS), SwitchProbe(self.settings) as probe:
            for agent in self.agents:
                floor.append(self._rung(probe, agent))
                asked = time.time()
                if side == "ours":
                    command(self.redis, "agent.ready", agent)
                else:
                    probe.api(f"callcenter_config agent set status {agent} Available")
                self._until(lambda a=agent, t=asked: self._rang(a, t) > 0, f"{agent} rings", 10)  # type: ignore[misc]
                took.append((self._rang(agent, asked) - asked) * 1000)
                time.sleep(READY_EVERY)
            self._everyone(side, ready=False)
        return took, floor

    def _rung(self, probe: SwitchProbe, agent: str) -> float:
        """Milliseconds from `bgapi originate` to the INVITE; the leg is ended again."""
        leg, asked = str(uuid.uuid4()), time.time()
        caller = f"{{origination_uuid={leg}}}user/{agent}@{self.settings.domain}"
        probe.api(f"bgapi originate {caller} &park()")
        self._until(lambda: self._rang(agent, asked) > 0, "a leg", 5)
        took = (self._rang(agent, asked) - asked) * 1000
        self._until(lambda: probe.api(f"uuid_kill {leg}").startswith("+OK"), "the leg ends", 5)
        return took

    def _originate(self) -> list[float]:
        """The same with nothing else going on."""
        with SwitchProbe(self.settings) as probe:
            took = [self._rung(probe, self.agents[n % AGENTS]) for n in range(FLOOR_CALLS)]
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
            if ready and side == "ours":
                command(self.redis, "agent.ready", agent)
            else:
                command(self.redis, "agent.logout", agent, insist=False)
        status = "Available" if ready and side != "ours" else "'Logged Out'"
        with SwitchProbe(self.settings) as probe:
            for agent in self.agents:
                probe.api(f"callcenter_config agent set status {agent} {status}")
                probe.api(f"callcenter_config agent set state {agent} Waiting")

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


def _both(name: str, ours: list[float], theirs: list[float] | None = None) -> Iterator[Figure]:
    for part, word in ((0.5, "p50"), (0.99, "p99")):
        peer = None if theirs is None else round(share(theirs, part), 1)
        yield Figure(f"{name}, {word}", share(ours, part), "ms", peer=peer)


def _above(name: str, ours: list[float], floor: list[float]) -> Figure:
    return Figure(
        f"{name}, p99 above the switch's own", share(ours, 0.99) - share(floor, 0.99), "ms", 10.0
    )
