"""Made-up settings for random days."""

from __future__ import annotations

from acd.config import (
    Action,
    Config,
    OverflowRule,
    QueueConfig,
    RelaxStep,
    Strategy,
    VirtualHold,
    When,
)

QUEUES = ("general", "tax", "night")
AGENTS = ("1001", "1002", "1003", "1004")
SKILLS = ("tax", "cantonese")
START = 1_780_000_000.0
STEPS = (0.0, 0.0, 0.000001, 0.5, 2.0, 7.0, 13.0, 31.0, 61.0, 300.0)
# What a contact may ask for: a list of alternatives, each a list of (skill, least level).
DEMANDS: tuple[tuple[tuple[tuple[str, int], ...], ...], ...] = (
    ((),),
    ((),),
    ((("tax", 1),),),
    ((("tax", 5),),),
    ((("tax", 3), ("cantonese", 2)),),
    ((("tax", 7),), (("cantonese", 1),)),
)
RELAXATION = (
    (),
    (RelaxStep(10, lower=2), RelaxStep(60, anyone=True)),
    (RelaxStep(5, drop=("cantonese",)), RelaxStep(30, lower=4), RelaxStep(100, anyone=True)),
)
OVERFLOW = (
    (),
    (OverflowRule(When.WAITED, Action.MESSAGE, seconds=120),),
    (
        OverflowRule(When.FULL, Action.CALLBACK, limit=2),
        OverflowRule(When.NO_AGENT, Action.QUEUE, target="night", seconds=20),
    ),
    (
        OverflowRule(When.CLOSED, Action.GOODBYE, seconds=30),
        OverflowRule(When.WAITED, Action.QUEUE, target="night", seconds=40),
    ),
)


def config_from(numbers: bytes) -> Config:
    """Make a configuration out of eight bytes."""
    strategies = list(Strategy)

    def queue(name: str, first: int, second: int) -> QueueConfig:
        return QueueConfig(
            strategy=strategies[first % len(strategies)],
            relaxation=RELAXATION[second % 3],
            overflow=() if name == "night" else OVERFLOW[second // 3 % 4],
            head_start_seconds=0 if second < 128 else 15,
            last_agent_seconds=0 if first < 128 else 20,
            announce_first_seconds=0 if second // 12 % 2 else 10,
            announce_every_seconds=30,
            handling_seconds=60,
            virtual_hold=VirtualHold("agent" if first // 6 % 2 else "citizen", 40, 2),
        )

    return Config(
        queues={name: queue(name, numbers[i], numbers[i + 3]) for i, name in enumerate(QUEUES)},
        lease_seconds=20,
        wrap_up_seconds=(0, 5, 30)[numbers[6] % 3],
        priority_seconds=(0, 10, 120)[numbers[7] % 3],
    )
