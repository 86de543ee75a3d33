"""Thousands of random days: what must hold for the engine whatever happens.

`ACD_DAYS` sets the number of days of each test (default 80).
"""

from __future__ import annotations

import os
from itertools import count
from random import Random

from acd_day import Day
from acd_made_up import AGENTS, DEMANDS, SKILLS, config_from
from acd_rules import Asked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.agents import TRANSITIONS
from acd.config import Config, QueueConfig, RelaxStep
from acd.engine import Engine
from acd.messages import (
    AgentLoggedIn,
    AgentReady,
    AgentStateChanged,
    ContactQueued,
    Offer,
    OfferAnswered,
    TalkEnded,
    WrapUpEnded,
)
from acd.skills import Easing, eased, parse

DAYS = int(os.environ.get("ACD_DAYS", "80"))
many_days = settings(
    max_examples=DAYS,
    deadline=None,
    database=None,
    derandomize="ACD_DAYS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
configs = st.binary(min_size=8, max_size=8).map(config_from)
# Bytes that hypothesis makes up are short and can be shrunk; random ones make for busier days.
scripts = st.one_of(
    st.binary(min_size=40, max_size=300),
    st.integers(0, 2**32).map(lambda seed: Random(seed).randbytes(400)),
)


@many_days
@given(config=configs, script=scripts)
def test_every_day_keeps_the_rules(config: Config, script: bytes):
    """One outcome each, one offer each, nobody left waiting beside a free agent, nobody passed.

    The judgement is made after every step, by `Day.judge`.
    """
    day = Day(config)
    for agent in AGENTS[:2]:
        day.step(AgentLoggedIn(day.now, agent, {"general": 5, "tax": 5}, {"tax": 5}))
        day.step(AgentReady(day.now, agent))
    day.run(script)
    day.close_up()
    for steps in day.outputs:
        for change in steps:
            if isinstance(change, AgentStateChanged) and change.old is not change.new:
                assert change.new in TRANSITIONS[change.old].values()


@many_days
@given(config=configs, script=scripts)
def test_a_clock_that_is_set_back_breaks_no_rule(config: Config, script: bytes):
    """Nobody is passed, offered twice or left waiting for ever, though newcomers seem older."""
    day = Day(config, unsteady=True)
    for agent in AGENTS[:2]:
        day.step(AgentLoggedIn(day.now, agent, {"general": 5, "tax": 5}, {"tax": 5}))
        day.step(AgentReady(day.now, agent))
    day.run(script)
    day.close_up()


@many_days
@given(config=configs, script=scripts)
def test_replaying_the_inputs_gives_the_same_outputs_and_state(config: Config, script: bytes):
    day = Day(config, judging=False)
    day.run(script)  # a restart begins the record anew
    offers = count(1)
    restarts = day.restarts
    again = Engine(day.began_with, new_offer_id=lambda: f"{restarts}-{next(offers)}")
    for message, outputs in zip(day.inputs, day.outputs, strict=True):
        if isinstance(message, Config):
            assert again.configure(message, day.times.pop(0)) == outputs
        elif isinstance(message, list):
            assert again.restore(message) == outputs
        else:
            assert again.step(message) == outputs
    assert again.snapshot() == day.engine.snapshot()


@settings(many_days, max_examples=max(1, DAYS // 2))
@given(
    config=configs,
    script=scripts,
    steps=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=3),
    demand=st.sampled_from(DEMANDS),
)
def test_easing_never_makes_a_contact_wait_longer(config: Config, script, steps, demand):
    """Two days that differ only in whether one contact's demand is eased."""
    relaxation = tuple(RelaxStep(after, lower=lower) for after, lower in sorted(steps))
    served = []
    for easing in ((), relaxation):
        queues = {**config.queues, "special": QueueConfig(relaxation=easing)}
        special = Config(
            queues=queues,
            lease_seconds=config.lease_seconds,
            wrap_up_seconds=config.wrap_up_seconds,
            priority_seconds=config.priority_seconds,
        )
        day = Day(special, judging=False)
        for agent in AGENTS:
            skills = {"tax": int(agent[-1]), "cantonese": 2}
            day.step(AgentLoggedIn(day.now, agent, {"general": 5, "special": 5}, skills))
        day.contacts["x"] = Asked(demand, 0, None, False)
        text = " or ".join(
            " and ".join(f"{skill} >= {level}" for skill, level in part) for part in demand
        )
        day.step(ContactQueued(day.now, "x", "special", day.now, day.now, text))
        # Agents keep their queues and the settings stay; everything else may happen.
        kept = bytearray(script)
        for place in range(0, len(kept), 4):
            if kept[place] % 24 in (5, 6, 22):
                kept[place] = 7
        day.run(bytes(kept))
        served.append(day.first_offer.get("x", float("inf")))
    assert served[1] <= served[0]


@settings(max_examples=DAYS, deadline=None, database=None)
@given(
    arrivals=st.lists(
        st.tuples(st.floats(0, 60), st.sampled_from([0, 0, 1, 3, 9])), min_size=1, max_size=40
    ),
    service=st.floats(1, 60),
    seconds=st.sampled_from([0, 10, 60]),
)
def test_ageing_bounds_every_wait(arrivals, service, seconds):
    """One agent, too much to do: a newcomer passes only those within its head start.

    So nobody waits longer than it takes to serve whoever came before, or within nine head starts
    after, however many urgent contacts keep coming.
    """
    offers = count(1)
    settings_ = Config(
        queues={"general": QueueConfig()}, priority_seconds=seconds, lease_seconds=86400
    )
    engine = Engine(settings_, new_offer_id=lambda: f"o{next(offers)}")
    engine.step(AgentLoggedIn(0, "1001", {"general": 0}))
    engine.step(AgentReady(0, "1001"))
    waiting: dict[str, tuple[float, int]] = {}
    now, free_at, offer = 0.0, None, None
    pending = list(arrivals)
    while pending or waiting:
        if pending and (free_at is None or now + pending[0][0] <= free_at):
            gap, priority = pending.pop(0)
            now += gap
            name = f"c{len(arrivals) - len(pending)}"
            waiting[name] = (now, priority)
            outputs = engine.step(ContactQueued(now, name, "general", now, now, priority=priority))
        else:
            now = free_at
            engine.step(OfferAnswered(now, offer.offer))
            outputs = engine.step(TalkEnded(now, "1001", offer.contact))
            outputs += engine.step(WrapUpEnded(now, "1001"))
            free_at = None
        for made in outputs:
            if isinstance(made, Offer):
                offer, free_at = made, now + service
                came, priority = waiting.pop(made.contact)
                for name, (at, _) in waiting.items():
                    assert came - at <= priority * seconds + 1e-6, f"{made.contact} passed {name}"


nodes = st.recursive(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(SKILLS),
        st.sampled_from([">=", ">", "<", "<=", "==", "!="]),
        st.integers(0, 9),
    ),
    lambda part: st.one_of(
        st.builds("({} and {})".format, part, part),
        st.builds("({} or {})".format, part, part),
        st.builds("not ({})".format, part),
    ),
    max_leaves=6,
)


@settings(max_examples=DAYS * 2, deadline=None, database=None)
@given(
    text=nodes,
    skills=st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 9)),
    step=st.builds(
        Easing, st.integers(0, 9), st.sampled_from([(), ("tax",), SKILLS]), st.booleans()
    ),
)
def test_whoever_met_a_demand_still_meets_it_when_it_is_eased(text, skills, step):
    demand = parse(text)
    levels = {name: skills.get(name, 0) for name in SKILLS}
    python = text.replace("tax", str(levels["tax"])).replace("cantonese", str(levels["cantonese"]))
    assert demand.met_by(skills) is eval(python)
    if demand.met_by(skills):
        assert eased(demand, step).met_by(skills)
    assert parse(demand.text).met_by(skills) is eval(python)
