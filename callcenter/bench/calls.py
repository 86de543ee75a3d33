"""What the controller adds to FreeSWITCH: its CPU, its memory, its delay at the first prompt.

One switch, one run. Citizens go the whole way (menu, queue, agent, survey); the controller's CPU
stands beside the switch's for the same calls; then 1,000 wait; then a stopwatch telephone calls the
hotline and, in turn, an extension of the switch that answers and plays the same file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from callcenter import live_config, parts, scheduling, switch_conf, switch_process
from callcenter.bench import Figure
from callcenter.bench.kit import command, environ, share
from callcenter.bench.lab import bench_settings
from callcenter.bench.stopwatch import StopwatchPhone
from callcenter.free_ports import free_ports
from callcenter.presence import connect
from callcenter.settings import Settings, SettingsError
from callcenter.sipp import Sipp, sipp_missing, write_wav_tone
from callcenter.switch_process import SwitchProbe
from ivr.prompts import TEXTS

AGENTS = 60
CALLS, RATE, TALK = 60, 2.0, 20.0  # whole calls, new ones a second, seconds of conversation
WAITING, BUILD_RATE, PACKET_MS = 1000, 20.0, 120
TURNS = 100  # calls of the stopwatch to either side
KEYS_EACH = 4
HOTLINE, QUIET, PEER = "7001", "7002", "7005"
MAIN, AUTO = 440.0, 1000.0  # Hz of the two menus
CPU_LIMIT = 0.25  # of the switch's own for the same calls
MEMORY_LIMIT = 100.0  # KB a waiting call
FIRST_PROMPT_LIMIT = 30.0  # ms above the switch's own dialplan, p99
KEY_LIMIT = 100.0  # ms, p99
PHONE_WORD = "bench-phone-word"

HOTLINE_FILE = """\
name: whole
title: bench
numbers: ["{number}"]
queue: served
welcome: []
menu: main
menus:
  main:
    prompt: [menu_main]
    seconds: 5
    keys:
      "1": {{queue: served}}
      "2": {{menu: auto}}
  auto:
    prompt: [menu_auto]
    seconds: 5
    keys:
      "9": {{menu: main}}
