"""The machine of a conversation, and the file of destinations."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callcenter import destinations
from callcenter.datafile import DataFileError
from callcenter.destinations import DestinationKind
from callcenter.settings import load
from callcenter.transfer import COMMANDS, ENDS, LAYOUTS, TABLE, Phase, Role, Step, follows, refusal


def _reached(start: Phase) -> set[Phase]:
    found, left = {start}, [start]
    while left:
        phase = left.pop()
        for (old, _), new in TABLE.items():
            if old is phase and new not in found:
                found.add(new)
                left.append(new)
    return found


def test_every_phase_can_be_reached_and_left() -> None:
    assert _reached(Phase.TALKING) == set(Phase)
    for phase in set(Phase) - ENDS:
        assert Phase.OVER in _reached(phase), phase
    assert not [pair for pair in TABLE if pair[0] in ENDS]


def test_whoever_is_there_may_hang_up_in_every_phase() -> None:
    for phase in set(Phase) - ENDS:
        layout = LAYOUTS[phase]
        assert (follows(phase, Step.AGENT_GONE) is not None) == layout.agent, phase
        in_it = layout.third and not layout.rings
        assert (follows(phase, Step.THIRD_GONE) is not None) == in_it, phase
        answers = (follows(phase, Step.ANSWERED), follows(phase, Step.FAILED))
        assert (None not in answers) == layout.rings, phase
        gone = follows(phase, Step.CITIZEN_GONE)
        assert (gone is None) == (phase is Phase.AFTERTALK), phase


def test_the_citizen_is_never_alone_in_silence() -> None:
    for phase in set(Phase) - ENDS - {Phase.AFTERTALK}:
        layout = LAYOUTS[phase]
        assert layout.music != (Role.CITIZEN in layout.together), phase
        assert len(layout.together) != 1, phase


def test_nobody_is_together_with_somebody_who_is_not_there() -> None:
    for phase, layout in LAYOUTS.items():
        assert layout.agent or Role.AGENT not in layout.together, phase
        assert layout.third or Role.THIRD not in layout.together, phase
        assert not (layout.rings and Role.THIRD in layout.together), phase


def test_a_third_party_who_is_not_reached_leads_back_to_the_agent_or_the_queue() -> None:
    for phase, layout in LAYOUTS.items():
        if layout.rings:
            expected = Phase.TALKING if layout.agent else Phase.BACK
            assert follows(phase, Step.FAILED) is expected


@pytest.mark.parametrize(
    ("phase", "step", "why"),
    [
        (None, Step.HOLD, "no_call"),
        (Phase.TALKING, Step.HOLD, ""),
        (Phase.TALKING, Step.RESUME, "not_held"),
        (Phase.TALKING, Step.JOIN, "not_consulting"),
        (Phase.TALKING, Step.LEAVE, "no_third"),
        (Phase.HELD, Step.HOLD, "on_hold"),
        (Phase.DIALING, Step.JOIN, "dialing"),
        (Phase.CONSULTING, Step.HOLD, "consulting"),
        (Phase.TRANSFERRING, Step.CONSULT, "transferring"),
        (Phase.JOINED, Step.CONSULT, "joined"),
        (Phase.AFTERTALK, Step.SURVEY, "citizen_gone"),
        (Phase.WAITING, Step.DROP, "no_call"),
    ],
)
def test_what_cannot_be_done_says_why(phase: Phase | None, step: Step, why: str) -> None:
    assert refusal(phase, step) == why


def test_a_command_is_refused_exactly_where_the_table_has_no_step() -> None:
    for phase, layout in LAYOUTS.items():
        for step in COMMANDS.values():
            possible = layout.agent and follows(phase, step) is not None
            assert (refusal(phase, step) == "") == possible, (phase, step)


def test_the_shipped_destinations() -> None:
    found = destinations.load(load(environ={}).destinations_file)
    assert {"110", "119", "120", "122", "12330", "12388"} <= set(found)
    assert found["110"].kind is DestinationKind.EMERGENCY
    assert found["12330"].kind is DestinationKind.JOINT
    monday = dt.datetime(2026, 1, 5, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert found["120"].is_open(monday.replace(hour=3))
    assert found["12330"].is_open(monday)
    assert not found["12330"].is_open(monday - dt.timedelta(days=1))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('a: {number: "110", title: x, kind: police}', ":2: destinations.a.kind: "),
        (
            'a: {number: "1a", title: x, kind: desk}',
            "a.number: expected text like",
        ),
        ("a: {title: x, kind: desk}", ":2: destinations.a.number: this key is needed"),
        ('a: {number: "110", title: x, kind: desk, key: 1}', "a.key: there is no such key"),
        ('A B: {number: "110", title: x, kind: desk}', ":2: destinations.A B: expected text like"),
        ('a: {number: "110", title: x, kind: desk, ring_seconds: 1}', "ring_seconds: "),
    ],
)
def test_a_fault_names_file_line_and_key(tmp_path: Path, line: str, complaint: str) -> None:
    file = tmp_path / "destinations.yaml"
    file.write_text(f"destinations:\n  {line}\n", "utf-8")
    with pytest.raises(DataFileError) as error:
        destinations.load(file)
    assert f"{file}" in str(error.value)
    assert complaint in str(error.value)
