"""`callcenter doctor`: what a running switch and this machine lack, and how to mend each thing."""

from __future__ import annotations

import os
import re
import shutil
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import redis
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import config_export, database
from callcenter.datafile import DataFileError
from callcenter.hotlines import load_hotlines
from callcenter.presence import connect
from callcenter.settings import Settings, SettingsError
from callcenter.switch_conf import SOURCE, AgentDirectoryEntry, music_dir, variables
from callcenter.switch_process import PROFILES, SwitchError, SwitchProbe
from ivr.prompts import TEXTS

OLDEST_FREESWITCH = (1, 11)
CLOCK_SECONDS = 2.0
HEARTBEAT_SECONDS = 20
FREE_BYTES = 5 * 1024**3  # 90 hours of speech on both sides
SPOOL_SECONDS = 300.0  # after which a call record that nobody took is a sign
RENDER = "start the switch with `callcenter run`, or render its configuration again"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, and if it isn't `ok`, what to do."""

    ok: bool
    what: str
    how_to_mend: str = ""


def check(settings: Settings) -> list[Finding]:
    """Look at everything; the switch's own part is left out when it can't be reached."""
    findings = [*_switch(settings), *_sounds(settings), *_folders(settings)]
    findings += [_callbacks(settings), _redis(settings), *_database(settings)]
    return findings


# --- the switch --------------------------------------------------------------------------------


def _switch(settings: Settings) -> Iterator[Finding]:
    where = f"event socket {settings.esl_host}:{settings.esl_port}"
    try:
        with SwitchProbe(settings) as probe:
            yield Finding(True, f"{where} takes our password")
            version = probe.api("version").strip()
            lab = "labswitch" in version.lower()
            yield _version(version, lab)
            yield from _profiles(probe)
            yield from _numbers(settings, probe, lab)
            yield from _limits(settings, probe)
            yield from _folders_of_switch(settings, probe)
            yield _clock(probe)
            if not lab:
                yield _modules(probe)
                yield _heartbeat(probe)
                yield _music_stream(probe)
                yield from _phones(settings, probe)
    except SwitchError as error:
        yield Finding(
            False,
            str(error),
            "is the switch running? are CALLCENTER_ESL_PORT and the password the switch's?",
        )


