"""The account of one call's distribution."""

from __future__ import annotations

import datetime as dt

from acd.config import Config, QueueConfig
from acd.engine import Engine
from acd.messages import AgentLoggedIn, AgentReady, ContactQueued, Decision
from callcenter import why
from callcenter.events import Event, Kind

NOW = 1_772_300_000.0


def told(*events: tuple[Kind, dict[str, object]]) -> list[str]:
    steps = [Event(str(n), NOW + n, kind, "c", data) for n, (kind, data) in enumerate(events)]
    return list(why.explain(steps, dt.UTC))


def decisions(requirement: str) -> list[dict[str, object]]:
    engine = Engine(Config(queues={"tax": QueueConfig()}), new_offer_id=lambda: "o")
    for agent, skills in {"1001": {"tax": 5}, "1002": {}}.items():
        engine.step(AgentLoggedIn(NOW, agent, {"tax": 5}, skills))
        engine.step(AgentReady(NOW, agent))
    out = engine.step(ContactQueued(NOW + 7, "c", "tax", NOW, NOW, requirement))
    return [
        {
            "agent": made.agent,
            "rule": made.rule,
            "considered": [list(pair) for pair in made.considered],
            "counts": [list(pair) for pair in made.counts],
        }
        for made in out
        if isinstance(made, Decision)
    ]


def test_who_was_chosen_and_who_was_not_is_told_with_the_reason() -> None:
    (data,) = decisions("tax >= 3")
    lines = told((Kind.QUEUE_JOINED, {"queue": "tax", "requirement": "tax >= 3"}),
                 (Kind.DECISION, data))  # fmt: skip
    assert lines == [
        "17:33:20.000  It joined queue tax, asking for tax >= 3.",
        "17:33:21.000  Agent 1001 was chosen: longest idle.",
        "              agent 1001: chosen: longest idle, free for 7 s, level 5, 0 calls",
        "              of all agents of the queue: 1 lacks the skill",
    ]


def test_what_the_callers_history_asks_for_is_told_with_its_ground() -> None:
    by_queue = {"requirement": "tax", "calls": 2, "days": 30, "queue": "tax", "asked": ""}
    by_skill = {"requirement": "x >= 3", "calls": 1, "days": 90, "queue": "", "asked": "x"}
    data = {"queue": "general", "requirement": "(tax) and (x)", "history": [by_queue, by_skill]}
    assert told((Kind.QUEUE_JOINED, data))[1:] == [
        "              the caller's history asks for tax:"
        " 2 calls answered in queue tax within 30 days",
        "              the caller's history asks for x >= 3:"
        " 1 call that asked for x within 90 days",
    ]


def test_when_nobody_fits_that_is_told_too() -> None:
    (data,) = decisions("customs")
    assert told((Kind.DECISION, data))[1:] == [
        "              of all agents of the queue: 2 lacks the skill"
    ]


def test_the_rule_that_ended_a_wait_is_named() -> None:
    lines = told((Kind.QUEUE_LEFT, {"reason": "overflow", "rule": "no_agent", "next": "message"}))
    assert lines[0].endswith("It left the queue: overflow, by the rule 'no agent'.")


def test_hostile_or_missing_data_does_no_harm() -> None:
    lines = told((Kind.DECISION, {"considered": [7, ["a"]], "counts": "x"}),
                 (Kind.OFFER_ENDED, {"cause": "bad\nline\x1b[2J"}))  # fmt: skip
    assert len(lines) == 3
    assert "\n" not in "".join(lines)
    assert "\x1b" not in "".join(lines)
