"""Off-hook agents' legs: what is known of them, and what the switch is told."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from acd.messages import Offer, OfferMode
from callcenter.esl import CommandFailed, EslError
from callcenter.lines import Lines, LineState


class Link:
    """Takes commands; `answer` decides what becomes of an originate."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.answer: EslError | None = None

    def api(self, command: str, timeout: float = 5.0) -> str:
        self.said.append(command)
        if command.startswith("originate") and self.answer is not None:
            raise self.answer
        return "+OK"

    def post(self, command: str) -> None:
        self.said.append(command)


class Scene:
    def __init__(self) -> None:
        self.link = Link()
        self.changes: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.lines = Lines(
            self.link,
            "example",
            changed=lambda agent: self.changes.append(self.lines.state(agent).value),
            record=lambda event: self.events.append(event.data),
        )

    def up(self, agent: str = "1001") -> str:
        self.lines.call(agent)
        gevent.sleep(0)
        return self.lines._lines[agent].leg


@pytest.fixture
def scene() -> Scene:
    return Scene()


def offer(contact: str = "c1") -> Offer:
    return Offer("o1", contact, "1001", "general", 0.0, "", OfferMode.OFF_HOOK)


def test_a_phone_that_is_taken_stays_up_and_is_fenced(scene):
    scene.up()
    assert scene.lines.is_up("1001")
    assert scene.changes == ["calling", "off_hook"]
    assert "limit hash agents 1001 1 !USER_BUSY" in scene.link.said[0]
    assert "park_after_bridge=true" in scene.link.said[0]


def test_a_phone_that_is_not_taken_is_on_hook_again_and_says_why(scene):
    scene.link.answer = CommandFailed("-ERR NO_ANSWER", "originate")
    scene.lines.call("1001")
    gevent.sleep(0)
    assert scene.lines.state("1001") is LineState.ON_HOOK
    assert scene.events[-1] == {"agent": "1001", "line": "on_hook", "cause": "NO_ANSWER"}


def test_one_line_serves_one_contact_at_a_time(scene):
    leg = scene.up()
    assert scene.lines.take(offer()) == leg
    with pytest.raises(CommandFailed):
        scene.lines.take(offer("c2"))
    assert scene.lines.parked(leg, "") is None  # reserved, and joined to nobody yet
    assert scene.lines.parked(leg, "c1") == ("1001", "c1", "citizen")
    assert scene.link.said[-1].startswith(f"api uuid_setvar_multi {leg} cc_offer=;cc_contact=;")
    assert scene.lines.take(offer("c2")) == leg


def test_who_ends_by_command_is_named(scene):
    leg = scene.up()
    scene.lines.take(offer())
    scene.lines.end_talk("1001")
    assert scene.lines.parked(leg, "c1") == ("1001", "c1", "agent")


def test_on_hook_waits_for_the_end_of_the_talk(scene):
    leg = scene.up()
    scene.lines.take(offer())
    scene.lines.hang_up("1001")
    assert not any(command.startswith("uuid_kill") for command in scene.link.said)
    scene.lines.parked(leg, "c1")
    gevent.sleep(0)
    assert f"uuid_kill {leg} NORMAL_CLEARING" in scene.link.said
    scene.lines.ended(leg, "NORMAL_CLEARING")
    assert scene.changes[-1] == "on_hook"


def test_after_a_start_lines_are_taken_over_and_those_that_died_are_gone(scene):
    scene.lines.found("1001", "leg-1", "o1", "c1")
    scene.lines.found("1002", "leg-2", "", "")
    assert scene.lines.owner("leg-1") == "1001"
    assert scene.lines.parked("leg-1", "c1") == ("1001", "c1", "citizen")
    scene.lines.keep_only(frozenset({"leg-1"}))
    assert scene.lines.is_up("1001")
    assert not scene.lines.is_up("1002")


def test_a_line_that_is_gone_fails_the_offer(scene):
    with pytest.raises(CommandFailed):
        scene.lines.take(offer())