def _version(version: str, lab: bool) -> Finding:
    if lab:
        return Finding(True, "the switch is labswitch: fine for trying, not for service")
    found = re.search(r"Version (\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    wanted = ".".join(map(str, OLDEST_FREESWITCH))
    return Finding(
        number >= OLDEST_FREESWITCH,
        f"FreeSWITCH {number[0]}.{number[1]}, {wanted} or newer is needed",
        f"install FreeSWITCH {wanted} or newer",
    )


def _profiles(probe: SwitchProbe) -> Iterator[Finding]:
    running = probe.running_profiles()
    for name in PROFILES:
        yield Finding(
            name in running,
            f"SIP profile {name} runs",
            "another program has its port, or the address isn't this machine's: see the switch's "
            f"log, then `sofia profile {name} start`",
        )


def _numbers(settings: Settings, probe: SwitchProbe, lab: bool) -> Iterator[Finding]:
    try:
        wanted = sorted(load_hotlines(settings.hotlines_dir))
    except (SettingsError, DataFileError) as error:
        yield Finding(False, str(error), "mend the hotline's file")
        return
    known = probe.api("global_getvar published_numbers").strip().split("|")
    answers = (lambda number: number in known) if lab else _dialplan(probe)
    for number in wanted:
        yield Finding(answers(number), f"the dialplan answers {number}", RENDER)
    if not lab:
        for context in ("hotline", "agents"):
            found = probe.api(f"xml_locate dialplan context name {context}").startswith("<context")
            yield Finding(found, f"the dialplan has the context {context}", RENDER)


def _dialplan(probe: SwitchProbe) -> Callable[[str], bool]:
    """Whether the context of the trunk sends a number into the hotline, read as it is loaded."""
    try:
        context = ElementTree.fromstring(probe.api("xml_locate dialplan context name trunk"))
    except ElementTree.ParseError:
        return lambda number: False
    patterns = [
        condition.get("expression", "")
        for condition in context.iterfind("./extension[@name='published']/condition")
    ]
    return lambda number: any(re.search(pattern, number) for pattern in patterns)


def _limits(settings: Settings, probe: SwitchProbe) -> Iterator[Finding]:
    for name, wanted in (
        ("max_calls", settings.max_calls),
        ("calls_per_second", settings.calls_per_second),
    ):
        found = probe.api(f"global_getvar {name}").strip()
        yield Finding(
            found == str(wanted), f"{name} is {wanted} here and {found or '?'} there", RENDER
        )


def _folders_of_switch(settings: Settings, probe: SwitchProbe) -> Iterator[Finding]:
    for name, wanted in (
        ("sounds_dir", settings.sounds_dir),
        ("recordings_dir", settings.recordings_dir),
        ("cdr_dir", settings.cdr_dir),
    ):
        found = probe.api(f"global_getvar {name}").strip()
        same = Path(found or ".").resolve() == wanted.resolve()
        yield Finding(same, f"{name} is {wanted} here and {found or '?'} there", RENDER)


def _clock(probe: SwitchProbe) -> Finding:
    theirs = probe.api("strepoch").strip()
    difference = abs(int(theirs) - time.time()) if theirs.isdigit() else float("inf")
    return Finding(
        difference <= CLOCK_SECONDS,
        f"the switch's clock differs by {difference:.0f} s",
        "let NTP set both clocks, then `fsctl sync_clock`",
    )


def _modules(probe: SwitchProbe) -> Finding:
    modules = ElementTree.parse(SOURCE / "autoload_configs" / "modules.conf.xml")
    names = [load.get("module", "") for load in modules.iterfind("./modules/load")]
    gone = [name for name in names if probe.api(f"module_exists {name}").strip() != "true"]
    return Finding(
        not gone,
        f"{len(names)} modules are loaded{_except(gone)}",
        f"build FreeSWITCH with {' '.join(gone)}, then `load` each or restart the switch",
    )


def _heartbeat(probe: SwitchProbe) -> Finding:
    text = probe.api("xml_locate configuration configuration name switch.conf")
    found = re.search(r'name="event-heartbeat-interval" value="(\d+)"', text)
    seconds = int(found[1]) if found else 0
    return Finding(
        seconds == HEARTBEAT_SECONDS,
        f"the switch's heart beats every {seconds or '?'} s, {HEARTBEAT_SECONDS} s are expected",
        f"set event-heartbeat-interval to {HEARTBEAT_SECONDS} in switch.conf.xml and restart",
    )


def _music_stream(probe: SwitchProbe) -> Finding:
    streams = [line.partition(",")[0] for line in probe.api("local_stream show").splitlines()]
    return Finding(
        "moh" in streams,
        "music on hold plays",
        f"look into local_stream.conf.xml and the switch's log; then {RENDER}",
    )


def _phones(settings: Settings, probe: SwitchProbe) -> Iterator[Finding]:
    """Every active agent of the database can register: the switch knows the same hash."""
    wrong = [
        agent.number
        for agent in _agents(settings)
        if probe.api(f"user_data {agent.number}@{settings.domain} param a1-hash").strip()
        != agent.a1_hash
    ]
    yield Finding(
        not wrong,
        "every agent's phone can register" + (f", except {', '.join(wrong)}" if wrong else ""),
        "save one of these agents again in the administration, or `reloadxml`",
    )


def _agents(settings: Settings) -> list[AgentDirectoryEntry]:
    engine = database.create_engine(settings.database_url)
    try:
        with database.reading(engine) as session:
            return config_export.directory(session)
    except SQLAlchemyError:
        return []  # the database has findings of its own
    finally:
        engine.dispose()


# --- files ------------------------------------------------------------------------------------


def _sounds(settings: Settings) -> Iterator[Finding]:
    wrong = [name for name in sorted(TEXTS) if not _is_prompt(settings.sounds_dir / f"{name}.wav")]
    yield Finding(
        not wrong,
        f"{len(TEXTS)} prompts in {settings.sounds_dir}" + _except(wrong),
        "record them as 8 kHz mono 16-bit WAV, or make them with scripts/make_prompts.py",
    )
    music = music_dir(settings)
    pieces = [*sorted((music / "moh").glob("*.wav")), music / "wait_2s.wav", music / "wait_10s.wav"]
    wrong = [path.name for path in pieces if not _is_prompt(path)]
    yield Finding(
        not wrong and len(pieces) > 2,
        f"music in {music}" + _except(wrong),
        "make it with scripts/make_music.py",
    )


def _except(names: Iterable[str]) -> str:
    some = list(names)
    return f", except {', '.join(some)}" if some else ""


def _is_prompt(path: Path) -> bool:
    try:
        with wave.open(str(path)) as file:
            form = file.getframerate(), file.getnchannels(), file.getsampwidth()
            return form == (8000, 1, 2) and file.getnframes() > 0
    except (OSError, wave.Error, EOFError):
        return False


def _folders(settings: Settings) -> Iterator[Finding]:
    for path in (settings.recordings_dir / "messages", settings.cdr_dir, settings.journal_dir):
        there = path.is_dir() and os.access(path, os.W_OK | os.X_OK)
        yield Finding(
            there,
            f"{path} can be written",
            f"mkdir -p {path}, owned by the user who runs the switch and the controller",
        )
    left = sum(_age(path) > SPOOL_SECONDS for path in settings.cdr_dir.glob("*.cdr.json"))
    yield Finding(
        left == 0,
        f"{left} call records wait in the spool for more than {SPOOL_SECONDS:.0f} s",
        "is `callcenter projector` running? does its log complain about them?",
    )
    try:
        free = shutil.disk_usage(settings.data_dir).free
    except OSError:
        free = 0
    yield Finding(
        free >= FREE_BYTES,
        f"{free / 1024**3:.1f} GiB are free for recordings",
        f"keep {FREE_BYTES / 1024**3:.0f} GiB free at {settings.data_dir}: archive old recordings",
    )
    try:
        variables(settings, ["12345"])
    except ValueError as error:
        yield Finding(False, str(error), "change that setting")


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # taken while we looked
        return 0.0


# --- the other stores ---------------------------------------------------------------------------


def _callbacks(settings: Settings) -> Finding:
    """Not to call anybody back is a choice; here it is told, so that it isn't one by accident."""
    if settings.trunk_gateway:
        return Finding(True, f"citizens are called back through {settings.trunk_gateway}")
    return Finding(True, "callbacks are not offered: CALLCENTER_TRUNK_GATEWAY isn't set")


def _redis(settings: Settings) -> Finding:
    client = connect(settings.redis_url)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        mend = "is it running? `callcenter run` starts one unless CALLCENTER_REDIS_URL names one"
        return Finding(False, f"Redis doesn't answer: {type(error).__name__}", mend)
    finally:
        client.close()
    return Finding(True, "Redis answers")


def _database(settings: Settings) -> Iterator[Finding]:
    engine: Engine = database.create_engine(settings.database_url)
    try:
        current, head = database.current_revision(engine), database.head_revision()
    except SQLAlchemyError as error:
        mend = "is it running? is CALLCENTER_DATABASE_URL right?"
        yield Finding(False, f"the database doesn't answer: {type(error).__name__}", mend)
    else:
        yield Finding(
            current == head,
            f"the database is at revision {current or 'none'}, {head} is needed",
            "callcenter db upgrade",
        )
    finally:
        engine.dispose()
