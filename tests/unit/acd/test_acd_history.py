"""What a caller's earlier calls ask of the agent."""

from __future__ import annotations

import pytest
from acd_helpers import Desk

from acd.config import Config, QueueConfig, RelaxStep
from acd.history import DAY, Asks, HistoryRule, PastCall, applying, compose
from acd.messages import Tick
from acd.skills import MAX_LENGTH

NOW = 100 * DAY
CANTONESE = "language.cantonese >= 3"


def past(*calls: tuple[float, str, str]) -> list[PastCall]:
    """Calls as (days ago, queue, what was asked for)."""
    return [PastCall(NOW - days * DAY, queue, asked) for days, queue, asked in calls]


@pytest.mark.parametrize(
    ("changes", "calls", "found"),
    [
        ({"queue": "canton"}, past((1, "canton", "")), 1),
        ({"queue": "canton"}, past((1, "general", "")), None),
        ({"queue": "canton"}, past((31, "canton", "")), None),
        ({"queue": "canton", "days": 40.0}, past((31, "canton", "")), 1),
        ({"queue": "canton", "calls": 2}, past((1, "canton", "")), None),
        ({"queue": "canton", "calls": 2}, past((9, "canton", ""), (1, "canton", "")), 2),
        ({"queue": "canton", "latest": True}, past((2, "canton", ""), (1, "general", "")), None),
        ({"queue": "canton", "latest": True}, past((2, "general", ""), (1, "canton", "")), 1),
        ({"asked": "language.cantonese"}, past((1, "general", f"tax and ({CANTONESE})")), 1),
        ({"asked": "language.cantonese"}, past((1, "general", "not language.cantonese")), None),
        ({"asked": "language.cantonese"}, past((1, "general", "language.hakka")), None),
        ({"asked": "language.cantonese"}, past((1, "general", "no longer >< readable")), None),
        ({"asked": "language.cantonese"}, [], None),
    ],
)
def test_a_rule_applies_to_the_calls_that_it_describes(changes, calls, found):
    rule = HistoryRule(CANTONESE, **changes)
    assert rule.fault() is None
    assert applying([rule], calls, NOW) == ([] if found is None else [Asks(rule, found)])


def test_what_history_asks_for_is_added_once_and_told_only_where_it_adds_something():
    tax, canton = (Asks(HistoryRule(text, queue="q"), 1) for text in ("tax >= 2", CANTONESE))
    assert compose("", [canton]) == (CANTONESE, [canton])
    assert compose("tax >= 2", [tax, canton]) == (f"(tax >= 2) and ({CANTONESE})", [canton])
    text, added = compose("a or b", [tax, canton])
    assert (text, added) == (f"((a or b) and (tax >= 2)) and ({CANTONESE})", [tax, canton])
    assert compose(text, [canton, tax]) == (text, [])
    long = " or ".join(f"skill{number}" for number in range(90))[:MAX_LENGTH]
    assert compose(long, [canton]) == (long, [])  # never an expression that can't be read


def test_what_history_asks_for_is_eased_like_the_rest():
    rule = HistoryRule(CANTONESE, queue="canton")
    queue = QueueConfig(history=(rule,), relaxation=(RelaxStep(30, anyone=True),))
    config = Config(queues={"general": queue, "canton": QueueConfig()})
    floor = Desk(config)
    floor.ready("1001", at=NOW)
    asks, _ = compose("", applying(queue.history, past((1, "canton", "")), NOW))
    assert floor.call("c1", at=NOW + 1, requirement=asks) is None
    assert floor.offer(floor.step(Tick(NOW + 31))).agent == "1001"


def test_a_rule_that_no_agent_can_ever_meet_is_warned_of():
    rule = HistoryRule(CANTONESE, queue="general")
    config = Config(queues={"general": QueueConfig(requirement="tax", history=(rule,))})
    assert config.warnings([({"general": 5}, {"tax": 3, "language.cantonese": 3})]) == []
    assert config.warnings([({"general": 5}, {"tax": 3})]) == [
        f"queue 'general': no agent ever meets '(tax) and ({CANTONESE})'"
    ]
