"""The queues' settings change while citizens wait: nobody is lost."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from switches import eventually
from waiting_kit import QUEUES, WaitingRoomUnderTest

from workorder.worktime import CHINA


def imported(waiting: WaitingRoomUnderTest, file: Path, data: dict[str, Any]) -> None:
    """Import, and wait until the running controller has it."""
    before = waiting.system.log("controller").count("is in force")
    file.write_text(yaml.safe_dump(data), "utf-8")
    done = waiting.callcenter("queues", "import", str(file), "--yes")
    assert done.returncode == 0, done.stderr
    if "nothing has changed" not in done.stdout:
        eventually(
            lambda: waiting.system.log("controller").count("is in force") > before,
            "the controller has the new settings",
            15,
        )


@pytest.fixture
def settings(waiting: WaitingRoomUnderTest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The queues' settings to change; put back afterwards."""
    yield yaml.safe_load(QUEUES)
    imported(waiting, tmp_path / "back.yaml", yaml.safe_load(QUEUES))


def test_given_the_first_start_when_exported_then_the_settings_are_those_of_the_file(
    waiting: WaitingRoomUnderTest, tmp_path: Path
) -> None:
    file = tmp_path / "out.yaml"
    assert waiting.callcenter("queues", "export", str(file)).returncode == 0
    assert yaml.safe_load(file.read_text("utf-8")) == yaml.safe_load(QUEUES)
    again = waiting.callcenter("queues", "import", str(file), "--yes")
    assert (again.returncode, again.stdout) == (0, "nothing has changed\n")


