"""The controller dies with `kill -9`: no call does."""

from __future__ import annotations

import time
from typing import Any

from survival import AGENT_HERTZ, CITIZEN_HERTZ, journal, longest_gap, variable
from switches import eventually
from system import System

from callcenter.events import Kind

NUMBERS = {name: f"1380000{n:04}" for n, name in enumerate(
    ["talk", "survey", "message", "first", "second", "third", "menu", "rung", "fresh"]
)}  # fmt: skip


def stage(system: System, name: str) -> str:
    return next((str(call["stage"]) for call in system.calls(NUMBERS[name])), "")


def at_stage(system: System, name: str, wanted: str, seconds: float = 20) -> dict[str, Any]:
    return system.call(
        NUMBERS[name], lambda call: call["stage"] == wanted, f"{name} is in {wanted}", seconds
    )


def free(system: System, agent: str) -> None:
    """End the agent's wrap-up."""
    eventually(lambda: system.state(agent) == "wrap_up", f"{agent} wraps up", 30)
    assert system.set_state(agent, "ready").status_code == 200


def resumed(system: System, call: str, after: float) -> float:
    """Seconds from `after` until a controller had the call again."""

    def told() -> float | None:
        again = [e.at for e in journal(system.settings.journal_dir, Kind.CALL_RESUMED, call)]
        return next((at for at in again if at >= after), None)

    return (
        float(eventually(told, f"call {call} goes on\n{system.log('controller')[-3000:]}")) - after
    )


def test_given_calls_at_every_stage_when_the_controller_is_killed_then_each_goes_on(
    system: System, record_property: Any
) -> None:
    system.agent("1001", talk=14.0)
    talk = system.citizen(caller=NUMBERS["talk"], keys=[(1.0, "1"), (21.0, "1")])
    at_stage(system, "talk", "talk")
    queued = {}
    for name in ("first", "second", "third"):
        system.citizen(caller=NUMBERS[name], keys=[(1.0, "1")])
        queued[name] = at_stage(system, name, "queue")
    assert [call["queued_at"] for call in queued.values()] == sorted(
        call["queued_at"] for call in queued.values()
    )
    system.citizen(caller=NUMBERS["message"], keys=[(1.0, "3"), (9.0, "#")])
    system.citizen(caller=NUMBERS["menu"], keys=[(8.0, "3"), (3.0, "#")])
    eventually(lambda: stage(system, "menu") == "menu", "a call in the menu")
    message = system.calls(NUMBERS["message"])[0]["id"]
    eventually(
        lambda: variable(system.switch.api, message, "cc_stage") == "message", "a message begins"
    )

    before = time.time()
    system.kill("controller")
    system.start_process("controller")
    for name in (*queued, "menu", "message"):
        call = system.calls(NUMBERS[name])[0]["id"]
        record_property(f"seconds until {name} goes on", resumed(system, call, before))
    eventually(lambda: system.state("1001") == "talking", "1001 is known as talking")
    again = [system.calls(NUMBERS[name])[0]["queued_at"] for name in queued]
    assert again == [call["queued_at"] for call in queued.values()]

    record = system.ended(NUMBERS["talk"])
    assert talk.wait(5).exit_code == 0
    assert (record["outcome"], record["agent"], record["rating"]) == ("answered", "1001", 1)
    assert record["order_number"]
    _both_heard_each_other(system, record)
    for name in ("message", "menu"):
        record = system.ended(NUMBERS[name])
        assert record["outcome"] == "message_left", record
        assert system.api(f"calls/{record['id']}/recording").status_code == 200
        assert record["order_number"]

    served = []
    for _ in queued:
        free(system, "1001")
        eventually(lambda: system.state("1001") == "talking", "1001 gets the next", 20)
        contact = system.api("agents/1001/state").json()["contact"]
        served.append(next(n for n in queued if system.calls(NUMBERS[n])[0]["id"] == contact))
        system.switch.api(f"uuid_kill {contact}")
    assert served == list(queued)


def _both_heard_each_other(system: System, record: dict[str, Any]) -> None:
    path = system.settings.recordings_dir / record["recording"]["path"]
    begun = journal(system.settings.journal_dir, Kind.RECORDING_STARTED, record["id"])[0].at
    started = journal(system.settings.journal_dir, Kind.TALK_STARTED, record["id"])[0].at
    ended = journal(system.settings.journal_dir, Kind.TALK_ENDED, record["id"])[0].at
    # The agent's number is announced first.
    begin, end = started - begun + 2.5, ended - begun - 0.5
    assert end - begin > 8
    assert longest_gap(path, 0, CITIZEN_HERTZ, begin, end) < 0.5
    assert longest_gap(path, 1, AGENT_HERTZ, begin, end) < 0.5