"""

QUIET_FILE = """\
name: quiet
title: bench
numbers: ["{number}"]
queue: unserved
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
  <extension name="bench-prompt">
    <condition field="destination_number" expression="^7005$">
      <action application="answer"/>
      <action application="playback" data="$${{sounds_dir}}/menu_main.wav"/>
    </condition>
  </extension>
  <extension name="not-published">"""


def run() -> Iterator[Figure]:
    """Measure for about three minutes; SettingsError without FreeSWITCH or SIPp."""
    missing = sipp_missing()
    if missing:
        raise SettingsError(missing)
    with (
        tempfile.TemporaryDirectory(prefix="callcenter-bench-") as name,
        _started(Path(name)) as it,
    ):
        yield from it.cpu()
        yield from it.first_prompt()
        yield from it.memory()


class _Bench:
    def __init__(self, settings: Settings, sipp: Sipp, switch: int, controller: int) -> None:
        self._settings = settings
        self._sipp = sipp
        self._switch, self._controller = switch, controller
        self._trunk = (settings.sip_ip, settings.sip_port)

    def cpu(self) -> Iterator[Figure]:
        """The whole story, many times."""
        redis = connect(self._settings.redis_url)
        for agent in _agents():
            command(redis, "agent.ready", agent)
        before = _cpu(self._controller), _cpu(self._switch)
        load = self._sipp.citizen(
            self._trunk,
            HOTLINE,
            calls=CALLS,
            rate=RATE,
            keys=[(1.0, "1"), (TALK + 3.0, "1")],
            limit=CALLS / RATE + 60,
        ).wait(CALLS / RATE + 90)
        ours, theirs = _cpu(self._controller) - before[0], _cpu(self._switch) - before[1]
        self._end_calls()
        yield Figure("whole calls that went as written", load.successful, "calls", limit=CALLS)
        yield Figure(
            "controller's CPU a call", ours / CALLS * 1000, "ms", peer=theirs / CALLS * 1000
        )
        yield Figure(
            f"controller's CPU beside the switch's, {TALK:g} s talks",
            ours / theirs,
            "",
            limit=CPU_LIMIT,
        )

    def first_prompt(self) -> Iterator[Figure]:
        """The stopwatch, in turn at the hotline and at the switch's own dialplan."""
        took: dict[str, list[float]] = {HOTLINE: [], PEER: []}
        keys: list[float] = []
        for _ in range(TURNS):
            for dialed, times in took.items():
                with StopwatchPhone(self._trunk, dialed) as phone:
                    times.append(phone.first_sound(MAIN))
                    if dialed == HOTLINE and len(keys) < TURNS:
                        for _turn in range(KEYS_EACH // 2):
                            keys += [phone.press("2", AUTO), phone.press("9", MAIN)]
        for part, word in ((0.5, "p50"), (0.99, "p99")):
            yield Figure(
                f"INVITE → first prompt, {word}",
                share(took[HOTLINE], part),
                "ms",
                peer=round(share(took[PEER], part), 1),
            )
        added = share(took[HOTLINE], 0.99) - share(took[PEER], 0.99)
        yield Figure(
            "first prompt above the dialplan's, p99", added, "ms", limit=FIRST_PROMPT_LIMIT
        )
        yield Figure("key → next prompt, p50", share(keys, 0.5), "ms")
        yield Figure("key → next prompt, p99", share(keys, 0.99), "ms", limit=KEY_LIMIT)
        self._end_calls()

    def memory(self) -> Iterator[Figure]:
        """1,000 citizens wait for nobody; few packets, or the switch would need four cores."""
        before = _resident(self._controller)
        crowd = self._sipp.citizen(
            self._trunk,
            QUIET,
            calls=WAITING,
            rate=BUILD_RATE,
            dtmf="rfc4733",  # SIPp sends no sound then
            packet_ms=PACKET_MS,
            hang_up_after=600,
            limit=700,
        )
        try:
            self._until(lambda: self._channels() >= WAITING, f"{WAITING} wait", 240)
            grown = _resident(self._controller) - before
        finally:
            crowd.stop()
            self._end_calls()
        yield Figure("memory a waiting call", grown / WAITING, "KB", limit=MEMORY_LIMIT)

    def _channels(self) -> int:
        with SwitchProbe(self._settings) as probe:
            return int(probe.api("show channels count").split()[0])

    def _end_calls(self) -> None:
        with SwitchProbe(self._settings) as probe:
            probe.api("hupall")
        self._until(lambda: self._channels() == 0, "every call has ended", 60)

    @staticmethod
    def _until(condition: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise SettingsError(f"not within {seconds:g} s: {what}")
            time.sleep(0.05)


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[_Bench]:
    """Redis, switch, controller, and the agents' phones."""
    settings = _prepared(folder)
    if switch_process.choose(settings) != "freeswitch":
        raise SettingsError("this bench needs FreeSWITCH")
    with contextlib.ExitStack() as stack:
        server = parts.started(parts.redis_server(settings))
        stack.callback(server.stop)
        parts.wait_redis(settings, threading.Event())
        switch = switch_process.launch(settings, "freeswitch")
        stack.callback(switch_process.stop, switch)
        switch_process.wait_running(settings, 30, switch)
        scheduling.promote(switch.pid)
        controller = parts.ours(settings, "controller", None)
        controller.environ = {**controller.environ, **environ(settings)}
        parts.started(controller)
        stack.callback(controller.stop)
        sipp = stack.enter_context(Sipp(folder / "sipp"))
        phones = sipp.phone("answer_hangup", ring=0.1, talk=TALK, calls=100_000, limit=900)
        registered = sipp.register(
            (settings.sip_ip, settings.agent_sip_port),
            dict.fromkeys(_agents(), PHONE_WORD),
            settings.domain,
            phones.port,
        ).wait(30)
        if registered.exit_code:
            raise SettingsError(f"the phones could not register: {registered.explain()}")
        yield _Bench(settings, sipp, switch.pid, controller.pid or 0)


def _prepared(folder: Path) -> Settings:
    """A data folder whose prompts are tones, the two menus long ones."""
    hotlines, sounds = folder / "hotlines", folder / "sounds" / "zh"
    hotlines.mkdir(parents=True)
    for name in TEXTS:
        write_wav_tone(sounds / f"{name}.wav", 700, 0.1)
    write_wav_tone(sounds / "menu_main.wav", MAIN, 5)
    write_wav_tone(sounds / "menu_auto.wav", AUTO, 5)
    (hotlines / "whole.yaml").write_text(HOTLINE_FILE.format(number=HOTLINE), "utf-8")
    (hotlines / "quiet.yaml").write_text(QUIET_FILE.format(number=QUIET), "utf-8")
    queues = folder / "queues.yaml"
    queues.write_text(QUEUES, "utf-8")
    rtp = free_ports(2400)
    settings = replace(
        bench_settings(folder),
        hotlines_dir=hotlines,
        sounds_dir=sounds,
        queues_file=queues,
        rtp_ports=(rtp, rtp + 2399),
        max_calls=WAITING + 100,
    )
    people = {agent: {"name": agent, "queues": {"served": 5}, "skills": {}} for agent in _agents()}
    live_config.write(folder / live_config.FILE, {"agents": people, "blocked": {}})
    directory = [
        switch_conf.AgentDirectoryEntry(
            agent, hashlib.md5(f"{agent}:{settings.domain}:{PHONE_WORD}".encode()).hexdigest()
        )
        for agent in _agents()
    ]
    parts.prepare_switch(settings, directory, [HOTLINE, QUIET])
    dialplan = settings.switch_dir / "conf" / "dialplan" / "trunk.xml"
    mark = '<extension name="not-published">'
    text = dialplan.read_text("utf-8").replace(mark, PEER_DIALPLAN.format().lstrip(), 1)
    dialplan.write_text(text, "utf-8")
    return settings


def _agents() -> list[str]:
    return [str(1001 + number) for number in range(AGENTS)]


def _cpu(pid: int) -> float:
    """CPU seconds that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _resident(pid: int) -> float:
    """Resident memory in KB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise SettingsError(f"process {pid} has gone")