def test_given_a_fault_when_imported_then_line_queue_key_and_expectation_are_named_and_all_stays(
    waiting: WaitingRoomUnderTest, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    faults = {
        "    strategy: luckiest": "queue 'general', strategy: expected one of",
        "    requirement: tax and": "queue 'general', requirement: expected a skill expression "
        "(column ",
        "    overflow: [{when: waited, seconds: 9, then: queue, target: gone}]": "queue 'general', "
        "overflow[0].target: expected one of",
        "    comfort: [lullaby]": "queue 'general', comfort: expected prompts",
    }
    for line, complaint in faults.items():
        text = QUEUES.replace("  general:\n", f"  general:\n{line}\n")
        file.write_text(text, "utf-8")
        number = text.splitlines().index(line) + 1
        done = waiting.callcenter("queues", "import", str(file), "--yes")
        assert done.returncode == 2
        assert f"{file}:{number}: {complaint}" in done.stderr, done.stderr
    file.write_text(QUEUES.replace("  general:\n", "  other:\n"), "utf-8")
    done = waiting.callcenter("queues", "import", str(file), "--yes")
    assert done.returncode == 2
    assert "'general' too, to which hotline h12345 leads (queue)" in done.stderr
    out = waiting.callcenter("queues", "export", "-")
    assert yaml.safe_load(out.stdout) == yaml.safe_load(QUEUES)


def test_given_a_queue_without_agents_when_imported_then_it_takes_a_yes(
    waiting: WaitingRoomUnderTest, settings: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "warned.yaml"
    settings["queues"]["empty"] = {}
    file.write_text(yaml.safe_dump(settings), "utf-8")
    done = waiting.callcenter("queues", "import", str(file))
    assert done.returncode == 2
    assert "warning: queue 'empty': no agent serves it" in done.stderr
    assert "empty" not in waiting.callcenter("queues", "export", "-").stdout


def test_given_citizens_who_wait_when_the_announcements_change_then_they_keep_their_place(
    waiting: WaitingRoomUnderTest, settings: dict[str, Any], tmp_path: Path
) -> None:
    first = waiting.dial("12347", "13900003001")
    first.hears("connecting")
    second = waiting.dial("12347", "13900003002")
    second.hears("position_before")
    settings["queues"]["message_only"] |= {"choices": [], "announce_every_seconds": 5}
    imported(waiting, tmp_path / "changed.yaml", settings)
    told = second.heard.words().count("position_before")
    second.hears("position_before", times=told + 1)
    second.hears("music", times=second.heard.words().count("music") + 1)
    assert second.heard.words()[-2] == "position_after"  # and no choices any more
    agent = waiting.comes("1003")
    first.hears("agent")
    assert len(agent.calls) == 1


def test_given_citizens_who_wait_when_their_queue_is_deleted_then_each_goes_by_its_rule(
    waiting: WaitingRoomUnderTest, settings: dict[str, Any], tmp_path: Path
) -> None:
    began = time.time()
    queues = settings["queues"]
    queues["hasty"]["overflow"] = [
        {"when": "waited", "seconds": 1, "then": "queue", "target": "second"}
    ]
    queues["second"] = {
        "announce_first_seconds": 0,
        "overflow": [{"when": "deleted", "then": "queue", "target": "message_only"}],
    }
    queues["quiet"]["overflow"] = [
        {"when": "waited", "seconds": 1, "then": "queue", "target": "third"}
    ]
    queues["third"] = {"announce_first_seconds": 0}
    imported(waiting, tmp_path / "more.yaml", settings)
    kept = waiting.dial("12349", "13900003003")
    other = waiting.dial("12346", "13900003004")
    for caller, queue in (("13900003003", "second"), ("13900003004", "third")):
        waiting.until(caller, lambda call, queue=queue: call["queue"] == queue, f"in {queue}")
    for name in ("second", "third"):
        del queues[name]
    queues["hasty"]["overflow"] = []
    queues["quiet"]["overflow"] = []
    imported(waiting, tmp_path / "fewer.yaml", settings)
    other.hears("message_prompt")  # default_overflow
    other.hang_up()
    waiting.until("13900003003", lambda call: call["queue"] == "message_only", "goes on waiting")
    waiting.comes("1003")
    kept.hears("agent")
    kept.hang_up()
    assert waiting.ended("13900003003")["outcome"] == "answered"
    waiting.nothing_to_repair(began)


def test_given_citizens_who_wait_when_closing_time_comes_then_each_goes_by_the_queues_rule(
    waiting: WaitingRoomUnderTest, settings: dict[str, Any], tmp_path: Path
) -> None:
    queues = settings["queues"]
    rules = {
        "quiet": {"then": "queue", "target": "general", "seconds": 1},
        "message_only": {"then": "message"},
        "agent_first": {"then": "callback"},
        "hasty": {"then": "goodbye"},
    }
    for name, rule in rules.items():
        queues[name]["overflow"] = [{"when": "closed", **rule}]
    imported(waiting, tmp_path / "open.yaml", settings)
    callers = {name: f"1390000310{number}" for number, name in enumerate((*rules, "late"))}
    dialed = dict(zip(rules, ("12346", "12347", "12348", "12349"), strict=True))
    calls = {name: waiting.dial(dialed[name], callers[name]) for name in rules}
    for name, call in calls.items():
        call.hears("music")
        waiting.until(callers[name], lambda told, name=name: told["queue"] == name, "it waits")
    today = dt.datetime.now(CHINA).date()
    days = [str(today + dt.timedelta(days=ahead)) for ahead in (0, 1)]  # midnight may be near
    for name in rules:
        queues[name]["hours"] = {"closed": list(days)}
    imported(waiting, tmp_path / "closed.yaml", settings)

    calls["message_only"].hears("message_prompt")
    calls["message_only"].hang_up()
    calls["agent_first"].hears("callback_taken", length=0.4)
    calls["agent_first"].is_over()
    calls["hasty"].hears("goodbye", length=0.35)
    calls["hasty"].is_over()
    waiting.until(callers["quiet"], lambda told: told["queue"] == "general", "it was moved on")
    late = waiting.dial("12347", callers["late"])
    late.hears("message_prompt")  # whoever comes to a closed queue doesn't wait at all
    assert "music" not in late.heard.words()
    late.hang_up()
    waiting.comes("1002")
    waiting.comes("1001")
    calls["quiet"].hears("agent")
    calls["quiet"].hang_up()
    records = {name: waiting.ended(caller) for name, caller in callers.items() if name in rules}
    assert {name: record["outcome"] for name, record in records.items()} == {
        "quiet": "answered",
        "message_only": "abandoned_in_queue",
        "agent_first": "callback_requested",
        "hasty": "abandoned_in_queue",
    }
    for name in ("message_only", "agent_first", "hasty"):
        (left,) = waiting.events("queue.left", records[name]["id"])
        assert (left["data"]["reason"], left["data"]["rule"]) == ("overflow", "closed")
    moved = waiting.events("queue.joined", records["quiet"]["id"])[-1]["data"]
    assert (moved["queue"], moved["rule"]) == ("general", "closed")

    # Agent 1002 has been free for all that time; nobody is called back while the queue is closed.
    assert callers["agent_first"] not in waiting.carrier.asked
    del queues["agent_first"]["hours"]
    imported(waiting, tmp_path / "reopened.yaml", settings)
    called = waiting.carrier.call_to(callers["agent_first"])
    called.hears("agent", seconds=20)
    called.hang_up()
